"""PySpark on this machine, through DataFrames, as its guide writes it; adaptive execution is on, as by default."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from benchmarks.data import TODAY


@lru_cache
def session() -> Any:
    """As many threads as this machine has cores."""
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.driver.memory": "4g",
        "spark.sql.shuffle.partitions": "8",
    }
    builder = SparkSession.builder.master("local[*]").appName("benchmark")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def run(source: str, out: str) -> None:
    from pyspark.sql import functions as F

    (
        session()
        .read.parquet(source)
        .groupBy("customer_id")
        .agg(
            F.round(F.sum("amount"), 2).alias("purchase_total"),
            F.count("*").cast("double").alias("visit_frequency"),
            F.round(F.avg("amount"), 2).alias("avg_ticket"),
            F.count_distinct("product_id").cast("double").alias("product_diversity"),
            F.lit(0.0).alias("loyalty_score"),
            F.datediff(F.lit(TODAY), F.max("date")).cast("double").alias("recency_days"),
        )
        .orderBy("customer_id")
        .write.mode("overwrite")
        .parquet(out)
    )
