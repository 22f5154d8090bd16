"""Accept by RFC 9110: a weight of 0 refuses a type, and a malformed weight counts for nothing."""

from __future__ import annotations

from typing import Any

import pytest

from customer_features.service import content
from customer_features.service.bodies import encodings
from customer_features.service.content import ANSWERS, ARROW, CSV, JSON, PARQUET
from customer_features.service.problems import Refused
from customer_features.service.weights import weight


def scope_of(*accepted: str) -> Any:
    return {"state": {}, "headers": [(b"accept", one.encode()) for one in accepted]}


@pytest.mark.parametrize(
    ("accepted", "answer"),
    [
        ([], JSON),
        (["*/*"], JSON),
        ([CSV], CSV),
        ([f"{CSV};q=0.5, {PARQUET}"], PARQUET),
        ([f"{CSV};q=0.5", f"{PARQUET};q=0.4"], CSV),
        (["image/png"], JSON),
        # A malformed weight.
        (["*/*;q=inf"], JSON),
        (["*/*;q=1e999"], JSON),
        ([f"{CSV};q=nan, {ARROW};q=0.1"], ARROW),
        ([f"{CSV};q=2"], JSON),
        ([f"{CSV};q=-1"], JSON),
        ([f"{CSV};q=0.5555"], JSON),
        # A refusal.
        ([f"{CSV};q=0"], JSON),
        ([f"{JSON};q=0, */*"], PARQUET),
        ([f"{JSON};q=0.000, {CSV};q=0.1"], CSV),
        ([f"text/*;q=0, {CSV}, {PARQUET};q=0.1"], CSV),
        ([f"*/*;q=0, {JSON}"], JSON),
        ([f"{CSV} ; Q=0, {CSV}x"], JSON),
    ],
)
def test_the_answers_type(accepted: list[str], answer: str) -> None:
    assert content.best_match(scope_of(*accepted), ANSWERS) == answer


@pytest.mark.parametrize(
    "accepted", ["*/*;q=0", f"{JSON};q=0", f"application/*;q=0, {CSV};q=0", f"{JSON};q=0, image/png"]
)
def test_nothing_is_acceptable(accepted: str) -> None:
    with pytest.raises(Refused) as refused:
        content.best_match(scope_of(accepted), ANSWERS)
    assert refused.value.name == "not-acceptable"
    assert CSV in refused.value.detail


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip;q=inf", None), ("gzip;q=1e999, zstd;q=0.1", "zstd"), ("gzip;q=0", None), ("*;q=0, gzip", "gzip")],
)
def test_codings_are_weighed_alike(accepted: str, coding: str | None) -> None:
    assert encodings.chosen([accepted]) == coding


def test_weights() -> None:
    assert [weight([f"q={text}"]) for text in ("0", "0.", "0.125", "1", "1.000")] == [0, 0, 0.125, 1, 1]
    assert [weight([f"q={text}"]) for text in ("", "1.001", "01", "inf", "nan", "1e0", "-0", "0.1234")] == [None] * 8
    assert (weight([]), weight(["charset=utf-8"]), weight(["level=1", "q=0.5"])) == (1, 1, 0.5)
