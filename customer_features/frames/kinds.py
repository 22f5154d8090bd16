"""Which kind of dataframe a frame is."""

from __future__ import annotations

from os import PathLike
from typing import Any

from customer_features.errors import SourceError
from customer_features.frames import dask, duckdb, modin, narwhals, pandas, polars, pyarrow
from customer_features.frames.base import Kind

KINDS: tuple[type[Kind], ...] = (
    pyarrow.Table,
    pyarrow.Reader,
    duckdb.Relation,
    pandas.DataFrame,
    modin.DataFrame,
    polars.DataFrame,
    polars.LazyFrame,
    dask.DataFrame,
    pyarrow.Stream,  # the last: other kinds hand out streams too
)


def kind_of(frame: Any, name: str) -> Kind:
    """The frame as one of its kind; ``name`` is what it is called in messages. Raises SourceError."""
    if narwhals.Wrapped.owns(frame):
        return narwhals.Wrapped(frame, kind_of(frame.to_native(), name))
    for kind in KINDS:
        if kind.owns(frame):
            return kind(frame, name)
    raise SourceError(
        f"{name}: found {_named(frame)}; allowed are pandas, Polars, Dask and Modin dataframes, Polars lazy frames,"
        " PyArrow tables and RecordBatchReaders, DuckDB relations, Narwhals frames, and whatever hands out an Arrow"
        f" stream{_hint(frame)}"
    )


def _named(frame: Any) -> str:
    package = type(frame).__module__.partition(".")[0]
    return type(frame).__name__ if package == "builtins" else f"{type(frame).__name__} of {package}"


def _hint(frame: Any) -> str:
    if isinstance(frame, str | PathLike):
        return "; files are read by the command line, or by a dataframe library"
    if isinstance(frame, dict | list):
        return "; pyarrow.table(...) or pandas.DataFrame(...) makes one of it"
    return ""
