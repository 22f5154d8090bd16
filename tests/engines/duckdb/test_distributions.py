"""Distributions against plain Python: every bin counted one value at a time."""

from __future__ import annotations

import statistics
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customer_features.definition.features import names
from customer_features.engines.duckdb.distributions import BINS, Distribution, distributions
from tests.conftest import examples

MONEY = st.integers(-(10**6), 10**9).map(lambda cents: cents / 100)
COUNTS = st.integers(0, 3000).map(float)
SCORES = st.floats(0, 1)


def found(values: list[float]) -> list[Distribution]:
    """The distributions where every feature has these values."""
    connection = duckdb.connect()
    rows = ", ".join(f"(CAST('{value!r}' AS DOUBLE))" for value in values)
    columns = ", ".join(f"x AS {name}" for name in names())
    return distributions(connection, f"SELECT {columns} FROM (VALUES {rows}) t(x)")


@settings(max_examples=examples(25), deadline=None)
@given(st.one_of(*(st.lists(kind, min_size=1, max_size=40) for kind in (MONEY, COUNTS, SCORES))))
def test_every_value_is_counted_once(values: list[float]) -> None:
    for name, one in zip(names(), found(values), strict=True):
        assert (one.name, one.customers) == (name, len(values))
        assert (one.minimum, one.maximum) == (min(values), max(values))
        assert one.median == pytest.approx(statistics.median(values), rel=1e-12, abs=1e-12)
        assert one.zeros == values.count(0)
        shown = [value for value in values if value or not one.logarithmic]
        assert len(one.counts) == len(one.edges) - 1 <= BINS
        assert sum(one.counts) == len(shown)
        last = len(one.counts) - 1
        for place, ((lower, upper), count) in enumerate(zip(pairwise(one.edges), one.counts, strict=True)):
            assert lower <= upper
            assert count == sum(lower <= value and (value < upper or place == last) for value in shown)
        assert one.edges[0] == min(shown)
        assert one.edges[-1] >= max(shown)


def test_the_scale() -> None:
    long_tail = [1.5] * 50 + [20.0] * 20 + [4000.25]
    scales = {one.name: one.logarithmic for one in found(long_tail)}
    assert scales == {name: name != "loyalty_score" for name in names()}  # a score has a greatest value
    [one, *_] = found(long_tail)
    ratios = [upper / lower for lower, upper in pairwise(one.edges)]
    assert ratios == pytest.approx([(4000.25 / 1.5) ** (1 / 12)] * 12)
    # Neither where most values stand apart, nor where some are below zero, nor where the greatest is near.
    for values in ([1.5] + [4000.25] * 50, [-1.5] * 50 + [4000.25], [50.0] * 50 + [4000.25]):
        assert not found(values)[0].logarithmic


def test_whole_numbers_share_bins_evenly() -> None:
    [one, *_] = found([float(number) for number in range(1, 31)])
    assert one.counts == (3,) * 10
    [one, *_] = found([1.0, 2.0, 3.0])
    assert (one.edges, one.counts) == ((1.0, 2.0, 3.0, 4.0), (1, 1, 1))
    [one, *_] = found([7.0, 7.0])
    assert (one.edges, one.counts) == ((7.0, 7.0), (2,))


def test_no_customers() -> None:
    columns = ", ".join(f"CAST(1 AS DOUBLE) AS {name}" for name in names())
    assert distributions(duckdb.connect(), f"SELECT {columns} WHERE FALSE") == []
