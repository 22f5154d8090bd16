"""``make mutants``: the test that is recorded beside each mutant, in a process with the mutant in it, must fail.

Where it does not, the whole agreement suite is run over the mutant until a test fails, and that one is told, or
recorded with ``--record``. Ends with 1 where a mutant survives, or is no plausible one (it cannot be imported, or no
engine takes its SQL).
"""

from __future__ import annotations

import argparse
import os
import select
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from tests.mutation.mutants import MUTANTS, Mutant, killer_of, source_of
from tests.mutation.recording import record
from tests.mutation.warm import Child, Result, Run, Warm

CHILDREN = 2
"""So many run at a time."""
LIMIT = 600
"""Seconds that a run may take: a mutant that hangs is dead."""
_BROKEN = {"SyntaxError", "ImportError", "NameError", "AttributeError", "TypeError"}
_BROKEN_SQL = ("Parser Error", "Binder Error", "Catalog Error")
"""What tells of a mutant that nobody could have overlooked."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: killed, survived or invalid, by what, and the CPU seconds that it took."""

    name: str
    what: str
    by: str
    seconds: float
    killer: str = ""
    """What is to be recorded as its killer, where that is something else than what is recorded."""

    def line(self, width: int) -> str:
        return f"{self.name.ljust(width)}  {self.what:8}  {self.seconds:5.1f} s  {self.by}"


class Unsound(Exception):
    """A test that is to kill mutants fails without any."""


Story = Generator[Run, Result, Fate | None]
"""The runs that a verdict needs, each asked for when the one before has ended; and the verdict."""


def of_package(tests: tuple[str, ...]) -> Story:
    """See that tests pass over the package as it is: what fails without a mutant kills nothing."""
    result = yield Run(None, tests)
    if not result.passed:
        raise Unsound(f"{result.test} fails over the package as it is: {_first_line(result.message)}")
    return None


def of_mutant(mutant: Mutant) -> Story:
    """Try the recorded killer, then the whole suite."""
    seconds = 0.0
    try:
        mutant.applied(source_of(mutant))
    except ValueError as error:
        return Fate(mutant.name, "invalid", str(error), 0.0)
    if mutant.killer:
        result = yield Run(mutant, (mutant.killing_test,))
        seconds += result.seconds
        if not result.passed:
            return Fate(mutant.name, *judged(result), seconds)
    result = yield Run(mutant)
    seconds += result.seconds
    if result.passed:
        return Fate(mutant.name, "survived", "", seconds)
    what, by = judged(result)
    if what == "invalid" or not (killer := killer_of(result.test)):
        return Fate(mutant.name, what, by, seconds)
    without = yield Run(None, (result.test,))
    seconds += without.seconds
    if not without.passed:
        return Fate(mutant.name, "invalid", f"{killer} fails without the mutant too", seconds)
    return Fate(mutant.name, what, by, seconds, killer)


def judged(result: Result) -> tuple[str, str]:
    """Whether a failure is an honest kill, and the test that failed."""
    by = f"{killer_of(result.test) or result.test}: {_first_line(result.message)}"
    broken = _BROKEN & set(result.kinds) or any(mark in result.message for mark in _BROKEN_SQL)
    return ("invalid" if result.code != 1 or broken else "killed"), by


def _first_line(message: str) -> str:
    return next((line for line in message.splitlines() if line.strip()), "")[:160]


