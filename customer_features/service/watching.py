"""A computation in a process of its own is watched: it has so much time, says how far it is, and stops when told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from customer_features.engines.duckdb import Engine
from customer_features.service.jobs import CANCELLED, PROGRESS

_LOOK = 0.02
"""Seconds between two looks at whether a computation is still wanted."""


@contextmanager
def watching(
    connection: duckdb.DuckDBPyConnection,
    seconds: float,
    place: Path | None = None,
    engine: Engine | None = None,
    ticks: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Interrupt whatever query runs when the time is up, or nobody wants it any more, and each that follows it.

    ``ticks`` is a clock that never goes back.
    """
    done, ends = threading.Event(), ticks() + seconds

    late = threading.Event()

    def look() -> None:
        if place is not None and engine is not None:
            with suppress(OSError):  # a full disk must not end the watch
                (place / PROGRESS).write_text(f"{engine.progress:.3f}")
            if (place / CANCELLED).exists():
                late.set()
        if ticks() > ends:
            late.set()

    def watch() -> None:
        while not done.wait(_LOOK):
            look()
            if late.is_set():
                connection.interrupt()

    look()  # what was cancelled while it waited for its turn is not begun
    if late.is_set():
        raise duckdb.InterruptException("nobody wants it any more")
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()  # the session closes next
        # Whatever came of it meanwhile: what is interrupted fails in more ways than one, or ends just before it is.
        if late.is_set() or ticks() > ends:
            raise duckdb.InterruptException("the time was up")
