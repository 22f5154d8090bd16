"""What every test may use: the contract's example in all its forms, and the command line in-process."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent

# A shell ignores Ctrl-C for what it runs in the background, and so would all that the tests start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def examples(in_ci: int) -> int:
    """How many examples a property is tried on: a third of them on every change, five times as many thoroughly."""
    if os.environ.get("THOROUGH"):
        return 5 * in_ci
    return in_ci if os.environ.get("CI") else max(in_ci // 3, 5)


TODAY = "2025-04-24"
FIELDS = ("customer_id", "transaction_id", "date", "amount", "product_id")

EXAMPLE: dict[str, Any] = {
    "today": TODAY,
    "customers": [
        {
            "customer_id": "C-1001",
            "loyalty_score": 0.97,
            "transactions": [
                {"transaction_id": "T-001", "date": "2025-04-21", "amount": 520.55, "product_id": "P-01"},
                {"transaction_id": "T-002", "date": "2025-04-18", "amount": 398.40, "product_id": "P-02"},
            ],
        },
        {
            "customer_id": "C-1002",
            "transactions": [
                {"transaction_id": "T-004", "date": "2025-01-05", "amount": 120.00, "product_id": "P-10"},
                {"transaction_id": "T-005", "date": "2024-12-19", "amount": 75.90, "product_id": "P-11"},
            ],
        },
    ],
}
EXAMPLE_VECTORS = {
    "C-1001": (918.95, 2.0, 459.48, 2.0, 0.97, 3.0),
    "C-1002": (195.9, 2.0, 97.95, 2.0, 0.0, 109.0),
}


def example_columns() -> dict[str, list[Any]]:
    """The contract's example as flat columns, loyalty beside each row."""
    columns: dict[str, list[Any]] = {name: [] for name in (*FIELDS, "loyalty_score")}
    for customer in EXAMPLE["customers"]:
        for row in customer["transactions"]:
            columns["customer_id"].append(customer["customer_id"])
            columns["loyalty_score"].append(customer.get("loyalty_score"))
            for name in FIELDS[1:]:
                columns[name].append(row[name])
    return columns


def csv_text(*rows: str, header: str = ",".join(FIELDS), newline: str = "\n") -> str:
    """A CSV file's text from its lines."""
    return newline.join((header, *rows)) + newline


@dataclass(frozen=True)
class Ran:
    """What one command left: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """The command line in this process: ``cli("build", ..., stdin=b"...")``."""
    from customer_features.cli import run

    for name in list(os.environ):
        if name.startswith("CUSTOMER_FEATURES_"):
            monkeypatch.delenv(name)
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*arguments: object, stdin: bytes | None = None) -> Ran:
        capsys.readouterr()
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    yield call
    for number, handler in before.items():
        signal.signal(number, handler)


DOORS = {"spark": "spark", "postgres": "postgresql", "clickhouse": "clickhouse"}
"""The process of a test whose parameter is the name of a door."""
RESOURCES = {
    "spark_session": "spark",
    "postgresql": "postgresql",
    "s3_store": "s3",
    "explorer": "explorer",
    "page": "explorer",
    "shared": "service",
}
"""What is expensive to start, by the fixture that starts it. ``resource(name)`` says it of other tests."""

FIRST_GROUPS = ("spark", "spark cluster", "service", "postgresql", "clickhouse")
"""What takes longest is begun first, so that no process works alone in the end."""


QUICK_SHARES = {
    "tests/cases/": 6,
    "tests/cli/": 2,
    "tests/differential/": 3,
    "tests/engines/duckdb/": 2,
    "tests/frames/": 4,
    "tests/query/test_numeric_columns.py": 6,
    "tests/query/test_reading.py": 4,
    "tests/report/": 3,
    "tests/sources/test_download.py": 3,
    "tests/sources/test_http.py": 3,
    "tests/sources/test_opening.py": 2,
    "tests/sources/test_postgresql.py": 3,
    "tests/sources/test_s3.py": 3,
    "tests/targets/test_listing": 3,
    "tests/targets/test_postgresql": 3,
    "tests/targets/test_s3": 3,
}
"""Folders and modules with many similar tests: `make test` runs one test in so many, and CI runs them all.

