"""The least pace: silence and drips end, a slow peer that goes on does not, and our own time is not the peer's."""

from __future__ import annotations

from typing import Any

import pytest

from customer_features.service.computing import LARGE_BODY
from customer_features.service.encodings import Plain, unpacker
from customer_features.service.limits import Limits
from customer_features.service.pace import GRACE, Pace
from customer_features.service.problems import Refused
from customer_features.service.settings import MIN_RATE, Settings

from .virtual import passing, run

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


def body(every: float, size: int, packed: bool, table: bool) -> tuple[str, float]:
    """How a body is refused that comes in such pieces, and when."""
    limits = Limits(Settings())
    taken = unpacker(["zstd"]) if packed else Plain()
    pieces = 0

    async def receive() -> Any:
        nonlocal pieces
        pieces += 1
        # Enough to be large comes at once.
        if pieces > 1:
            await passing(every)
        first = b"" if packed else b" " * (LARGE_BODY + 1)
        return {"type": "http.request", "body": first if pieces == 1 else b"\x00" * size, "more_body": True}

    async def taken_on() -> None:
        with limits.holding("t", table=table) as share:
            if table:
                async for _ in limits.pieces(receive, None, taken, table=True):
                    pass
            else:
                await limits.read(receive, None, share, taken)

    async def read() -> str:
        with pytest.raises(Refused) as refused:
            await taken_on()
        assert (refused.value.name, refused.value.close) == ("request-timeout", True)
        return refused.value.detail

    return run(read())


@pytest.mark.parametrize("table", [False, True])
def test_req_27_a_large_body_that_stops_gives_its_room_back(table: bool) -> None:
    detail, seconds = body(1000.0, 0, packed=False, table=table)
    assert SLOW in detail
    assert seconds == pytest.approx(GRACE + (0 if not table else (LARGE_BODY + 1) / MIN_RATE))


@pytest.mark.parametrize("table", [False, True])
def test_a_packed_body_that_drips_is_ended_by_what_it_sends(table: bool) -> None:
    """However much it stands for once it is unpacked."""
    detail, seconds = body(3.0, 0, packed=True, table=table)
    assert SLOW in detail
    assert seconds == GRACE
