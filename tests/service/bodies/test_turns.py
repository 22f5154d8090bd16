"""Whose turn it is: tenants one after the other, however many computations one of them has asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from customer_features.service.bodies.turns import QUEUE, TENANT_QUEUE, Turns
from customer_features.service.problems import Refused
from tests.service.virtual import passing


class Hall:
    """Those who came, in the order in which they began; each goes on until it is told to end."""

    def __init__(self, places: int = 1) -> None:
        self.turns = Turns(places)
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, *names: str) -> None:
        """Somebody comes; the letter of a name is the tenant."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._stay(name))
        await settled()

    async def _stay(self, name: str) -> None:
        async with self.turns.turn(name[0]):
            self.begun.append(name)
            await self._ends[name].wait()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await settled()

    async def leave(self, name: str) -> None:
        self.tasks[name].cancel()
        await settled()

    async def serve_all(self) -> list[str]:
        """End one after the other, and say in which order they began."""
        place = 0
        while place < len(self.begun):
            await self.end(self.begun[place])
            place += 1
        return self.begun


async def settled() -> None:
    """Let everything happen that waits for nothing else."""
    for _ in range(5):
        await passing(0)


def run(story: Callable[[Hall], Coroutine[Any, Any, None]], places: int = 1) -> None:
    async def all_of_it() -> None:
        hall = Hall(places)
        await story(hall)
        assert not hall.turns.taken
        assert hall.turns._free == places
        assert not hall.turns._waiting
        assert not hall.turns._served

    asyncio.run(all_of_it())


def test_req_29_a_tenant_waits_for_one_of_each_other() -> None:
    async def story(hall: Hall) -> None:
        await hall.come("a1", "a2", "a3", "a4", "b1", "b2", "c1")
        assert await hall.serve_all() == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]

    run(story)


def test_who_comes_again_waits_behind_those_who_wait() -> None:
    async def story(hall: Hall) -> None:
        await hall.come("a1", "b1")
        await hall.end("a1")
        await hall.come("a2", "b2")
        assert hall.begun == ["a1", "b1"]
        assert await hall.serve_all() == ["a1", "b1", "a2", "b2"]

    run(story)


def test_several_places_are_shared_in_turn() -> None:
    async def story(hall: Hall) -> None:
        await hall.come("a1", "a2", "a3", "a4", "b1")
        assert hall.begun == ["a1", "a2"]
        await hall.end("a2")
        assert hall.begun[2:] == ["b1"]
        await hall.serve_all()

    run(story, places=2)


def test_who_leaves_is_not_waited_for() -> None:
    async def story(hall: Hall) -> None:
        await hall.come("a1", "b1", "c1")
        await hall.leave("b1")
        await hall.end("a1")
        assert hall.begun == ["a1", "c1"]
        await hall.leave("c1")  # while it has the place
        await hall.come("d1")
        assert hall.begun == ["a1", "c1", "d1"]
        await hall.end("d1")

    run(story)


def test_a_place_that_comes_as_its_taker_leaves_is_passed_on() -> None:
    async def story(hall: Hall) -> None:
        await hall.come("a1", "b1", "c1")
        pass_on = hall.turns._pass_on

        def and_leave() -> None:
            hall.turns._pass_on = pass_on  # type: ignore[method-assign]
            pass_on()
            hall.tasks["b1"].cancel()  # it has been given the place, and has not begun

        hall.turns._pass_on = and_leave  # type: ignore[method-assign]
        await hall.end("a1")
        assert hall.begun == ["a1", "c1"]
        await hall.end("c1")

    run(story)


def test_the_queue_is_bounded_by_tenant_and_in_all() -> None:
    async def story(hall: Hall) -> None:
        seen: list[int] = []
        hall.turns.watch = seen.append
        tenants = "abcd"
        for tenant in tenants:
            await hall.come(*(f"{tenant}{number}" for number in range(TENANT_QUEUE)))
        assert hall.turns.taken == QUEUE == TENANT_QUEUE * len(tenants) == max(seen)
        for name, problem in (("a", "too-many-requests"), ("e", "overloaded")):
            with pytest.raises(Refused) as refused:
                async with hall.turns.turn(name):
                    pass
            assert refused.value.name == problem
            assert refused.value.reply("/").headers == ((b"retry-after", b"1"),)
        await hall.serve_all()
        assert seen[-1] == 0

    run(story)
