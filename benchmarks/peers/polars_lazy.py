"""Polars, lazy, as its guide recommends."""

from __future__ import annotations

import polars as pl

from benchmarks.data import TODAY


def run(source: str, out: str) -> None:
    (
        pl.scan_parquet(source)
        .group_by("customer_id")
        .agg(
            pl.col("amount").sum().round(2).alias("purchase_total"),
            pl.len().cast(pl.Float64).alias("visit_frequency"),
            pl.col("amount").mean().round(2).alias("avg_ticket"),
            pl.col("product_id").n_unique().cast(pl.Float64).alias("product_diversity"),
            pl.lit(0.0).alias("loyalty_score"),
            (pl.lit(TODAY) - pl.col("date").max()).dt.total_days().cast(pl.Float64).alias("recency_days"),
        )
        .sort("customer_id")
        .collect()
        .write_parquet(out)
    )
