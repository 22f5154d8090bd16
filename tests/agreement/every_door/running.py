"""Cases over all doors, in worker processes: each is generated and judged once for all doors of the same form."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.util import Finalize

from tests.agreement.every_door import DOORS
from tests.agreement.every_door.comparing import difference
from tests.agreement.every_door.expected import Expected, asked, asked_of_grocery
from tests.agreement.every_door.generator import Case
from tests.agreement.every_door.interface import Door
from tests.agreement.every_door.scenarios import SCENARIOS

MOST = 20_000
"""Customers of one case, at most."""
SHARES = 16
"""The grocery data come in so many cases."""


@dataclass
class Tally:
    """What was compared through one door."""

    customers: int = 0
    households: int = 0
    vectors: int = 0
    faults: int = 0
    bits: int = 0
    differing_faults: int = 0
    seconds: float = 0.0
    says: list[str] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        for name in ("customers", "households", "vectors", "faults", "bits", "differing_faults", "seconds", "says"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    @property
    def differs(self) -> bool:
        return bool(self.bits or self.differing_faults or self.says)


@dataclass(frozen=True)
class Task:
    """One case for every door: of a scenario and a seed, or a share of the grocery data."""

    doors: tuple[str, ...]
    scenario: int | None
    customers: int
    seed: int

    @property
    def title(self) -> str:
        if self.scenario is None:
            return f"grocery data, share {self.seed + 1} of {SHARES}"
        return f"{SCENARIOS[self.scenario].name}, seed {self.seed}"

    def asked(self, door: Door) -> tuple[Case, Expected]:
        if self.scenario is None:
            return asked_of_grocery(door.form, self.seed, SHARES)
        return asked(SCENARIOS[self.scenario], door.form, self.customers, self.seed, door.limits)


def compared(task: Task) -> dict[str, Tally]:
    """One case through every door, those of a form one after the other."""
    doors = [door for door in DOORS if door.name in task.doors]
    found = {}
    for door in sorted(doors, key=lambda door: (door.form, sorted(door.limits))):
        case, expected = task.asked(door)
        found[door.name] = _through(door, case, expected, task)
    asked.cache_clear()
    return found


def _through(door: Door, case: Case, expected: Expected, task: Task) -> Tally:
    began = time.monotonic()
    customers = 0 if task.scenario is None else len({line.customer for line in case.lines})
    households = len({line.customer for line in case.lines}) - customers
    tally = Tally(customers, households, faults=sum(expected.faults.values()))
    try:
        found = difference(door.run(case), expected, door.form)
    except Exception as error:  # whatever a door raises is a difference
        tally.says = [f"{door.name}: {task.title}: {type(error).__name__}: {str(error)[:1000]}"]
    else:
        tally.vectors, tally.bits, tally.differing_faults = found.vectors, found.bits, found.faults
        tally.says = [f"{door.name}: {task.title}: {line}" for line in found.says]
    tally.seconds = time.monotonic() - began
    return tally


def _close_at_the_end() -> None:
    """For a worker process: its doors are closed when it ends."""
    Finalize(None, lambda: [door.close() for door in DOORS], exitpriority=10)


def tasks(doors: tuple[str, ...], customers: int) -> list[Task]:
    """At least so many customers for each door, spread over all scenarios, and the grocery data."""
    # Damage to an id makes two customers of one, or none: a few more than asked for are made.
    each = -(-customers * 101 // (100 * len(SCENARIOS)))
    cases = -(-each // MOST)
    found = [Task(doors, place, -(-each // cases), seed) for seed in range(cases) for place in range(len(SCENARIOS))]
    return found + [Task(doors, None, 0, share) for share in range(SHARES)]


def run(names: tuple[str, ...], customers: int, processes: int = 2) -> Iterator[tuple[str, dict[str, Tally]]]:
    """The title of each case and its tallies, as they come."""
    waiting = tasks(names, customers)
    with ProcessPoolExecutor(processes, get_context("spawn"), _close_at_the_end) as pool:
        for place, found in enumerate(pool.map(compared, waiting), 1):
            yield f"[{place}/{len(waiting)}] {waiting[place - 1].title}", found
