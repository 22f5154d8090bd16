"""Alternating runs, medians and ratios. A contender's result is checked before its time counts."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any


@dataclass(slots=True)
class Contender:
    """Something that does the work: a name, how it is run, and how its result is judged.

    ``wrong`` counts the vectors that differ from the oracle's (None: the contender only does a part of the
    work, and is a limit rather than a peer).
    """

    name: str
    run: Callable[[], Any]
    wrong: Callable[[Any], int] | None
    seconds: list[float] = field(default_factory=list)
    differing: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: how long ours takes as a multiple of a contender's median."""

    contest: str
    contender: str
    ratio: float
    low: float
    high: float
    differing: int | None


def contest(name: str, ours: Contender, others: list[Contender], rounds: int) -> list[Row]:
    """Run all in turn, ``rounds`` times after one round that warms up and checks results."""
    everyone = [ours, *others]
    for contender in everyone:
        result = contender.run()
        contender.differing = None if contender.wrong is None else contender.wrong(result)
    if ours.differing:
        raise SystemExit(f"{name}: {ours.differing} of our own vectors are wrong; no time counts")
    for turn in range(rounds):
        # Every round starts with another contender, so that none always follows the same one.
        for contender in everyone[turn % len(everyone) :] + everyone[: turn % len(everyone)]:
            gc.collect()
            began = perf_counter()
            contender.run()
            contender.seconds.append(perf_counter() - began)
    return [_row(name, ours, other) for other in others]


def _row(name: str, ours: Contender, other: Contender) -> Row:
    # Ratios within a round: both ran within moments of each other, on the same machine in the same mood.
    ratios = sorted(mine / theirs for mine, theirs in zip(ours.seconds, other.seconds, strict=True))
    quarter = len(ratios) // 4
    return Row(name, other.name, statistics.median(ratios), ratios[quarter], ratios[-1 - quarter], other.differing)


def print_table(rows: list[Row]) -> None:
    """The table of ratios: below 1 ours is faster."""
    print(f"{'contest':<40} {'peer':<30} {'ours / peer':>11}  {'middle half':>15}  peer's vectors that are wrong")
    for row in rows:
        wrong = "(does a part of the work)" if row.differing is None else f"{row.differing:,}"
        spread = f"{row.low:.2f} to {row.high:.2f}"
        print(f"{row.contest:<40} {row.contender:<30} {row.ratio:>11.2f}  {spread:>15}  {wrong}")
