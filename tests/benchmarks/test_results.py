"""What is recorded: ratios round by round, and files that runs of some contests are merged into."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from benchmarks.results import FOLDER, Results, Run, Standing, contest, load, ratio, save


def run(made: str) -> Run:
    return Run(made, {"cores": "2"}, {"duckdb": "2.0.0"}, [0.1, 0.2, 0.3])


def standing(name: str, *seconds: float, rows: int | None = None) -> Standing:
    return Standing(name, list(seconds), rows=rows)


def test_ratios_are_of_the_same_round() -> None:
    found = ratio(standing("ours", 1.0, 4.0, 9.0, 4.0), standing("peer", 2.0, 4.0, 3.0, 2.0))
    assert (found.median, found.low, found.high) == (1.5, 1.0, 2.0)


def test_ratios_of_other_sizes_are_row_by_row() -> None:
    found = ratio(standing("ours", 30.0, rows=100), standing("smaller", 2.0, rows=10))
    assert found.median == pytest.approx((30 / 100) / (2 / 10))


def test_merging_replaces_a_group_and_forgets_its_run(tmp_path: Path) -> None:
    path = tmp_path / "results" / "bench.json"
    first = contest("a", [standing("ours", 1.0), standing("peer", 2.0)])
    second = contest("a", [standing("ours", 1.0), standing("peer", 4.0)])
    found = load(path)
    assert found == Results()
    found.merge("json", [first], run("monday"))
    found.merge("bulk", [first], run("monday"))
    save(found, path)
    found = load(path)
    found.merge("json", [second], run("tuesday"))
    save(found, path)
    found = load(path)
    assert found.contests == {"json": [second], "bulk": [first]}
    assert found.measured_in == {"json": "tuesday", "bulk": "monday"}
    assert set(found.runs) == {"monday", "tuesday"}
    found.merge("bulk", [second], run("tuesday"))
    assert set(found.runs) == {"tuesday"}
    assert [one.name for one in path.parent.iterdir()] == ["bench.json"]


@pytest.mark.parametrize("name", ["bench.json", "bench-large.json"])
def test_recorded_ratios_are_those_of_the_recorded_seconds(name: str) -> None:
    for group, contests in load(FOLDER / name).contests.items():
        for one in contests:
            for other in one.others:
                scale = other.rows / one.ours.rows if other.rows and one.ours.rows else 1
                each = [scale * a / b for a, b in zip(one.ours.seconds, other.seconds, strict=True)]
                assert other.ratio is not None
                assert other.ratio.median == pytest.approx(statistics.median(each)), (group, one.title)
                assert min(each) <= other.ratio.low <= other.ratio.median <= other.ratio.high <= max(each) + 1e-12
            assert not one.ours.wrong
