"""Parquet to Parquet on Spark: ours against the query that one would write by hand, in one session, in turns.

Ours looks for every fault in every row and sums exactly; the peer checks nothing and adds floats.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from benchmarks.data import TODAY
from benchmarks.files import exact_vectors, purchases
from benchmarks.harness import Contender, run_contest
from benchmarks.judging import Verdict, judged
from benchmarks.processes import vectors_of
from benchmarks.results import Contest
from benchmarks.scale import Scale, said
from tests.spark_door import java

ROWS = 4_000_000
NAIVE = f"""
SELECT customer_id, ROUND(SUM(amount), 2) AS purchase_total, CAST(COUNT(*) AS DOUBLE) AS visit_frequency,
  ROUND(AVG(amount), 2) AS avg_ticket, CAST(COUNT(DISTINCT product_id) AS DOUBLE) AS product_diversity,
  CAST(0 AS DOUBLE) AS loyalty_score, CAST(DATEDIFF(DATE '{TODAY}', MAX(date)) AS DOUBLE) AS recency_days
FROM purchases GROUP BY customer_id ORDER BY customer_id
"""


def run(scale: Scale) -> Iterator[Contest]:
    from benchmarks.peers.spark_frames import session
    from customer_features.spark import build, release

    java()
    rows, spark = scale.rows(ROWS), session()
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

        def judge(out: Path) -> Verdict:
            return judged(vectors_of(out), exact)

        yield run_contest(
            f"Parquet to Parquet on Spark, {said(rows)}",
            Contender("ours", ours, judge, "checks every fault"),
            [Contender("Spark SQL by hand, floats", naive, judge, "checks nothing")],
            scale.rounds(3),
            vectors=exact.height,
            cpu=False,
        )
    spark.stop()
    session.cache_clear()
