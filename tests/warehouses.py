"""Doors into engines that compute where the data are, for whoever compares doors.

A door takes an Arrow table (customer_id, transaction_id, date, amount, product_id, loyalty_score) and options as for
``Options.parse``, and gives the vectors, the balance of rows, and how many rows each fault set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import pyarrow as pa

from customer_features.definition.options import Options
from customer_features.engines.duckdb.session import connected
from customer_features.engines.outcome import Outcome
from customer_features.query.columns import quoted
from tests.database import Database

Door = Callable[[pa.Table, Mapping[str, Any]], tuple[pa.Table, dict[str, int], dict[str, int]]]


def postgres(database: Database) -> Door:
    """Through ``--push-down``: the table is put into the database, and computed there."""
    from customer_features.engines.postgres.engine import PushDown

    def door(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, dict[str, int], dict[str, int]]:
        database.run("DROP TABLE IF EXISTS through_the_door")
        database.load("through_the_door", table)
        with connected() as connection:
            engine = PushDown(connection, database.table("through_the_door"), None, Options.parse(**options))
            outcome = engine.judge()
            return engine.vectors().to_arrow_table(), _rows(outcome), outcome.faults

    return door


def _rows(outcome: Outcome) -> dict[str, int]:
    return {
        "in": outcome.rows_in,
        "used": outcome.used,
        "excluded": outcome.excluded,
        "quarantined": outcome.quarantined,
    }


def clickhouse() -> Door:
    """Through ``customer_features.clickhouse``: the table is put into a ClickHouse of this process."""
    from customer_features.engines.clickhouse.engine import Run

    session = clickhouse_session()

    def door(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, dict[str, int], dict[str, int]]:
        put_into_clickhouse("through_the_door", table)
        run = Run(session, "through_the_door", Options.parse(**options))
        with run.judged() as (_, judged):
            return run.vectors(judged), _rows(run.outcome), run.outcome.faults

    return door


@lru_cache
def clickhouse_session() -> Any:
    """The one session of ClickHouse in this process: a second would close it."""
    from chdb import session

    return session.Session()


def put_into_clickhouse(name: str, table: pa.Table) -> None:
    """Make a table of an Arrow table."""
    from customer_features.engines.clickhouse.clients import client_of

    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is None:
            # A time without a zone is text there: each of ClickHouse's own times is an instant.
            table = table.set_column(place, field.name, table.column(place).cast(pa.string()))
    kinds = ", ".join(f"{quoted(field.name, 'clickhouse')} Nullable({_kind(field.type)})" for field in table.schema)
    clickhouse_session().query(f"DROP TABLE IF EXISTS {name}")
    clickhouse_session().query(f"CREATE TABLE {name} ({kinds}) ENGINE = Memory")
    client_of(clickhouse_session()).fill(name, table)


def _kind(arrow_type: pa.DataType) -> str:
    if pa.types.is_decimal(arrow_type):
        return f"Decimal({arrow_type.precision}, {arrow_type.scale})"
    if pa.types.is_timestamp(arrow_type):
        return "DateTime64(6, 'UTC')"
    return {pa.string(): "String", pa.float64(): "Float64", pa.int64(): "Int64", pa.date32(): "Date32"}[arrow_type]
