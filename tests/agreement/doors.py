"""The doors to compare, each from rows of the oracle to the bits of each customer's vector, in its order."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from datetime import date
from importlib.util import find_spec
from typing import Any

import duckdb
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


# Each kind's library is imported where it is needed: together they take seconds, in every process that collects tests.


def _dask(frame: pa.Table) -> Any:
    import dask
    import dask.dataframe as dd

    with dask.config.set({"dataframe.convert-string": False}):  # it would make text of lists, bytes and days
        return dd.from_pandas(frame.to_pandas(), npartitions=3)


def _modin(frame: pa.Table) -> Any:
    os.environ.setdefault("MODIN_ENGINE", "python")
    import modin.pandas

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return modin.pandas.DataFrame(frame.to_pandas())


def _pandas_of_arrow(frame: pa.Table) -> Any:
    import pandas as pd

    return frame.to_pandas(types_mapper=pd.ArrowDtype)


def _polars(frame: pa.Table) -> Any:
    import polars as pl

    return pl.from_arrow(frame)


def _narwhals(native: Any) -> Any:
    import narwhals as nw

    return nw.from_native(native)


FRAMES: dict[str, Callable[[pa.Table], Any]] = {
    "pyarrow": lambda frame: frame,
    "pyarrow reader": lambda frame: frame.to_reader(),
    "arrow stream": Capsule,
    "duckdb": lambda frame: duckdb.connect().from_arrow(frame),
    "pandas": lambda frame: frame.to_pandas(),
    "pandas of arrow": _pandas_of_arrow,
    "polars": _polars,
    "polars lazy": lambda frame: _polars(frame).lazy(),
    "dask": _dask,
    "narwhals": lambda frame: _narwhals(frame.to_pandas()),
    "narwhals lazy": lambda frame: _narwhals(_polars(frame).lazy()),
}
if find_spec("modin"):  # it asks for pandas 2: tests/frames/test_modin.py runs all of this in such an environment
    FRAMES["modin"] = _modin


def to_arrow(frame: Any) -> pa.Table:
    """Any kind of dataframe as an Arrow table."""
    library = type(frame).__module__.partition(".")[0]
    if library == "narwhals":
        frame = frame.to_native()
        library = type(frame).__module__.partition(".")[0]
    if library == "polars":
        return frame.lazy().collect().to_arrow()
    if library == "dask":
        frame, library = frame.compute(), "pandas"
    if library == "modin":
        frame, library = frame.modin.to_pandas(), "pandas"
    if library == "pandas":
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    if isinstance(frame, pa.RecordBatchReader):
        return frame.read_all()
    if isinstance(frame, duckdb.DuckDBPyRelation):
        return frame.to_arrow_table()
    return pa.table(frame)
