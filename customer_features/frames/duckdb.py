"""DuckDB relations: streamed from their own connection, on which the result lives on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from customer_features.errors import ColumnError
from customer_features.frames.arrow import beside, marked, rows_of, spooled, typed_as_json
from customer_features.frames.base import Kind, unread
from customer_features.query.columns import quoted

_BY_TEXT = {"UHUGEINT", "BIGNUM", "BIT", "TIME WITH TIME ZONE"}
"""Types that Arrow has not: they travel as text."""
_BATCH = 100_000


class Relation(Kind):
    """A relation; it is computed where it lives, and only its columns that are needed."""

    called = "a DuckDB relation"

    def __init__(self, frame: Any, name: str) -> None:
        super().__init__(frame, name)
        self._whole: pa.Table | None = None

    @staticmethod
    def owns(frame: Any) -> bool:
        return isinstance(frame, duckdb.DuckDBPyRelation)

    @property
    def names(self) -> list[str]:
        try:
            return list(self.frame.columns)
        except Exception as error:  # its connection is closed
            raise unread(self.name, error, self.called) from None

    def keep(self, folder: Path) -> None:
        self._whole = self._computed(list(range(len(self.names))), folder)

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        return self._computed(places, folder) if self._whole is None else self._whole.select(places)

    def like(self, table: pa.Table) -> Any:
        return self._on_its_connection(table, "*")

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        table = beside(front, rows_of(self._whole, rows), names)
        own = [f"CAST({quoted(new)} AS {kind}) AS {quoted(new)}" for new, kind in zip(names, self._types, strict=True)]
        return self._on_its_connection(table, ", ".join([*map(quoted, front.column_names), *own]))

    @property
    def _types(self) -> list[str]:
        return [str(kind) for kind in self.frame.types]

    def _computed(self, places: list[int], folder: Path) -> pa.Table:
        names, types = self.names, self._types
        lowered = [column.lower() for column in names]
        for place in places:
            if lowered.count(lowered[place]) > 1:
                raise ColumnError(
                    f"{self.name}: several columns are named '{names[place]}' (SQL does not tell capitals apart);"
                    " rename all but one of them"
                )
        sent = [
            f"CAST({quoted(names[place])} AS VARCHAR) AS {quoted(names[place])}"
            if types[place] in _BY_TEXT
            else quoted(names[place])
            for place in places
        ]
        try:
            reader = self.frame.project(", ".join(sent)).to_arrow_reader(_BATCH)
        except Exception as error:
            raise unread(self.name, error, self.called) from None
        table = spooled(reader, folder, self.name, self.called)
        table = typed_as_json(table, [names[place] for place in places if types[place] == "JSON"])
        return marked(table, [names[place] for place in places if types[place] in {"UHUGEINT", "BIGNUM"}])

    def _on_its_connection(self, table: pa.Table, columns: str) -> Any:
        # So that it can be joined there: the engine finds the local name, unless a table of that connection bears it.
        customer_features_result = table  # noqa: F841
        return self.frame.query("customer_features_input", f"SELECT {columns} FROM customer_features_result")
