"""Parquet to Parquet on Spark: ours against the query that one would write by hand, in one session, in turns.

Ours looks for every fault in every row and sums exactly; the peer checks nothing and adds floats.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.data import TODAY
from benchmarks.files import exact_vectors, purchases, wrong_vectors
from benchmarks.harness import Contender, Row, contest

ROWS = 4_000_000
NAIVE = f"""
SELECT customer_id, ROUND(SUM(amount), 2) AS purchase_total, CAST(COUNT(*) AS DOUBLE) AS visit_frequency,
  ROUND(AVG(amount), 2) AS avg_ticket, CAST(COUNT(DISTINCT product_id) AS DOUBLE) AS product_diversity,
  CAST(0 AS DOUBLE) AS loyalty_score, CAST(DATEDIFF(DATE '{TODAY}', MAX(date)) AS DOUBLE) AS recency_days
FROM purchases GROUP BY customer_id ORDER BY customer_id
"""


def session() -> Any:
    """Two threads of this machine."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": "8",
    }
    builder = SparkSession.builder.master("local[2]").appName("benchmark")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def run(rows: int = ROWS, rounds: int = 7) -> list[Row]:
    from customer_features.spark import build, release

    spark = session()
    with tempfile.TemporaryDirectory() as name:
        source = purchases(Path(name), rows, customers=rows // 20, products=5_000)
        exact = exact_vectors(source)

        def ours() -> Path:
            out = Path(name, "ours")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                vectors = build(spark.read.parquet(str(source)), today=TODAY, on_fault="quarantine")
            vectors.write.mode("overwrite").parquet(str(out))
            release(vectors)
            return out

        def naive() -> Path:
            out = Path(name, "naive")
            spark.read.parquet(str(source)).createOrReplaceTempView("purchases")
            spark.sql(NAIVE).write.mode("overwrite").parquet(str(out))
            return out

        def wrong(out: Path) -> int:
            whole = out.with_suffix(".parquet")
            pl.read_parquet(out / "*.parquet").write_parquet(whole)
            return wrong_vectors(whole, exact)

        return contest(
            f"Spark, {rows // 1_000_000} million rows of Parquet to Parquet",
            Contender("ours", ours, wrong),
            [Contender("hand-written Spark SQL, floats", naive, wrong)],
            rounds,
        )
