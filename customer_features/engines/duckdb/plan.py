"""What a run would do, without doing it: the engine's own steps, listed while they run over nothing.

A stand-in for the connection makes every table that a source's rows would fill an empty one, and answers every
question about them as for a source without rows. All that follows is the engine itself, at work on empty tables:
the SQL is that of a run in which no row is faulty, and the engine's planner has accepted all of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from customer_features.definition.options import Options
from customer_features.engines.duckdb import hints
from customer_features.engines.duckdb.date_formats import SAMPLED
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.ids import NULL_TOKENS
from customer_features.engines.duckdb.quarantine import Staged
from customer_features.engines.duckdb.session import MEMORY_LIMIT, translated
from customer_features.sources.parts import Part

if TYPE_CHECKING:
    import duckdb

_TABLE = re.compile(r"CREATE (?:OR REPLACE )?TEMP (?:TABLE|VIEW) (\w+)")
_FILLED = re.compile(r"(CREATE (?:OR REPLACE )?TEMP) (?:TABLE|VIEW) (\w+ AS .*)", re.DOTALL)
_REJECTS = re.compile(r"rejects_table='(\w+)', rejects_scan='(\w+)'")
_TITLES = {
    "kept": "read the rows of a source, and keep what their typed columns are made of",
    "staged": "the rows of a source as typed columns",
    "broken": "keep the lines that break a file's own syntax",
    "loyalty_scores": "read the loyalty scores",
    "conflicting_orders": "find orders whose lines do not agree",
    "customers_measured": "measure each customer",
    "faulty_customers": "find customers that break a rule",
    "customers_ranked": "rank the customers that get vectors",
    "products_numbered": "number the products",
    "products_counted": "make room for the numbers of distinct products",
    "as_of_measured": "make room for the measures at each as-of date",
    "quarantine": "make room for rows that are set aside",
    "repeated_ids": "look for transaction ids that repeat",
    "duplicate_rows": "look for rows that repeat",
}
_WRITTEN = {
    "INSERT INTO quarantine": "set faulty rows aside: the source is read again",
    "INSERT INTO products_counted": "count distinct products",
    "INSERT INTO as_of_measured": "keep the measures at each as-of date",
}


@dataclass(slots=True)
class Step:
    """One statement of a run; ``times``: it is run for so many files, of which the first is shown."""

    title: str
    sql: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do: the parts as they are staged, the steps over clean rows, and those over faulty ones."""

    staged: list[Staged]
    steps: list[Step]
    when_faulty: list[Step]


def plan(
    connection: duckdb.DuckDBPyConnection,
    parts: list[Part],
    options: Options,
    *,
    columns: Mapping[str, str] | None = None,
    loyalty: Part | None = None,
) -> tuple[Engine, Plan]:
    """The engine that would run, and its plan. The sources' rows are not read, but for a sample of text dates.

    Raises what :meth:`Engine.judge` raises of a source or its columns.
    """
    listing = _Listing(connection, parts if loyalty is None else [*parts, loyalty])
    stand_in = cast("duckdb.DuckDBPyConnection", listing)
    engine = Engine(stand_in, parts, options, columns=columns, loyalty=loyalty)
    engine.judge()
    engine.vectors()
    listing.steps[-1].title = "make the vectors, in their order"
    steps, listing.steps = listing.steps, []
    # Files are read again one by one: the first stands for all of them.
    firsts = [replace(staged, part=replace(staged.part, files=staged.part.files[:1])) for staged in engine._staged]
    with translated():
        engine._quarantine.fill(firsts, orders_out=False, customers_out=False)
    aside = [step for step in listing.steps if step.sql.startswith("INSERT INTO quarantine")]
    for step, staged in zip(aside, engine._staged, strict=True):
        step.times = max(len(staged.part.files), 1)
    return engine, Plan(engine._staged, steps, aside)


class _Listing:
    """Stands in for the connection: lists each statement, and runs it over nothing."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, parts: list[Part]) -> None:
        self._connection = connection
        self._parts = parts
        self.steps: list[Step] = []
        self._last = ""

    def execute(self, sql: str, *more: Any) -> Any:
        over_nothing = self._over_nothing(sql)
        if sql.startswith(("DESCRIBE", "SET ")) or sql == MEMORY_LIMIT:
            return self._connection.execute(sql, *more)
        self._list(sql, over_nothing)
        if sql.endswith((f" LIMIT {SAMPLED}", f" LIMIT {hints.SAMPLED}")):
            return self._connection.execute(sql, *more)  # the few rows that tell how dates are written, or what fits
        if sql.startswith("INSERT"):
            return self._connection.execute(f"EXPLAIN {sql}", *more)
        if filled := _FILLED.fullmatch(sql):
            for rejects in _REJECTS.findall(sql):
                self._make_rejects(*rejects)
            return self._connection.execute(f"{filled[1]} TABLE {filled[2]} WITH NO DATA", *more)
        return self._connection.execute(over_nothing, *more)

    def sql(self, sql: str) -> Any:
        over_nothing = self._over_nothing(sql)
        self._list(sql, over_nothing)
        return self._connection.sql(over_nothing)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _list(self, sql: str, over_nothing: str) -> None:
        if over_nothing != sql and over_nothing == self._last:
            self.steps[-1].times += 1  # the same of the next file
        else:
            title = "count the rows of a source" if "COUNT(*)" in sql and over_nothing != sql else _title(sql)
            self.steps.append(Step(title, sql))
        self._last = over_nothing

    def _over_nothing(self, sql: str) -> str:
        """The statement with every source in it replaced by one of the same columns and no rows."""
        for part in self._parts:
            if part.reader.partition("{files}")[0] not in sql:
                continue
            for files in [part.files, *([file] for file in part.files)]:
                sql = sql.replace(part.over(files), f"(SELECT * FROM {part.relation} LIMIT 0)")
                if len(part.files) < 2:
                    break
        return sql

    def _make_rejects(self, errors: str, scans: str) -> None:
        """The tables of broken lines, which the CSV reader makes only when it reads."""
        reader = f"read_csv('{os.devnull}', auto_detect=false, header=false, columns={{'line': 'VARCHAR'}}"
        self._connection.execute(
            f"FROM {reader}, store_rejects=true, rejects_table='{errors}', rejects_scan='{scans}')"
        ).fetchall()


def _title(sql: str) -> str:
    for beginning, title in _WRITTEN.items():
        if sql.startswith(beginning):
            return title
    if " AS word FROM" in sql:
        return "pack customer and product of each row into a word: words are sorted, and equal ones counted once"
    if sql.startswith("SELECT rank,"):
        return "read what each customer's measures at all as-of dates are made of"
    if f"IN ({NULL_TOKENS})" in sql:
        return "look for ids that look like none"
    if "nfc_normalize(" in sql:
        return "look for customers whose ids are nearly the same"
    made = _TABLE.match(sql)
    if made is None and sql.endswith(f" LIMIT {SAMPLED}"):
        return "look at how the first dates are written"
    if made is None:
        names = dict.fromkeys(re.findall(r"(?:FROM|JOIN) (\w+)", sql))
        return f"ask of {' and '.join(names) or 'the rows that count'} what decides the steps that follow"
    name = re.sub(r"^(kept|staged|broken)_.*", r"\1", made[1])
    return _TITLES.get(name, f"make {made[1]}")
