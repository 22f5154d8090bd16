"""The least pace: silence and drips end, a slow peer that goes on does not, and our own time is not the peer's."""

from __future__ import annotations

from typing import Any

import pytest
import zstandard

from customer_features.service.bodies.computing import LARGE_BODY
from customer_features.service.bodies.encodings import unpacker
from customer_features.service.bodies.pace import GRACE, Pace
from customer_features.service.bodies.receiving import Limits
from customer_features.service.problems import Refused
from customer_features.service.settings import MIN_RATE, Settings
from tests.service.virtual import passing, run

RATE = 1000


async def lasts(every: float, size: int, own: float = 0.0, **more: float) -> bool:
    """A peer that sends pieces, over which we take time of our own, until it is late; whether it was for all of it."""
    pace = Pace(RATE, **more)
    try:
        for _ in range(10_000):
            async with pace.waiting():
                await passing(every)
            pace.earn(size)
            await passing(own)
    except TimeoutError:
        return pace.over
    raise AssertionError("it went on")


@pytest.mark.parametrize(("every", "size"), [(1.0, 0), (1.0, 100), (1.0, 850), (GRACE + 5, 0)])
def test_slower_than_the_rate_is_ended(every: float, size: int) -> None:
    over, seconds = run(lasts(every, size))
    assert not over
    came = 0
    while (came + 1) * every <= GRACE + came * size / RATE:
        came += 1
    assert seconds == pytest.approx(GRACE + came * size / RATE)


def test_a_total_is_kept_to_at_whatever_rate() -> None:
    assert run(lasts(1.0, 10**6, total=60)) == (True, 60)
    assert run(lasts(1.0, 0, total=60)) == (False, GRACE)


def test_a_piece_has_its_own_time_however_much_was_earned() -> None:
    async def silent_in_the_end() -> None:
        pace = Pace(RATE, patience=10)
        pace.earn(10**9)
        with pytest.raises(TimeoutError):
            async with pace.waiting():
                await passing(11)

    assert run(silent_in_the_end())[1] == 10


def test_our_own_time_does_not_count() -> None:
    assert run(lasts(1.0, 0))[1] == GRACE
    assert run(lasts(1.0, 0, own=100.0))[1] == pytest.approx(GRACE + 100 * (GRACE - 1), abs=101)
    assert run(lasts(1.0, 10**6, own=100.0, total=60))[0]


def test_a_peer_at_the_rate_goes_on() -> None:
    async def hours() -> None:
        pace = Pace(RATE, patience=60)
        for _ in range(1000):
            async with pace.waiting():
                await passing(10)
            pace.earn(10 * RATE)

    assert run(hours())[1] == 10_000


SLOW = f"more slowly than {MIN_RATE} bytes a second"


LARGE = b" " * (LARGE_BODY + 1)
BOMB = zstandard.ZstdCompressor(write_content_size=False).compress(b" " * 2**20)[:-1]
"""A few bytes that stand for a large body, whose end is held back."""


def body(every: float, first: bytes, coding: str, table: bool) -> tuple[str, float]:
    """How a body is refused of which the first piece comes at once and then a byte that says nothing; and when."""
    limits = Limits(Settings())
    pieces = [first]

    async def receive() -> Any:
        if not pieces:
            await passing(every)
        return {"type": "http.request", "body": pieces.pop() if pieces else b"", "more_body": True}

    async def taken_on() -> None:
        with limits.holding("t", table=table) as share:
            if table:
                async for _ in limits.pieces(receive, None, unpacker([coding]), table=True):
                    pass
            else:
                await limits.read(receive, None, share, unpacker([coding]))

    async def read() -> str:
        with pytest.raises(Refused) as refused:
            await taken_on()
        assert (refused.value.name, refused.value.close) == ("request-timeout", True)
        return refused.value.detail

    return run(read())


@pytest.mark.parametrize("every", [3.0, 1000.0])
@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize(("first", "coding"), [(LARGE, "identity"), (BOMB, "zstd")], ids=["plain", "packed"])
def test_req_27_a_large_body_that_stops_gives_its_room_back(
    every: float, first: bytes, coding: str, table: bool
) -> None:
    """A packed one has what its own bytes earn, whatever they stand for."""
    detail, seconds = body(every, first, coding, table)
    assert SLOW in detail
    # What of a plain JSON body came while it was small earns nothing.
    earned = 0 if coding == "identity" and not table else len(first) / MIN_RATE
    assert seconds == pytest.approx(GRACE + earned)


@pytest.mark.parametrize("table", [False, True])
@pytest.mark.parametrize("coding", ["identity", "zstd"])
def test_a_small_body_has_the_time_of_a_request(coding: str, table: bool) -> None:
    first = b"x" if coding == "identity" else zstandard.compress(b" " * 1000)[:-1]
    detail, seconds = body(3.0, first, coding, table)
    assert "within 60 seconds" in detail
    assert seconds == 60
