"""The edges of a histogram: linear or log, chosen by how far the values spread.

A log scale is taken where the largest value is more than 10 times the median of those above zero and the feature has
no upper end of its own, as a score has. Edges are round numbers, so that two reports can be laid side by side.
"""

from __future__ import annotations

import math

SPREAD = 10
"""A largest value of more than so many medians calls for a log scale."""
_MOST = 40
"""Bins of one histogram at most, about."""


def scale(largest: float, median_above_zero: float | None, bounded: bool) -> str:
    """``log`` or ``linear``."""
    if bounded or median_above_zero is None:
        return "linear"
    return "log" if largest > SPREAD * median_above_zero else "linear"


def edges(lowest: float, largest: float, scale: str, whole: bool) -> list[float]:
    """Rising edges from at most ``lowest`` to at least ``largest``; of whole numbers the last edge lies above it."""
    if lowest == largest:
        return [lowest, lowest + 1] if whole else [lowest, largest]
    return _log(lowest, largest, whole) if scale == "log" else _linear(lowest, largest, whole)


def _linear(lowest: float, largest: float, whole: bool) -> list[float]:
    step = _round_step((largest - lowest) / 30)
    if whole:
        step = 1.0 if largest - lowest < _MOST else max(1.0, math.ceil(step))
    first, last = math.floor(lowest / step), math.ceil(largest / step)
    if max(abs(first), abs(last)) > 2**52:  # so close together that a double knows no edges between them
        return [lowest, largest]
    if whole and last * step <= largest:
        last += 1
    # A step below one is no exact double; its inverse is.
    inverse = round(1 / step)
    return [place / inverse if step < 1 else place * step for place in range(first, last + 1)]


def _log(lowest: float, largest: float, whole: bool) -> list[float]:
    low, high = math.floor(math.log10(lowest)), math.ceil(math.log10(largest))
    # Five edges a decade, between its ends, become 1, 2, 3, 5, 8, 13, 20: the whole numbers that are as far apart.
    steps, shift = (5, 0.5) if whole else (_steps(max(high - low, 1)), 0)
    found: list[float] = []
    for place in range(low * steps - 1, high * steps + 2):
        decade, within = divmod(place + shift, steps)
        edge = float(f"{round(10 ** (within / steps), 1):g}e{decade:g}")
        edge = float(max(round(edge), 1)) if whole else edge
        if not found or edge > found[-1]:
            found.append(edge)
    start = max((place for place, edge in enumerate(found) if edge <= lowest), default=0)
    end = next((place for place, edge in enumerate(found) if edge > largest or (not whole and edge == largest)), None)
    return found[start : len(found) if end is None else end + 1]


def _steps(decades: int) -> int:
    return next((steps for steps in (10, 5, 3) if steps * decades <= _MOST), 1)


def _round_step(least: float) -> float:
    """The least of 1, 2 or 5 times a power of ten that is not below ``least``."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(step for factor in (1, 2, 5, 10) if (step := factor * power) >= least * (1 - 1e-9))
