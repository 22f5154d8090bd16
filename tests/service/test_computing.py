"""Large bodies in processes beside the worker: a bounded queue, refusals that come back, a process that is lost."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from customer_features.engines.rows import answer
from customer_features.errors import InvalidRequest
from customer_features.service import turns
from customer_features.service.computing import Computing
from customer_features.service.problems import Refused

BODY = b" "


@pytest.fixture(scope="module")
def worker() -> Iterator[Computing]:
    made = Computing()
    yield made
    made.close()


def where(body: bytes) -> int:
    return os.getpid()


def refuse(body: bytes) -> int:
    raise Refused("overloaded", "Not now.", close=True, headers=((b"x", b"y"),), errors={"a": ["b"]})


def die(body: bytes) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_the_queue_of_large_bodies_is_bounded(worker: Computing) -> None:
    async def crowd() -> list[Any]:
        # All of them come before the first is done: that the loop is told of in a later turn.
        many = [worker.run(where, BODY, tenant="t") for _ in range(turns.TENANT_QUEUE + 3)]
        results = await asyncio.gather(*many, return_exceptions=True)
        assert worker.turns.taken == 0
        return results

    results = asyncio.run(crowd())
    assert len({*results[: turns.TENANT_QUEUE]}) == 1
    assert os.getpid() not in results
    assert [(type(one), one.name) for one in results[turns.TENANT_QUEUE :]] == [(Refused, "too-many-requests")] * 3


def test_a_refusal_comes_back_as_it_was(worker: Computing) -> None:
    with pytest.raises(Refused) as refused:
        asyncio.run(worker.run(refuse, BODY, tenant="t"))
    assert (refused.value.name, refused.value.detail, refused.value.close) == ("overloaded", "Not now.", True)
    assert (refused.value.headers, refused.value.more) == (((b"x", b"y"),), {"errors": {"a": ["b"]}})
    with pytest.raises(InvalidRequest) as invalid:
        asyncio.run(worker.run(answer, BODY, tenant="t"))
    assert invalid.value.status == 400


def test_a_lost_process_is_replaced(worker: Computing) -> None:
    async def lose() -> int:
        with pytest.raises(Refused, match="overloaded"):
            await worker.run(die, BODY, tenant="t")
        return await worker.run(where, BODY, tenant="t")

    assert asyncio.run(lose()) not in (0, os.getpid())
