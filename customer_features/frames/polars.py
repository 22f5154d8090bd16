"""Polars: dataframes, and lazy frames that stay lazy."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from customer_features.errors import CustomerFeaturesError, SourceError
from customer_features.frames.arrow import marked
from customer_features.frames.base import Kind, unread

_ROW = "customer_features: row"


class DataFrame(Kind):
    """A dataframe in memory, handed over without a copy."""

    called = "a Polars dataframe"

    @staticmethod
    def owns(frame: Any) -> bool:
        polars = sys.modules.get("polars")
        return polars is not None and isinstance(frame, polars.DataFrame)

    @property
    def names(self) -> list[str]:
        return list(self.frame.columns)

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        return _to_arrow(self.frame, places, self.name)

    def like(self, table: pa.Table) -> Any:
        return sys.modules["polars"].from_arrow(table)

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        own = self.frame[rows]
        own.columns = names
        return self.like(front).hstack(own)


class LazyFrame(Kind):
    """A lazy frame: it runs, streaming into a file of the columns that are needed, when the result is collected."""

    called = "a Polars lazy frame"

    def __init__(self, frame: Any, name: str) -> None:
        super().__init__(frame, name)
        self.deferred = _errors_survive()
        self._schema: Any = None
        self._kept: Any = None

    @staticmethod
    def owns(frame: Any) -> bool:
        polars = sys.modules.get("polars")
        return polars is not None and isinstance(frame, polars.LazyFrame)

    @property
    def schema(self) -> Any:
        if self._schema is None:
            try:
                self._schema = self.frame.collect_schema()
            except Exception as error:
                raise unread(self.name, error, self.called) from None
        return self._schema

    @property
    def names(self) -> list[str]:
        return list(self.schema.names())

    def keep(self, folder: Path) -> None:
        # Run once, and kept whole: not every plan gives its rows in the same order twice.
        polars = sys.modules["polars"]
        if any(polars.Object in _inner(dtype) for dtype in self.schema.dtypes()):
            self._kept = self._computed(lambda: self.frame.collect(engine="streaming")).lazy()
            return
        path = folder / f"{self.name}.ipc"
        self._computed(lambda: self.frame.sink_ipc(path, compression="uncompressed"))
        self._kept = polars.scan_ipc(path)

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        taken, numbers = _sent(self.schema, places, self.name)
        frame = self.frame if self._kept is None else self._kept
        path = folder / f"{self.name}.columns.ipc"
        self._computed(lambda: frame.select(taken).sink_ipc(path, compression="uncompressed"))
        with pa.memory_map(str(path)) as file:
            return marked(pa.ipc.open_file(file).read_all(), numbers)

    def like(self, table: pa.Table) -> Any:
        return self._given(sys.modules["polars"].from_arrow(table))

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        polars = sys.modules["polars"]
        wanted = polars.col(_ROW).is_in(polars.Series(rows, dtype=polars.UInt32).implode())
        own = self._computed(lambda: self._kept.with_row_index(_ROW).filter(wanted).drop(_ROW).collect())
        own.columns = names
        return self._given(polars.from_arrow(front).hstack(own))

    def later(self, work: Callable[[], Any], schema: pa.Schema, names: list[str] | None) -> Any:
        polars = sys.modules["polars"]
        types = dict(polars.from_arrow(schema.empty_table()).schema)
        if names is not None:
            types |= dict(zip(names, self.schema.dtypes(), strict=True))
        return polars.defer(work, schema=types)

    def _given(self, frame: Any) -> Any:
        return frame if self.deferred else frame.lazy()

    def _computed(self, work: Callable[[], Any]) -> Any:
        panic = sys.modules["polars"].exceptions.PanicException  # no Exception, but a fault of the plan all the same
        try:
            return work()
        except (Exception, panic) as error:
            raise unread(self.name, error, self.called) from None


class _Probe(CustomerFeaturesError):
    """Raised by a plan to see what becomes of an exception in it."""


@cache
def _errors_survive() -> bool:
    """Whether an exception in a lazy plan reaches the caller as itself.

    Polars 1 makes a text of it, and who catches DataFaults would not; there a lazy frame is computed at once.
    """
    polars = sys.modules["polars"]

    def fail() -> Any:
        raise _Probe

    try:
        polars.defer(fail, schema={"probe": polars.Int64}).collect()
    except _Probe:
        return True
    except Exception:
        return False
    return False


def _inner(dtype: Any) -> list[Any]:
    """The base types in a type."""
    fields = [field.dtype for field in getattr(dtype, "fields", [])]
    inner = getattr(dtype, "inner", None)
    return [dtype.base_type(), *(base for one in (*fields, *([inner] if inner else [])) for base in _inner(one))]


def _sent(schema: Any, places: list[int], name: str) -> tuple[list[Any], list[str]]:
    """Expressions of the columns at these places in types that Arrow has, and the names of those sent as text."""
    polars = sys.modules["polars"]
    wide = {getattr(polars, wide) for wide in ("Int128", "UInt128") if hasattr(polars, wide)}
    taken, numbers = [], []
    for place in places:
        column, dtype = schema.names()[place], schema.dtypes()[place]
        if polars.Object in _inner(dtype):
            raise SourceError(
                f"{name}: '{column}' is of the Polars type Object, which may hold anything; make the column again"
                " with a type, e.g. String for ids"
            )
        if dtype in wide:
            numbers.append(column)
        taken.append(polars.col(column).cast(polars.String) if dtype in wide else polars.col(column))
    return taken, numbers


def _to_arrow(frame: Any, places: list[int], name: str) -> pa.Table:
    polars = sys.modules["polars"]
    taken, numbers = _sent(frame.schema, places, name)
    try:
        table = frame.select(taken).to_arrow(compat_level=polars.CompatLevel.newest())
    except (Exception, polars.exceptions.PanicException) as error:
        raise unread(name, error, DataFrame.called) from None
    return marked(table, numbers)
