"""Computed where the data are: two million rows in PostgreSQL and in ClickHouse, vectors fetched as an Arrow table.

Ours checks every fault in every row, accounts for every row and looks for repetitions; the peer is the query that a
person would write, in the same engine, on the same table, over a connection that is open already.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from benchmarks.data import TODAY
from benchmarks.files import FEATURES, exact_vectors, purchases, wrong_in
from benchmarks.harness import Contender, Row, contest
from customer_features import clickhouse
from customer_features.engines.duckdb_session import connected
from customer_features.engines.postgres import PushDown
from customer_features.options import Options
from tests.database import Database, running
from tests.warehouses import clickhouse_session

ROWS = 2_000_000
ROUNDS = 7

_NAIVE = """SELECT customer_id, {total} AS purchase_total, COUNT(*) AS visit_frequency, {average} AS avg_ticket,
  COUNT(DISTINCT product_id) AS product_diversity, 0 AS loyalty_score, {days} AS recency_days
FROM orders GROUP BY customer_id ORDER BY customer_id"""
_IN_POSTGRESQL = _NAIVE.format(
    total="ROUND(CAST(SUM(amount) AS NUMERIC), 2)::FLOAT8",
    average="ROUND(CAST(AVG(amount) AS NUMERIC), 2)::FLOAT8",
    days=f"DATE '{TODAY}' - MAX(date)",
)
_IN_CLICKHOUSE = _NAIVE.format(
    total="round(SUM(amount), 2)",
    average="round(AVG(amount), 2)",
    days=f"dateDiff('day', MAX(date), toDate('{TODAY}'))",
)


def run() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        source = purchases(Path(name), ROWS, customers=ROWS // 20, products=5_000)
        exact = exact_vectors(source)
        return [*_in_postgresql(source, exact, Path(name)), *_in_clickhouse(source, exact)]


def _wrong(found: Any, exact: pl.DataFrame) -> int:
    frame = pl.DataFrame(pl.from_arrow(found))
    return wrong_in(frame.with_columns(pl.col(name).cast(pl.Float64) for name in FEATURES), exact)


def _in_postgresql(source: Path, exact: pl.DataFrame, folder: Path) -> list[Row]:
    folder.chmod(0o755)
    serving = running(folder)
    database = Database(next(serving), "postgres")
    database.load("orders", pq.read_table(source))
    database.run(
        "CREATE TABLE orders_numeric AS SELECT customer_id, transaction_id, date, amount::numeric(12, 2), product_id"
        " FROM orders",
        "VACUUM ANALYZE",
    )
    options = Options.parse(today=TODAY, on_fault="quarantine")

    def ours(table: str) -> Any:
        with connected() as connection:
            engine = PushDown(connection, database.table(table), None, options)
            engine.judge()
            return engine.vectors().to_arrow_table()

    try:
        with database.session(autocommit=True) as session, session.cursor() as cursor:

            def theirs(table: str) -> Any:
                cursor.execute(_IN_POSTGRESQL.replace("orders", table))
                return cursor.fetch_arrow_table()

            return [
                row
                for kind, table in (("double precision", "orders"), ("numeric", "orders_numeric"))
                for row in _contest(f"PostgreSQL, {kind}", partial(ours, table), partial(theirs, table), exact)
            ]
    finally:
        serving.close()


def _in_clickhouse(source: Path, exact: pl.DataFrame) -> list[Row]:
    session = clickhouse_session()
    session.query("DROP TABLE IF EXISTS orders")
    session.query(
        f"CREATE TABLE orders ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM file('{source}', 'Parquet')"
    )
    return _contest(
        "ClickHouse",
        lambda: clickhouse.build(session, "orders", today=TODAY),
        lambda: session.query(_IN_CLICKHOUSE, "ArrowTable"),
        exact,
    )


def _contest(engine: str, ours: Any, theirs: Any, exact: pl.DataFrame) -> list[Row]:
    def wrong(found: Any) -> int:
        return _wrong(found, exact)

    return contest(
        f"{ROWS // 1_000_000} million rows in {engine}",
        Contender("ours", ours, wrong),
        [Contender("hand-written SQL, no checks", theirs, wrong)],
        ROUNDS,
    )
