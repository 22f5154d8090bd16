"""Large bodies in processes beside the worker: a bounded queue, refusals that come back, a process that is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from customer_features.engines.rows import answer
from customer_features.errors import InvalidRequest
from customer_features.service import computing
from customer_features.service.computing import Computing
from customer_features.service.problems import Refused

BODY = b" "


def slowly(body: bytes) -> int:
    time.sleep(0.05)
    return os.getpid()


def refuse(body: bytes) -> int:
    raise Refused("overloaded", "Not now.", close=True, headers=((b"x", b"y"),), errors={"a": ["b"]})


def die(body: bytes) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_the_queue_of_large_bodies_is_bounded() -> None:
    worker = Computing()

    async def crowd() -> list[Any]:
        many = [worker.run(slowly, BODY) for _ in range(computing.QUEUE + 3)]
        results = await asyncio.gather(*many, return_exceptions=True)
        assert worker.waiting == 0
        return results

    results = asyncio.run(crowd())
    worker.close()
    assert len({*results[: computing.QUEUE]}) == 1
    assert os.getpid() not in results
    assert [(type(one), one.name) for one in results[computing.QUEUE :]] == [(Refused, "overloaded")] * 3


def test_a_refusal_comes_back_as_it_was() -> None:
    worker = Computing()
    with pytest.raises(Refused) as refused:
        asyncio.run(worker.run(refuse, BODY))
    assert (refused.value.name, refused.value.detail, refused.value.close) == ("overloaded", "Not now.", True)
    assert (refused.value.headers, refused.value.more) == (((b"x", b"y"),), {"errors": {"a": ["b"]}})
    with pytest.raises(InvalidRequest) as invalid:
        asyncio.run(worker.run(answer, BODY))
    assert invalid.value.status == 400
    worker.close()


def test_a_lost_process_is_replaced() -> None:
    worker = Computing()

    async def lose() -> int:
        with pytest.raises(Refused, match="overloaded"):
            await worker.run(die, BODY)
        return await worker.run(slowly, BODY)

    assert asyncio.run(lose()) not in (0, os.getpid())
    worker.close()
