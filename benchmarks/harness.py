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
    memory: float | None = None
    """Peak memory of ours as a multiple of the contender's, where each ran in a process of its own."""


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
    return [row(name, other.name, ours.seconds, other.seconds, other.differing) for other in others]


def row(
    contest: str,
    contender: str,
    ours: list[float],
    theirs: list[float],
    differing: int | None,
    peaks: tuple[list[int], list[int]] | None = None,
) -> Row:
    """A line of the table. Ratios within a round: both ran within moments of each other, in the same mood of things."""
    ratios = sorted(mine / other for mine, other in zip(ours, theirs, strict=True))
    quarter = len(ratios) // 4
    memory = None if peaks is None else statistics.median(peaks[0]) / statistics.median(peaks[1])
    median = statistics.median(ratios)
    return Row(contest, contender, median, ratios[quarter], ratios[-1 - quarter], differing, memory)


def print_table(rows: list[Row]) -> None:
    """The table of ratios: below 1 ours is faster, or needs less memory."""
    print(
        f"{'contest':<40} {'peer':<34} {'ours / peer':>11}  {'middle half':>15}  {'memory':>6}"
        "  peer's vectors that are wrong"
    )
    for line in rows:
        wrong = "(does a part of the work)" if line.differing is None else f"{line.differing:,}"
        spread = f"{line.low:.2f} to {line.high:.2f}"
        memory = "" if line.memory is None else f"{line.memory:.2f}"
        print(f"{line.contest:<40} {line.contender:<34} {line.ratio:>11.2f}  {spread:>15}  {memory:>6}  {wrong}")