class Performance:
    """Stories side by side, so that no two runs use the same warehouse at a time."""

    def __init__(self, warm: Warm, baselines: list[Story], mutants: list[Story]) -> None:
        self._warm = warm
        self._baselines = baselines
        self._waiting = [(story, next(story)) for story in baselines]
        self._unbegun = mutants
        self._unsure = {run.warehouse for _, run in self._waiting}
        """The warehouses whose tests have yet to pass over the package as it is; ``""``: the tests that need none."""
        self._running: dict[Child, tuple[Story, float]] = {}

    def fates(self) -> Iterator[Fate]:
        """The verdicts as they come. Raises Unsound where a test fails over the package itself."""
        for story in self._unbegun:
            try:
                self._waiting.append((story, next(story)))
            except StopIteration as end:
                yield end.value
        try:
            while self._waiting or self._running:
                while len(self._running) < CHILDREN and (place := self._startable()) is not None:
                    self._start(*self._waiting.pop(place))
                for child in self._ended():
                    yield from self._continued(child)
        finally:
            for child in self._running:
                child.kill()

    def _startable(self) -> int | None:
        """The first run that waits for nothing."""
        for place, (_, run) in enumerate(self._waiting):
            if run.mutant is not None and run.warehouse in self._unsure:
                continue
            if self._warm.can_start(run):
                return place
        return None

    def _start(self, story: Story, run: Run) -> None:
        self._running[self._warm.start(run)] = story, time.monotonic() + LIMIT

    def _ended(self) -> list[Child]:
        """The children that have told what they found, or took too long, once there is one or a warehouse is up."""
        first = min((ends for _, ends in self._running.values()), default=time.monotonic() + LIMIT)
        heard = [*self._warm.awaited(), *(child.told for child in self._running)]
        told, _, _ = select.select(heard, [], [], max(first - time.monotonic(), 0))
        now = time.monotonic()
        return [child for child, (_, ends) in self._running.items() if child.told in told or ends <= now]

    def _continued(self, child: Child) -> Iterator[Fate]:
        story, ends = self._running.pop(child)
        if ends <= time.monotonic():
            child.kill()
            result = Result(1, "", ["TimeoutExpired"], f"took longer than {LIMIT} s", LIMIT)
        else:
            result = child.result()
        self._warm.ended(child)
        try:
            self._waiting.insert(0, (story, story.send(result)))
        except StopIteration as end:
            if story in self._baselines:
                self._unsure.remove(child.run.warehouse)
            else:
                yield end.value


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of mutants; all of them by default")
    parser.add_argument("--record", action="store_true", help="write the killers that were found into mutants.py")
    given = parser.parse_args(None if arguments is None else list(arguments))
    chosen = [one for one in MUTANTS if not given.names or any(part in one.name for part in given.names)]
    if not chosen:
        parser.error("no mutant has such a name")
    return performed(chosen, given.record)


def performed(mutants: list[Mutant], recording: bool = False) -> int:
    """Tell the fate of each mutant; the exit code."""
    began = time.monotonic()
    recorded = sorted({(Run(None, (test,)).warehouse, test) for one in mutants if (test := one.killing_test)})
    baselines = {name: tuple(test for _, test in tests) for name, tests in groupby(recorded, lambda pair: pair[0])}
    width = max(len(one.name) for one in mutants)
    fates = []
    with Warm() as warm:
        for name in baselines:
            if name:
                warm.lend(name)
        stories = [of_package(tests) for tests in baselines.values()]
        try:
            for found in Performance(warm, stories, [of_mutant(mutant) for mutant in mutants]).fates():
                fates.append(found)
                print(found.line(width), flush=True)
        except Unsound as unsound:
            print(unsound)
            return 1
    print(f"\n{time.monotonic() - began:.0f} s, {sum(os.times()[:4]):.0f} s of all processors")
    return summed_up(mutants, fates, recording)


def summed_up(mutants: list[Mutant], fates: list[Fate], recording: bool) -> int:
    """Tell how many were killed, and what is to be recorded; the exit code."""
    left = [found for found in fates if found.what != "killed"]
    news = {found.name: found.killer for found in fates if found.killer}
    killed = len(fates) - len(left)
    print(f"{len(fates)} mutants, {killed} killed, {killed - len(news)} of them by the test recorded beside them")
    for found in left:
        print(f"{found.what}: {found.name}")
    for mutant in mutants:
        if killer := news.get(mutant.name):
            before = f"recorded killer {mutant.killer!r} did not kill it" if mutant.killer else "no killer is recorded"
            print(f"{mutant.name}: {before}; killed by {killer!r}: {'recorded' if recording else 'record that'}")
    if recording and news:
        record(news)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
