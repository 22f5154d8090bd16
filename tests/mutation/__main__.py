"""``make mutants``: run the test that is recorded as the killer of each mutant over that mutant. It must fail.

If it passes, the whole agreement suite runs over the mutant until a test fails. The command then names that test, or
records it with ``--record``. It ends with 1 if a mutant survives or is invalid: it cannot be imported, or no engine
takes its SQL.
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
"""How many run at a time."""
_BROKEN = {"SyntaxError", "ImportError", "NameError", "AttributeError", "TypeError"}
_BROKEN_SQL = ("Parser Error", "Binder Error", "Catalog Error")
"""Errors that nobody could have overlooked: a mutant that causes them is invalid."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant (killed, survived or invalid), by which test, and the CPU seconds that it took."""

    name: str
    what: str
    by: str
    seconds: float
    as_recorded: bool = False
    """Whether the recorded killer killed it."""
    killer: str = ""
    """The killer to record, if the recorded one did not kill it."""

    def line(self, width: int) -> str:
        return f"{self.name.ljust(width)}  {self.what:8}  {self.seconds:5.1f} s  {self.by}"


def limit_of(_: Run) -> float:
    """Return the seconds that a run may take. A mutant that hangs counts as killed."""
    return 600


class Unsound(Exception):
    """A killer fails without a mutant."""


Trial = Generator[Run, Result, Fate | None]
"""It yields the runs that a verdict needs, one after the other, is sent their results, and returns the verdict."""


def package_trial(tests: tuple[str, ...]) -> Trial:
    """Check that tests pass over the unchanged package: a test that fails without a mutant kills nothing."""
    result = yield Run(None, tests)
    if not result.passed:
        raise Unsound(f"{result.test} fails over the unchanged package: {_first_line(result.message)}")
    return None


def mutant_trial(mutant: Mutant) -> Trial:
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
            what, by = judged(result)
            return Fate(mutant.name, what, by, seconds, as_recorded=what == "killed")
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
    return Fate(mutant.name, what, by, seconds, killer=killer)


def judged(result: Result) -> tuple[str, str]:
    """Return whether a failure is an honest kill, and the test that failed."""
    by = ": ".join(filter(None, (killer_of(result.test) or result.test, _first_line(result.message))))
    broken = _BROKEN & set(result.kinds) or any(mark in result.message for mark in _BROKEN_SQL)
    return ("invalid" if result.code != 1 or broken else "killed"), by


def _first_line(message: str) -> str:
    return next((line for line in message.splitlines() if line.strip()), "")[:160]


class Schedule:
    """Trials side by side, in which no two runs use the same warehouse at a time."""

    def __init__(self, warm: Warm, baselines: list[Trial], mutants: list[Trial]) -> None:
        self._warm = warm
        self._baselines = baselines
        self._waiting = [(trial, next(trial)) for trial in baselines]
        self._unbegun = mutants
        self._unsure = {run.warehouse for _, run in self._waiting}
        """Warehouses whose tests have not yet passed over the unchanged package; ``""``: tests without one."""
        self._running: dict[Child, tuple[Trial, float]] = {}

    def fates(self) -> Iterator[Fate]:
        """Yield the verdicts as they come. Raises Unsound if a test fails over the unchanged package."""
        for trial in self._unbegun:
            try:
                self._waiting.append((trial, next(trial)))
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
        """Return the place of the first run that can start now."""
        for place, (_, run) in enumerate(self._waiting):
            if run.mutant is not None and run.warehouse in self._unsure:
                continue
            if self._warm.can_start(run):
                return place
        return None

    def _start(self, trial: Trial, run: Run) -> None:
        self._running[self._warm.start(run)] = trial, time.monotonic() + limit_of(run)

    def _ended(self) -> list[Child]:
        """Wait for a child that ends or takes too long, or for a warehouse; return such children."""
        left = [max(ends - time.monotonic(), 0) for _, ends in self._running.values()]
        heard = [*self._warm.awaited(), *(child.told for child in self._running)]
        told, _, _ = select.select(heard, [], [], min(left, default=None))
        now = time.monotonic()
        return [child for child, (_, ends) in self._running.items() if child.told in told or ends <= now]

    def _continued(self, child: Child) -> Iterator[Fate]:
        trial, ends = self._running.pop(child)
        if ends <= time.monotonic():
            child.kill()
            limit = limit_of(child.run)
            result = Result(1, message=f"took longer than {limit:.0f} s", seconds=limit)
        else:
            result = child.result()
        self._warm.ended(child)
        try:
            self._waiting.insert(0, (trial, trial.send(result)))
        except StopIteration as end:
            if trial in self._baselines:
                self._unsure.remove(child.run.warehouse)
            else:
                yield end.value


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("names", nargs="*", help="parts of the names of mutants; all of them by default")
    parser.add_argument("--record", action="store_true", help="write new killers into mutants.py")
    given = parser.parse_args(None if arguments is None else list(arguments))
    chosen = [one for one in MUTANTS if not given.names or any(part in one.name for part in given.names)]
    if not chosen:
        parser.error("no mutant has such a name")
    return tried(chosen, given.record)


def tried(mutants: list[Mutant], recording: bool = False) -> int:
    """Print the fate of each mutant; return the exit code."""
    began = time.monotonic()
    recorded = sorted({(Run(None, (test,)).warehouse, test) for one in mutants if (test := one.killing_test)})
    baselines = {name: tuple(test for _, test in tests) for name, tests in groupby(recorded, lambda pair: pair[0])}
    width = max(len(one.name) for one in mutants)
    fates = []
    with Warm() as warm:
        for name in baselines:
            if name:
                warm.lend(name)
        trials = [package_trial(tests) for tests in baselines.values()]
        try:
            for found in Schedule(warm, trials, [mutant_trial(mutant) for mutant in mutants]).fates():
                fates.append(found)
                print(found.line(width), flush=True)
        except Unsound as unsound:
            print(unsound)
            return 1
    print(f"\n{time.monotonic() - began:.0f} s, {sum(os.times()[:4]):.0f} CPU seconds")
    return summed_up(mutants, fates, recording)


def summed_up(mutants: list[Mutant], fates: list[Fate], recording: bool) -> int:
    """Print how many were killed, and which killers to record; return the exit code."""
    left = [found for found in fates if found.what != "killed"]
    news = {found.name: found.killer for found in fates if found.killer}
    killed, as_recorded = len(fates) - len(left), sum(found.as_recorded for found in fates)
    print(f"{len(fates)} mutants, {killed} killed, {as_recorded} by their recorded killers")
    for found in left:
        print(f"{found.what}: {found.name}")
    for mutant in mutants:
        if killer := news.get(mutant.name):
            before = (
                f"recorded killer {mutant.killer!r} did not kill it" if mutant.killer else "it has no recorded killer"
            )
            print(f"{mutant.name}: {before}; killed by {killer!r}: {'recorded' if recording else 'record that'}")
    if recording and news:
        record(news)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
