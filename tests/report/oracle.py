"""The figures again, in plain Python: lists, fractions and the textbook's formulas, and nothing of the package."""

from __future__ import annotations

import math
import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction


def quantile(values: Sequence[float], share: float) -> float:
    """Linear interpolation between the two nearest of the sorted values (type 7)."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * Fraction(share)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return float(Fraction(ordered[low]) + (place - low) * (Fraction(ordered[high]) - Fraction(ordered[low])))


def mean(values: Sequence[float]) -> float:
    return float(sum(map(Fraction, values)) / len(values))


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [(bisect_left(ordered, value) + 1 + bisect_right(ordered, value)) / 2 for value in values]


def pearson(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(set(one)) < 2 or len(set(other)) < 2:
        return None
    return statistics.correlation(one, other)


def gini(values: Sequence[float]) -> float:
    """Half the mean difference of all pairs, by the mean: the definition, not the sorted short cut."""
    exact = [Fraction(value) for value in values]
    apart = sum(abs(one - other) for one in exact for other in exact)
    return float(apart / (2 * len(exact) * sum(exact)))


def top_share(values: Sequence[float], percent: int) -> tuple[int, float]:
    """How many the first ``percent`` of the customers are, and what part of the sum they hold."""
    ordered = sorted(map(Fraction, values), reverse=True)
    count = math.ceil(Fraction(percent * len(ordered), 100))
    return count, float(sum(ordered[:count]) / sum(ordered))


def psi(older: Sequence[float], newer: Sequence[float]) -> float:
    """The population stability index over the deciles of the older values."""
    edges = sorted({quantile(older, place / 10) for place in range(1, 10)})
    total = 0.0
    for place in range(len(edges) + 1):
        counts = [sum(1 for value in values if bisect_left(edges, value) == place) for values in (older, newer)]
        if not any(counts):
            continue
        was, now = (max(count, 0.5) / len(values) for count, values in zip(counts, (older, newer), strict=True))
        total += (now - was) * math.log(now / was)
    return total


def ks(older: Sequence[float], newer: Sequence[float]) -> float:
    """The largest distance of two cumulative distributions, looked for at every value."""
    one, other = sorted(older), sorted(newer)
    return max(
        abs(bisect_right(one, value) / len(one) - bisect_right(other, value) / len(other)) for value in (*one, *other)
    )
