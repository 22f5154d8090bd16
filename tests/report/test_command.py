"""``customer-features report``: every format, what is refused and how, and that a file is there whole or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import duckdb
import pytest

from customer_features.definition import features
from customer_features.report import rendering
from tests.conftest import ROOT, Cli, assert_no_leftovers, child, child_environment
from tests.making import wheel

from .conftest import SENTINEL, Files, table

HEADER = ",".join(("customer_id", *features.names()))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "features.csv"
    path.write_text(f"{HEADER}\n{SENTINEL}-1,10.0,2.0,5.0,1.0,0.5,3.0\n{SENTINEL}-2,30.0,1.0,30.0,2.0,0.0,9.0\n")
    return path


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("r.html", b"<!doctype html>"),
        ("r.svg", b"<svg "),
        pytest.param("r.pdf", b"%PDF-", marks=pytest.mark.slow),
        ("r.png", b"\x89PNG"),
        ("r.json", b"{\n"),
    ],
)
def test_the_ending_decides(name: str, begins: bytes, small: Path, cli: Cli) -> None:
    out = small.parent / name
    ran = cli("report", small, "--out", out)
    assert (ran.code, ran.out) == (0, "")
    assert out.read_bytes().startswith(begins)
    assert SENTINEL.encode() not in out.read_bytes()
    assert ran.err.splitlines()[0] == "Customers:  2"
    assert str(out) in ran.err


def test_the_figures_as_json(files: Files, cli: Cli) -> None:
    arguments = ("report", files.newer, "--out", "-", "--format", "json", "--compare", files.older)
    found = json.loads(cli(*arguments).out)
    assert (found["name"], found["as_of"], found["ids_shown"]) == ("newer.parquet", "2025-04-24", False)
    assert found["figures"]["customers"] == len(files.vectors(files.newer))
    assert found["comparison"]["as_of"] == "2025-03-31"
    assert found["comparison"]["movements"][0]["most"][0]["customer"] == "customer 1"
    assert found["run"]["reconciled"] is True
    assert SENTINEL not in json.dumps(found)
    shown = json.loads(cli(*arguments, "--show-ids").out)
    assert shown["comparison"]["movements"][0]["most"][0]["customer"].startswith(SENTINEL)


@pytest.mark.slow
def test_the_same_bytes_whatever_the_clock_and_the_process(files: Files, tmp_path: Path, cli: Cli) -> None:
    one, other = tmp_path / "one.html", tmp_path / "other.html"
    assert cli("report", files.newer, "--out", one).code == 0
    assert child("report", files.newer, "--out", other).returncode == 0
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.slow
def test_what_a_run_says(files: Files, tmp_path: Path, cli: Cli) -> None:
    ran = cli("report", files.newer, "--out", tmp_path / "r.json", "--compare", files.older)
    lines = dict(line.split(":", 1) for line in ran.err.splitlines())
    assert lines["Customers"].strip() == "400, as of 2025-04-24"
    assert lines["Compared"].strip() == "380 stayed, 20 came, 20 went"
    assert "recency_days" in lines["Drift"]
    logged = cli("report", files.newer, "--out", tmp_path / "r.json", "--log", "json")
    events = [json.loads(line) for line in logged.err.splitlines()]
    assert [event["event"] for event in events] == ["customers", "published"]
    assert events[-1]["bytes"] == (tmp_path / "r.json").stat().st_size


def test_dates_of_a_history(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "history.csv"
    lines = [f"a,2025-0{month}-28,{month}0.0,1.0,{month}0.0,1.0,0.0,3.0" for month in (1, 2, 3)]
    path.write_text("\n".join([HEADER.replace("customer_id", "customer_id,as_of"), *lines]) + "\n")
    json_of = ("report", path, "--out", "-", "--format", "json")
    found = json.loads(cli(*json_of).out)
    assert (found["as_of"], len(found["history"])) == ("2025-03-28", 3)
    # Beside itself, a history is compared with the date before.
    found = json.loads(cli(*json_of, "--compare", path).out)
    assert found["comparison"]["as_of"] == "2025-02-28"
    assert found["comparison"]["name"] == "history.csv as of 2025-02-28"
    found = json.loads(cli(*json_of, "--compare", path, "--as-of", "2025-02-28", "--compare-as-of", "2025-03-28").out)
    assert (found["as_of"], found["comparison"]["as_of"]) == ("2025-02-28", "2025-03-28")
    ran = cli(*json_of, "--as-of", "2025-04-28")
    assert (ran.code, "there are 2025-01-28, 2025-02-28, 2025-03-28" in ran.err) == (2, True)


@pytest.mark.slow
def test_the_date_of_the_run_may_be_named(files: Files, cli: Cli) -> None:
    json_of = ("report", files.newer, "--out", "-", "--format", "json", "--as-of")
    assert json.loads(cli(*json_of, "2025-04-24").out)["as_of"] == "2025-04-24"
    ran = cli(*json_of, "2025-04-23")
    assert (ran.code, ran.out) == (2, "")


def test_files_that_are_called_alike_are_told_apart(tmp_path: Path, cli: Cli) -> None:
    for day, spent in (("monday", 5), ("tuesday", 7)):
        (tmp_path / "runs" / day / "out").mkdir(parents=True)
        (tmp_path / "runs" / day / "out" / "f.csv").write_text(f"{HEADER}\na,{spent},1,{spent},1,0,3\n")
    newer, older = (tmp_path / "runs" / day / "out" / "f.csv" for day in ("tuesday", "monday"))
    found = json.loads(cli("report", newer, "--compare", older, "--out", "-", "--format", "json").out)
    assert (found["name"], found["comparison"]["name"]) == ("tuesday/out/f.csv", "monday/out/f.csv")


@pytest.mark.slow
def test_runs_that_were_told_different_things(tmp_path: Path, cli: Cli) -> None:
    told = ("--window", "12 months", "--grain", "line", "--future", "exclude")
    for name, more in (("older.csv", ()), ("newer.csv", told)):
        source = ROOT / "examples" / "contract.json"
        assert cli("build", source, "--out", tmp_path / name, *more).code == 0
    ran = cli("report", tmp_path / "newer.csv", "--compare", tmp_path / "older.csv", "--out", tmp_path / "r.html")
    said = "grain: line, before transaction; window: 12 months, before none"
    assert f"Warning:    the runs were told different things: {said}" in ran.err
    assert said in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.csv", "--out", "r.html"], "nowhere.csv: no such file"),
        (["feature.csv", "--out", "r.html"], "feature.csv: no such file (did you mean 'features.csv'?)"),
        (["features.csv"], "Missing option '--out'"),
        (["features.csv", "--out", "r.docx"], "r.docx: the ending decides the format; allowed are .html, .png"),
        (["features.csv", "--out", "r.htlm"], "(did you mean '.html'?)"),
        (["features.csv", "--out", "r"], "or say it with --format"),
        (["features.csv", "--out", "r.html", "--format", "gif"], "--format: 'gif' is not one of html, png, svg"),
        (["features.csv", "--out", "r.html", "--format", "png"], "png does not go with r.html, which ends in .html"),
        (["features.csv", "--out", "-"], "--format: say what goes to standard output"),
        (["features.csv", "--out", "features.csv", "--format", "json"], "is one of the files"),
        (["features.csv", "--out", "features.csv.manifest.json"], "is one of the files that the report is made of"),
        (["features.csv", "--out", "./older.csv", "--compare", "older.csv", "--format", "svg"], "is one of the files"),
        (["features.csv", "--out", "."], "the ending decides"),
        (["features.csv", "--out", "folder.html"], "folder.html: is a directory"),
        (["features.csv", "--out", "no/r.html"], "the folder no does not exist"),
        (["features.csv", "--out", "s3://b/r.html"], "a report is written to a file"),
        (["features.csv", "--out", "r.html", "--compare", "features.csv"], "would be compared with itself"),
        (["features.csv", "--out", "r.html", "--show-ids"], "--show-ids: goes with --compare OLDER"),
        (["features.csv", "--out", "r.html", "--compare-as-of", "2025-01-01"], "--compare-as-of: goes with --compare"),
        (["features.csv", "--out", "r.html", "--as-of", "1.1.2025"], "--as-of: '1.1.2025' is not a date"),
        (["features.csv", "--out", "r.html", "--as-of", "2025-01-01"], "one as-of date and no column as_of"),
        (["features.csv", "--out", "r.html", "--memory-limit", "lots"], "--memory-limit: 'lots' is not a size"),
        (["features.csv", "--out", "r.html", "--spill-dir", "no"], "--spill-dir: 'no' does not exist"),
        (["-", "--out", "r.html", "--compare", "-"], "--compare: standard input can be read once"),
    ],
)  # fmt: skip
def test_wrong_usage(arguments: list[str], says: str, small: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small.parent)
    Path("folder.html").mkdir()
    Path("older.csv").write_text(small.read_text())
    ran = cli("report", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert SENTINEL not in ran.err
    assert sorted(path.name for path in Path().iterdir()) == ["features.csv", "folder.html", "older.csv"]


def test_purchase_rows_are_to_be_built_first(tmp_path: Path, cli: Cli) -> None:
    ran = cli("report", ROOT / "examples" / "purchases.csv", "--out", tmp_path / "r.html")
    assert ran.code == 2
    assert "this looks like purchase rows; build features first" in ran.err
    assert_no_leftovers(tmp_path)


def test_standard_input(small: Path, cli: Cli) -> None:
    found = json.loads(cli("report", "-", "--out", "-", "--format", "json", stdin=small.read_bytes()).out)
    assert (found["name"], found["figures"]["customers"]) == ("standard input", 2)


def test_what_stood_there_stays_when_a_report_fails(small: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    out = small.parent / "r.json"
    out.write_text("an earlier one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("customer_features.report.writing.put_in_place", full)
    ran = cli("report", small, "--out", out)
    assert ran.code == 2
    assert f"{out}: cannot be written: No space left on device; nothing was published" in ran.err
    assert out.read_text() == "an earlier one"
    assert sorted(path.name for path in small.parent.iterdir()) == ["features.csv", "r.json"]


@pytest.mark.parametrize(
    "missing", ["altair", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vl_convert", "jinja2"))]
)
def test_an_extra_that_is_missing(missing: str, small: Path) -> None:
    code = f"import sys; sys.modules['{missing}'] = None; from customer_features.cli import main; main(sys.argv[1:])"

    def run(out: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, "report", str(small), "--out", str(small.parent / out)]
        return subprocess.run(command, env=child_environment(), capture_output=True, text=True, check=False, timeout=60)

    ran = run("r.html")
    assert ran.returncode == 2
    assert "needs the 'report' extra: pip install 'customer-features[report]'" in ran.stderr
    # The figures need no charts.
    assert run("r.json").returncode == 0


@pytest.mark.parametrize(
    "customers",
    [pytest.param(100_000, marks=pytest.mark.slow), pytest.param(1_000_000, marks=pytest.mark.thorough)],
)
def test_many_customers(customers: int, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "many.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"""COPY (SELECT 'customer {SENTINEL} ' || i AS customer_id, round(exp(9 * random()), 2) AS purchase_total,
  1 + floor(200 * random() ** 4) AS visit_frequency, round(exp(5 * random()), 2) AS avg_ticket,
  1 + floor(99 * random()) AS product_diversity, CASE WHEN i % 3 = 0 THEN random() ELSE 0.0 END AS loyalty_score,
  floor(700 * random()) AS recency_days FROM range({customers}) t(i)) TO '{path}'"""
        )
    out = tmp_path / "r.html"
    ran = cli("report", path, "--out", out, "--compare", path.with_name("older.parquet"))
    assert ran.code == 2
    path.with_name("older.parquet").write_bytes(path.read_bytes())
    ran = cli("report", path, "--out", out, "--compare", path.with_name("older.parquet"), "--memory-limit", "1GB")
    assert ran.code == 0, ran.err
    assert f"{customers:,} stayed, 0 came, 0 went" in ran.err
    assert out.stat().st_size < 3_000_000
    assert SENTINEL.encode() not in out.read_bytes()


@pytest.mark.slow
def test_the_wheel_holds_the_page() -> None:
    names = set(zipfile.ZipFile(wheel()).namelist())
    folder = Path(rendering.__file__).parent / "templates"
    kept = {f"customer_features/report/templates/{path.name}" for path in folder.iterdir()}
    assert len(kept) == 4
    assert kept <= names


def test_a_file_of_many_columns_is_not_listed_whole(tmp_path: Path, cli: Cli) -> None:
    wide = table(purchase_total=[1.0]).drop_columns(["recency_days"])
    path = tmp_path / "wide.csv"
    names = [*wide.column_names, *(f"extra_{number}" for number in range(5000))]
    path.write_text(",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
    ran = cli("report", path, "--out", tmp_path / "r.html")
    assert "there is no column recency_days" in ran.err
    assert "and 4986 more" in ran.err
    assert len(ran.err) < 1000
