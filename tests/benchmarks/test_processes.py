"""Contenders in processes of their own: in turns, measured, judged; a failure is told and leaves no stale result."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.files import exact_vectors
from benchmarks.harness import in_turns
from benchmarks.processes import Process, drop_from_cache, present, process_contest
from tests.benchmarks.conftest import CUSTOMERS

OURS = Process("ours", "benchmarks.ours", "build")


def test_every_round_starts_with_another() -> None:
    seen: list[str] = []
    in_turns(["a", "b", "c"], 4, seen.append)
    assert "".join(seen) == "abcbcacababc"


@pytest.mark.slow
def test_a_contest_warm_and_cold(tiny: Path, tmp_path: Path) -> None:
    first = Process("first", "benchmarks.peers.duckdb_sql", "exact")
    scan = Process("scan", "benchmarks.peers.duckdb_sql", "scan", limit=True, columns=())
    warm, cold = process_contest("tiny", [first, scan], tiny, tmp_path, exact_vectors(tiny), rounds=2, cold_rounds=1)
    assert (warm.state, cold.state) == ("warm", "cold")
    assert [len(one.seconds) for one in warm.standings] == [2, 2]
    assert [len(one.peak_bytes) for one in cold.standings] == [1, 1]
    assert [one.role for one in warm.standings] == ["ours", "limit"]
    assert [one.wrong for one in warm.standings] == [0, None]
    assert warm.vectors == CUSTOMERS
    assert cold.others[0].ratio is not None
    assert cold.others[0].ratio.median == cold.ours.seconds[0] / cold.others[0].seconds[0]


def test_a_contender_that_fails_ends_the_run(tmp_path: Path, tiny: Path) -> None:
    out = tmp_path / "out.parquet"
    out.write_text("of the run before")
    with pytest.raises(SystemExit, match=r"broken: ended with 1\n(?s:.*)no attribute 'nothing'"):
        Process("broken", "benchmarks.peers.duckdb_sql", "nothing").run(tiny, out)
    assert not out.exists()


def test_one_that_cannot_run_here_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    absent = Process("a peer", "nowhere", needs=("json", "no_such_package"))
    assert present([OURS, absent]) == [OURS]
    assert capsys.readouterr().err == "left out: a peer, which needs no_such_package\n"


def test_dropping_from_the_cache_leaves_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(os.urandom(1 << 20))
    before = path.read_bytes()
    drop_from_cache(path)
    assert path.read_bytes() == before
