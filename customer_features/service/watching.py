"""A computation in a process of its own is watched: it has so much time, says how far it is, and stops when told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from customer_features.engines.duckdb import Engine
from customer_features.service.jobs import CANCELLED, PROGRESS

_LOOK = 0.02
"""Seconds between two looks at whether a computation is still wanted."""


@contextmanager
def watching(
    connection: duckdb.DuckDBPyConnection, seconds: float, place: Path | None = None, engine: Engine | None = None
) -> Iterator[None]:
    """Interrupt whatever query runs when the time is up, or nobody wants it any more, and each that follows it."""
    done, ends = threading.Event(), time.monotonic() + seconds

    late = threading.Event()

    def watch() -> None:
        while not done.wait(_LOOK):
            if place is not None and engine is not None:
                with suppress(OSError):  # a full disk must not end the watch
                    (place / PROGRESS).write_text(f"{engine.progress:.3f}")
                if (place / CANCELLED).exists():
                    late.set()
            if time.monotonic() > ends:
                late.set()
            if late.is_set():
                connection.interrupt()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()  # the session closes next
        # Whatever came of it meanwhile: what is interrupted fails in more ways than one, or ends just before it is.
        if late.is_set() or time.monotonic() > ends:
            raise duckdb.InterruptException("the time was up")
