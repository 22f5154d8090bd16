"""Every code block of the README and of docs/ runs, and prints what the page shows."""

from __future__ import annotations

import doctest
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

from customer_features.definition import features
from tests.database import PASSWORD, Database
from tests.service.harness import start

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
RUN = {"console", "pycon"}
NOT_RUN = {"", "sh", "json", "crontab", "bash"}
"""Layouts, the set-up commands, which CI runs by themselves, and what test_schedulers and test_spark_cluster run."""


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text("utf-8"))


PAGES_WITH_BLOCKS = [page for page in PAGES if any(kind in RUN for kind, _ in blocks(page))]


def test_every_block_has_a_known_kind() -> None:
    kinds = {kind for page in PAGES for kind, _ in blocks(page)}
    assert kinds <= RUN | NOT_RUN
    assert "console" in kinds
    assert "pycon" in kinds


def test_set_up_commands_are_targets_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for page in PAGES:
        for kind, text in blocks(page):
            for line in text.splitlines() if kind == "sh" else []:
                target = re.fullmatch(r"make ([\w-]+)( +#.*)?", line)
                assert target, line
                assert re.search(rf"^{target[1]}:", makefile, re.MULTILINE), line


def normal(text: str) -> str:
    """What differs from run to run: times and dates of expiry."""
    text = re.sub(r"\d+\.\d s\)", "N s)", text)
    return re.sub(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "<time>", text).strip()


@pytest.fixture
def shop(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database of the pages, wherever it is: ann's, with the purchases of the examples."""
    database.run(
        "DROP DATABASE IF EXISTS shop",
        "DROP ROLE IF EXISTS ann",
        f"CREATE ROLE ann LOGIN PASSWORD '{PASSWORD}'",
        "CREATE DATABASE shop OWNER ann TEMPLATE template0 STRATEGY file_copy",
    )
    orders = csv.read_csv(ROOT / "examples" / "purchases.csv", convert_options=csv.ConvertOptions(column_types=TYPES))
    Database(database.port, "shop", "ann").load("orders", orders)
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(database.port))
    monkeypatch.setenv("PGPASSWORD", PASSWORD)


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The service of the pages that ask one, and where it is, as the environment tells."""
    running = start(tmp_path_factory.mktemp("service"), key=True)
    monkeypatch.setenv("CUSTOMER_FEATURES_URL", running.url)
    monkeypatch.setenv("CUSTOMER_FEATURES_API_ID", running.headers["X-Customer-Api-Id"])
    monkeypatch.setenv("CUSTOMER_FEATURES_SECRET", running.headers["X-Secret"])
    yield
    running.kill()


TYPES = {"total": pa.float64(), "order_date": pa.string()}


def _uses_spark(page: Path) -> bool:
    return "import pyspark" in page.read_text("utf-8")


def _marks(page: Path) -> list[pytest.MarkDecorator]:
    resources = {"postgresql": page.name == "postgresql.md", "spark": _uses_spark(page)}
    return [pytest.mark.resource(name) for name, used in resources.items() if used]


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=_marks(page), id=str(page.relative_to(ROOT))) for page in PAGES_WITH_BLOCKS]
)
@pytest.mark.slow
def test_blocks_print_what_the_page_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if page.name == "postgresql.md":
        request.getfixturevalue("shop")
    if page.name in ("client.md", "service.md", "moving.md"):
        request.getfixturevalue("service")
    if _uses_spark(page):
        request.getfixturevalue("spark_session")  # the tests' own session is the one that the page gets
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for kind, text in blocks(page):
        if kind == "console":
            run_console(text, tmp_path)
        elif kind == "pycon":
            run_pycon(text, page, names)


def run_console(text: str, folder: Path) -> None:
    """Run a block's commands in one shell; after each, a mark tells its output from the next one's."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    commands: list[str] = []
    expected: list[str] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            commands.append(line[2:].replace("8321", port))
            expected.append("")
        else:
            expected[-1] += line + "\n"
    script = "\n".join(f"{command}\necho; echo '<end>'" for command in commands)
    # `kill $!` must reach the service, so the mark's own commands stay in the foreground.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=600,
    )
    found = done.stdout.decode().split("<end>\n")
    assert len(found) == len(commands) + 1, done.stdout.decode()
    for command, printed, shown in zip(commands, found, expected, strict=False):
        assert normal(printed) == normal(shown), command


def run_pycon(text: str, page: Path, names: dict[str, object]) -> None:
    """Run a block's examples; a page's blocks share their names."""
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    test.globs = names
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(test, out=report.append, clear_globs=False)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)
    assert test.examples


@pytest.mark.parametrize("page", ["README.md", "docs/features.md"])
def test_the_table_of_features_is_the_definition(page: str) -> None:
    shown = (ROOT / page).read_text("utf-8").split("held by a test -->\n")[1].split("<!-- /features")[0]
    rows = [
        f"| `{name}` | `{formula}` | {unit} | {span} | {meaning} |"
        for name, formula, unit, span, meaning in features.table()
    ]
    assert shown.splitlines()[2:] == rows
