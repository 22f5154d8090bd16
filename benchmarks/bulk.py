"""Parquet in, Parquet out: 2 million rows, 100,000 customers, 5,000 products.

Ours also checks every fault, flushes to the disk, and publishes a manifest with checksums.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.data import TODAY, differing, file_vectors, purchases
from benchmarks.harness import Contender, Row, contest
from benchmarks.peers import duckdb_sql, pandas_groupby, polars_lazy
from customer_features.engines.duckdb import Engine
from customer_features.engines.duckdb_session import connected
from customer_features.options import Options
from customer_features.publish import publish
from customer_features.sources import opened

ROWS = 2_000_000


def build(source: Path, out: Path, options: Options) -> Path:
    """What ``customer-features build`` does between reading its arguments and printing its summary."""
    with connected() as connection, opened([str(source)], connection) as parts:
        engine = Engine(connection, parts, options)
        engine.judge()
        publish(engine, out)
    return out


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, exact = purchases(ROWS, folder)
        options = Options.parse(today=TODAY, on_fault="quarantine")

        def wrong(found: Path) -> int:
            return differing(file_vectors(found), exact)

        return contest(
            f"Parquet, {ROWS // 1_000_000} million rows in to file out",
            Contender("ours", lambda: build(source, folder / "ours.parquet", options), wrong),
            [
                Contender(
                    "DuckDB SQL, floats",
                    lambda: duckdb_sql.run(source, folder / "floats.parquet", duckdb_sql.FLOATS),
                    wrong,
                ),
                Contender(
                    "DuckDB SQL, exact integers",
                    lambda: duckdb_sql.run(source, folder / "decimals.parquet", duckdb_sql.DECIMALS),
                    wrong,
                ),
                Contender("Polars, lazy", lambda: polars_lazy.run(source, folder / "polars.parquet"), wrong),
                Contender("pandas", lambda: pandas_groupby.run(source, folder / "pandas.parquet"), wrong),
            ],
            rounds=9,
        )
