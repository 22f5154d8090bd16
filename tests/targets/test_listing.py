"""Faulty rows as files: all of them, in the format of the suffix, whole or not at all, of a refused run too."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from customer_features.targets.manifest import verify
from tests.conftest import TODAY, Cli, assert_no_leftovers, assert_refused, csv_text, manifest_of

GOOD = [f"c{place},{place},2025-04-01,1,p" for place in range(1, 4)]
BAD = ['c4,4,never,1,"p\nq"', "c5,5,2025-04-01,-1,p", "short"]
EXPECTED = [
    (4, "unreadable_date", "c4", "p\nq", None),
    (5, "negative_amount", "c5", "p", None),
    (6, "unreadable_row", None, None, "short"),
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in" / "t.csv"
    path.parent.mkdir()
    path.write_text(csv_text(*GOOD, *BAD))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


def listed(path: Path) -> list[tuple[Any, ...]]:
    """Row number, fault, customer, product and raw text of each row of a listing."""
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    elif path.suffix == ".ndjson":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    else:
        with path.open(newline="") as file:
            rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
    names = ("fault", "customer_id", "product_id", "raw")
    return [(int(row["row_number"]), *(row[name] for name in names)) for row in rows]


SUFFIXES = pytest.mark.parametrize("suffix", [".csv", ".parquet", ".ndjson"])


@SUFFIXES
def test_check_writes_every_faulty_row(suffix: str, source: Path, folder: Path, cli: Cli) -> None:
    out = folder / f"faulty{suffix}"
    ran = cli("check", source, "--today", TODAY, "--out", out, "--limit", "0")
    assert ran.code == 1
    assert "row 4" not in ran.out
    assert f"all faulty rows are in {out}" in ran.err
    assert listed(out) == EXPECTED
    first = out.read_bytes()
    assert cli("check", source, "--today", TODAY, "--out", out, "--json").code == 1
    assert out.read_bytes() == first
    assert_no_leftovers(folder)


@SUFFIXES
def test_check_of_sound_rows_writes_none(suffix: str, source: Path, folder: Path, cli: Cli) -> None:
    out = folder / f"faulty{suffix}"
    out.write_text("of an earlier run")
    source.write_text(csv_text(*GOOD))
    assert cli("check", source, "--today", TODAY, "--out", out).code == 0
    assert listed(out) == []


@pytest.mark.parametrize(
    ("limit", "shown"), [((), 3), (("--limit", "1"), 1), (("--limit", "5"), 5), (("--limit", "99"), 7)]
)
def test_how_many_rows_are_shown(limit: tuple[str, ...], shown: int, source: Path, cli: Cli) -> None:
    source.write_text(csv_text(*GOOD, *["a,1,never,1,p"] * 7))
    ran = cli("check", source, "--today", TODAY, *limit)
    assert ran.out.count("'never' cannot be read") == shown
    [fault] = json.loads(cli("check", source, "--today", TODAY, "--json", *limit).out)["faults"]
    assert (fault["rows"], len(fault["examples"])) == (7, shown)


@pytest.mark.parametrize("limit", ["-1", "x", "1.5", ""])
def test_a_limit_that_is_none(limit: str, source: Path, tmp_path: Path, cli: Cli) -> None:
    ran = cli("check", source, "--today", TODAY, "--limit", limit)
    assert f"--limit: '{limit}' is not a whole number, 0 or more" in assert_refused(ran, tmp_path / "none")


@SUFFIXES
@pytest.mark.parametrize("more", [("--on-fault", "fail"), ("--max-faults", "1%")])
def test_a_refused_build_leaves_its_faulty_rows(
    suffix: str, more: tuple[str, ...], source: Path, folder: Path, cli: Cli
) -> None:
    aside = folder / f"aside{suffix}"
    ran = cli("build", source, "--out", folder / "f.csv", "--today", TODAY, "--quarantine", aside, *more)
    assert ran.code == 1
    assert f"Quarantine: {aside}" in ran.err
    assert "Nothing was published" in ran.err
    assert [path.name for path in folder.iterdir()] == [aside.name]
    assert listed(aside) == EXPECTED


@SUFFIXES
@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_published_build_puts_them_where_it_is_told(
    suffix: str, elsewhere: bool, source: Path, folder: Path, tmp_path: Path, cli: Cli
) -> None:
    out, aside = folder / "f.parquet", (tmp_path if elsewhere else folder) / f"aside{suffix}"
    words = ("build", source, "--out", out, "--today", TODAY, "--max-faults", "1")
    assert cli(*words).code == 0
    beside = folder / "f.parquet.quarantine.parquet"
    assert listed(beside) == EXPECTED
    ran = cli(*words, "--quarantine", aside)
    assert ran.code == 0, ran.err
    assert f"Quarantine: {aside}" in ran.err
    assert listed(aside) == EXPECTED
    assert not beside.exists()
    assert manifest_of(out)["quarantine"]["path"] == (str(aside) if elsewhere else aside.name)
    assert verify(out)["rows"]["quarantined"] == 3
    source.write_text(csv_text(*GOOD))
    assert cli(*words, "--quarantine", aside).code == 0
    assert listed(aside) == []
    assert not list(tmp_path.rglob("*.part"))
    assert f"{aside}" in cli(*words, "--quarantine", aside, "--dry-run").out


def test_beside_csv_the_quarantine_is_csv(source: Path, folder: Path, cli: Cli) -> None:
    out = folder / "f.csv"
    assert cli("build", source, "--out", out, "--today", TODAY, "--max-faults", "1").code == 0
    assert listed(folder / "f.csv.quarantine.csv") == EXPECTED
    assert verify(out)["quarantine"]["path"] == "f.csv.quarantine.csv"


@pytest.mark.parametrize("command", ["build", "check"])
def test_where_no_listing_can_be(command: str, source: Path, folder: Path, cli: Cli) -> None:
    features = folder / "f.csv"
    for name, says in (
        (folder / "x.xlsx", "the suffix decides the format; allowed are .csv, .parquet, .ndjson"),
        (folder / "none" / "x.csv", "does not exist; make it first"),
        ("s3://bucket/x.csv", "faulty rows are written to a file here"),
        (source, "is one of the sources and would be overwritten"),
    ):
        words = (
            ("--out", features, "--max-faults", "1", "--quarantine", name) if command == "build" else ("--out", name)
        )
        assert says in assert_refused(cli(command, source, "--today", TODAY, *words), folder)
    if command == "build":
        for name in (features, f"{features}.manifest.json"):
            ran = cli("build", source, "--today", TODAY, "--out", features, "--quarantine", name)
            assert assert_refused(ran, folder)
    assert source.read_text() == csv_text(*GOOD, *BAD)
