"""Dask dataframes: computed partition by partition, each into a file of the columns that are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from customer_features.errors import SourceError
from customer_features.frames.arrow import mapped, written
from customer_features.frames.base import Kind, unread
from customer_features.frames.pandas import joined, to_arrow
from customer_features.sources.arrow_types import NUMBERS, near

_ROWS_A_PARTITION = 100_000


class DataFrame(Kind):
    """A dataframe of ``dask.dataframe``; it is computed by the scheduler that its user has chosen."""

    called = "a Dask dataframe"

    def __init__(self, frame: Any, name: str) -> None:
        super().__init__(frame, name)
        self._ends: list[int] = []

    @staticmethod
    def owns(frame: Any) -> bool:
        dask = sys.modules.get("dask.dataframe")
        return dask is not None and isinstance(frame, dask.DataFrame)

    @property
    def names(self) -> list[str]:
        return [str(label) for label in self.frame.columns]

    @property
    def beside(self) -> list[str]:
        return [] if self.frame.index.name is None else [str(self.frame.index.name)]

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        own = folder / f"{self.name}.partitions"
        own.mkdir()
        # By label: a reader of Parquet then reads no other columns.
        partitions = self.frame[[self.frame.columns[place] for place in places]].to_delayed()
        paths = [own / f"{number}.arrows" for number in range(len(partitions))]
        self._compute(partitions, paths)
        tables = [mapped(path) for path in paths]
        self._ends = list(accumulate(table.num_rows for table in tables))
        return _together(tables, self.name)

    def like(self, table: pa.Table) -> Any:
        return self._given(table.to_pandas())

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        pandas = sys.modules["pandas"]
        delayed = sys.modules["dask"].delayed
        partitions = self.frame.to_delayed()
        found = [
            delayed(_rows)(partitions[number], here)
            for number, here in enumerate(_by_partition(rows, self._ends))
            if here
        ]
        picked = self._computed(lambda: sys.modules["dask"].compute(*found))
        own = pandas.concat([self.frame._meta.iloc[:0], *picked]) if not picked else pandas.concat(picked)
        return self._given(joined(front, own, names))

    def _given(self, frame: Any) -> Any:
        partitions = min(self.frame.npartitions, len(frame) // _ROWS_A_PARTITION + 1)
        # Dask would make text of everything that is of the type object: of days and of lists too.
        with sys.modules["dask"].config.set({"dataframe.convert-string": False}):
            return sys.modules["dask.dataframe"].from_pandas(frame, npartitions=max(partitions, 1))

    def _compute(self, partitions: list[Any], paths: list[Path]) -> None:
        dask = sys.modules["dask"]
        where = [f" of partition {number}" for number in range(len(paths))]
        client = _client()
        if client is None:
            # One graph, so that what the partitions share is computed once; no partition is handed on but as a file.
            tasks = [
                dask.delayed(_write)(*one, self.name)
                for one in zip(partitions, map(str, paths), where, strict=True)
            ]  # fmt: skip
            self._computed(lambda: dask.compute(*tasks))
            return
        # Workers may be other machines, whose disks are not ours.
        tasks = [dask.delayed(_converted)(partition, self.name, place) for partition, place in
                 zip(partitions, where, strict=True)]  # fmt: skip
        futures = client.compute(tasks)
        for path in paths:
            table = self._computed(futures.pop(0).result)
            written(table.to_batches(), table.schema, path, self.name)

    def _computed(self, work: Any) -> Any:
        try:
            return work()
        except Exception as error:
            raise unread(self.name, error, self.called) from None


def _client() -> Any:
    """The client of a cluster, where one is connected."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except ValueError:
        return None


def _converted(partition: Any, name: str, where: str) -> pa.Table:
    pandas = sys.modules["pandas"]
    if not isinstance(partition, pandas.DataFrame):
        raise SourceError(
            f"{name}: the partitions of the Dask dataframe are of {type(partition).__module__}; allowed are those of"
            " pandas"
        )
    table = to_arrow(partition, name, where)
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):  # each partition may have categories of its own
            table = table.set_column(place, field.name, table.column(place).cast(field.type.value_type))
    return table


def _write(partition: Any, path: str, where: str, name: str) -> int:
    table = _converted(partition, name, where)
    written(table.to_batches(), table.schema, Path(path), name)
    return int(table.num_rows)


def _rows(partition: Any, rows: list[int]) -> Any:
    return partition.iloc[rows]


