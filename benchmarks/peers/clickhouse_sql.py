"""ClickHouse in this process (chdb), from file to file: whole cents, and ``uniqExact`` for distinct products."""

from __future__ import annotations

import chdb

from benchmarks.data import TODAY

SQL = """
SELECT customer_id,
       cents / 100 AS purchase_total,
       toFloat64(visits) AS visit_frequency,
       intDiv(2 * cents + visits, 2 * visits) / 100 AS avg_ticket,
       toFloat64(products) AS product_diversity,
       toFloat64(0) AS loyalty_score,
       toFloat64(dateDiff('day', latest, toDate('{today}'))) AS recency_days
FROM (SELECT customer_id, sum(toInt64(round(amount * 100))) AS cents, toInt64(count()) AS visits,
             uniqExact(product_id) AS products, max(date) AS latest
      FROM file('{source}', Parquet, 'customer_id String, date Date32, amount Float64, product_id String')
      GROUP BY customer_id)
ORDER BY customer_id
INTO OUTFILE '{out}' TRUNCATE FORMAT Parquet
SETTINGS output_format_parquet_string_as_string = 1
"""


def run(source: str, out: str) -> None:
    chdb.query(SQL.format(today=TODAY, source=source, out=out))
