"""What a stranger's file may hold or declare: checked before memory is taken for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from customer_features.errors import MissingExtra, SourceError, TooLarge

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error

MAX_COLUMNS = 1_000
"""Columns of a table, nested ones included: six are read, and the time for the others grows with their square."""

MAX_BATCHES = 50_000
"""Record batches of an Arrow body, and row groups of a Parquet body."""

MAX_FOOTER_LIST = 100_000
"""Elements of a list in a Parquet footer."""

MAX_FOOTER_TEXT = 16 * 1024 * 1024
"""Bytes of a text in a Parquet footer, such as a schema that a library left there."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of one file.

    ``unpacked``: bytes of a text once it is unpacked; ``memory``: bytes for Arrow data that are packed; ``columns``: also
    different keys of JSON objects; ``batches``: also row groups.
    """

    unpacked: int
    memory: int
    columns: int = MAX_COLUMNS
    batches: int = MAX_BATCHES

    def check_columns(self, found: int, name: str, what: str = "columns") -> None:
        """Raise TooLarge where there are more columns than may be read."""
        if found > self.columns:
            raise TooLarge(f"{name}: holds {found:,} {what}, or more; allowed are {self.columns:,}")

    def check_unpacked(self, found: int, name: str) -> None:
        """Raise TooLarge where more bytes were unpacked than may be."""
        if found > self.unpacked:
            raise TooLarge(
                f"{name}: holds more than {self.unpacked:,} bytes once it is unpacked, which is what is allowed"
            )


def bounded_batches(reader: Any, bounds: Bounds, name: str) -> Iterator[Any]:
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
        for place in range(footer.num_row_groups):
            declared = footer.row_group(place).num_rows
            found = sum(batch.num_rows for batch in source.iter_batches(row_groups=[place]))
            if found != declared:
                raise SourceError(f"{name}: is damaged: a row group of {declared:,} rows holds {found:,}")
        if footer.num_rows != sum(footer.row_group(place).num_rows for place in range(footer.num_row_groups)):
            raise SourceError(f"{name}: is damaged: its row groups do not add up to its {footer.num_rows:,} rows")
