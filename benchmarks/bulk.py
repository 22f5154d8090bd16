"""Parquet in, Parquet out: 10 million rows, 500,000 customers, 5,000 products, each contender in its own process.

Ours also checks every fault, flushes to the disk, and publishes a manifest with checksums.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.environment import featuretools_python
from benchmarks.files import exact_vectors, purchases, purchases_csv
from benchmarks.processes import Process, process_contest
from benchmarks.results import Contest
from benchmarks.scale import Scale, said

ROWS = 10_000_000
SMALL = 1_000_000
TINY = 200_000
CSV_ROWS = 3_000_000
CHECKS = "checks every fault, publishes with checksums"


def ours() -> Process:
    return Process("ours", "benchmarks.ours", "build", note=CHECKS)


def by_hand() -> Process:
    return Process("DuckDB SQL, exact integers", "benchmarks.peers.duckdb_sql", "exact")


def streaming() -> Process:
    return Process("Polars, streaming, exact integers", "benchmarks.peers.polars_lazy", "streaming")


def scan() -> Process:
    return Process(
        "DuckDB, bare scan of the columns", "benchmarks.peers.duckdb_sql", "scan", limit=True, columns=(),
        note="computes nothing",
    )  # fmt: skip


def fast() -> list[Process]:
    """The peers that take seconds for ten million rows."""
    return [
        Process("DuckDB SQL, floats", "benchmarks.peers.duckdb_sql", "floats", cold=False),
        by_hand(),
        streaming(),
        Process("Polars, in memory, floats", "benchmarks.peers.polars_lazy", "in_memory", cold=False),
        Process("pandas, floats", "benchmarks.peers.pandas_groupby", cold=False),
        Process("PyArrow, exact integers", "benchmarks.peers.pyarrow_groupby", cold=False),
        Process("ClickHouse (chdb), exact integers", "benchmarks.peers.clickhouse_sql", cold=False, needs=("chdb",)),
    ]


def slow() -> list[Process]:
    """The peers that take longer, or ask for more memory; Spark's start is not counted."""
    return [
        Process("PySpark, local", "benchmarks.peers.spark_frames", needs=("pyspark", "java")),
        Process(
            "lifetimes, summary (a part)", "benchmarks.peers.lifetimes_summary", needs=("lifetimes",),
            columns=("purchase_total", "recency_days"), note="counts no products; purchases of a day are one",
        ),
    ]  # fmt: skip


def run(scale: Scale) -> Iterator[Contest]:
    """Against the fast peers, and the fastest of them over a cold file too."""
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        folder, rows = Path(name), scale.rows(ROWS)
        source = purchases(folder, rows, customers=rows // 20, products=5_000)
        everyone = [ours(), *fast(), scan()]
        title = f"Parquet to Parquet, {said(rows)}"
        yield from process_contest(
            title, everyone, source, folder, exact_vectors(source), scale.rounds(5), cold_rounds=scale.rounds(3)
        )


def run_small(scale: Scale) -> Iterator[Contest]:
    """The slow peers beside ours, at sizes at which they end in a while."""
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        folder, rows = Path(name), scale.rows(SMALL)
        source = purchases(folder, rows, customers=rows // 20, products=5_000)
        everyone = [ours(), *slow()]
        title = f"Parquet to Parquet, {said(rows)}"
        yield from process_contest(title, everyone, source, folder, exact_vectors(source), scale.rounds(3))
        python = featuretools_python()
        if python is None:
            print("left out: featuretools, whose environment could not be made", file=sys.stderr, flush=True)
            return
        rows = scale.rows(TINY)
        source = purchases(folder, rows, customers=rows // 20, products=5_000)
        peer = Process("featuretools", "benchmarks.peers.featuretools_dfs", python=python)
        title = f"Parquet to Parquet, {said(rows)}"
        yield from process_contest(title, [ours(), peer], source, folder, exact_vectors(source), scale.rounds(3))


def run_csv(scale: Scale) -> Iterator[Contest]:
    """CSV in, Parquet out, against a scan of the same columns with declared types, and the query by hand over it."""
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        folder, rows = Path(name), scale.rows(CSV_ROWS)
        source = purchases_csv(folder, rows, customers=rows // 20, products=5_000)
        everyone = [ours(), scan(), by_hand(), streaming()]
        title = f"CSV to Parquet, {said(rows)}"
        yield from process_contest(title, everyone, source, folder, exact_vectors(source), scale.rounds(5))
