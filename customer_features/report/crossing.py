"""Recency by frequency: how many customers came how lately how often.

The bands are the same for every file, so that two reports can be laid side by side; those at the ends where nobody is
are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from customer_features.report.shapes import Band, Crossing
from customer_features.report.vectors import Vectors

RECENCY = (0, 8, 15, 31, 61, 91, 181, 366, 731)
"""The least days of each band: a week, two, a month, two, three, six, a year, two, and more."""
FREQUENCY = (1, 2, 3, 4, 6, 11, 21, 51, 101)
"""The least visits of each band."""


def crossing(vectors: Vectors) -> Crossing:
    """The customers of each band of recency and of frequency; what lies below a band counts in the first."""
    found = vectors.rows(
        f"""SELECT {_band("recency_days", RECENCY)}, {_band("visit_frequency", FREQUENCY)}, COUNT(*) FROM vectors
WHERE recency_days IS NOT NULL AND visit_frequency IS NOT NULL GROUP BY 1, 2"""
    )
    counts = {(int(column), int(row)): int(customers) for column, row, customers in found}
    if not counts:
        return Crossing([], [], [])
    columns, rows = _span(column for column, _ in counts), _span(row for _, row in counts)
    return Crossing(
        [_bands(RECENCY)[column] for column in columns],
        [_bands(FREQUENCY)[row] for row in rows],
        [[counts.get((column, row), 0) for column in columns] for row in rows],
    )


def _bands(edges: Sequence[int]) -> list[Band]:
    return [Band(edge, end - 1) for edge, end in pairwise(edges)] + [Band(edges[-1], None)]


def _span(places: Iterable[int]) -> range:
    taken = set(places)
    return range(min(taken), max(taken) + 1)


def _band(column: str, edges: Sequence[int]) -> str:
    return " + ".join(f"CAST({column} >= {edge} AS INTEGER)" for edge in edges[1:])
