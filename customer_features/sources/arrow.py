"""Arrow files and streams: their batches within bounds, and their values checked before the engine trusts them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from customer_features.errors import MissingExtra, SourceError, TooLarge
from customer_features.sources.arrow_types import fitted
from customer_features.sources.bounds import Bounds
from customer_features.sources.column_names import refuse_shared
from customer_features.sources.legacy_calendar import as_text, limits
from customer_features.sources.parts import File, How, Part, first_line, table_part

try:
    import pyarrow as pa
    import pyarrow.ipc
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error


def _sound(table: pa.Table, name: str) -> pa.Table:
    """A table whose offsets and text are what they claim to be: the engine takes that for granted, and falls over.

    Raises SourceError with the column where they are not.
    """
    for column, values in zip(table.column_names, table.columns, strict=True):
        if pa.types.is_date64(values.type):  # days are read of any number of milliseconds
            values = pa.chunked_array([chunk.view(pa.int64()) for chunk in values.chunks], pa.int64())
        try:
            values.validate(full=True)
        except pa.ArrowInvalid as error:
            said = first_line(error).removeprefix("In chunk 0: Invalid: ")
            if "Invalid UTF8" in said:
                said = "text that is not UTF-8"
            raise SourceError(f"{name}: the column '{column}' holds {said}; write it again without that") from None
    return table


def arrow_part(file: File, how: How) -> Part:
    """Return the file as a part, which holds its rows in memory. Raises SourceError and pyarrow's errors."""
    with pa.memory_map(str(file.path)) as mapped:
        try:
            reader = pa.ipc.open_file(mapped)
        except pa.ArrowInvalid:
            mapped.seek(0)
            reader = pa.ipc.open_stream(mapped)
        if how.bounds is not None:
            how.bounds.check_columns(len(reader.schema.names), file.name)
        refuse_shared(reader.schema.names, file.name)
        count = getattr(reader, "count_rows", None)
        if how.beginning:
            batches = (reader.get_batch(place) for place in range(reader.num_record_batches)) if count else reader
            table = pa.Table.from_batches(islice(batches, 1), reader.schema)
        else:
            batches = _bounded(reader, how.bounds, file.name) if how.bounds is not None else None
            table = reader.read_all() if batches is None else pa.Table.from_batches(batches, reader.schema)
        found = fitted(_sound(table, file.name))
        part = table_part(found.table, file.name, how.connection)
        part.numerics, part.unread = found.numerics, found.unread
        part.legacy = limits(as_text(table.schema.metadata), part.columns)
        if how.beginning:
            part.counted, part.cut = count() if count else None, True
    part.files = [file]
    return part


def _bounded(reader: Any, bounds: Bounds, name: str) -> Iterator[Any]:
    """Yield the record batches of an Arrow reader, as long as they are few enough and fit.

    What is not packed stays in the file and takes no memory. The memory limit of the process bounds a single batch.
    """
    before = pa.total_allocated_bytes()
    for place, batch in enumerate(_batches(reader), 1):
        if place > bounds.batches:
            raise TooLarge(f"{name}: holds more than {bounds.batches:,} record batches, which is what is allowed")
        if pa.total_allocated_bytes() - before > bounds.memory:
            raise TooLarge(f"{name}: takes more than {bounds.memory:,} bytes of memory, which is what is allowed")
        yield batch


def _batches(reader: Any) -> Iterator[Any]:
    if hasattr(reader, "num_record_batches"):
        return (reader.get_batch(place) for place in range(reader.num_record_batches))
    return iter(reader)
