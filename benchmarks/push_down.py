"""Computed where the data are: two million rows in PostgreSQL and in ClickHouse, vectors fetched as an Arrow table.

Ours checks every fault in every row, accounts for every row and looks for repetitions; the peer is the query that a
person would write, in the same engine, on the same table, over a connection that is open already.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from benchmarks.data import TODAY
from benchmarks.files import exact_vectors, purchases
from benchmarks.harness import Contender, run_contest
from benchmarks.judging import Verdict, judged
from benchmarks.results import Contest
from benchmarks.scale import Scale, said
from customer_features import clickhouse
from customer_features.definition.options import Options
from customer_features.engines.duckdb.session import connected
from customer_features.engines.postgres.engine import PushDown
from tests.database import Database, running
from tests.warehouses import clickhouse_session

ROWS = 2_000_000
ROUNDS = 5

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


def run(scale: Scale) -> Iterator[Contest]:
    rows, rounds = scale.rows(ROWS), scale.rounds(ROUNDS)
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        source = purchases(Path(name), rows, customers=rows // 20, products=5_000)
        exact = exact_vectors(source)
        where = f"{said(rows)} in "
        yield from _in_postgresql(where, source, exact, Path(name), rounds)
        yield _in_clickhouse(where, source, exact, rounds)


def _in_postgresql(where: str, source: Path, exact: pl.DataFrame, folder: Path, rounds: int) -> list[Contest]:
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
                _contest(f"{where}PostgreSQL, {kind}", partial(ours, table), partial(theirs, table), exact, rounds)
                for kind, table in (("`double precision`", "orders"), ("`numeric`", "orders_numeric"))
            ]
    finally:
        serving.close()


def _in_clickhouse(where: str, source: Path, exact: pl.DataFrame, rounds: int) -> Contest:
    session = clickhouse_session()
    session.query("DROP TABLE IF EXISTS orders")
    session.query(
        f"CREATE TABLE orders ENGINE = MergeTree ORDER BY tuple() AS SELECT * FROM file('{source}', 'Parquet')"
    )
    return _contest(
        f"{where}ClickHouse (chdb)",
        lambda: clickhouse.build(session, "orders", today=TODAY),
        lambda: session.query(_IN_CLICKHOUSE, "ArrowTable"),
        exact,
        rounds,
    )


def _contest(title: str, ours: Any, theirs: Any, exact: pl.DataFrame, rounds: int) -> Contest:
    def judge(found: Any) -> Verdict:
        return judged(pl.DataFrame(pl.from_arrow(found)), exact)

    return run_contest(
        title,
        Contender("ours", ours, judge, "checks every fault"),
        [Contender("SQL by hand", theirs, judge, "checks nothing")],
        rounds,
        vectors=exact.height,
        cpu=False,
    )
