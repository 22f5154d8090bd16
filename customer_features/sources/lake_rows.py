"""Rows of a table of a lake, kept in a file: the run reads them as often as it must, whatever becomes of the table."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from customer_features.errors import MissingExtra, SourceError
from customer_features.sources.lakes import named
from customer_features.sources.parts import File, first_line

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error

_FIRST_BATCHES = 1


def kept(schema: Any, batches: Iterable[Any], shown: str, kind: str, folder: Path, *, beginning: bool) -> File:
    """The batches in a file of the run; ``beginning``: the first of them. Raises SourceError where one is not read."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "rows.parquet"
    try:
        with pq.ParquetWriter(path, schema) as writer:
            for batch in islice(_read(batches, shown, kind), _FIRST_BATCHES if beginning else None):
                writer.write_batch(batch)
    except OSError as error:
        raise SourceError(
            f"{shown}: cannot be kept in {folder.parent}: {error.strerror or error}; name another disk with --spill-dir"
        ) from None
    return replace(File.of(path, shown), kind="parquet", cut=beginning)


def _read(batches: Iterable[Any], shown: str, kind: str) -> Iterator[Any]:
    try:
        yield from batches
    except (pa.ArrowException, OSError) as error:  # a file of the table is gone, or is none
        raise SourceError(f"{shown}: cannot be read as {named(kind)} table: {first_line(error)}") from None
