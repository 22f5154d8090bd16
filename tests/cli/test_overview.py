"""On a terminal ``build`` ends with a table of the features, whose every figure an independent calculation gives."""

from __future__ import annotations

import csv
import io
import math
import re
import statistics
from pathlib import Path

import pytest
from rich.console import Console

from customer_features.cli import overview
from customer_features.cli.overview import bars, in_full, share, shortened, write
from customer_features.definition.features import names
from customer_features.definition.options import Options
from customer_features.engines.duckdb.distributions import Distribution
from examples.demo import groceries
from tests.cli.test_terminal import on_a_terminal
from tests.conftest import EXAMPLE, ROOT, Cli, csv_text
from tests.test_architecture import python

ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")
BARS = "▁▂▃▄▅▆▇█"


def rows_of(folder: Path, customers: int = 300) -> Path:
    """Purchases with a long tail of totals, some scores, and a customer who bought today."""
    lines = []
    for customer in range(customers):
        score = "" if customer % 3 else f"{customer % 7 / 8}"
        for visit in range(1 + customer % 15):
            amount = round(1.07**customer * (1 + visit / 10), 2) if customer % 150 else 0
            day = f"2025-{1 + customer % 4:02}-{1 + customer % 24:02}"
            lines.append(f"c{customer:05},t{customer}-{visit},{day},{amount},p{visit * customer % 11},{score}")
    path = folder / "t.csv"
    path.write_text(csv_text(*lines, header="customer_id,transaction_id,date,amount,product_id,loyalty_score"))
    return path


def table_of(seen: str) -> list[str]:
    """The lines below the closing sentence, without colours."""
    plain = ESCAPES.sub("", seen).replace("\r\n", "\n")
    return [line.rstrip() for line in plain.split("Features:")[1].split("\n")[1:]]


def drawn(counts: list[int]) -> str:
    """A bar chart by another way than ours: the lowest mark that is not lower than the share of the fullest bin."""
    most = max(counts)
    return "".join(
        " " if not count else BARS[next(level for level in range(8) if count * 8 <= most * (level + 1))]
        for count in counts
    ).rstrip()


