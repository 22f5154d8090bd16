"""Shares of a worker's bytes: what one tenant holds refuses no other, and small bodies have room of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack

import pytest

from customer_features.service.bodies.computing import LARGE_BODY
from customer_features.service.bodies.shares import PLACE, SMALL_HELD, TENANT_SMALL, Pool, Share
from customer_features.service.problems import Refused


def refusal(pool: Pool, tenant: str, size: int) -> Refused:
    with pytest.raises(Refused) as refused:
        pool.take(tenant, size)
    assert refused.value.close
    return refused.value


def test_req_29_a_tenant_may_hold_its_part_and_all_of_them_the_whole() -> None:
    pool = Pool(100, 40)
    pool.take("a", 40)
    theirs = refusal(pool, "a", 1)
    assert theirs.name == "too-many-requests"
    assert "40 bytes" in theirs.detail
    assert theirs.reply("/").headers == ((b"retry-after", b"1"),)
    pool.take("b", 40)
    assert refusal(pool, "c", 21).name == "overloaded"
    pool.take("c", 20)
    pool.add("a", -40)
    pool.take("b", 0)
    pool.take("c", 20)
    assert pool.held == 80
    for tenant in "bc":
        pool.add(tenant, -40)
    assert pool.held == 0
    assert not pool._tenants  # nothing is kept of a tenant that holds nothing


def test_a_large_body_takes_no_room_of_small_ones() -> None:
    small, large = Pool(SMALL_HELD, TENANT_SMALL), Pool(1000 * LARGE_BODY, 500 * LARGE_BODY)
    with Share("a", small, large) as share:
        share.hold(LARGE_BODY)
        assert (small.held, large.held) == (PLACE + LARGE_BODY, 0)
        share.hold(1)
        assert (small.held, large.held) == (PLACE, LARGE_BODY + 1)
        share.hold(5)
        share.settle(10)  # a small answer to it
        assert (small.held, large.held) == (PLACE + 10, 0)
        share.settle(600 * LARGE_BODY)  # more than it could have asked for
        assert (small.held, large.held) == (PLACE, 600 * LARGE_BODY)
        assert refusal(large, "a", 1).name == "too-many-requests"
        large.take("b", 400 * LARGE_BODY)
    assert (small.held, large.held) == (0, 400 * LARGE_BODY)


def test_what_is_refused_is_not_held() -> None:
    small, large = Pool(SMALL_HELD, TENANT_SMALL), Pool(2 * LARGE_BODY, LARGE_BODY)
    with Share("a", small, large) as share:
        share.hold(LARGE_BODY)
        with pytest.raises(Refused, match="too-many-requests"):
            share.hold(1)
        assert share.held == LARGE_BODY
    assert (small.held, large.held) == (0, 0)


def test_requests_count_before_their_bodies_have_come() -> None:
    small = Pool(SMALL_HELD, TENANT_SMALL)
    most = TENANT_SMALL // PLACE
    assert most == 1024
    with ExitStack() as held:
        for _ in range(most):
            held.enter_context(Share("a", small, Pool(0, 0)))
        with pytest.raises(Refused, match="too-many-requests"), Share("a", small, Pool(0, 0)):
            pass
        held.enter_context(Share("b", small, Pool(0, 0)))
    assert small.held == 0


def test_pieces_are_held_as_they_come() -> None:
    share = Share("a", Pool(SMALL_HELD, TENANT_SMALL), Pool(0, 0))

    async def pieces() -> AsyncIterator[bytes]:
        for size in (3, 5):
            yield b"x" * size

    async def read() -> list[int]:
        return [share.held async for _ in share.holding(pieces())]

    assert asyncio.run(read()) == [3, 8]
