"""Many as-of dates in hand-written DuckDB SQL: a join of the rows with a table of dates, and a query for each date.

The join is by equality, with a row for every day and every date in whose window that lies: a join by ``date <= as_of
AND date > since`` took longer, and so did a list of dates unnested from every row.
"""

from __future__ import annotations

import duckdb

from benchmarks.files import months

VECTORS = """
SELECT customer_id, as_of,
       cents / 100 AS purchase_total,
       visits::DOUBLE AS visit_frequency,
       ((2 * cents + visits) // (2 * visits)) / 100 AS avg_ticket,
       products::DOUBLE AS product_diversity,
       0.0::DOUBLE AS loyalty_score,
       (as_of - latest)::DOUBLE AS recency_days
FROM ({measures})
ORDER BY customer_id, as_of
"""

WINDOWS = """
CREATE TABLE windows AS
WITH dates AS (SELECT unnest(generate_series($first::DATE, $last::DATE, INTERVAL 1 MONTH))::DATE AS as_of)
SELECT as_of, unnest(generate_series(as_of - INTERVAL 12 MONTH + INTERVAL 1 DAY, as_of, INTERVAL 1 DAY))::DATE AS date
FROM dates
"""

JOINED = """
SELECT customer_id, as_of, sum(cents)::BIGINT AS cents, count(*) AS visits, count(DISTINCT product_id) AS products,
       max(date) AS latest
FROM (SELECT customer_id, date, product_id, round(amount * 100)::BIGINT AS cents FROM '{source}')
JOIN windows USING (date)
GROUP BY customer_id, as_of
"""

ONE = """
SELECT customer_id, DATE '{as_of}' AS as_of, sum(round(amount * 100)::BIGINT)::BIGINT AS cents, count(*) AS visits,
       count(DISTINCT product_id) AS products, max(date) AS latest
FROM '{source}' WHERE date <= DATE '{as_of}' AND date > DATE '{as_of}' - INTERVAL 12 MONTH
GROUP BY customer_id
"""


def joined(source: str, out: str, count: str) -> None:
    """One query: the rows joined with the dates in whose window they fall."""
    dates = months(int(count))
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(WINDOWS, {"first": dates[0], "last": dates[-1]})
        _copy(connection, JOINED.format(source=source), out)


def each(source: str, out: str, count: str) -> None:
    """A query for each date, put together."""
    queries = [ONE.format(source=source, as_of=as_of) for as_of in months(int(count))]
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        _copy(connection, " UNION ALL ".join(queries), out)


def _copy(connection: duckdb.DuckDBPyConnection, measures: str, out: str) -> None:
    connection.execute(f"COPY ({VECTORS.format(measures=measures)}) TO '{out}' (FORMAT parquet)")