The marker `sampled` does nothing there.
"""

SHARES = {"spark": 3, "clickhouse": 2}
"""Of the cases that go through a slow door, CI takes every third or second."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave most cases of sampled tests to CI, and give each test the process that it runs in.

    A run takes a second through Spark and half a second through ClickHouse, but a tenth of one through the other
    doors. Of the cases CI takes every third with Spark and every second with ClickHouse; `make thorough` takes all.
    The differential tests read every kind of text through both in CI too.
    The process is that of its resource or that of its module: so one process starts each expensive thing once, and
    what a module makes for all its tests is made once.
    """
    seen: Counter[str] = Counter()
    for item in items:
        if folder := next(filter(item.nodeid.startswith, QUICK_SHARES), ""):
            if not {"slow", "thorough"} & {mark.name for mark in item.iter_markers()}:
                if seen[folder] % QUICK_SHARES[folder]:
                    item.add_marker(pytest.mark.slow)
                seen[folder] += 1
        elif (sampled := item.get_closest_marker("sampled")) is not None:
            function = item.nodeid.partition("[")[0]
            if seen[function] % sampled.args[0]:
                item.add_marker(pytest.mark.slow)
            seen[function] += 1
        if item.nodeid.startswith("tests/cases/"):
            for door in SHARES.keys() & _parameters(item):
                seen[door] += 1
                if seen[door] % SHARES[door]:
                    item.add_marker(pytest.mark.thorough)
    if not getattr(config.option, "loadgroup", False):  # as a process of pytest-xdist is told of --dist loadgroup
        return
    for item in items:
        marked = item.get_closest_marker("resource")
        used = [name for fixture, name in RESOURCES.items() if fixture in getattr(item, "fixturenames", ())]
        # Some tests ask for what their door needs only when they run.
        used += [name for door, name in DOORS.items() if door in _parameters(item)]
        group = marked.args[0] if marked else next(iter(used), item.nodeid.partition("::")[0])
        item.add_marker(pytest.mark.xdist_group(group))
    places = {name: place for place, name in enumerate(FIRST_GROUPS)}
    items.sort(key=lambda item: places.get(next(item.iter_markers("xdist_group")).args[0], len(places)))


def _parameters(item: pytest.Item) -> set[str]:
    """The parameters of a test that are texts."""
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return {value for value in given if type(value) is str}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop where tests are to be grouped and are not: every process would start every expensive thing."""
    if getattr(session.config.option, "loadgroup", False):
        ungrouped = [item.nodeid for item in session.items if "@" not in item.nodeid]
        assert not ungrouped, f"pytest-xdist has not grouped {len(ungrouped)} tests, such as {ungrouped[0]}"


@pytest.fixture(scope="session")
def running_spark() -> Iterator[Any]:
    """One Spark session for all tests of a process: to start one takes longer than most tests."""
    from tests.spark_door import running

    with running() as session:
        yield session


@pytest.fixture
def spark_session(running_spark: Any) -> Iterator[Any]:
    """The session, in which nothing stays cached: Spark compares each plan with all that are."""
    yield running_spark
    running_spark.catalog.clearCache()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[int]:
    """The port of the one PostgreSQL server of a process."""
    from tests.database import serving

    with serving() as port:
        yield port


@pytest.fixture
def database(postgresql: int) -> Any:
    """A PostgreSQL database with nothing in it."""
    from tests.database import emptied

    return emptied(postgresql)


@pytest.fixture(scope="session")
def s3_store() -> Iterator[Any]:
    """The one object store of a process."""
    from tests.store import Store

    with Store() as running:
        yield running


@pytest.fixture
def bucket(s3_store: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A new bucket, in a store to which the environment leads; a request is not repeated."""
    from customer_features.connections import s3

    for name, value in s3_store.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    yield s3_store.bucket()
    s3_store.forget()


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a child process that finds this very package and no settings of a person's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUSTOMER_FEATURES_")}
    root = str(Path(__file__).parent.parent)
    kept["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, **more}


def child(*arguments: object, **more: Any) -> subprocess.CompletedProcess[str]:
    """``python -m customer_features`` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "customer_features", *map(str, arguments)],
        env=child_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **more,
    )


def manifest_of(out: Path) -> dict[str, Any]:
    """The manifest beside an output."""
    described: dict[str, Any] = json.loads(out.with_name(f"{out.name}.manifest.json").read_text())
    return described


def aside_of(out: Path, columns: list[str] | None = None) -> list[dict[str, Any]]:
    """The rows in the quarantine beside a features file; in CSV all but row numbers are text.

    ``columns``: those that are looked at, where others may hold what is no Python value.
    """
    from customer_features.targets.manifest import quarantine_of

    path = quarantine_of(out)
    if path.suffix == ".parquet":
        import pyarrow.parquet

        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path, columns=columns).to_pylist()
        return rows
    with path.open(newline="") as file:
        read = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
    return [{**row, "row_number": int(row["row_number"] or 0)} for row in read]


def assert_refused(ran: Ran | subprocess.CompletedProcess[str], folder: Path, code: int = 2) -> str:
    """A refusal in a person's words that left nothing behind; its text."""
    exit_code = ran.code if isinstance(ran, Ran) else ran.returncode
    err = ran.err if isinstance(ran, Ran) else ran.stderr
    assert exit_code == code, err
    assert err.startswith("Error: ") or "\nError: " in err, err
    assert "Traceback" not in err
    assert "fault of customer-features itself" not in err, err
    assert_no_leftovers(folder)
    return err


def assert_no_leftovers(folder: Path) -> None:
    """No temporary name, no output, no manifest and no quarantine in a folder that had none."""
    left = [
        path.name
        for path in folder.rglob("*")
        if path.name.endswith((".part", ".manifest.json", ".quarantine.parquet", ".quarantine.csv"))
        or path.name.startswith("out.")
    ]
    assert left == []


Mount = Callable[..., tuple[Path, list[str]]]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Mount]:
    """Make a folder in which few bytes have room, and the start of a command that runs under that limit.

    Root mounts a disk of that size; anyone else is told so, and has files that may grow no further (as everybody
    has with ``limited``).
    """
    mounted: list[Path] = []

    def mount(name: str, size: int, limited: bool = False) -> tuple[Path, list[str]]:
        folder = tmp_path / name
        folder.mkdir()
        limit = ["sh", "-c", f'ulimit -f {size // 512}; exec "$@"', "sh"]
        if limited:
            return folder, limit
        made = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            check=False,
            capture_output=True,
            text=True,
        )
        if made.returncode == 0:
            mounted.append(folder)
            return folder, []
        warnings.warn(f"no small disk could be mounted, files are limited instead: {made.stderr.strip()}", stacklevel=2)
        return folder, limit

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
