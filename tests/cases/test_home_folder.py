"""Paths that begin with ``~``: the engine would read it as the home folder, and the rest of the run would not."""

from __future__ import annotations

from pathlib import Path

import pytest

from customer_features.targets.manifest import verify
from tests.conftest import TODAY, Cli

ROWS = "customer_id,transaction_id,date,amount,product_id\n{},1,2025-04-01,{},p\n"


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder; in the home folder stand other files, under the names that the engine would make."""
    home, here = tmp_path / "home", tmp_path / "here"
    (here / "~").mkdir(parents=True)
    (home / "~").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(here)
    for name in ("~rows.csv", "~/rows.csv"):
        (here / name).write_text(ROWS.format("right", 1))
    for name in ("rows.csv", "~rows.csv"):
        (home / name).write_text(ROWS.format("wrong", 999))
    (tmp_path / "homerows.csv").write_text(ROWS.format("wrong", 999))
    return here


@pytest.mark.parametrize("source", ["~rows.csv", "~/rows.csv"])
def test_the_source_is_the_file_of_that_name(source: str, cli: Cli) -> None:
    ran = cli("build", source, "--out", "f.csv", "--today", TODAY)
    assert ran.code == 0, ran.err
    assert Path("f.csv").read_text().splitlines()[1:] == ["right,1.0,1.0,1.0,1.0,0.0,23.0"]


def test_so_is_a_file_of_scores(cli: Cli, tmp_path: Path) -> None:
    Path("~scores.csv").write_text("customer_id,loyalty_score\nright,0.25\n")
    (tmp_path / "homescores.csv").write_text("customer_id,loyalty_score\nright,0.99\n")
    cli("build", "~rows.csv", "--loyalty", "~scores.csv", "--out", "f.csv", "--today", TODAY)
    assert ",0.25," in Path("f.csv").read_text()


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".arrow"])
def test_what_is_written_stands_there(suffix: str, cli: Cli, tmp_path: Path) -> None:
    Path("rows.csv").write_text(f"{ROWS.format('right', 1)},2,2025-04-01,1,p\n")
    words = ("--max-faults", "1", "--today", TODAY, "--spill-dir", "~")
    ran = cli("build", "rows.csv", "--out", f"~/f{suffix}", "--quarantine", "~/aside.csv", *words)
    assert ran.code == 0, ran.err
    assert verify(Path(f"~/f{suffix}"))["rows"]["used"] == 1
    assert "missing_customer_id" in Path("~/aside.csv").read_text()
    assert sorted(path.name for path in (tmp_path / "home").rglob("*")) == ["rows.csv", "~", "~rows.csv"]
