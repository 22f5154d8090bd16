"""The doors into engines that compute where the data are, and the query that is printed for them."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import Any

import duckdb

import customer_features
from tests import database, spark_door, warehouses
from tests.agreement.every_door.generator import Case
from tests.agreement.every_door.interface import Door, Limit, Outcome


class Warehouse(Door):
    """An engine of its own, started when it is first asked and ended with the suite."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._door: Any = None

    def start(self, stack: ExitStack) -> Any:
        """The function over tables and options."""
        raise NotImplementedError

    def run(self, case: Case) -> Outcome:
        if self._door is None:
            self._door = self.start(self._stack)
        options = {"on_fault": "quarantine", "max_faults": 1, **case.options}
        if isinstance(options["today"], list):
            options["as_of"] = options.pop("today")
        vectors, rows, faults = self._door(case.table, options)
        return Outcome(vectors, faults, rows)

    def close(self) -> None:
        self._door = None
        self._stack.close()


class PostgreSQL(Warehouse):
    """``--push-down``, on a server of the tests' own."""

    name = "PostgreSQL, pushed down"
    limits = frozenset({Limit.NUL, Limit.INFINITE_DAY})

    def start(self, stack: ExitStack) -> Any:
        return warehouses.postgres(database.Database(stack.enter_context(database.serving()), "postgres"))


class ClickHouse(Warehouse):
    """``customer_features.clickhouse``, in this process."""

    name = "ClickHouse"
    limits = frozenset({Limit.FAR_DAYS, Limit.FAR_TIMES, Limit.INFINITE_DAY})

    def start(self, stack: ExitStack) -> Any:
        return warehouses.clickhouse()


class Spark(Warehouse):
    """``customer_features.spark``, in a session of this machine."""

    name = "Spark"
    limits = frozenset({Limit.INFINITE_DAY})

    def start(self, stack: ExitStack) -> Any:
        return spark_door.spark(stack.enter_context(spark_door.running()))


class PrintedSQL(Door):
    """What ``customer-features sql`` prints for DuckDB, run as it is; the listing tells the faults."""

    name = "printed SQL, DuckDB"

    def run(self, case: Case) -> Outcome:
        with duckdb.connect() as connection:
            connection.register("transactions", case.table)
            kinds = {field.name: _type(connection, field.name) for field in case.table.schema}
            asked = {
                **case.options,
                "columns": {"loyalty_score": "loyalty_score"} if "loyalty_score" in kinds else {},
                "types": {name: kind for name, kind in kinds.items() if name in ("date", "amount", "loyalty_score")},
            }
            vectors = connection.sql(customer_features.sql("duckdb", **asked)).to_arrow_table()
            listed = connection.sql(customer_features.sql("duckdb", faults=True, **asked)).to_arrow_table()
        named = Counter(name for faults in listed["faults"].to_pylist() for name in faults.split(","))
        return Outcome(vectors, Counter(listed["fault"].to_pylist()), listed=named)


def _type(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    ((kind,),) = connection.execute(f'SELECT typeof("{name}") FROM transactions LIMIT 1').fetchall()
    return str(kind)
