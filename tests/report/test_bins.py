"""Edges of histograms: round, rising, around all values."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from customer_features.report import bins

AMOUNTS = st.floats(0.01, 1e13)


@given(AMOUNTS, AMOUNTS, st.sampled_from(["linear", "log"]), st.booleans())
@example(1.0, 1.0, "linear", True)
@example(9e12, 9e12 + 0.01, "linear", False)
@example(0.3, 0.6, "linear", False)
def test_edges_hold_all_values(one: float, other: float, scale: str, whole: bool) -> None:
    low, high = sorted((one, other))
    if whole:
        low, high = float(max(round(low), 1)), float(max(round(high), 1))
    edges = bins.edges(low, high, scale, whole)
    assert edges[0] <= low
    assert high < edges[-1] if whole else high <= edges[-1]
    assert low == high or all(before < after for before, after in itertools.pairwise(edges))
    assert len(edges) <= 75
    if whole:
        assert all(edge == round(edge) for edge in edges)


@pytest.mark.parametrize(
    ("low", "high", "scale", "whole", "edges"),
    [
        (0, 1, "linear", False, [place / 20 for place in range(21)]),
        (1, 5, "linear", True, [1, 2, 3, 4, 5, 6]),
        (3, 3, "linear", True, [3, 4]),
        (2.5, 2.5, "linear", False, [2.5, 2.5]),
        (1, 40, "log", True, [1, 2, 3, 5, 8, 13, 20, 32, 50]),
        (1, 10, "log", False, [1, 1.3, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 7.9, 10]),
    ],
)
def test_edges(low: float, high: float, scale: str, whole: bool, edges: list[float]) -> None:
    assert bins.edges(low, high, scale, whole) == edges


@pytest.mark.parametrize(
    ("largest", "median", "bounded", "scale"),
    [(100, 10, False, "linear"), (101, 10, False, "log"), (101, 10, True, "linear"), (5, None, False, "linear")],
)
def test_the_scale(largest: float, median: float | None, bounded: bool, scale: str) -> None:
    assert bins.scale(largest, median, bounded) == scale
