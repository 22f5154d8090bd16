"""An Iceberg table as source: the rows of its current snapshot, kept in a Parquet file for the time of the run."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from customer_features.errors import MissingExtra, SourceError
from customer_features.sources.lake_rows import kept
from customer_features.sources.lakes import METADATA
from customer_features.sources.parts import File, first_line

try:
    import pyarrow as pa
    from pyiceberg.table import StaticTable
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading Iceberg tables", "iceberg") from error

_HINT = "version-hint.text"


def fetched(path: Path, shown: str, folder: Path, *, beginning: bool = False) -> File:
    """A copy of the rows of the table's current snapshot; ``beginning``: of some of them.

    ``path``: the table's folder, or one of the files of metadata in it. Raises SourceError: no table, a feature that is
    not read, a file that is gone.
    """
    metadata = path if path.is_file() else current(path, shown)
    try:
        table = StaticTable.from_metadata(str(metadata))
        snapshot = table.current_snapshot()
        reader = table.scan().to_arrow_batch_reader()
        copy = kept(reader.schema, reader, shown, "Iceberg", folder, beginning=beginning)
    except (SourceError, MissingExtra):
        raise
    except (OSError, ValueError, NotImplementedError, LookupError, RuntimeError, pa.ArrowException) as error:
        raise SourceError(f"{shown}: cannot be read as an Iceberg table: {first_line(error)}") from None
    version = {"format": "iceberg", "metadata": metadata.name, "snapshot": snapshot and snapshot.snapshot_id}
    return replace(copy, version=version)


def current(table: Path, shown: str) -> Path:
    """The table's current file of metadata. Raises SourceError where only a catalog could tell."""
    folder = table / "metadata"
    files = {file.name: file for file in folder.glob(f"*{METADATA}")}
    if (folder / _HINT).is_file():
        hint = (folder / _HINT).read_text().strip()
        for name in (f"v{hint}{METADATA}", f"{hint}{METADATA}", hint):
            if name in files:
                return files[name]
        raise SourceError(f"{shown}: is an Iceberg table whose {_HINT} names '{hint}', and there is no such metadata")
    numbered = [(int(number[1]), name) for name in files if (number := re.match(r"v?(\d+)", name))]
    newest = [name for number, name in numbered if number == max(numbered)[0]]
    if len(newest) != 1:
        example = next(iter(sorted(files)))
        raise SourceError(
            f"{shown}: is an Iceberg table, and only its catalog knows which of its metadata is the current one; name"
            f" the file, for example {folder / example}"
        )
    return files[newest[0]]
