"""How far a computation in a process of its own is: it says so in its folder, where the worker looks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from customer_features.engines.duckdb.engine import Engine
from customer_features.service.bodies.jobs import PROGRESS

_EVERY = 0.2
"""Seconds between two notes."""


@contextmanager
def telling(place: Path, engine: Engine) -> Iterator[None]:
    """Keep a file in the folder that holds the engine's progress, from 0 to 1, while the block runs."""
    done = threading.Event()

    def tell() -> None:
        while not done.wait(_EVERY):
            with suppress(OSError):  # a full disk must not end the computation
                (place / PROGRESS).write_text(f"{engine.progress:.3f}")

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()  # the session closes next
