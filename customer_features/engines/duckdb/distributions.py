"""How the values of each feature are spread over the customers, computed in the session that holds the vectors.

Nothing is read back from where the vectors were published: the values are made once more, without ids and in no order
(both cost more than the values), and two passes over them give least, middle and greatest value and the number of
zeros, and then how many customers are in each bin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from customer_features.definition.features import FEATURES, Feature
from customer_features.query.columns import quoted

if TYPE_CHECKING:
    import duckdb

BINS = 12
"""At most so many bins."""
_WIDE = 100
"""A scale of ratios is for values of which the greatest is at least so many times the least above zero."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """The values of one feature over ``customers`` (at least one).

    ``minimum``, ``median`` (of an even number the mean of the two in the middle) and ``maximum`` are in the feature's
    unit. ``edges``: of the bins, one more than there are bins; a bin holds its lower edge and not its upper one, but
    for the last, which holds both. ``counts``: customers in each bin. ``logarithmic``: each bin is the same ratio
    wide, and zeros are in none; otherwise each is equally wide and every customer is in one.
    """

    name: str
    customers: int
    minimum: float
    median: float
    maximum: float
    zeros: int
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    logarithmic: bool


def distributions(connection: duckdb.DuckDBPyConnection, select: str) -> list[Distribution]:
    """The distribution of each feature over what a query selects (columns named as the features); none of no rows."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE feature_values AS {select}")
    vectors = connection.table("feature_values")
    measured = _measured(vectors)
    if not measured[0][0]:
        return []
    scales = [_scale(feature, *of) for feature, of in zip(FEATURES, measured, strict=True)]
    counts = _counted(vectors, [edges for edges, _ in scales])
    return [
        Distribution(feature.name, customers, least, middle, most, zeros, edges, in_bins, logarithmic)
        for feature, (customers, least, middle, most, zeros, *_), (edges, logarithmic), in_bins in zip(
            FEATURES, measured, scales, counts, strict=True
        )
    ]


_Measured = tuple[int, float, float, float, int, bool, float]


def _measured(vectors: duckdb.DuckDBPyRelation) -> list[_Measured]:
    """Of each feature: customers, least, median, greatest, zeros, whether all are whole, the least above zero."""
    items = [
        item.format(x=quoted(feature.name))
        for feature in FEATURES
        for item in (
            *("COUNT(*)", "MIN({x})", "MEDIAN({x})", "MAX({x})", "COUNT_IF({x} = 0)"),
            *("BOOL_AND({x} = FLOOR({x}))", "MIN(CASE WHEN {x} > 0 THEN {x} END)"),
        )
    ]
    [row] = vectors.aggregate(", ".join(items)).fetchall()
    width = len(items) // len(FEATURES)
    return [row[place : place + width] for place in range(0, len(items), width)]


def _scale(
    feature: Feature,
    customers: int,
    least: float,
    middle: float,
    most: float,
    zeros: int,
    whole: bool,
    above: float | None,
) -> tuple[tuple[float, ...], bool]:
    """The edges of the bins, and whether they are a ratio apart."""
    # Where half of the customers stood in the first of the equal bins, these would show little else.
    crowded = middle < least + (most - least) / BINS
    if feature.maximum is None and least >= 0 and above is not None and most >= _WIDE * above and crowded:
        # Between the two by powers of each: their quotient may be more than a double holds.
        parts = [place / BINS for place in range(1, BINS)]
        return (above, *(above ** (1 - part) * most**part for part in parts), most), True
    if least == most:
        return (least, most), False
    if whole:
        # Bins of whole numbers each: others would hold more of them here and fewer there.
        step = -(-(most - least + 1) // BINS)
        count = int(-(-(most - least + 1) // step))
        return tuple(least + step * place for place in range(count + 1)), False
    return (least, *(least + (most - least) * place / BINS for place in range(1, BINS)), most), False


def _counted(vectors: duckdb.DuckDBPyRelation, scales: Sequence[tuple[float, ...]]) -> list[tuple[int, ...]]:
    """How many customers are in each bin of each feature."""
    items = [
        f"COUNT_IF({quoted(feature.name)} >= CAST('{edge!r}' AS DOUBLE))"
        for feature, edges in zip(FEATURES, scales, strict=True)
        for edge in edges[:-1]
    ]
    [row] = vectors.aggregate(", ".join(items)).fetchall()
    counts, place = [], 0
    for edges in scales:
        from_here_on = [*row[place : place + len(edges) - 1], 0]
        counts.append(tuple(here - next_ for here, next_ in pairwise(from_here_on)))
        place += len(edges) - 1
    return counts
