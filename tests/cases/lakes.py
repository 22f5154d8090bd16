"""An Iceberg table on disk, whose catalog is this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyiceberg.catalog import MetastoreCatalog
from pyiceberg.table import CommitTableResponse, Table

_NAME = ("shop", "orders")


class _Catalog(MetastoreCatalog):
    """A catalog that knows one table, and no more of it than what makes and changes it."""

    def create(self, folder: Path, schema: Any) -> Table:
        staged = self._create_staged_table(_NAME, schema, f"file://{folder}")
        return self._written(staged)

    def commit_table(self, table: Table, requirements: Any, updates: Any) -> CommitTableResponse:
        staged = self._written(self._update_and_stage_table(table, _NAME, requirements, updates))
        return CommitTableResponse(metadata=staged.metadata, metadata_location=staged.metadata_location)

    def _written(self, staged: Any) -> Table:
        self._write_metadata(staged.metadata, staged.io, staged.metadata_location)
        return Table(_NAME, staged.metadata, staged.metadata_location, staged.io, self)


_Catalog.__abstractmethods__ = frozenset()  # type: ignore[attr-defined]


def iceberg_table(folder: Path, rows: pa.Table) -> Table:
    """A table of these rows."""
    table = _Catalog("here", warehouse=f"file://{folder.parent}").create(folder, rows.schema)
    table.append(rows)
    return table