def _by_partition(rows: list[int], ends: list[int]) -> Iterable[list[int]]:
    """The rows of each partition, counted from its own first; rows come in their order."""
    begin = taken = 0
    for end in ends:
        here = []
        while taken < len(rows) and rows[taken] < end:
            here.append(rows[taken] - begin)
            taken += 1
        yield here
        begin = end


def _together(tables: list[pa.Table], name: str) -> pa.Table:
    """The partitions as one table, each column of a type that holds all of its values exactly.

    Partitions may each be of another type: a column of objects may hold anything, and missing values make floats of
    whole numbers. Raises SourceError where no type holds all.
    """
    columns, fields = [], []
    for place, column in enumerate(tables[0].column_names):
        own = [table.schema.field(place) for table in tables]
        kind = _common(own, name)
        parts = [_as(table.column(place), kind, one, number, own, name)
                 for number, (table, one) in enumerate(zip(tables, own, strict=True))]  # fmt: skip
        columns.append(pa.chunked_array([chunk for part in parts for chunk in part.chunks], kind))
        fields.append(pa.field(column, kind, metadata={NUMBERS: b""} if any(map(_of_numbers, own)) else None))
    return pa.table(columns, schema=pa.schema(fields))


def _common(fields: list[pa.Field], name: str) -> pa.DataType:
    """The type of a column in all partitions."""
    first = fields[0]
    numbers = [_of_numbers(field) for field in fields]
    if any(numbers):  # numbers as text, of which no type holds all
        wrong = (place for place, field in enumerate(fields) if not (numbers[place] or _exact(field.type)))
        if (place := next(wrong, None)) is not None:
            raise _mixed(name, fields[numbers.index(True)], fields[place], place, numbers.index(True))
        return pa.string()
    kinds = {field.type for field in fields if not pa.types.is_null(field.type)}
    if len(kinds) < 2:
        return next(iter(kinds), first.type)
    if all(map(pa.types.is_integer, kinds)):
        return next((kind for kind in kinds if all(map(partial(_holds, kind), kinds))), pa.decimal128(20, 0))
    if all(map(pa.types.is_timestamp, kinds)) and len(zones := {kind.tz for kind in kinds}) == 1:
        return pa.timestamp("us", next(iter(zones)))
    try:
        if any(map(pa.types.is_decimal, kinds)) and any(map(pa.types.is_floating, kinds)):
            raise pa.ArrowTypeError("a decimal number is no float")
        plain = [pa.schema([field.remove_metadata()]) for field in fields]
        return pa.unify_schemas(plain, promote_options="permissive").field(0).type
    except pa.ArrowException:
        number, other = next(
            (place, one) for place, one in enumerate(fields) if one.type not in (first.type, pa.null())
        )
        raise _mixed(name, first, other, number) from None


def _of_numbers(field: pa.Field) -> bool:
    return NUMBERS in (field.metadata or {})


def _exact(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind))


def _holds(kind: pa.DataType, other: pa.DataType) -> bool:
    """Whether a type of whole numbers holds all of another one."""
    if pa.types.is_signed_integer(kind):
        spare = 0 if pa.types.is_signed_integer(other) else 1
        return bool(other.bit_width + spare <= kind.bit_width)
    return bool(pa.types.is_unsigned_integer(other) and other.bit_width <= kind.bit_width)


def _as(
    column: Any, kind: pa.DataType, own: pa.Field, number: int, fields: list[pa.Field], name: str
) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    if pa.types.is_timestamp(kind) and pa.types.is_timestamp(column.type):
        column = near(column)
        # What is cut off a time must not move it to the next day, before 1970 either.
        column = pc.floor_temporal(column, unit="microsecond") if column.type.unit == "ns" else column
        return column.cast(kind)
    try:
        return column.cast(kind)
    except pa.ArrowException:
        place, other = next((place, one) for place, one in enumerate(fields) if one.type != own.type)
        first, second, last = (own, other, place) if number < place else (other, own, number)
        raise _mixed(name, first, second, last, min(number, place)) from None


def _mixed(name: str, first: pa.Field, other: pa.Field, number: int, begin: int = 0) -> SourceError:
    kinds = (first.type, other.type)
    whole = any(map(pa.types.is_integer, kinds)) and any(map(pa.types.is_floating, kinds))
    hint = ".astype('Int64') for whole numbers" if whole else ".astype('string') for ids"
    return SourceError(
        f"{name}: '{first.name}' holds values of mixed types: {first.type} in partition {begin} and {other.type} in"
        f" partition {number}; give the column one type that holds all of them, e.g. frame['{first.name}']{hint}"
    )
