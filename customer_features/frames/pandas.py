"""pandas dataframes, of pandas 2 and 3."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from customer_features.errors import SourceError
from customer_features.frames.arrow import marked
from customer_features.frames.base import Kind

_UNREAD = (pa.ArrowException, TypeError, ValueError, OverflowError)
_NAMED = 3
_SHOWN = 40


class DataFrame(Kind):
    """A dataframe in memory; its index is no column, and a new one stands in what comes out."""

    called = "a pandas dataframe"

    @staticmethod
    def owns(frame: Any) -> bool:
        pandas = sys.modules.get("pandas")
        return pandas is not None and isinstance(frame, pandas.DataFrame)

    @property
    def names(self) -> list[str]:
        return [str(label) for label in self.frame.columns]

    @property
    def beside(self) -> list[str]:
        return [str(label) for label in self.frame.index.names if label is not None]

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        return to_arrow(self.frame.iloc[:, places], self.name)

    def like(self, table: pa.Table) -> Any:
        return table.to_pandas()

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        return joined(front, self.frame.iloc[rows], names)


def joined(front: pa.Table, rows: Any, names: list[str]) -> Any:
    """Rows of a dataframe behind the columns of ``front``; a label changes only where its name does."""
    pandas = sys.modules["pandas"]
    rows = rows.reset_index(drop=True)
    labels = [label if str(label) == new else new for label, new in zip(rows.columns, names, strict=True)]
    rows.columns = pandas.Index(labels, dtype=object, tupleize_cols=False)
    both = pandas.concat([front.to_pandas(), rows], axis=1)
    both.columns = pandas.Index(list(both.columns), tupleize_cols=False)
    return both


def to_arrow(frame: Any, name: str, where: str = "") -> pa.Table:
    """A dataframe as an Arrow table of its columns by name.

    ``where`` follows the number of a row in messages. Raises SourceError for values of mixed or unknown types.
    """
    frame = frame.set_axis([str(label) for label in frame.columns], axis=1)
    if not len(frame):
        # Without rows the type of a column is what the library takes for want of values.
        free = {label for label, dtype in frame.dtypes.items() if str(dtype) in {"object", "float64"}}
        frame = frame.astype(dict.fromkeys(free, object))
    try:
        table = pa.Table.from_pandas(frame, preserve_index=False)
    except _UNREAD:
        table = _column_by_column(frame, name, where)
    for column in table.column_names:
        if str(frame[column].dtype) == "object":
            _refuse_times_of_two_kinds(frame[column], table.schema.field(column), name, where)
    return table.replace_schema_metadata(None)


def _column_by_column(frame: Any, name: str, where: str) -> pa.Table:
    arrays, numbers = [], []
    for column in frame.columns:
        try:
            arrays.append(pa.Table.from_pandas(frame[[column]], preserve_index=False).column(0))
        except _UNREAD as error:
            arrays.append(_numbers(frame[column], error, name, where))
            numbers.append(column)
    return marked(pa.table(arrays, names=list(frame.columns)), numbers)


def _numbers(column: Any, error: BaseException, name: str, where: str) -> pa.Array:
    """A column of numbers that no Arrow type holds, as text; anything else is refused."""
    values = dict(_present(column))
    types = {type(value) for value in values.values()}
    if values and types <= {int, Decimal}:
        texts = {row: f"{value:f}" if isinstance(value, Decimal) else str(value) for row, value in values.items()}
        return pa.array([texts.get(row) for row in range(len(column))], pa.string())
    if len(types) > 1:
        raise _mixed(column, name, where)
    if isinstance(error, UnicodeEncodeError):
        row = next(row for row, value in values.items() if not _unicode(value))
        raise SourceError(
            f"{name}: '{column.name}' holds text that is not valid Unicode: {values[row]!r} in row {row + 1}{where};"
            " mend it first"
        ) from None
    said = str(error.args[0] if error.args else error).splitlines()[0]
    raise SourceError(f"{name}: '{column.name}' is of type {column.dtype}, which is not read: {said}") from None


def _unicode(value: Any) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True


def _mixed(column: Any, name: str, where: str) -> SourceError:
    first: dict[str, str] = {}
    for row, value in _present(column):
        shown = repr(value)
        if len(shown) > _SHOWN:
            shown = f"{shown[:_SHOWN]}…"
        zone = " with a time zone" if isinstance(value, datetime) and value.tzinfo else ""
        first.setdefault(f"{type(value).__name__}{zone}", f"{shown} in row {row + 1}{where}")
    listed = [f"{kind} ({example})" for kind, example in list(first.items())[:_NAMED]]
    more = len(first) - len(listed)
    listed += [f"{more} more"] if more else []
    return SourceError(
        f"{name}: '{column.name}' holds values of mixed types: {', '.join(listed[:-1])} and {listed[-1]}; give the"
        f" column one type, e.g. frame['{column.name}'].astype('string') for ids"
    )


def _present(column: Any) -> Iterator[tuple[int, Any]]:
    missing = column.isna().to_numpy()
    for row, value in enumerate(column):
        if not missing[row] or isinstance(value, Decimal):
            yield row, value


def _refuse_times_of_two_kinds(column: Any, field: Any, name: str, where: str) -> None:
    """Arrow takes days and times, and times with and without a zone, for one: the day would depend on their order."""
    if not (pa.types.is_date(field.type) or (pa.types.is_timestamp(field.type) and field.type.tz)):
        return
    kinds = {(isinstance(value, datetime), bool(getattr(value, "tzinfo", None))) for _, value in _present(column)}
    if len(kinds) > 1 and all(isinstance(value, date) for _, value in _present(column)):
        raise _mixed(column, name, where)
