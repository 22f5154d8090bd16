"""Parquet in, Parquet out: 10 million rows, 500,000 customers, 5,000 products, each contender in its own process.

Ours also checks every fault, flushes to the disk, and publishes a manifest with checksums.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.files import Process, exact_vectors, process_contest, purchases, wrong_vectors
from benchmarks.harness import Row

ROWS = 10_000_000


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = purchases(folder, ROWS, customers=ROWS // 20, products=5_000)
        exact = exact_vectors(source)
        return process_contest(
            f"Parquet, {ROWS // 1_000_000} million rows in to file out",
            [
                Process("ours", "benchmarks.ours", "build"),
                Process("DuckDB SQL, floats", "benchmarks.peers.duckdb_sql", "floats"),
                Process("DuckDB SQL, exact integers", "benchmarks.peers.duckdb_sql", "exact"),
                Process("Polars, lazy", "benchmarks.peers.polars_lazy", "run"),
                Process("pandas", "benchmarks.peers.pandas_groupby", "run"),
            ],
            source,
            folder,
            lambda out: wrong_vectors(out, exact),
            rounds=5,
        )
