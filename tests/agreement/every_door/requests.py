"""The doors of JSON requests: ``answer`` in this process, HTTP over a socket, and our client over that.

All or nothing, so a customer that an answer's paths name is taken out and the rest is sent again, until nothing is
refused.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections import Counter
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import httpx
import msgspec
import pyarrow as pa

import customer_features
from customer_features.definition.faults import FAULTS
from tests.agreement import oracle
from tests.agreement.every_door.expected import entries
from tests.agreement.every_door.generator import Case
from tests.agreement.every_door.interface import Door, Form, Limit, Outcome
from tests.agreement.every_door.values import AMOUNT, DATE, LOYALTY_SCORE, ORDER, PRODUCT
from tests.damage.kinds import ABSENT, Bare
from tests.damage.lines import Line
from tests.service import harness

ROWS = 20_000
"""About so many rows are sent at a time."""
PIECE = 50
"""Customers of one request of our client: few enough that each list goes in several."""
LISTED = 100
"""So many faults are listed in an answer; of more there is a count."""

_NAMES = [(re.compile(re.escape(rule.message).replace(r"\{found\}", "(?s:.*)")), rule.name) for rule in FAULTS] + [
    (re.compile(r"date (?s:.*) is a datetime; give a date, YYYY-MM-DD"), "unreadable_date"),
    (re.compile(r"amount must be a number, found (?s:.*)"), "unreadable_amount"),
    (re.compile(r"loyalty_score must be a number from 0 to 1, found (?s:.*)"), "loyalty_out_of_range"),
]


def _fault(message: str) -> str:
    """The name of the rule that says this."""
    names = {name for pattern, name in _NAMES if pattern.fullmatch(message)}
    assert len(names) == 1, (message, names)
    return names.pop()


Entry = dict[str, Any]
Connection = TypeVar("Connection")


class _Requests(Door):
    form = Form.REQUEST
    limits: ClassVar[frozenset[Limit]] = frozenset({Limit.SEVERAL_DATES})

    def ask(self, options: dict[str, Any], customers: list[Entry]) -> tuple[int, Any]:
        """The status and document of the answer."""
        status, body = self.send(msgspec.json.encode({**options, "customers": customers}))
        return status, json.loads(body)

    def send(self, body: bytes) -> tuple[int, bytes]:
        """The status and body of the answer."""
        raise NotImplementedError

    def run(self, case: Case) -> Outcome:
        asked = {name: value for name, value in case.options.items() if value is not None and name != "timezone"}
        asked["today"] = case.scenario.today.isoformat()
        found = _Found(self, asked)
        batch: list[Entry] = []
        rows = 0
        documents = [_entry(own) for _, own in entries(case.lines)]
        for entry in documents:
            batch.append(entry)
            rows += len(entry["transactions"])
            if rows >= ROWS:
                found.ask(batch)
                batch, rows = [], 0
        found.ask(batch)
        if case.scenario.faulty:
            clean = next(entry for entry in documents if entry.get("customer_id") == found.ids[0])
            vectors = len(found.ids)
            found.ask([{"customer_id": "nobody", "transactions": []}, clean, clean], alone=False)
            assert found.ids[vectors:] == [clean["customer_id"]]
            del found.ids[vectors:], found.vectors[vectors:]
        columns = zip(*found.vectors, strict=True) if found.vectors else [()] * len(oracle.NAMES)
        values = {name: pa.array(column, pa.float64()) for name, column in zip(oracle.NAMES, columns, strict=True)}
        return Outcome(pa.table({"customer_id": pa.array(found.ids, pa.string()), **values}), found.faults)


class _Found:
    """What came of the requests so far."""

    def __init__(self, door: _Requests, asked: dict[str, Any]) -> None:
        self._door = door
        self._asked = asked
        self.ids: list[str] = []
        self.vectors: list[tuple[float, ...]] = []
        self.faults: Counter[str] = Counter()

    def ask(self, batch: list[Entry], alone: bool = True) -> None:
        """Send a batch until nothing is refused; ``alone``: what is refused is sent alone too, and refused again."""
        status, said = self._door.ask(self._asked, batch)
        if status == 200:
            self._take(said["customers"], batch)
            return
        assert status == 422, str(said)[:1000]
        listed = [_fault(message) for messages in said["errors"].values() for message in messages]
        if said["fault_count"] > LISTED and len(batch) > 1:
            assert len(listed) == LISTED
            self.ask(batch[: len(batch) // 2])
            self.ask(batch[len(batch) // 2 :])
            return
        assert len(listed) == min(said["fault_count"], LISTED), said["detail"]
        self.faults.update(listed)
        places = {int(re.match(r"customers\[(\d+)\]", path)[1]) for path in said["errors"]}  # type: ignore[index]
        if alone and len(batch) > 1:
            again = Counter[str]()
            for place in places:
                status, alone_said = self._door.ask(self._asked, [batch[place]])
                assert status == 422, f"customers[{place}] is faulty among others and not alone"
                again.update(_fault(message) for messages in alone_said["errors"].values() for message in messages)
            assert again == Counter(listed), (again, listed)
        if rest := [entry for place, entry in enumerate(batch) if place not in places]:
            self.ask(rest)

    def _take(self, customers: list[dict[str, Any]], batch: list[Entry]) -> None:
        waiting = iter(batch)
        for one in customers:
            assert any(entry.get("customer_id") == one["customer_id"] for entry in waiting), (
                "not in the request's order"
            )
            assert tuple(one["features"]) == oracle.NAMES
            self.ids.append(one["customer_id"])
            self.vectors.append(tuple(one["features"].values()))
        assert all(type(value) is float for vector in self.vectors[-1:] for value in vector)


def _entry(own: list[Line]) -> Entry:
    first = own[0].written
    entry: Entry = {"customer_id": first.get("household_id", own[0].customer)}
    if first.get(LOYALTY_SCORE) is not None:
        entry["loyalty_score"] = first[LOYALTY_SCORE]
    entry["transactions"] = [_transaction(line) for line in own]
    return {name: value for name, value in entry.items() if value is not ABSENT}


def _transaction(line: Line) -> Entry:
    cells = {ORDER: line.order, DATE: line.day, AMOUNT: line.paid, PRODUCT: line.product}
    if line.written:
        # A time or another spelling of a value is no fault to the other doors, and none is sent to this one.
        cells.update((name, value) for name, value in line.written.items() if name in cells and _is_damage(line, name))
    names = zip(("transaction_id", "date", "amount", "product_id"), cells.values(), strict=True)
    return {
        name: msgspec.Raw(cell.token.encode()) if isinstance(cell, Bare) else cell
        for name, cell in names
        if cell is not ABSENT
    }


def _is_damage(line: Line, column: str) -> bool:
    return {ORDER: line.order, DATE: line.day, AMOUNT: line.paid, PRODUCT: line.product}[column] is None


class Rows(_Requests):
    name = "rows, in-process"

    def send(self, body: bytes) -> tuple[int, bytes]:
        try:
            return 200, customer_features.answer(body)
        except customer_features.InvalidRequest as error:
            return error.status, msgspec.json.encode(error.problem)


class _Served(_Requests, Generic[Connection]):
    """Requests to a service of its own on this machine, which begins with the first."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._connection: Connection | None = None

    def connect(self, url: str) -> AbstractContextManager[Connection]:
        """What requests are sent through."""
        raise NotImplementedError

    @property
    def connection(self) -> Connection:
        if self._connection is None:
            folder = self._opened.enter_context(tempfile.TemporaryDirectory())
            server = harness.start(Path(folder) / "data", "--no-auth")
            self._opened.callback(server.kill)
            self._connection = self._opened.enter_context(self.connect(server.url))
        return self._connection

    def close(self) -> None:
        self._opened.close()
        self._connection = None


class Http(_Served[httpx.Client]):
    name = "HTTP"

    def connect(self, url: str) -> httpx.Client:
        return httpx.Client(base_url=url, timeout=120)

    def send(self, body: bytes) -> tuple[int, bytes]:
        reply = self.connection.post(harness.ROUTE, content=body, headers={"Content-Type": "application/json"})
        return reply.status_code, reply.content


class Client(_Served[customer_features.Client]):
    """Our own client, which sends a list in pieces and makes one answer of theirs."""

    name = "HTTP, by our client"

    def connect(self, url: str) -> customer_features.Client:
        return customer_features.Client(url, timeout=120, max_customers=PIECE)

    def ask(self, options: dict[str, Any], customers: list[Entry]) -> tuple[int, Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", customer_features.Suspicious)
            try:
                return 200, self.connection.customer_features(customers, **options)
            except customer_features.InvalidRequest as error:
                return error.status, error.problem
