"""PyArrow tables, readers of record batches, and whatever hands out an Arrow stream (the PyCapsule interface)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from customer_features.errors import SourceError
from customer_features.frames.arrow import beside, rows_of, spooled
from customer_features.frames.base import Kind, unread


class Table(Kind):
    """A table in memory: the engine reads it as it is."""

    called = "a PyArrow table"

    @staticmethod
    def owns(frame: Any) -> bool:
        return isinstance(frame, pa.Table)

    @property
    def names(self) -> list[str]:
        return list(self.frame.column_names)

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        return self.frame.select(places)

    def like(self, table: pa.Table) -> Any:
        return table

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        return beside(front, rows_of(self.frame, rows), names)


class Stream(Kind):
    """Anything else with ``__arrow_c_stream__`` or ``__arrow_c_array__``: read once, and a table comes out."""

    called = "an Arrow stream"

    def __init__(self, frame: Any, name: str) -> None:
        super().__init__(frame, name)
        self._whole: pa.Table | None = None
        self._reader = self._opened()

    @staticmethod
    def owns(frame: Any) -> bool:
        # A class has the method too, but is no frame.
        return not isinstance(frame, type) and (
            hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__")
        )

    def _opened(self) -> pa.RecordBatchReader:
        try:
            if hasattr(self.frame, "__arrow_c_stream__"):
                return pa.RecordBatchReader.from_stream(self.frame)
            return pa.Table.from_batches([pa.record_batch(self.frame)]).to_reader()
        except Exception as error:
            if "non-struct" in str(error):  # a Series, a column
                raise SourceError(
                    f"{self.name}: found {type(self.frame).__name__}, which is one column; give a dataframe"
                ) from None
            raise unread(self.name, error, self.called) from None

    @property
    def names(self) -> list[str]:
        return list(self._reader.schema.names)

    def keep(self, folder: Path) -> None:
        self._whole = spooled(self._reader, folder, self.name, self.called)

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        if self._whole is not None:
            return self._whole.select(places)
        schema = pa.schema([self._reader.schema.field(place) for place in places])
        reader = pa.RecordBatchReader.from_batches(schema, (batch.select(places) for batch in self._reader))
        return spooled(reader, folder, self.name, self.called)

    def in_memory(self) -> Table:
        """All that is left of the stream."""
        try:
            return Table(self._reader.read_all(), self.name)
        except Exception as error:
            raise unread(self.name, error, self.called) from None

    def like(self, table: pa.Table) -> Any:
        return table

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        return self.like(beside(front, rows_of(self._whole, rows), names))


class Reader(Stream):
    """A reader of record batches; it is read to its end, and a reader comes out."""

    called = "a PyArrow RecordBatchReader"

    @staticmethod
    def owns(frame: Any) -> bool:
        return isinstance(frame, pa.RecordBatchReader)

    def _opened(self) -> pa.RecordBatchReader:
        return self.frame

    def like(self, table: pa.Table) -> Any:
        return table.to_reader()
