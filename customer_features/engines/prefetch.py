"""Work of two kinds side by side: what comes next is made while what came last is used."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item], interrupt: Callable[[], None] | None = None) -> Generator[Item]:
    """The items, each made in another thread while the one before it is used.

    ``interrupt`` cuts short what that thread does, for when no more items are wanted.
    """
    remaining, end = iter(items), object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(next, remaining, end)
        try:
            while (item := coming.result()) is not end:
                coming = pool.submit(next, remaining, end)
                yield item  # type: ignore[misc]
        except BaseException:
            if interrupt is not None and not coming.done():
                interrupt()
            raise
