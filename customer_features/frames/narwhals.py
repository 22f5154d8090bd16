"""Narwhals frames: what they wrap is read, and what comes out is wrapped again."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from customer_features.frames.base import Kind


class Wrapped(Kind):
    """A Narwhals frame around one of another kind, which does the work."""

    called = "a Narwhals frame"

    def __init__(self, frame: Any, inner: Kind) -> None:
        super().__init__(frame, inner.name)
        self.inner = inner
        self.deferred = inner.deferred

    @staticmethod
    def owns(frame: Any) -> bool:
        narwhals = sys.modules.get("narwhals")
        return narwhals is not None and isinstance(frame, narwhals.DataFrame | narwhals.LazyFrame)

    @property
    def names(self) -> list[str]:
        return self.inner.names

    @property
    def beside(self) -> list[str]:
        return self.inner.beside

    def keep(self, folder: Path) -> None:
        self.inner.keep(folder)

    def columns(self, places: list[int], folder: Path) -> pa.Table:
        return self.inner.columns(places, folder)

    def like(self, table: pa.Table) -> Any:
        return self._again(self.inner.like(table))

    def picked(self, rows: list[int], front: pa.Table, names: list[str]) -> Any:
        return self._again(self.inner.picked(rows, front, names))

    def later(self, work: Callable[[], Any], schema: pa.Schema, names: list[str] | None) -> Any:
        return self._again(self.inner.later(lambda: work().to_native(), schema, names))

    def _again(self, native: Any) -> Any:
        # The stable versions of Narwhals have functions of their own.
        own = sys.modules[type(self.frame).__module__]
        return getattr(own, "from_native", sys.modules["narwhals"].from_native)(native)
