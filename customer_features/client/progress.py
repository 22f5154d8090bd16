"""How many customers are done, while a client works: a bar on a terminal, or a call of the caller's own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import click

from customer_features.errors import InvalidOption

Progress: TypeAlias = bool | Callable[[int, int], object]
"""True: a bar on standard error, where that is a terminal; a function: called with the customers done, and all."""


def check(progress: object) -> None:
    """Raise InvalidOption for what can show no progress."""
    if not isinstance(progress, bool) and not callable(progress):
        raise InvalidOption("progress", f"{progress!r} is neither True, False nor a function of two numbers")


@contextmanager
def shown(progress: Progress, total: int) -> Iterator[Callable[[int], None]]:
    """What to tell of the customers that are done."""
    if callable(progress):
        yield lambda done: _ignore(progress(done, total))
        return
    if not progress or not sys.stderr.isatty():
        yield _ignore
        return
    with click.progressbar(length=total, label="Customers", file=sys.stderr, show_pos=True, width=24) as bar:
        yield lambda done: bar.update(done - bar.pos)


def _ignore(_: object) -> None:
    pass
