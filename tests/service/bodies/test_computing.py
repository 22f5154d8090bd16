"""Computing beside the worker: a bounded queue, deadlines, memory, one tenant a process, and clients that leave."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from customer_features.engines.rows.engine import answer
from customer_features.errors import InvalidRequest
from customer_features.service.bodies import computing as module
from customer_features.service.bodies import processes, turns
from customer_features.service.bodies.computing import Computing
from customer_features.service.bodies.leaving import ClientLeft, while_connected
from customer_features.service.problems import Refused
from customer_features.service.settings import LIBRARIES
from tests.service import works
from tests.waiting import until

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


WARM = works.__name__
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory, and /proc")
Test = Callable[[Computing], Awaitable[None]]


def beside(test: Test, memory: int | None = None) -> None:
    """Run a test with processes of its own, in one event loop."""

    async def running() -> None:
        computing = Computing(memory, WARM)
        try:
            await test(computing)
        finally:
            computing.close()

    asyncio.run(running())


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_req_21_a_computation_is_ended_at_its_deadline(tmp_path: Path) -> None:
    async def test(computing: Computing) -> None:
        first = await computing.run(works.where, tenant="t")
        with pytest.raises(Refused) as refused:
            await computing.run(works.forever, str(tmp_path / "begun"), seconds=0.01, tenant="t")
        assert (refused.value.name, "longer than 0.01 seconds" in refused.value.detail) == ("timed-out", True)
        assert await computing.run(works.where, seconds=60, tenant="t") != first
        until(lambda: gone(first), "the end of the process")

    beside(test)


def test_req_28_a_computation_that_nobody_wants_is_ended(tmp_path: Path) -> None:
    begun = tmp_path / "begun"

    async def test(computing: Computing) -> None:
        first = await computing.run(works.where, tenant="t")
        asked = asyncio.ensure_future(computing.run(works.forever, str(begun), tenant="t"))
        waiting = asyncio.ensure_future(computing.run(works.where, tenant="t"))
        await asyncio.to_thread(until, begun.exists, "the beginning of the work")
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await waiting != first
        assert computing.turns.taken == 0
        until(lambda: gone(first), "the end of the process")

    beside(test)


def test_req_30_a_process_serves_one_tenant() -> None:
    async def test(computing: Computing) -> None:
        asked = [await computing.run(works.where, tenant=tenant) for tenant in "aaba"]
        assert asked[0] == asked[1]
        assert len({*asked}) == 3
        until(lambda: gone(asked[0]) and gone(asked[2]), "the end of the processes of others")

    beside(test)


@pytest.mark.parametrize("spare", [True, False])
def test_a_spare_process_is_kept_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, spare: bool) -> None:
    began: list[processes.Process] = []

    class Noted(processes.Process):
        def __init__(self, memory: int | None, warm: str) -> None:
            super().__init__(memory, warm)
            began.append(self)

    monkeypatch.setattr(module, "Process", Noted)

    async def test(_: Computing) -> None:
        computing = Computing(None, WARM, spare=spare)
        for tenant in "ab":
            await computing.run(works.where, tenant=tenant)
        assert len(began) == 2 + spare
        await computing.run(works.where, tenant="c")
        assert len(began) == 3 + spare
        computing.close()

    beside(test)


@linux
@pytest.mark.parametrize("take", [works.take, works.take_behind_python])
def test_req_27_memory_above_the_limit_is_413(take: Callable[[int], int]) -> None:
    async def test(computing: Computing) -> None:
        first = await computing.run(works.where, tenant="t")
        assert await computing.run(take, LIBRARIES // 4, tenant="t") == LIBRARIES // 4
        with pytest.raises(Refused) as refused:
            await computing.run(take, LIBRARIES, tenant="t")
        assert refused.value.name == "body-too-large"
        assert "needs more memory than the 536,870,912 bytes" in refused.value.detail
        assert await computing.run(works.where, tenant="t") != first

    beside(test, LIBRARIES)


def test_a_library_that_aborts_for_want_of_memory_is_413() -> None:
    async def test(computing: Computing) -> None:
        with pytest.raises(Refused, match="body-too-large"):
            await computing.run(works.abort, tenant="t")

    beside(test)


def test_req_28_work_ends_when_its_client_leaves() -> None:
    async def test() -> None:
        left, ended = asyncio.Event(), asyncio.Event()

        async def receive() -> Any:
            await left.wait()
            return {"type": "http.disconnect"}

        async def work() -> None:
            left.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        with pytest.raises(ClientLeft):
            await while_connected(receive, work())
        assert ended.is_set()

        async def done() -> int:
            return 3

        left.clear()
        assert await while_connected(receive, done()) == 3

    asyncio.run(test())
