"""A Spark session as a warehouse of one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from customer_features.errors import MissingExtra

try:
    from pyspark import StorageLevel
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building on Spark", "spark") from error

_SETTLED = {
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.parser.quotedRegexColumnNames": "false",
    "spark.sql.ansi.doubleQuotedIdentifiers": "false",
    "spark.sql.variable.substitute": "false",
}
"""Settings that would read another query out of the same text. They matter while it is parsed, and for no longer."""


class Warehouse:
    """A session as a warehouse: views under names of its own, and rows that are persisted."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.kept: dict[str, Any] = {}
        self._views: list[str] = []
        self._mark = uuid4().hex[:12]

    def view(self, name: str, frame: Any) -> str:
        """A frame as a relation of queries."""
        view = f"customer_features_{self._mark}_{name}"
        frame.createOrReplaceTempView(view)
        self._views.append(view)
        return view

    def frame(self, sql: str) -> Any:
        """A query as a frame, which is computed when it is read."""
        with _settled(self.session):
            return self.session.sql(sql)

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        rows: list[Any] = self.frame(sql).collect()
        return rows

    def keep(self, name: str, sql: str) -> str:
        frame = self.frame(sql).persist(StorageLevel.MEMORY_AND_DISK)
        self.kept[name] = frame
        return self.view(name, frame)

    def drop(self, *names: str) -> None:
        """Let go of what was kept under these names; of all, where none is given."""
        for name in names or tuple(self.kept):
            if name in self.kept:
                self.kept.pop(name).unpersist()

    def close(self) -> None:
        """Take the views out of the session's catalogue. Frames made of them stay what they are."""
        while self._views:
            # Not by the catalogue's own method, which would let go of persisted rows as well.
            with suppress(Exception):
                self.session.sql(f"DROP VIEW IF EXISTS {self._views[-1]}")
            self._views.pop()


@contextmanager
def _settled(session: Any) -> Iterator[None]:
    before = {}
    try:
        for name, value in _SETTLED.items():
            if (found := session.conf.get(name, value)) != value:
                before[name] = found
                session.conf.set(name, value)
        yield
    finally:
        for name, found in before.items():
            session.conf.set(name, found)
