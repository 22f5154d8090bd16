"""The other tenant: asks on in a process of its own, and notes how each answer differs from the right one.

Three connections: one asks the contract's example without pause, one asks for what takes longer in turns (a large
document, a table, a job, a file for the explorer), one asks for /health.
"""

from __future__ import annotations

import http.client
import itertools
import json
import multiprocessing
import select
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from typing import Any
from urllib.parse import urlsplit

from tests.attack.oracle import EXAMPLE, LARGE, TABLE, Answer, Question, bystander_fault
from tests.waiting import BOUND, until


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long a server may compute, and within which a bystander is answered; later is no answer.

    ``small`` is for the example and /health, ``long`` for what is computed elsewhere, where two computations of
    others at most stand before it.
    """

    computes: int
    small: float
    long: float
    pause: float = 0.0
    """Between two requests for the example."""
    rest: int = 300
    """Answers to the example that are waited for before an attack and after it, beside one of each other kind."""


QUIET = Patience(5, 5.0, 15.0)
"""On a machine that does nothing else."""
BUSY = Patience(30, 60.0, 100.0, pause=0.02, rest=20)
"""Among other tests: no more than a hang is noticed."""
RENEWED = 50
"""After so many requests the example goes over a fresh connection, which the server has to accept."""
PAUSE = 0.1
"""Seconds between two requests of what takes longer, and between two looks at /health."""
KEPT = 2
TURNS = frozenset({"large", "table", "job", "dataset"})
HEALTH = Question("health", "GET", "/health")


@dataclass
class Seen:
    """What the bystander saw: seconds by request, at rest and under attack, and faults with some of their texts."""

    rest: dict[str, list[float]] = field(default_factory=dict)
    attacked: dict[str, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def note(self, asked: Question, found: Answer, *, attacked: bool) -> None:
        """Judge an answer and keep its time."""
        times = self.attacked if attacked else self.rest
        times.setdefault(asked.name, []).append(found.seconds)
        if fault := bystander_fault(asked, found):
            fault += "" if attacked else " at rest"  # then the machine is too busy for any verdict
            self.faults[fault] += 1
            if len(self.texts) < KEPT:
                self.texts.append(f"bystander's {asked.name}: {fault}: {found}")

    def merged(self, other: Seen) -> None:
        """Add what another connection saw."""
        for name in ("rest", "attacked"):
            getattr(self, name).update(getattr(other, name))
        self.faults.update(other.faults)
        self.texts += other.texts


class Line:
    """One connection to the server, which is renewed when it breaks."""

    def __init__(self, url: str, headers: Mapping[str, str], context: ssl.SSLContext | None, patience: float) -> None:
        place = urlsplit(url)
        assert place.hostname is not None
        more = {} if context is None else {"context": context}
        made: Any = http.client.HTTPConnection if context is None else http.client.HTTPSConnection
        self._connection = made(place.hostname, place.port, timeout=patience, **more)
        self._headers = dict(headers)

    def ask(self, asked: Question) -> Answer:
        """The answer, or what happened instead."""
        begun = time.perf_counter()
        idle = self._connection.sock
        if idle is not None and select.select([idle], [], [], 0)[0]:
            self._connection.close()  # by the server, while nothing was asked: as pools of connections look, too
        try:
            headers = {**self._headers, **asked.headers}
            self._connection.request(asked.method, asked.path, asked.sent or None, headers)
            reply = self._connection.getresponse()
            body = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return Answer(0, f"{type(error).__name__}: {error}".encode(), seconds=time.perf_counter() - begun)
        found = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, body, found, time.perf_counter() - begun)

    def renew(self) -> None:
        """Ask the next request over a fresh connection."""
        self._connection.close()


def job(line: Line, patience: float) -> tuple[Question, Answer]:
    """A table as a job, from its acceptance to its removal; the first step that goes wrong, or the result."""
    begun = time.perf_counter()
    asked = replace(TABLE, name="job", status=202, body=None, headers={**TABLE.headers, "Prefer": "respond-async"})
    found = line.ask(asked)
    if bystander_fault(asked, found):
        return asked, found
    place = found.headers["location"]
    told = Question("job", "GET", place)
    while True:
        found = line.ask(told)
        if bystander_fault(told, found):
            return told, found
        if json.loads(found.body)["status"] in ("done", "failed"):
            break
        if time.perf_counter() - begun > patience:
            return told, Answer(0, b"the job did not end in time", seconds=time.perf_counter() - begun)
        time.sleep(PAUSE)
    result = Question("job", "GET", f"{place}/result", body=TABLE.body)
    found = line.ask(result)
    line.ask(Question("job", "DELETE", place, status=204))
    return result, replace(found, seconds=time.perf_counter() - begun)


def dataset(line: Line) -> tuple[Question, Answer]:
    """A file for the explorer, given and taken back."""
    own = {"X-Explorer": "1", "X-File-Name": "rows.csv"}
    asked = Question("dataset", "PUT", "/explorer/files", TABLE.sent, own, status=201)
    found = line.ask(asked)
    if not bystander_fault(asked, found):
        line.ask(Question("dataset", "DELETE", f"/explorer/d/{json.loads(found.body)['id']}", headers=own))
    return asked, found


def asking(
    url: str,
    headers: Mapping[str, str],
    without: frozenset[str],
    patience: Patience,
    cafile: str | None,
    attacked: Event,
    ended: Event,
    answered: Any,
    turned: Any,
    told: Connection,
) -> None:
    """Ask on until it ends, then tell what was seen. Runs in the other process."""
    context = ssl.create_default_context(cafile=cafile) if cafile else None
    parts = [Seen(), Seen(), Seen()]

    def examples() -> None:
        line = Line(url, headers, context, patience.small)
        while not ended.wait(patience.pause):
            if answered.value % RENEWED == 0:
                line.renew()
            parts[0].note(EXAMPLE, line.ask(EXAMPLE), attacked=attacked.is_set())
            answered.value += 1

    def longer() -> None:
        line = Line(url, headers, context, patience.long)
        turns: dict[str, Callable[[], tuple[Question, Answer]]] = {
            "large": lambda: (LARGE, line.ask(LARGE)),
            "table": lambda: (TABLE, line.ask(TABLE)),
            "job": lambda: job(line, patience.long),
            "dataset": lambda: dataset(line),
        }
        for name in itertools.cycle(name for name in turns if name not in without):
            if ended.wait(PAUSE):
                return
            parts[1].note(*turns[name](), attacked=attacked.is_set())
            turned.value += 1

    def health() -> None:
        line = Line(url, {}, context, patience.small)
        while not ended.wait(PAUSE):
            parts[2].note(HEALTH, line.ask(HEALTH), attacked=attacked.is_set())

    threads = [threading.Thread(target=work) for work in (examples, longer, health)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for part in parts[1:]:
        parts[0].merged(part)
    told.send(parts[0])


class Bystander:
    """The process, as the attack sees it."""

    def __init__(
        self, url: str, headers: Mapping[str, str], without: frozenset[str], patience: Patience, cafile: str | None
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._told, theirs = context.Pipe(duplex=False)
        self._attacked, self._ended = context.Event(), context.Event()
        self._answered, self._turned = (context.Value("q", 0, lock=False) for _ in range(2))
        self._turns = len(TURNS - without)
        counted = (self._attacked, self._ended, self._answered, self._turned)
        given = (url, dict(headers), without, patience, cafile, *counted, theirs)
        self._process = context.Process(target=asking, args=given, daemon=True)
        self._process.start()

    def served(self, requests: int) -> None:
        """Wait until it has got so many answers more to its example, and one to each of its other requests."""
        answered, turned = self._answered.value + requests, self._turned.value + self._turns
        until(
            lambda: self._answered.value >= answered and self._turned.value >= turned,
            "the bystander's answers",
            2 * BOUND,
        )

    def attacked(self) -> None:
        """From now on times are those under attack."""
        self._attacked.set()

    def seen(self) -> Seen:
        """End it; what it saw."""
        self._ended.set()
        assert self._told.poll(BOUND), "the bystander did not end"
        seen: Seen = self._told.recv()
        self._process.join(BOUND)
        return seen

    def kill(self) -> None:
        """End it at once, if that is still needed."""
        self._process.kill()


@contextmanager
def bystander(
    url: str, headers: Mapping[str, str], without: frozenset[str], patience: Patience, cafile: str | None = None
) -> Iterator[Bystander]:
    """A bystander that is gone afterwards."""
    made = Bystander(url, headers, without, patience, cafile)
    try:
        yield made
    finally:
        made.kill()
