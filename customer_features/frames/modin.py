"""Modin dataframes: the columns that are needed are gathered in this process, as pandas columns."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pyarrow as pa

from customer_features.frames import pandas
from customer_features.frames.base import unread


class DataFrame(pandas.DataFrame):
    """A dataframe of ``modin.pandas``; the engine that Modin runs on is its user's choice."""

    called = "a Modin dataframe"

    @staticmethod
    def owns(frame: Any) -> bool:
        modin = sys.modules.get("modin.pandas")
        return modin is not None and isinstance(frame, modin.DataFrame)

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        return pandas.to_arrow(self._gathered(self.frame.iloc[:, places]), self.name)

    def like(self, table: pa.Table) -> Any:
        return sys.modules["modin.pandas"].DataFrame(super().like(table))

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        both = pandas.joined(front, self._gathered(self.frame.iloc[rows]), names)
        return sys.modules["modin.pandas"].DataFrame(both)

    def _gathered(self, frame: Any) -> Any:
        try:
            # The public name is younger than the frames.
            return frame.modin.to_pandas() if hasattr(frame, "modin") else frame._to_pandas()
        except Exception as error:
            raise unread(self.name, error, self.called) from None
