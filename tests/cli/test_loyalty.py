"""Loyalty files: scores, points over a cap, and customers that are not known."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet
import pytest

from tests.conftest import Cli, assert_refused, csv_text

TODAY = "2025-04-24"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*(f"{customer},{customer}1,2025-04-20,1,p" for customer in "abc")))
    return path


def test_points_over_the_cap_are_the_score(cli: Cli, rows: Path, tmp_path: Path) -> None:
    loyalty, out = tmp_path / "l.csv", tmp_path / "out.parquet"
    loyalty.write_text("customer_id,points\na,250\nb,1000\nz,3\ny,4\n")
    ran = cli("build", rows, "--out", out, "--today", TODAY, "--loyalty", loyalty, "--max-points", "1000")
    assert ran.code == 0, ran.err
    assert pyarrow.parquet.read_table(out)["loyalty_score"].to_pylist() == [0.25, 1.0, 0.0]
    assert "4 customers have a score; 2 of them have no rows" in ran.err
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    assert manifest["options"]["max_points"] == 1000
    assert manifest["loyalty"] == {
        "sources": [{"path": str(loyalty), "bytes": loyalty.stat().st_size}],
        "mapping": {"customer_id": "customer_id", "points": "points"},
        "customers": 4,
        "unknown_customers": 2,
    }


def test_more_points_than_the_cap_are_a_fault(cli: Cli, rows: Path, tmp_path: Path) -> None:
    loyalty, out = tmp_path / "l.csv", tmp_path / "out.parquet"
    loyalty.write_text("customer_id,points\na,1001\nb,-1\n")
    words = ("--loyalty", loyalty, "--max-points", "1000", "--max-faults", "1")
    ran = cli("build", rows, "--out", out, "--today", TODAY, *words)
    assert ran.code == 0, ran.err
    assert pyarrow.parquet.read_table(out)["customer_id"].to_pylist() == ["c"]
    quarantine = pyarrow.parquet.read_table(f"{out}.quarantine.parquet")
    assert quarantine["fault"].to_pylist() == ["loyalty_out_of_range"] * 2
    assert "1001" in quarantine["message"][0].as_py()


@pytest.mark.parametrize(
    ("text", "words", "says"),
    [
        ("customer_id,points\na,1\n", (), "loyalty_score"),
        ("customer_id,loyalty_score\na,1\n", ("--max-points", "10"), "points"),
        ("customer_id,points\na,1\n", ("--max-points", "0"), "above 0"),
        ("customer_id,points\na,1\n", ("--max-points", "many"), "above 0"),
    ],
)
def test_what_does_not_fit_ends_in_a_sentence(
    text: str, words: tuple[str, ...], says: str, cli: Cli, rows: Path, tmp_path: Path
) -> None:
    (tmp_path / "l.csv").write_text(text)
    ran = cli("build", rows, "--out", tmp_path / "out.csv", "--today", TODAY, "--loyalty", tmp_path / "l.csv", *words)
    assert says in assert_refused(ran, tmp_path)


def test_a_cap_without_a_file(cli: Cli, rows: Path, tmp_path: Path) -> None:
    ran = cli("build", rows, "--out", tmp_path / "out.csv", "--today", TODAY, "--max-points", "10")
    assert "goes with --loyalty" in assert_refused(ran, tmp_path)


def test_a_file_with_nothing_but_a_header(cli: Cli, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("customer_id,loyalty_score\n")
    out = tmp_path / "out.parquet"
    ran = cli("build", rows, "--out", out, "--today", TODAY, "--loyalty", tmp_path / "l.csv")
    assert ran.code == 0, ran.err
    assert "0 customers have a score; 0 of them have no rows" in ran.err
    assert set(pyarrow.parquet.read_table(out)["loyalty_score"].to_pylist()) == {0.0}
