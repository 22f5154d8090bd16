"""The doors to compare, each from rows of the oracle to the bits of each customer's vector, in its order."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from importlib.util import find_spec
from typing import Any

import dask
import dask.dataframe as dd
import duckdb
import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa

import customer_features
from tests.agreement.oracle import Row, bits
from tests.conftest import FIELDS

Found = dict[str, bytes]


def document(rows: Sequence[Row], today: date, **keys: Any) -> bytes:
    """A request of these rows, customers in the order in which they come."""
    customers: dict[str, dict[str, Any]] = {}
    for row in rows:
        customer = customers.setdefault(row.customer_id, {"customer_id": row.customer_id, "transactions": []})
        customer["transactions"].append(
            {
                "transaction_id": row.transaction_id,
                "date": row.day.isoformat(),
                "amount": row.amount,
                "product_id": row.product_id,
            }
        )
    return json.dumps({"today": today.isoformat(), **keys, "customers": list(customers.values())}).encode()


def answered(rows: Sequence[Row], today: date, **keys: Any) -> Found:
    """Through ``answer``: the rows engine."""
    body = customer_features.answer(document(rows, today, **keys))
    return {one["customer_id"]: bits(one["features"].values()) for one in json.loads(body)["customers"]}


def table(rows: Sequence[Row], text: bool = False) -> pa.Table:
    """The rows as an Arrow table of strings and doubles, or of strings alone."""
    columns: dict[str, list[Any]] = {
        "customer_id": [row.customer_id for row in rows],
        "transaction_id": [row.transaction_id for row in rows],
        "date": [row.day.isoformat() for row in rows],
        "amount": [repr(row.amount) if text else row.amount for row in rows],
        "product_id": [row.product_id for row in rows],
    }
    kinds = [pa.string()] * 5 if text else [pa.string(), pa.string(), pa.string(), pa.float64(), pa.string()]
    return pa.table({name: pa.array(columns[name], kind) for name, kind in zip(FIELDS, kinds, strict=True)})


def built(rows: Sequence[Row], today: date, *, text: bool = False, **options: Any) -> Found:
    """Through ``build``: the DuckDB engine."""
    return vectors_of(customer_features.build(table(rows, text), today=today, **options))


def vectors_of(frame: pa.Table) -> Found:
    """The bits of each customer of a table of vectors."""
    ids = frame["customer_id"].to_pylist()
    columns = [column.to_pylist() for column in frame.columns[1:]]
    return {customer: bits(vector) for customer, vector in zip(ids, zip(*columns, strict=True), strict=True)}


# -- dataframes: a converter from an Arrow table for each kind that ``build`` and ``check`` take ---------------


class Capsule:
    """What speaks the Arrow PyCapsule stream interface and nothing else."""

    def __init__(self, frame: pa.Table) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


def _dask(frame: pa.Table) -> Any:
    with dask.config.set({"dataframe.convert-string": False}):  # it would make text of lists, bytes and days
        return dd.from_pandas(frame.to_pandas(), npartitions=3)


def _modin(frame: pa.Table) -> Any:
    os.environ.setdefault("MODIN_ENGINE", "python")
    import modin.pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return modin.pandas.DataFrame(frame.to_pandas())


FRAMES: dict[str, Callable[[pa.Table], Any]] = {
    "pyarrow": lambda frame: frame,
    "pyarrow reader": lambda frame: frame.to_reader(),
    "arrow stream": Capsule,
    "duckdb": lambda frame: duckdb.connect().from_arrow(frame),
    "pandas": lambda frame: frame.to_pandas(),
    "pandas of arrow": lambda frame: frame.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.from_arrow,
    "polars lazy": lambda frame: pl.LazyFrame(pl.from_arrow(frame)),
    "dask": _dask,
    "narwhals": lambda frame: nw.from_native(frame.to_pandas()),
    "narwhals lazy": lambda frame: nw.from_native(pl.LazyFrame(pl.from_arrow(frame))),
}
if find_spec("modin"):  # it asks for pandas 2: tests/frames/test_modin.py runs all of this in such an environment
    FRAMES["modin"] = _modin


def to_arrow(frame: Any) -> pa.Table:
    """Any kind of dataframe as an Arrow table."""
    if isinstance(frame, nw.DataFrame | nw.LazyFrame):
        frame = frame.to_native()
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame.to_arrow()
    if isinstance(frame, pa.RecordBatchReader):
        return frame.read_all()
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return frame.to_arrow_table()
    if isinstance(frame, dd.DataFrame):
        frame = frame.compute()
    elif type(frame).__module__.startswith("modin."):
        frame = frame.modin.to_pandas()
    if isinstance(frame, pd.DataFrame):
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    return pa.table(frame)
