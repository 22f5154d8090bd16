"""A Delta table as source: the rows of its current version, kept in a Parquet file for the time of the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from customer_features.errors import MissingExtra, SourceError
from customer_features.sources.lake_rows import kept
from customer_features.sources.legacy_calendar import refuse_legacy
from customer_features.sources.parts import File, first_line

try:
    import pyarrow.dataset as ds
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading Delta tables", "delta") from error

_UNREAD = {"columnMapping", "deletionVectors", "typeWidening"}
_MAPPING = "delta.columnMapping.mode"


def fetched(path: Path, shown: str, folder: Path, *, beginning: bool = False) -> File:
    """A copy of the rows of the table's current version; ``beginning``: of some of them.

    Raises SourceError: no table, a feature that is not read, a file that is gone.
    """
    try:
        table = DeltaTable(str(path))
        version = table.version()
        protocol = table.protocol()
        # With it, names in the files are others than the table's, or those that another column had before.
        mapped = table.metadata().configuration.get(_MAPPING, "none") != "none"
        features = set(protocol.reader_features or ()) | ({"columnMapping"} if mapped else set())
        if unread := features & _UNREAD:
            listed = " and ".join(sorted(unread))
            raise SourceError(f"{shown}: is a Delta table with {listed}, which is not read here; build with Spark")
        # Far timestamps of Spark's older type would wrap around in nanoseconds.
        options = ds.ParquetReadOptions(coerce_int96_timestamp_unit="us")
        rows = table.to_pyarrow_dataset(parquet_read_options=options)
    except DeltaError as error:
        raise SourceError(f"{shown}: cannot be read as a Delta table: {first_line(error)}") from None
    for fragment in rows.get_fragments():
        refuse_legacy(fragment, shown)
    copy = kept(rows.schema, rows.scanner(batch_size=1 << 16).to_batches(), shown, "Delta", folder, beginning=beginning)
    return replace(copy, version={"format": "delta", "version": version})