def expected(values: list[float], name: str) -> list[str]:
    """The cells of a feature, from the published values alone."""
    least, most, middle = min(values), max(values), statistics.median(values)
    zeros = sum(value == 0 for value in values)
    exact = name in ("purchase_total", "avg_ticket", "loyalty_score")
    cells = [f"{value:,.2f}" if exact else f"{value:,.1f}".removesuffix(".0") for value in (least, middle, most)]
    cells.append("0%" if not zeros else f"{100 * zeros / len(values):.1f}%")
    above = [value for value in values if value > 0]
    if name != "loyalty_score" and most >= 100 * min(above) and middle < least + (most - least) / 12:
        places = [min(int(12 * math.log(value / min(above)) / math.log(most / min(above))), 11) for value in above]
        return [*cells, drawn([places.count(place) for place in range(12)]), "log"]
    if all(value == int(value) for value in values):
        step = math.ceil((most - least + 1) / 12)
        places = [int((value - least) // step) for value in values]
        return [*cells, drawn([places.count(place) for place in range(int((most - least) // step) + 1)])]
    places = [min(int(12 * (value - least) / (most - least)), 11) for value in values]
    return [*cells, drawn([places.count(place) for place in range(12)])]


def test_every_figure(tmp_path: Path) -> None:
    source, out = rows_of(tmp_path), tmp_path / "f.csv"
    seen = on_a_terminal(source, "--out", out)
    assert "\x1b[36m" in seen  # the bars are coloured
    blank, head, *lines = table_of(seen)
    assert (blank, head.split()) == ("", ["min", "median", "max", "zero", "distribution"])
    with out.open() as file:
        vectors = list(csv.DictReader(file))
    scales = set()
    for name, line in zip(names(), lines, strict=False):
        wanted = expected([float(vector[name]) for vector in vectors], name)
        scales.add(wanted[-1] == "log")
        label, *cells = line.split(maxsplit=5)
        found = [*cells[:-1], *(part.rstrip() for part in re.split(r" +(?=log$)", cells[-1]))]
        assert (label, found) == (name, wanted)
    assert scales == {True, False}
    assert lines[6:] == [
        "log: each bar is the same ratio wide; zeros are in none",
        "loyalty_score: 0 also where none was given",
        "",
    ]


def test_without_colour(tmp_path: Path) -> None:
    source, out = rows_of(tmp_path, 40), tmp_path / "f.csv"
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        seen = on_a_terminal(source, "--out", out, **environment).split("Features:")[1]
        assert "▁" in seen
        assert not ESCAPES.search(seen)


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, marks=pytest.mark.slow),
    ],
)
def test_a_narrow_terminal_without_unicode(environment: dict[str, str], tmp_path: Path) -> None:
    lines = table_of(on_a_terminal(rows_of(tmp_path), "--out", tmp_path / "f.csv", columns=60, **environment))
    assert lines[1].split() == ["min", "median", "max", "zero", "distribution"]
    assert len(lines) == 11
    assert max(map(len, lines)) <= 60
    assert "".join(lines).isascii()
    assert re.fullmatch(r"purchase_total +0 +201k +15\.6G +0\.7% [.:=+*#@-]+ log", lines[2])


LONG = [Distribution(name, 9, 0.01, 1234567.89, 9e13, 1, (0.01, 9e13), (9,) * 12, True) for name in names()]


@pytest.mark.parametrize(("width", "columns"), [(100, 5), (80, 5), (60, 5), (50, 3), (49, 3), (40, 0)])
def test_as_wide_as_there_is_room(width: int, columns: int) -> None:
    to = Console(file=io.StringIO(), width=width)
    write(LONG, Options.parse(today="2025-04-24"), to)
    printed = to.file.getvalue()
    lines = printed.splitlines()
    assert all(len(line) <= width for line in lines)
    assert len("".join(lines[1:2]).split()) == columns
    assert "…" not in printed
    assert ("90,000,000,000,000.00" in printed) is (width == 100)


def test_latin_1() -> None:
    bytes_written = io.BytesIO()
    to = Console(file=io.TextIOWrapper(bytes_written, "latin-1"), width=100)
    write(LONG, Options.parse(today="2025-04-24"), to)
    to.file.flush()
    assert b"@@@@@@@@@@@@ log" in bytes_written.getvalue()


def test_several_dates_show_the_last(tmp_path: Path, cli: Cli) -> None:
    source, out = rows_of(tmp_path, 90), tmp_path / "f.csv"
    words = ("--every", "month", "--from", "2025-01-31", "--to", "2025-03-31", "--window", "1 month")
    words += ("--future", "exclude")
    blank, title, _, *lines = table_of(on_a_terminal(source, "--out", out, *words))
    with out.open() as file:
        last = [vector for vector in csv.DictReader(file) if vector["as_of"] == "2025-03-31"]
    assert 0 < len(last) < 90
    assert (blank, title) == ("", f"{len(last)} customers on 2025-03-31, the last of 3 as-of dates")
    totals = [float(vector["purchase_total"]) for vector in last]
    assert lines[0].split()[1:4] == [f"{one:,.2f}" for one in (min(totals), statistics.median(totals), max(totals))]


def test_none_where_nobody_watches_and_of_very_many_customers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    words = ("build", rows_of(tmp_path, 20), "--out", tmp_path / "f.csv", "--today", "2025-04-24")
    monkeypatch.setenv("TERM", "dumb")
    assert "median" not in cli(*words).err
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert "median" in cli(*words).err
    assert "median" not in cli(*words, "--log", "json").err
    monkeypatch.setattr(overview, "MOST", 19)
    assert "median" not in cli(*words).err


def test_what_is_published_stands_where_the_table_cannot_be_drawn(tmp_path: Path) -> None:
    source, out = rows_of(tmp_path, 20), tmp_path / "f.csv"
    words = ["build", str(source), "--out", str(out), "--today", "2025-04-24"]
    code = "import sys; sys.stderr.isatty = lambda: True; from customer_features.cli import main"
    ran = python(f"{code}; main({words!r})", "rich.console")
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines()[-1] == (
        "the table of features needs the 'bulk' extra: pip install 'customer-features[bulk]'"
    )
    assert out.is_file()


def test_quiet(tmp_path: Path, cli: Cli) -> None:
    source, out = tmp_path / "t.csv", tmp_path / "f.csv"
    source.write_text(csv_text(*["a,1,2025-04-20,1.5,p"] * 60, "b,2,x,1,p"))
    lines = on_a_terminal(source, "--out", out, "--max-faults", "2%", "--quiet").splitlines()
    assert lines[0] == "Set aside:  1 unreadable_date"
    assert all(line.startswith("Warning:    ") for line in lines[1:])
    assert len(lines) > 1
    assert out.is_file()
    clean = tmp_path / "clean.csv"
    clean.write_text(csv_text("a,1,2025-04-20,1.5,p"))
    for words in (["-q"], ["--quiet", "--log", "json"]):
        assert cli("build", clean, "--out", out, "--today", "2025-04-24", *words).err == ""
    refused = cli("build", source, "--out", out, "--today", "2025-04-24", "--quiet")
    assert (refused.code, refused.err.startswith("Error: 1 of 61 rows is faulty")) == (1, True)
    assert cli("build", clean, "--out", out, "--today", "2025-04-24").err != ""  # the next run speaks again


@pytest.mark.slow
def test_the_pages_show_the_grocery_data(tmp_path: Path) -> None:
    words = (groceries(), "--grain", "line", "--today", "2018-01-01", "--out", tmp_path / "f.parquet")
    lines = table_of(on_a_terminal(*words, NO_COLOR="1"))[1:-1]
    assert len(lines) == 9
    assert "\n".join(lines) in (ROOT / "docs" / "terminal.md").read_text("utf-8")
    assert "\n".join(lines[:7]) in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_contract(tmp_path: Path) -> None:
    assert EXAMPLE["customers"]
    path = ROOT / "examples" / "contract.json"
    lines = table_of(on_a_terminal(path, "--out", tmp_path / "f.csv", NO_COLOR="1"))
    assert lines[1:8] == [
        "                      min  median     max   zero  distribution",
        "purchase_total     195.90  557.43  918.95     0%  █          █",
        "visit_frequency         2       2       2     0%  █",
        "avg_ticket          97.95  278.72  459.48     0%  █          █",
        "product_diversity       2       2       2     0%  █",
        "loyalty_score        0.00    0.48    0.97  50.0%  █          █",
        "recency_days            3      56     109     0%  █          █",
    ]


def test_bars() -> None:
    assert bars((0, 1, 50, 100)) == " ▁▄█"
    assert bars((1, 8), ascii_only=True) == ".@"
    assert bars((7,)) == "█"


def test_shares() -> None:
    assert [share(part, 10_000) for part in (0, 1, 10, 2_345, 9_999, 10_000)] == [
        *("0%", "<0.1%", "0.1%", "23.4%", ">99.9%", "100%")
    ]


def test_numbers() -> None:
    assert in_full(1234567.8, "currency") == "1,234,567.80"
    assert in_full(-5.0, "currency per visit") == "-5.00"
    assert [in_full(value, "visits") for value in (3.0, 3.5, 12345.0)] == ["3", "3.5", "12,345"]
    found = [shortened(value, "currency") for value in (0.0, 12.345, 999.96, 38_319.79, -2.5e6, 9.007e13)]
    assert found == ["0", "12.3", "1000", "38.3k", "-2.5M", "90.1T"]
