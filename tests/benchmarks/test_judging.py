"""What counts as wrong, and what as wrong beyond rounding."""

from __future__ import annotations

import polars as pl
import pytest

from benchmarks.harness import held
from benchmarks.judging import FEATURES, Verdict, judged, judged_mapping

EXACT = {"a": (10.0, 2.0, 5.0, 1.0, 0.0, 3.0), "b": (0.3, 1.0, 0.3, 1.0, 0.0, 9.0)}


def frame(vectors: dict[str, tuple[float, ...]]) -> pl.DataFrame:
    columns = {name: [vector[place] for vector in vectors.values()] for place, name in enumerate(FEATURES)}
    return pl.DataFrame({"customer_id": list(vectors), **columns})


CASES = [
    ({}, 0, False),
    ({"b": (0.1 + 0.2, 1.0, 0.3, 1.0, 0.0, 9.0)}, 1, False),
    ({"a": (10.01, 2.0, 5.0, 1.0, 0.0, 3.0)}, 1, False),
    ({"a": (10.02, 2.0, 5.0, 1.0, 0.0, 3.0)}, 1, True),
    ({"a": (10.0, 3.0, 5.0, 1.0, 0.0, 3.0)}, 1, True),
    ({"a": (10.0, 2.0, 5.0, 1.0, 0.0, 3.01)}, 1, True),
    ({"c": (10.0, 2.0, 5.0, 1.0, 0.0, 3.0)}, 1, True),
]


@pytest.mark.parametrize(("change", "wrong", "far"), CASES)
def test_frames_and_mappings_are_judged_alike(change: dict[str, tuple[float, ...]], wrong: int, far: bool) -> None:
    found = EXACT | change
    for verdict in (judged(frame(found), frame(EXACT)), judged_mapping(found, EXACT)):
        assert (verdict.wrong, bool(verdict.far)) == (wrong, far)


def test_missing_vectors_are_wrong_beyond_rounding() -> None:
    found = {"a": EXACT["a"]}
    for verdict in (judged(frame(found), frame(EXACT)), judged_mapping(found, EXACT)):
        assert verdict.wrong == 1
        assert "b" in verdict.far


def test_a_negative_zero_and_a_nan_are_wrong() -> None:
    assert judged(frame(EXACT | {"a": (10.0, 2.0, 5.0, 1.0, -0.0, 3.0)}), frame(EXACT)).wrong == 1
    assert judged(frame(EXACT | {"a": (float("nan"), 2.0, 5.0, 1.0, 0.0, 3.0)}), frame(EXACT)).far


def test_no_time_counts_where_vectors_are_wrong() -> None:
    assert held("bulk", "a peer", Verdict(3), ours=False) == 3
    with pytest.raises(SystemExit, match="3 of our own vectors are wrong"):
        held("bulk", "ours", Verdict(3), ours=True)
    with pytest.raises(SystemExit, match="a peer is wrong beyond cents, so it is written wrongly: C1"):
        held("bulk", "a peer", Verdict(3, "C1"), ours=False)
