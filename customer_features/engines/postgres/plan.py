"""What a run in a PostgreSQL server would do, without doing it: the engine's own statements, listed and not run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_features.engines.postgres.engine import SETTINGS, PushDown, Server
from customer_features.engines.warehouse import judge
from customer_features.engines.warnings import find_warnings
from customer_features.query.faulty_rows import faulty_rows

_MADE = {"orders": "add up the lines of each order", "customers": "measure each customer"}
_ASKED = (
    ("AS disagreeing", "count the orders whose lines do not agree"),
    ("AS rows_in", "count all rows, and those that are left out"),
    ("SUM(used)", "count the rows that count, and their customers"),
    ("AS named", "count the scores, and those of customers without rows"),
    ("COUNT(DISTINCT HASH", "look whether anything repeats"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a run, and what it is for."""

    title: str
    sql: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps over clean rows, and those over faulty ones."""

    steps: list[Step]
    when_faulty: list[Step]
    settings: tuple[str, ...] = SETTINGS


@dataclass(slots=True)
class _Listing(Server):
    """Stands in for the server: lists each statement, and answers as for no rows at all."""

    steps: list[Step] = field(default_factory=list)

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        title = next((title for mark, title in _ASKED if mark in sql), "ask the server")
        self.steps.append(Step(title, sql))
        return [(0, 0, 0) if "AS rows_in" in sql else (0, 0)]

    def keep(self, name: str, sql: str) -> str:
        made, relation = self.kept(name, sql)
        self.steps.append(Step(_MADE[name], made))
        return relation


def plan(engine: PushDown) -> Plan:
    """The plan of a run. Nothing but types is asked of the server.

    Raises what :meth:`PushDown.judge` raises of the source or its columns.
    """
    with engine.opened() as (session, columns):
        server = _Listing(session, "run")
        scores = None if engine.loyalty is None else server.table("loyalty_scores").sql
        portable = engine.portable(session, columns, scores, look=False)
        judged = judge(server, portable, engine.source)
        find_warnings(server, judged.rows_that_count(), engine.options, 0, exact=True)
        server.steps.append(Step("make the vectors, in their order", judged.vectors))
        names = tuple(f"c{place}" for place in range(len(portable.source.originals)))
        listed = portable.made_ready(**judged.portable.ready)
        made, _ = server.kept("faulty", faulty_rows(listed, names, ("loyalty_shown",)))
        return Plan(server.steps, [Step("set faulty rows aside", made)])
