"""Drift and movements, beside a plain Python calculation."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from customer_features.definition import features
from customer_features.report import drift
from customer_features.report.movers import MOST, compare
from customer_features.report.reading import read
from customer_features.report.shapes import Comparison, FeatureDrift
from customer_features.report.vectors import Vectors

from . import oracle
from .conftest import SENTINEL, Files, table


def compared(older: Any, newer: Any, *, show_ids: bool = False) -> Comparison:
    with duckdb.connect() as connection:
        connection.register("older", older)
        connection.register("newer", newer)
        return compare(Vectors.of(connection, "older"), Vectors.of(connection, "newer"), "x", show_ids=show_ids)


def drifted(older: list[float], newer: list[float]) -> FeatureDrift:
    """The drift of one feature between two lists of values."""
    found = compared(table(avg_ticket=older), table(avg_ticket=newer)).drift
    return next(one for one in found if one.name == "avg_ticket")


@pytest.fixture(scope="module")
def found(files: Files) -> Iterator[Comparison]:
    with duckdb.connect() as connection:
        older, newer = (read(str(path), connection, path.stem) for path in (files.older, files.newer))
        sides = Vectors.of(connection, older.relation), Vectors.of(connection, newer.relation)
        yield compare(*sides, "older.csv", show_ids=True)


@pytest.mark.parametrize("name", features.names())
def test_psi_and_ks(name: str, files: Files, found: Comparison) -> None:
    older, newer = files.column(files.older, name), files.column(files.newer, name)
    one = next(one for one in found.drift if one.name == name)
    assert one.psi == pytest.approx(oracle.psi(older, newer), abs=1e-12)
    assert one.ks == pytest.approx(oracle.ks(older, newer), abs=1e-12)
    assert sum(row.older for row in one.bins) == len(older)
    assert sum(row.newer for row in one.bins) == len(newer)
    assert (one.older_median, one.newer_median) == (statistics.median(older), statistics.median(newer))
    # Where the two differ most, they do differ by so much.
    if one.ks_at is not None:
        below = [sum(value <= one.ks_at for value in values) / len(values) for values in (older, newer)]
        assert abs(below[0] - below[1]) == pytest.approx(one.ks, abs=1e-12)
    for histogram, values in ((one.older, older), (one.newer, newer)):
        assert sum(row.customers for row in histogram.bins) + histogram.apart == len(values)
    assert [row.lower for row in one.older.bins] == [row.lower for row in one.newer.bins]


@pytest.mark.slow
def test_who_came_went_and_stayed(files: Files, found: Comparison) -> None:
    older, newer = files.vectors(files.older), files.vectors(files.newer)
    assert found.customers == len(older)
    assert found.stayed == len(older.keys() & newer.keys())
    for group, there, other in ((found.came, newer, older), (found.went, older, newer)):
        alone = {customer: there[customer]["purchase_total"] for customer in there.keys() - other.keys()}
        assert group.customers == len(alone) > 0
        assert group.total == round(math.fsum(alone.values()), 2)
        most = sorted(alone.items(), key=lambda item: (-item[1], item[0]))[:MOST]
        assert [(move.customer, move.older or move.newer) for move in group.most] == most
    total = round(math.fsum(vector["purchase_total"] for vector in newer.values()), 2)
    bridged = found.total - found.went.total + found.change_of_stayed + found.came.total
    assert bridged == pytest.approx(total, abs=0.005)


@pytest.mark.parametrize("name", features.names())
def test_who_moved_most(name: str, files: Files, found: Comparison) -> None:
    older, newer = files.vectors(files.older), files.vectors(files.newer)
    changes = {
        customer: round(newer[customer][name] - older[customer][name], 9) for customer in older.keys() & newer.keys()
    }
    movement = next(one for one in found.movements if one.name == name)
    assert movement.up == sum(change > 0 for change in changes.values())
    assert movement.down == sum(change < 0 for change in changes.values())
    assert movement.same == sum(change == 0 for change in changes.values())
    assert movement.median_change == pytest.approx(statistics.median(changes.values()))
    moved = [item for item in changes.items() if item[1]]
    most = sorted(moved, key=lambda item: (-abs(item[1]), item[0]))[:MOST]
    assert [(move.customer, move.change) for move in movement.most] == most
    for move in movement.most:
        assert (move.older, move.newer) == (older[move.customer][name], newer[move.customer][name])


def test_customers_are_numbered_unless_ids_are_asked_for() -> None:
    older = table(purchase_total=[1.0, 2.0, 3.0])
    newer = table(purchase_total=[9.0, 2.0], avg_ticket=[5.0, 1.0])
    for show_ids, names in ((False, ("customer 1", "customer 2")), (True, ("c00000", "c00002"))):
        found = compared(older, newer, show_ids=show_ids)
        by_name = {movement.name: [move.customer for move in movement.most] for movement in found.movements}
        # The same customer bears the same number in every list.
        assert by_name["purchase_total"] == by_name["avg_ticket"] == [names[0]]
        assert [move.customer for move in found.went.most] == [names[1]]
    assert SENTINEL not in str(found)


def test_the_same_file_does_not_drift() -> None:
    values = [float(place % 37) for place in range(500)]
    one = drifted(values, values)
    assert (one.psi, one.ks, one.ks_at, one.level) == (0, 0, None, "stable")


@pytest.mark.parametrize(
    ("older", "newer", "bins"),
    [
        ([5.0] * 300, [5.0] * 300, 3),
        ([5.0] * 300, [4.0] * 300, 3),
        ([5.0] * 300, [6.0] * 300, 3),
        ([0.0] * 250 + [1.0] * 50, [0.0] * 100 + [1.0] * 200, 3),
    ],
)
def test_a_feature_that_hardly_varied(older: list[float], newer: list[float], bins: int) -> None:
    one = drifted(older, newer)
    assert len(one.bins) <= bins
    assert (one.level == "stable") is (older == newer)
    assert sum(row.newer for row in one.bins) == 300
    # Whichever way it went, the bins tell.
    assert [row.older for row in one.bins] != [row.newer for row in one.bins] or older == newer


def test_an_empty_bin_counts_half_a_customer() -> None:
    older, newer = [float(place) for place in range(1000)], [999.0] * 1000
    assert drifted(older, newer).psi == pytest.approx(
        9 * (0.0005 - 0.1) * math.log(0.0005 / 0.1) + (1 - 0.1) * math.log(1 / 0.1), rel=1e-12
    )


def test_a_constant_that_moved_leaves_a_bin_empty_on_each_side() -> None:
    half = 0.5 / 300
    one = drifted([5.0] * 300, [4.0] * 300)
    assert one.psi == pytest.approx(2 * (1 - half) * math.log(1 / half), rel=1e-12)
    assert (one.ks, one.ks_at) == (1, 4)


def test_of_equal_distances_the_least_value_is_told() -> None:
    one = drifted([1.0, 1.0, 4.0, 4.0], [1.0, 2.0, 3.0, 4.0])
    assert (one.ks, one.ks_at) == (0.25, 1)


@pytest.mark.parametrize(
    ("value", "thresholds", "level"),
    [(0.0999, drift.PSI, "stable"), (0.1, drift.PSI, "moderate"), (0.25, drift.PSI, "large"), (0.2, drift.KS, "large")],
)
def test_the_thresholds(value: float, thresholds: tuple[float, float], level: str) -> None:
    assert drift.level(value, thresholds) == level


def test_a_side_without_values() -> None:
    nobody = compared(table(purchase_total=[]), table(purchase_total=[1.0, 2.0]))
    assert [one.level for one in nobody.drift] == [None] * 6
    assert (nobody.came.customers, nobody.went.customers, nobody.stayed, nobody.few) == (2, 0, 0, True)


def test_chance_alone() -> None:
    """The critical distance at 5% of two samples of n and m: 1.358 * sqrt((n + m) / (n m)) (Smirnov 1948)."""
    one = drifted([1.0, 2.0] * 200, [1.0, 2.0] * 50)
    assert one.ks_chance == pytest.approx(1.358 * math.sqrt(500 / 40000))
