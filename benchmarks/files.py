"""Contests over files: the rows, their exact vectors, and contenders that each run in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from benchmarks.data import TODAY
from benchmarks.harness import Row, row

FEATURES = (
    "purchase_total",
    "visit_frequency",
    "avg_ticket",
    "product_diversity",
    "loyalty_score",
    "recency_days",
)


def purchases(folder: Path, rows: int, customers: int, products: int) -> Path:
    """A Parquet file of purchases in the last two years, made of the engine's hash of each row's number."""
    path = folder / f"purchases_{rows}.parquet"
    with duckdb.connect() as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(
            f"""COPY (SELECT 'C' || LPAD(CAST(hash(4 * i) % {customers} AS VARCHAR), 8, '0') AS customer_id,
  'T' || i AS transaction_id, DATE '{TODAY}' - 730 + CAST(hash(4 * i + 1) % 730 AS INTEGER) AS date,
  CAST(hash(4 * i + 2) % 50000 AS DOUBLE) / 100 AS amount, 'P' || (hash(4 * i + 3) % {products}) AS product_id
  FROM range({rows}) numbers(i)) TO '{path}' (FORMAT parquet)"""
        )
    return path


def exact_vectors(source: Path, one_in: int = 1) -> pl.DataFrame:
    """The exact vectors of such a file, in whole cents; of one customer in ``one_in``."""
    rows = pl.scan_parquet(source)
    if one_in > 1:
        rows = rows.filter(pl.col("customer_id").str.slice(1).cast(pl.Int64) % one_in == 0)
    counted = (
        rows.with_columns((pl.col("amount") * 100).round().cast(pl.Int64).alias("cents"))
        .group_by("customer_id")
        .agg(
            pl.col("cents").sum(),
            pl.len().cast(pl.Int64).alias("visits"),
            pl.col("product_id").n_unique().alias("products"),
            (pl.lit(TODAY) - pl.col("date").max()).dt.total_days().alias("days"),
        )
        .sort("customer_id")
        .collect()
    )
    cents, visits = counted["cents"].to_numpy(), counted["visits"].to_numpy()
    # Polars divides by multiplying with the reciprocal, which is another double now and then: NumPy divides.
    values = (cents / 100, visits, (2 * cents + visits) // (2 * visits) / 100, counted["products"], 0, counted["days"])
    columns = {name: pl.Series(np.zeros(len(cents)) + value) for name, value in zip(FEATURES, values, strict=True)}
    return pl.DataFrame({"customer_id": counted["customer_id"], **columns})


def wrong_vectors(out: Path, exact: pl.DataFrame) -> int:
    """How many vectors of a published file differ in a bit from the exact ones, are missing, or are too many."""
    return wrong_in(pl.read_parquet(out), exact)


def wrong_in(found: pl.DataFrame, exact: pl.DataFrame) -> int:
    """How many vectors of a frame differ in a bit from the exact ones, are missing, or are too many."""
    found = found.rename({"customer_id": "id"})
    joined = exact.join(found, left_on="customer_id", right_on="id", how="full", suffix="_found")
    same = pl.all_horizontal(
        pl.col(name).reinterpret(signed=True) == pl.col(f"{name}_found").reinterpret(signed=True) for name in FEATURES
    )
    return joined.height - int(joined.select(same.fill_null(value=False).sum()).item())


@dataclass(slots=True)
class Process:
    """A contender: the function that does its work, given a source, an output and further arguments."""

    name: str
    module: str
    function: str
    arguments: tuple[str, ...] = ()
    seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)
    differing: int | None = None

    def run(self, source: Path, out: Path) -> None:
        """Do the work once in a process of its own; keep its seconds and the memory that it held at its peak."""
        command = [sys.executable, "-m", "benchmarks.child", self.module, self.function, str(source), str(out)]
        ran = subprocess.run([*command, *self.arguments], stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"{self.name}: ended with {ran.returncode}")
        seconds, peak = ran.stdout.split()[-2:]
        self.seconds.append(float(seconds))
        self.peak_bytes.append(int(peak))


def process_contest(
    name: str,
    everyone: list[Process],
    source: Path,
    folder: Path,
    wrong: Callable[[Path], int] | None,
    rounds: int,
) -> list[Row]:
    """Run all in turn, ``rounds`` times after one that warms up and checks results; ours is the first."""
    ours, *others = everyone
    for contender in everyone:
        out = folder / f"{contender.function}.parquet"
        contender.run(source, out)
        contender.seconds.clear()
        contender.peak_bytes.clear()
        contender.differing = None if wrong is None else wrong(out)
    if ours.differing:
        raise SystemExit(f"{name}: {ours.differing} of our own vectors are wrong; no time counts")
    for turn in range(rounds):
        # Every round starts with another contender, so that none always follows the same one.
        for contender in everyone[turn % len(everyone) :] + everyone[: turn % len(everyone)]:
            contender.run(source, folder / f"{contender.function}.parquet")
    return [
        row(name, other.name, ours.seconds, other.seconds, other.differing, (ours.peak_bytes, other.peak_bytes))
        for other in others
    ]
