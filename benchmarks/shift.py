"""By how much a ratio has shifted between two samples of it, and how sure that is, without assuming how it is spread.

The estimate is Hodges and Lehmann's: the median of all differences between the one sample and the other. Its lower
bound comes from the exact distribution of Mann and Whitney's U (Hollander, Wolfe and Chicken, *Nonparametric
Statistical Methods*, section 4.3): the order statistic of the differences below which the true shift lies with a
probability of at most ``alpha``. Benchmarks have bursts and long tails, for which a t test, or medians with a normal
interval, promise more than they hold; this needs only that the repeats of a sample are alike.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from functools import cache


@cache
def ways(first: int, second: int, u: int) -> int:
    """In how many orders of two samples U is ``u`` (Mann and Whitney, 1947)."""
    if u < 0 or u > first * second:
        return 0
    if first == 0 or second == 0:
        return 1
    return ways(first - 1, second, u - second) + ways(first, second - 1, u)


@cache
def rank(first: int, second: int, alpha: float) -> int:
    """Which of the sorted differences, from 1, is the lower bound; 0 where so few repeats give none."""
    all_orders = math.comb(first + second, first)
    at_most, found = 0, 0
    while (at_most := at_most + ways(first, second, found)) <= alpha * all_orders:
        found += 1
    return found


def shift(recorded: Sequence[float], now: Sequence[float], alpha: float) -> tuple[float, float]:
    """The estimated shift from ``recorded`` to ``now``, and its lower bound.

    Raises ValueError where the samples are too few for a bound of that ``alpha``.
    """
    place = rank(len(recorded), len(now), alpha)
    if not place:
        raise ValueError(f"{len(recorded)} and {len(now)} repeats are too few for a bound at {alpha}")
    differences = sorted(one - other for one in now for other in recorded)
    return statistics.median(differences), differences[place - 1]
