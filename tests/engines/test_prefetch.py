"""Items made ahead: all of them, in order, with their errors; and cut short when no more are wanted."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from customer_features.engines.prefetch import ahead


def test_all_items_in_order() -> None:
    assert list(ahead(range(1000))) == list(range(1000))
    assert list(ahead([])) == []
    assert list(ahead([None, 0])) == [None, 0]


def test_one_is_made_while_another_is_used() -> None:
    made = [threading.Event() for _ in range(3)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in ahead(items()):
        assert made[min(number + 1, 2)].wait(timeout=10)


def test_an_error_comes_after_what_was_made() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("broken")

    coming = ahead(items())
    assert next(coming) == 1
    with pytest.raises(OSError, match="broken"):
        next(coming)


def test_what_is_still_made_is_interrupted() -> None:
    stopped = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert stopped.wait(timeout=10)
        yield 2

    coming = ahead(items(), stopped.set)
    assert next(coming) == 1
    with pytest.raises(KeyboardInterrupt):
        coming.throw(KeyboardInterrupt)
    assert stopped.is_set()
