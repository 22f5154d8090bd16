"""Contests within this process: alternating runs. A contender's result is checked before its time counts."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any

from benchmarks.judging import Verdict
from benchmarks.results import Contest, Standing, contest


@dataclass(slots=True)
class Contender:
    """Something that does the work: a name, how it is run, and how its result is judged.

    ``judge`` compares its vectors with the oracle's (None: it gives no vectors, and is a limit rather than a peer).
    """

    name: str
    run: Callable[[], Any]
    judge: Callable[[Any], Verdict] | None
    note: str = ""
    limit: bool = False
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    wrong: int | None = None


def held(name: str, contender: str, verdict: Verdict, ours: bool) -> int:
    """How many vectors are wrong. Ends the benchmark where ours are, or a peer's by more than rounding makes them."""
    if ours and verdict.wrong:
        raise SystemExit(f"{name}: {verdict.wrong} of our own vectors are wrong; no time counts")
    if verdict.far:
        raise SystemExit(f"{name}: {contender} is wrong beyond cents, so it is written wrongly: {verdict.far}")
    return verdict.wrong


def in_turns(everyone: list[Any], rounds: int, run: Callable[[Any], None]) -> None:
    """Each round starts with another contender, so that none always follows the same one."""
    for turn in range(rounds):
        first = turn % len(everyone)
        for contender in everyone[first:] + everyone[:first]:
            run(contender)


def timed(contender: Contender) -> None:
    """Run it once, and keep its seconds."""
    gc.collect()
    began, used = perf_counter(), process_time()
    contender.run()
    contender.seconds.append(perf_counter() - began)
    contender.cpu_seconds.append(process_time() - used)


def run_contest(
    title: str, ours: Contender, others: list[Contender], rounds: int, vectors: int | None = None, cpu: bool = True
) -> Contest:
    """Run all in turn, ``rounds`` times after one round that warms up and checks results.

    ``cpu``: whether the work is done in this process, so that its processor time tells something.
    """
    everyone = [ours, *others]
    for contender in everyone:
        result = contender.run()
        if contender.judge is not None:
            contender.wrong = held(title, contender.name, contender.judge(result), contender is ours)
    in_turns(everyone, rounds, timed)
    return contest(
        title,
        [
            Standing(
                one.name,
                one.seconds,
                role="ours" if one is ours else "limit" if one.judge is None or one.limit else "peer",
                cpu_seconds=one.cpu_seconds if cpu else [],
                wrong=one.wrong,
                note=one.note,
            )
            for one in everyone
        ],
        vectors=vectors,
    )
