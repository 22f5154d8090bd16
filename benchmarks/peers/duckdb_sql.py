"""Hand-written DuckDB SQL: the way one writes it first (floats), and the way that is exact (whole cents).

``count(DISTINCT product_id)`` in one pass is as fast as its rewritings here (a join with ``SELECT DISTINCT``, a
``GROUP BY`` over pairs, lists made distinct, an ENUM of the products), all of which were tried.
"""

from __future__ import annotations

import duckdb

from benchmarks.data import TODAY

FLOATS = """
SELECT customer_id,
       round(sum(amount), 2) AS purchase_total,
       count(*)::DOUBLE AS visit_frequency,
       round(avg(amount), 2) AS avg_ticket,
       count(DISTINCT product_id)::DOUBLE AS product_diversity,
       0.0::DOUBLE AS loyalty_score,
       (DATE '{today}' - max(date))::DOUBLE AS recency_days
FROM {source} GROUP BY customer_id ORDER BY customer_id
"""

EXACT = """
SELECT customer_id,
       cents / 100 AS purchase_total,
       visits::DOUBLE AS visit_frequency,
       ((2 * cents + visits) // (2 * visits)) / 100 AS avg_ticket,
       products::DOUBLE AS product_diversity,
       0.0::DOUBLE AS loyalty_score,
       (DATE '{today}' - latest)::DOUBLE AS recency_days
FROM (SELECT customer_id, sum(round(amount * 100)::BIGINT)::BIGINT AS cents, count(*) AS visits,
             count(DISTINCT product_id) AS products, max(date) AS latest
      FROM {source} GROUP BY customer_id)
ORDER BY customer_id
"""

CSV = """read_csv('{path}', header = true, auto_detect = false, columns = {{'customer_id': 'VARCHAR',
  'transaction_id': 'VARCHAR', 'date': 'DATE', 'amount': 'DOUBLE', 'product_id': 'VARCHAR'}})"""
"""Types declared, so that nothing is sniffed and every value is parsed once."""

TOUCHED = """
SELECT sum(strlen(customer_id)), sum(strlen(transaction_id)), sum(epoch(date)), sum(amount), sum(strlen(product_id))
FROM {source}
"""
"""The cheapest sums that need every value of all five columns."""


def floats(source: str, out: str) -> None:
    _copy(source, out, FLOATS)


def exact(source: str, out: str) -> None:
    _copy(source, out, EXACT)


def scan(source: str, out: str) -> None:
    """Nothing but reading the five columns, which no engine goes below."""
    with _session() as connection:
        connection.execute(TOUCHED.format(source=_table(source))).fetchall()


def _copy(source: str, out: str, sql: str) -> None:
    with _session() as connection:
        query = sql.format(today=TODAY, source=_table(source))
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")


def _session() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")  # as its guide to performance advises
    return connection


def _table(source: str) -> str:
    return CSV.format(path=source) if source.endswith(".csv") else f"'{source}'"
