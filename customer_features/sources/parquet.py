"""What a Parquet file says of its columns, and what the engine would not read as it is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_features.errors import MissingExtra, SourceError, TooLarge
from customer_features.sources.arrow_types import fitted, is_far, limit_of
from customer_features.sources.bounds import Bounds
from customer_features.sources.parts import File, How

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error

if TYPE_CHECKING:
    import duckdb


MAX_FOOTER_LIST = 100_000
"""Elements of a list in a Parquet footer."""

MAX_FOOTER_TEXT = 16 * 1024 * 1024
"""Bytes of a text in a Parquet footer, such as a schema that a library left there."""

_VALUES = 1 << 20
"""So many values are decoded at a time."""


@dataclass(frozen=True, slots=True)
class Element:
    """A column: its name, the type in which it is stored, the digits of a decimal, and the unit of a time."""

    name: str
    stored: str | None
    digits: int = 0
    unit: str = ""


def elements(connection: duckdb.DuckDBPyConnection, path: str) -> list[Element]:
    """Return the columns of the file at a path (an SQL literal), without those inside them."""
    rows = connection.execute(
        f"""SELECT name, type, COALESCE(precision, 0),
  CASE WHEN converted_type = 'TIMESTAMP_MILLIS' OR logical_type LIKE '%MILLIS=MilliSeconds%' THEN 'ms'
    WHEN converted_type = 'TIMESTAMP_MICROS' OR logical_type LIKE '%MICROS=MicroSeconds%' THEN 'us' ELSE '' END,
  COALESCE(num_children, 0) FROM parquet_schema({path})"""
    ).fetchall()
    columns: list[Element] = []
    below = 0  # elements that are still to come of the column at hand
    for name, stored, digits, unit, children in rows[1:]:
        if below == 0:
            columns.append(Element(str(name), stored, int(digits), str(unit)))
            below = 1
        below += int(children) - 1
    return columns


def without_far_times(file: File, columns: list[Element], how: How) -> File:
    """The file with a copy in which times beyond what the engine reads stand for the last that it reads.

    The engine stops at them wherever they stand: while it makes microseconds of milliseconds, or a day of either.
    """
    units = {column.name: column.unit for column in columns if column.unit and column.stored == "INT64"}
    if not units:
        return file
    try:
        with pq.ParquetFile(file.read_from) as source:
            if not any(_holds_far(source, name, limit_of(unit)) for name, unit in units.items()):
                return file
            with tempfile.NamedTemporaryFile(dir=how.folder, suffix=".parquet", delete=False) as copy:
                _write(_near(source), source.schema_arrow, copy)
    except pa.ArrowException:
        return file  # what the engine says of it is said
    return replace(file, copy=Path(copy.name))


def _holds_far(source: Any, name: str, most: int) -> bool:
    for group in range(source.metadata.num_row_groups):
        row_group = source.metadata.row_group(group)
        place = next(one for one in range(row_group.num_columns) if row_group.column(one).path_in_schema == name)
        column = row_group.column(place)
        if column.is_stats_set and column.statistics.has_min_max:
            ends = (column.statistics.min_raw, column.statistics.max_raw)
            if -most <= ends[0] and ends[1] <= most:
                continue
        [values] = source.read_row_group(group, columns=[name]).columns
        if any(pc.any(is_far(chunk.view(pa.int64()), most)).as_py() for chunk in values.chunks):
            return True
    return False


def _near(source: Any) -> Iterator[Any]:
    for batch in source.iter_batches():
        yield from fitted(pa.Table.from_batches([batch])).table.to_batches()


def _write(batches: Iterator[Any], schema: Any, target: Any) -> None:
    writer = None
    for batch in batches:
        writer = writer or pq.ParquetWriter(target, batch.schema.with_metadata(schema.metadata))
        writer.write_batch(batch)
    if writer is not None:
        writer.close()


def check_parquet(path: str, bounds: Bounds, name: str) -> None:
    """Read a Parquet file through and keep nothing: every page is unpacked to the length that it declares, and decoded.

    The engine trusts lengths, and shows what its memory held before where a page is shorter than it says. Raises
    TooLarge, SourceError, and pyarrow's errors, of which OSError and ArrowInvalid tell of a damaged file.
    """
    with pq.ParquetFile(
        path,
        page_checksum_verification=True,
        thrift_string_size_limit=MAX_FOOTER_TEXT,
        thrift_container_size_limit=MAX_FOOTER_LIST,
    ) as source:
        footer = source.metadata
        bounds.check_columns(max(footer.num_columns, len(source.schema_arrow.names)), name)
        if footer.num_row_groups > bounds.batches:
            raise TooLarge(f"{name}: holds {footer.num_row_groups:,} row groups; allowed are {bounds.batches:,}")
        size = max(_VALUES // max(footer.num_columns, 1), 1)
        for place in range(footer.num_row_groups):
            declared = footer.row_group(place).num_rows
            batches = source.iter_batches(batch_size=size, row_groups=[place], use_threads=False)
            found = sum(batch.num_rows for batch in batches)
            if found != declared:
                raise SourceError(f"{name}: is damaged: a row group of {declared:,} rows holds {found:,}")
        if footer.num_rows != sum(footer.row_group(place).num_rows for place in range(footer.num_row_groups)):
            raise SourceError(f"{name}: is damaged: its row groups do not add up to its {footer.num_rows:,} rows")
