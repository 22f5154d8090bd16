"""Bodies damaged in thousands of ways: none is answered with a 500, and the same body always gets the same answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import islice

from customer_features.service.content import JSON
from tests.attack.attacker import Attack, Attacker
from tests.attack.generators.mutations import Mutation, mutations
from tests.attack.oracle import Answer, repeats_fault

PART = "mutations"
REPEATS = 8
"""So often a body is sent, if it is sent again."""
EVERY = 4
"""One body in so many is sent again whatever its answer; one that was answered with 200 always is."""
TOGETHER = 8
"""So many bodies take turns, in any order: what one leaves in the memory of a process, the next ones meet."""
AT_ONCE = 2
"""Requests that the attacker has in flight."""


def damaged(kind: str, count: int, every: int = EVERY) -> Callable[[Attacker], Awaitable[None]]:
    """An attack of so many damaged bodies of a kind."""

    async def run(attacker: Attacker) -> None:
        bodies = mutations(kind, count)
        again = 0
        while batch := list(islice(bodies, TOGETHER)):
            answers: list[list[Answer]] = [[] for _ in batch]
            await _ask(attacker, batch, list(range(len(batch))), answers)
            places = [place for place, (first,) in enumerate(answers) if first.status == 200 or place % every == 0]
            await _ask(attacker, batch, places * (REPEATS - 1), answers)
            again += len(places)
            for mutation, found in zip(batch, answers, strict=True):
                attacker.answers.update(answer.status for answer in found)
                if fault := repeats_fault(found):
                    attacker.fault(fault, f"{mutation.name}: {', '.join(sorted({str(one) for one in found}))}")
        attacker.figures.append(f"{count:,} bodies, {again:,} of them {REPEATS} times")

    return run


async def _ask(attacker: Attacker, batch: list[Mutation], order: list[int], answers: list[list[Answer]]) -> None:
    """Send the bodies at these places of a batch, in any order, and add each answer to those of its body."""
    attacker.luck.shuffle(order)
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(place: int) -> None:
        asked = batch[place]
        async with turns:
            found = await attacker.post(asked.body, asked.media_type, asked.query, judged=False, Accept=JSON)
        answers[place].append(found)

    await asyncio.gather(*map(ask, order))


ATTACKS = tuple(
    Attack(f"M {kind}", PART, f"damaged bodies of {kind}", damaged(kind, count), longest=600)
    for kind, count in (("parquet", 1_300), ("arrow", 1_000), ("json", 700))
)
