"""Hand-written DuckDB SQL, the way one writes it first (floats), and the way that is exact (decimals)."""

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
FROM '{source}' GROUP BY customer_id ORDER BY customer_id
"""

DECIMALS = """
SELECT customer_id,
       cents / 100 AS purchase_total,
       visits::DOUBLE AS visit_frequency,
       ((2 * cents + visits) // (2 * visits)) / 100 AS avg_ticket,
       products::DOUBLE AS product_diversity,
       0.0::DOUBLE AS loyalty_score,
       (DATE '{today}' - latest)::DOUBLE AS recency_days
FROM (SELECT customer_id, sum(round(amount * 100)::BIGINT)::BIGINT AS cents, count(*) AS visits,
             count(DISTINCT product_id) AS products, max(date) AS latest
      FROM '{source}' GROUP BY customer_id)
ORDER BY customer_id
"""


def floats(source: str, out: str) -> None:
    _run(source, out, FLOATS)


def exact(source: str, out: str) -> None:
    _run(source, out, DECIMALS)


def _run(source: str, out: str, sql: str) -> None:
    with duckdb.connect() as connection:
        query = sql.format(today=TODAY, source=source)
        connection.execute(f"COPY ({query}) TO '{out}' (FORMAT parquet)")
