"""The house holds: the public names are those listed, the core stays light. `make lint` holds the import arrows."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import customer_features
from customer_features import errors
from customer_features.query.dialects import DIALECTS

from .conftest import child_environment

ROOT = Path(__file__).parent.parent

PUBLIC = {
    "AsyncClient",
    "Client",
    "ColumnError",
    "CustomerFeaturesError",
    "DataFaults",
    "FaultsQuarantined",
    "FaultyRequest",
    "FoundFault",
    "InvalidOption",
    "InvalidRequest",
    "MissingExtra",
    "OutputError",
    "ServiceError",
    "ServiceUnavailable",
    "SourceError",
    "Suspicious",
    "Unauthorized",
    "UsageError",
    "__version__",
    "answer",
    "build",
    "check",
    "sql",
    "verify",
}


def python(code: str, *blocked: str) -> subprocess.CompletedProcess[str]:
    """Code in a process of its own, in which some packages cannot be imported."""
    before = f"import sys\nfor name in {blocked!r}: sys.modules[name] = None\n"
    return subprocess.run(
        [sys.executable, "-c", before + code],
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


_DEFINITION = {
    "errors",
    "definition",
    *(f"definition.{name}" for name in ("features", "faults", "options", "date_texts", "money")),
}


def test_the_definition_imports_nothing_but_itself() -> None:
    code = "from customer_features.definition import faults, features, options\nprint(*sys.modules)"
    ours = {name for name in python(code).stdout.split() if name.startswith("customer_features.")}
    assert ours == {"customer_features._version", *(f"customer_features.{name}" for name in _DEFINITION)}


def test_public_names() -> None:
    assert set(customer_features.__all__) == PUBLIC
    assert len(customer_features.__all__) == len(PUBLIC)
    assert dir(customer_features) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(customer_features, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'frobnicate'"):
        customer_features.frobnicate  # noqa: B018


def test_every_exception_is_ours_and_drawn_in_the_tree() -> None:
    drawn = errors.__doc__ or ""
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning):
            assert issubclass(value, customer_features.CustomerFeaturesError)
            assert name in drawn
    assert issubclass(errors.InvalidOption, ValueError)
    assert issubclass(errors.MissingExtra, ImportError)
    assert issubclass(errors.ColumnError, errors.SourceError)


HEAVY = (
    *("duckdb", "pyarrow", "pandas", "polars", "numpy", "litestar", "granian", "sqlglot", "pydantic", "httpx"),
    *("rich", "sklearn", "altair", "jinja2", "vl_convert"),
)


@pytest.mark.parametrize(
    "code",
    [
        "import customer_features",
        "import customer_features; customer_features.answer(b'{\"customers\":[]}')",
        "import customer_features.cli",
        "from customer_features.cli import run; run(['--help'])",
        "from customer_features import DataFaults, InvalidOption",
    ],
)
def test_the_core_is_light(code: str) -> None:
    ran = python(f"{code}\nprint(); print(*sys.modules)")
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.splitlines()[-1].split())
    assert loaded & set(HEAVY) == set()


@pytest.mark.parametrize("arguments", [["--help"], [], ["--version"]])
def test_help_loads_the_parser_of_arguments_and_little_else(arguments: list[str]) -> None:
    ran = python(f"from customer_features.cli import run; run({arguments}); print(); print(*sys.modules)")
    assert ran.returncode == 0, ran.stderr
    loaded = set(ran.stdout.splitlines()[-1].split())
    ours = {name.removeprefix("customer_features.") for name in loaded if name.startswith("customer_features.")}
    assert ours == {
        *("_version", "errors", "cli", "cli.completion", "cli.log"),
        *("connections", "connections.addresses", "definition", "definition.features", "definition.money"),
    }
    # Of all others only what the interpreter begins with, its own library, and click.
    began = set(python("import click, click.shell_completion; print(*sys.modules)").stdout.split())
    foreign = {name.partition(".")[0] for name in loaded - began} - sys.stdlib_module_names
    assert foreign == {"customer_features", *({"click"} & foreign)}
    assert not loaded & {"asyncio", "difflib", "json", "traceback", "unittest", "zoneinfo"}


def test_the_core_works_without_any_extra() -> None:
    ran = python("import customer_features as c; print(c.answer(b'{\"customers\":[]}').decode())", *HEAVY)
    assert (ran.returncode, ran.stdout) == (0, '{"customers":[]}\n')


@pytest.mark.sampled(4)
@pytest.mark.parametrize("missing", ["duckdb", "numpy", "pyarrow", "sqlglot"])
@pytest.mark.parametrize("command", ["build", "check"])
def test_a_missing_extra_is_one_line_with_the_command(missing: str, command: str, tmp_path: Path) -> None:
    arguments = [command, "t.csv", *(["--out", "f.csv"] if command == "build" else [])]
    ran = python(f"from customer_features.cli import main; main({arguments!r})", missing)
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert ran.stderr.startswith("Error: ")
    assert "pip install 'customer-features[bulk]'" in ran.stderr


@pytest.mark.parametrize("name", ["build", "check"])
def test_a_missing_extra_in_python(name: str) -> None:
    code = (
        f"import customer_features\ntry: customer_features.{name}\nexcept ImportError as e: print(type(e).__name__, e)"
    )
    said = python(code, "duckdb").stdout
    assert said.startswith("MissingExtra ")
    assert said.count("\n") == 1
    assert "pip install 'customer-features[bulk]'" in said


def test_a_missing_extra_of_the_service() -> None:
    ran = python("from customer_features.cli import main; main(['serve'])", "litestar", "granian")
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert "pip install 'customer-features[service]'" in ran.stderr


@pytest.mark.parametrize("name", ["Client", "AsyncClient"])
def test_a_missing_extra_of_the_client(name: str) -> None:
    said = python(
        f"import customer_features\ntry: customer_features.{name}\nexcept ImportError as e: print(type(e).__name__, e)",
        "httpx",
    ).stdout
    assert said == (
        "MissingExtra asking the HTTP service needs the 'client' extra: pip install 'customer-features[client]'\n"
    )


def modules() -> list[str]:
    package = ROOT / "customer_features"
    names = []
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] != "__main__" and "service" not in parts:
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


@pytest.mark.parametrize("name", modules())
def test_every_module_says_what_it_is(name: str) -> None:
    assert (importlib.import_module(name).__doc__ or "").strip()


def test_a_test_file_for_each_module() -> None:
    """The tests mirror the package; what one file covers beside its own name is listed here."""
    elsewhere = {
        "customer_features",
        "customer_features.cli",
        "customer_features._version",
        "customer_features.definition",  # packages whose own file says what they are, and no more
        "customer_features.query",
        "customer_features.connections",
        "customer_features.system",
        "customer_features.spark",
        *(f"customer_features.engines.{name}" for name in ("rows", "duckdb", "postgres", "clickhouse", "spark")),
        "customer_features.engines.spark.session",  # engines/spark/test_engine
        "customer_features.cli.bulk",  # test_build and test_check
        "customer_features.cli.findings",  # cli/test_doctor
        "customer_features.cli.given",  # cli/test_build and cli/test_main
        "customer_features.cli.keys",  # tests/service
        "customer_features.cli.report",  # report/test_command
        "customer_features.cli.examination",  # cli/test_doctor
        "customer_features.cli.serve",
        "customer_features.cli.shared",  # cli/test_main, test_build and test_check
        "customer_features.client",
        "customer_features.client.answers",  # client/test_retrying and test_over_http
        "customer_features.client.asking",  # client/test_progress and test_frames
        "customer_features.client.asynchronous",  # nearly all of client/
        "customer_features.client.joining",  # client/test_pieces
        "customer_features.client.lists",  # client/test_frames
        "customer_features.client.steps",
        "customer_features.client.threaded",
        "customer_features.client.transport",  # client/test_settings and test_retrying
        "customer_features.query.typed_fields",  # cases/test_mapping, through every door
        "customer_features.query.untyped_columns",  # the same
        "customer_features.definition.number_grammar",  # query/test_text_numbers and differential/
        "customer_features.engines.duckdb.numbers",  # cases/test_numbers
        "customer_features.engines.duckdb.whole_ids",  # the same
        "customer_features.sources.csv",  # sources/test_opening and cli/test_csv
        "customer_features.query.dialects",  # query/test_steps, query/test_generate, and each test of an engine
        *(f"customer_features.query.dialects.{name}" for name in ("base", *DIALECTS)),
        "customer_features.engines",
        "customer_features.cli.push_down",  # engines/postgres/test_engine
        "customer_features.engines.clickhouse.engine",  # test_clickhouse
        "customer_features.engines.clickhouse.clients",  # test_clickhouse
        "customer_features.engines.duckdb.as_of",  # agreement/test_as_of
        "customer_features.engines.duckdb.loyalty",  # engines/postgres/test_engine and test_clickhouse
        "customer_features.engines.duckdb.quarantine",  # test_engine and test_rejected_lines
        "customer_features.engines.duckdb.session",  # engines/duckdb/test_engine
        "customer_features.engines.duckdb.raw_rows",  # client/test_frames
        "customer_features.engines.duckdb.warnings",  # engines/duckdb/test_engine
        "customer_features.engines.outcome",  # engines/duckdb/test_engine
        "customer_features.engines.postgres.columns",  # engines/postgres/test_engine
        "customer_features.engines.postgres.plan",
        "customer_features.engines.warnings",  # engines/duckdb/test_engine and engines/postgres/test_engine
        "customer_features.engines.spark.columns",  # spark/test_frames
        "customer_features.engines.spark.warnings",  # spark/test_frames
        "customer_features.engines.results",  # engines/postgres/test_engine
        "customer_features.engines.warehouse",  # engines/postgres/test_engine, spark/test_frames and test_clickhouse
        "customer_features.sources",  # sources/test_opening
        "customer_features.sources.delta",  # cases/test_structure
        "customer_features.sources.iceberg",
        "customer_features.sources.lake_rows",
        "customer_features.sources.formats",  # sources/test_opening
        "customer_features.frames.base",  # frames/test_kinds
        "customer_features.sources.parts",  # sources/test_opening
        "customer_features.query.one_pass",  # engines/spark/test_engine
        "customer_features.query.printing",  # query/test_generate
        "customer_features.targets",  # targets/test_publish
        "customer_features.targets.files",
        "customer_features.targets.postgresql_tables",  # targets/test_postgresql
        "customer_features.targets.formats",
        "customer_features.service.explorer",
        *(
            f"customer_features.service.explorer.{name}"  # service/explorer/test_steps, test_guarded and test_browser
            for name in (
                *("arithmetic", "choices", "datasets", "downloads", "explorer", "pictures", "rendering", "results"),
                *("running", "views", "working"),
            )
        ),
        "customer_features.service.bodies.watchdog",  # service/bodies/test_jobs
        "customer_features.service.bodies.processes",  # service/bodies/test_computing
        "customer_features.service.bodies.small_json",  # service/test_budgets, and so are the next
        "customer_features.service.query",
        "customer_features.sources.bounds",
        "customer_features.sources.arrow",
        "customer_features.engines.listing",  # engines/rows/test_faults
        "customer_features.report",  # report/test_figures, and so are what stands without a place below
        "customer_features.report.bands",  # report/test_numbers
        "customer_features.report.charts",  # report/test_page and test_rendering
        "customer_features.report.concentration",
        "customer_features.report.correlations",
        "customer_features.report.crossing",
        "customer_features.report.distributions",
        "customer_features.report.loyalty",
        "customer_features.report.making",  # report/test_command
        "customer_features.report.movers",  # report/test_drift
        "customer_features.report.overview",  # report/test_page
        "customer_features.report.run",  # report/test_reading
        "customer_features.report.shapes",
        "customer_features.report.theme",  # report/test_page
        "customer_features.report.vectors",
        "customer_features.report.writing",  # report/test_command
        "customer_features.definition.counts",  # cases/test_id_warnings
        "customer_features.engines.duckdb.hints",  # cases/test_hints
        "customer_features.engines.duckdb.ids",  # cases/test_id_warnings
        "customer_features.engines.duckdb.json_types",  # cases/test_json_numbers
        "customer_features.engines.duckdb.mappings",  # cases/test_mapping and query/test_numeric_columns
        "customer_features.engines.warehouse_ids",  # cases/test_numbers
        "customer_features.query.duckdb_as_of",  # agreement/test_as_of
    }
    for name in set(modules()) - elsewhere:
        *folders, module = name.split(".")[1:]
        assert Path(ROOT, "tests", *folders, f"test_{module}.py").is_file(), name


def test_typed() -> None:
    """The marker is in the package; `make lint` has mypy read the package and the examples of its use in one run."""
    assert (ROOT / "customer_features" / "py.typed").is_file()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mypy"]
    assert settings["strict"]
    assert settings["packages"] == ["customer_features"]
    assert settings["modules"] == ["tests.typing_examples"]
