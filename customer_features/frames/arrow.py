"""Arrow tables as the engine takes them: spooled where they can be read but once, and of types that it knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from customer_features.errors import ColumnError, SourceError
from customer_features.frames.base import unread
from customer_features.sources import arrow_types
from customer_features.sources.column_names import shared

IN_MEMORY = 64 << 20
"""Bytes of a stream that are kept in memory; a longer one goes to a file."""


def spooled(reader: pa.RecordBatchReader, folder: Path, name: str, what: str) -> pa.Table:
    """All that is left of a stream, to be read many times: in memory, or mapped from a file in the folder."""
    batches: list[Any] = []
    rest = _read(reader, name, what)
    size = 0
    for batch in rest:
        batches.append(batch)
        size += batch.get_total_buffer_size()
        if size > IN_MEMORY:
            return written(chain(batches, rest), reader.schema, _unused(folder), name)
    return pa.Table.from_batches(batches, reader.schema)


def _read(reader: pa.RecordBatchReader, name: str, what: str) -> Iterator[Any]:
    try:
        yield from reader
    except Exception as error:
        raise unread(name, error, what) from None


def _unused(folder: Path) -> Path:
    return folder / f"{len(list(folder.iterdir()))}.arrows"


def written(batches: Iterable[Any], schema: pa.Schema, path: Path, name: str) -> pa.Table:
    """Batches in a file, mapped: a stream and no Arrow file, as in a stream dictionaries may change on the way."""
    try:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    except pa.ArrowNotImplementedError as error:
        raise SourceError(f"{name}: a column has a type that cannot be kept: {error}; drop or convert it") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise SourceError(
            f"{name}: cannot be kept in {path.parent}: {reason}; set TMPDIR to a folder with more room"
        ) from None
    return mapped(path)


def mapped(path: Path) -> pa.Table:
    """The table in a file of :func:`written`, without a copy in memory."""
    return pa.ipc.open_stream(pa.memory_map(str(path))).read_all()


def marked(table: pa.Table, columns: list[str]) -> pa.Table:
    """The table with columns of text marked as decimal numbers, which may be of any length, infinite or NaN."""
    for column in columns:
        place = table.schema.get_field_index(column)
        field = pa.field(column, pa.string(), metadata={arrow_types.NUMBERS: b""})
        table = table.set_column(place, field, table.column(place).cast(pa.string()))
    return table


def typed_as_json(table: pa.Table, columns: list[str]) -> pa.Table:
    """Return the table with columns of text typed as the JSON that they hold: a string there is text in quotes."""
    for column in columns:
        place, kind = table.schema.get_field_index(column), pa.json_()
        chunks = [pa.ExtensionArray.from_storage(kind, chunk) for chunk in table.column(place).cast(pa.string()).chunks]
        table = table.set_column(place, column, pa.chunked_array(chunks, kind))
    return table


def fitted(table: pa.Table, name: str) -> tuple[pa.Table, frozenset[str]]:
    """The table in types that the engine reads as what they are, and its columns of numbers in text, quoted.

    Raises ColumnError for a type that cannot be read.
    """
    _refuse_alike(table.column_names, name)
    found = arrow_types.fitted(table)
    for column, kind in found.unread.items():
        raise ColumnError(
            f"{name}: '{column}' is of type {kind}, which is not read; convert it first, to text or to dates"
        )
    return found.table, found.numerics


def _refuse_alike(names: list[str], name: str) -> None:
    """Two needed columns whose names differ in case alone would be one to SQL."""
    if same := shared(names):
        listed = " and ".join(f"'{column}'" for _, column in same)
        raise ColumnError(f"{name}: the columns {listed} differ in case alone; rename one of them")


def rows_of(table: pa.Table, rows: list[int]) -> pa.Table:
    """The rows at these places, in their order, of columns of any type."""
    wanted = pa.array(rows, pa.int64())
    return pa.table([_taken(column, wanted) for column in table.columns], schema=table.schema)


def _taken(column: Any, rows: Any) -> Any:
    try:
        return pc.take(column, rows)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # views and runs; more text than one array holds
        return pa.chunked_array(
            (chunk for row in rows.to_pylist() for chunk in column.slice(row, 1).chunks), type=column.type
        )


def beside(front: pa.Table, table: pa.Table, names: list[str]) -> pa.Table:
    """Two tables of as many rows side by side, the second one's columns under new names."""
    fields = [*front.schema, *(field.with_name(new) for field, new in zip(table.schema, names, strict=True))]
    return pa.table([*front.columns, *table.columns], schema=pa.schema(fields))
