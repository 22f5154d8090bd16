"""A bar on standard error while the engine works, on a terminal only: share done, speed, time left."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import click

from customer_features.cli.log import log

if TYPE_CHECKING:
    from customer_features.engines.results import Results

_STEP = 0.2
"""Seconds between two looks at the engine."""
_SOONEST = 2.0
_LEAST = 0.05
"""From so many seconds and so great a share on, the time left is told; before, it would be a guess."""


@contextmanager
def progress(engine: Results) -> Iterator[None]:
    """Show how far the engine is until the block ends; nothing where no person watches."""
    if not log.watched:
        yield
        return
    done = threading.Event()
    painter = threading.Thread(target=_paint, args=(engine, done, *engine.size()), daemon=True)
    painter.start()
    try:
        yield
    finally:
        done.set()
        painter.join()


def _paint(engine: Results, done: threading.Event, rows: int | None, size: int | None) -> None:
    began = monotonic()
    with click.progressbar(
        length=100, label="Reading", file=sys.stderr, show_eta=False, width=24, item_show_func=lambda text: text
    ) as bar:
        while not done.wait(_STEP):
            # Forward only: the engine's own estimate may take a step back.
            share = max(engine.progress, bar.pos / 100)
            bar.update(int(100 * share) - bar.pos, told(share, monotonic() - began, rows, size))
            bar.render_progress()
        bar.update(100 - bar.pos, told(1.0, monotonic() - began, rows, size))
        bar.render_progress()


def told(share: float, seconds: float, rows: int | None, size: int | None) -> str:
    """Speed and time left of a run that did a share of its work in some seconds.

    The speed is in rows where their number is known beforehand, else in bytes of the sources; it is that of the
    whole run so far, all passes over the rows in it.
    """
    if not share or not seconds:
        return ""
    parts = []
    if rows:
        parts.append(f"{_short(rows * share / seconds)} rows/s")
    elif size:
        parts.append(f"{size * share / seconds / 1e6:,.1f} MB/s")
    if share < 1 and share >= _LEAST and seconds >= _SOONEST:
        parts.append(f"{_duration(seconds / share * (1 - share))} left")
    return ", ".join(parts)


def _short(number: float) -> str:
    """A number in three digits."""
    for unit, name in ((1e9, " billion"), (1e6, " million")):
        if number >= unit:
            return f"{number / unit:.3g}{name}"
    return f"{float(f'{number:.3g}'):,.0f}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    # Nobody waits for ten minutes by the second.
    if minutes < 10:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes + (rest >= 30), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
