"""The rows of the contests over files, made of the engine's hash of each row's number, and their exact vectors."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from benchmarks.data import TODAY
from benchmarks.judging import FEATURES

COLUMNS = "customer_id", "transaction_id", "date", "amount", "product_id"
EVEN = "hash(4 * i) % {customers}"
ONE_HOLDS_A_TENTH = "CASE WHEN i % 10 = 0 THEN 0 ELSE hash(4 * i) % {customers} END"
MOST_HAVE_ONE = (
    "CASE WHEN i < {customers} * 9 // 10 THEN i ELSE {customers} * 9 // 10 + hash(4 * i) % ({customers} // 10) END"
)
"""SQL of a row's customer: each as often as the others; one with a tenth of all rows; nine in ten with a single row."""


def purchases(
    folder: Path, rows: int, customers: int, products: int, customer: str = EVEN, name: str = "purchases"
) -> Path:
    """A Parquet file of purchases in the last two years."""
    path = folder / f"{name}_{rows}.parquet"
    _copy(_rows(rows, customers, products, customer), path, "FORMAT parquet")
    return path


def purchases_csv(folder: Path, rows: int, customers: int, products: int) -> Path:
    """The same rows as CSV."""
    path = folder / f"purchases_{rows}.csv"
    _copy(_rows(rows, customers, products, EVEN), path, "FORMAT csv, HEADER")
    return path


def wide(folder: Path, rows: int, customers: int, products: int, columns: int) -> Path:
    """The same rows with further columns of small numbers, so that there are ``columns`` of them."""
    path = folder / f"wide_{rows}.parquet"
    more = ", ".join(f"hash(i + {place}) % 100 AS extra_{place}" for place in range(columns - len(COLUMNS)))
    _copy(f"SELECT *, {more} FROM ({_rows(rows, customers, products, EVEN)})", path, "FORMAT parquet")
    return path


def _rows(rows: int, customers: int, products: int, customer: str) -> str:
    number = customer.format(customers=customers)
    return f"""SELECT 'C' || LPAD(CAST({number} AS VARCHAR), 8, '0') AS customer_id,
  'T' || i AS transaction_id, DATE '{TODAY}' - 730 + CAST(hash(4 * i + 1) % 730 AS INTEGER) AS date,
  CAST(hash(4 * i + 2) % 50000 AS DOUBLE) / 100 AS amount, 'P' || (hash(4 * i + 3) % {products}) AS product_id, i
  FROM range({rows}) numbers(i)"""


def _copy(query: str, path: Path, form: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * EXCLUDE (i) FROM ({query})) TO '{path}' ({form})")


def months(count: int) -> list[date]:
    """Monthly as-of dates, the last of them today's."""
    last = TODAY.year * 12 + TODAY.month - 1
    return [date(month // 12, month % 12 + 1, TODAY.day) for month in range(last - count + 1, last + 1)]


def exact_vectors(source: Path, one_in: int = 1) -> pl.DataFrame:
    """The exact vectors of such a file, in whole cents; of one customer in ``one_in``."""
    rows = pl.scan_csv(source, try_parse_dates=True) if source.suffix == ".csv" else pl.scan_parquet(source)
    if one_in > 1:
        rows = rows.filter(pl.col("customer_id").str.slice(1).cast(pl.Int64) % one_in == 0)
    return _vectors(rows, TODAY).sort("customer_id")


def exact_at(source: Path, dates: list[date]) -> pl.DataFrame:
    """The exact vectors at each date, of the rows of the twelve months up to it."""
    rows = pl.scan_parquet(source)
    each = [
        _vectors(
            rows.filter(pl.col("date") <= as_of, pl.col("date") > as_of.replace(year=as_of.year - 1)), as_of
        ).with_columns(pl.lit(as_of).alias("as_of"))
        for as_of in dates
    ]
    return pl.concat(each).sort("customer_id", "as_of")


def _vectors(rows: pl.LazyFrame, today: date) -> pl.DataFrame:
    counted = (
        rows.with_columns((pl.col("amount") * 100).round().cast(pl.Int64).alias("cents"))
        .group_by("customer_id")
        .agg(
            pl.col("cents").sum(),
            pl.len().cast(pl.Int64).alias("visits"),
            pl.col("product_id").n_unique().alias("products"),
            (pl.lit(today) - pl.col("date").max()).dt.total_days().alias("days"),
        )
        .collect()
    )
    cents, visits = counted["cents"].to_numpy(), counted["visits"].to_numpy()
    # Polars divides by multiplying with the reciprocal, which is another double now and then: NumPy divides.
    values = (cents / 100, visits, (2 * cents + visits) // (2 * visits) / 100, counted["products"], 0, counted["days"])
    columns = {name: pl.Series(np.zeros(len(cents)) + value) for name, value in zip(FEATURES, values, strict=True)}
    return pl.DataFrame({"customer_id": counted["customer_id"], **columns})
