"""Dask dataframes: computed partition by partition, each into a file of the columns that are needed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any

import pyarrow as pa

from customer_features.errors import SourceError
from customer_features.frames.arrow import mapped, written
from customer_features.frames.base import Kind, unread
from customer_features.frames.pandas import joined, to_arrow

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
        _refuse_other_types(tables, self.name)
        return pa.concat_tables(tables, promote_options="permissive")

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


def _refuse_other_types(tables: list[pa.Table], name: str) -> None:
    """Partitions of a column of objects may each hold something else."""
    first = tables[0].schema
    for number, table in enumerate(tables):
        for one, other in zip(first, table.schema, strict=True):
            try:
                pa.unify_schemas([pa.schema([one]), pa.schema([other])], promote_options="permissive")
            except pa.ArrowException:
                raise SourceError(
                    f"{name}: '{one.name}' holds values of mixed types: {one.type} in partition 0 and {other.type} in"
                    f" partition {number}; give the column one type, e.g. frame['{one.name}'].astype('string') for ids"
                ) from None
        first = pa.unify_schemas([first, table.schema], promote_options="permissive")
