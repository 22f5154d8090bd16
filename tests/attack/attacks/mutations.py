"""Bodies damaged in thousands of ways, each sent eight times among others: eight equal answers, none of them a 500."""

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
TOGETHER = 8
"""So many bodies take turns, in any order: what one leaves in the memory of a process, the next ones meet."""
AT_ONCE = 2
"""Requests that the attacker has in flight."""


def damaged(kind: str, count: int) -> Callable[[Attacker], Awaitable[None]]:
    """An attack of so many damaged bodies of a kind."""

    async def run(attacker: Attacker) -> None:
        bodies = mutations(kind, count)
        while batch := list(islice(bodies, TOGETHER)):
            for mutation, found in zip(batch, await _answers(attacker, batch), strict=True):
                attacker.answers.update(answer.status for answer in found)
                if fault := repeats_fault(found):
                    attacker.fault(fault, f"{mutation.name}: {', '.join(sorted({str(one) for one in found}))}")
        attacker.figures.append(f"{count:,} bodies {REPEATS} times each")

    return run


async def _answers(attacker: Attacker, batch: list[Mutation]) -> list[list[Answer]]:
    """The answers to each body, which are asked for in any order."""
    answers: list[list[Answer]] = [[] for _ in batch]
    order = list(range(len(batch))) * REPEATS
    attacker.luck.shuffle(order)
    places = asyncio.Semaphore(AT_ONCE)

    async def ask(place: int) -> None:
        asked = batch[place]
        async with places:
            found = await attacker.post(asked.body, asked.media_type, asked.query, judged=False, Accept=JSON)
        answers[place].append(found)

    await asyncio.gather(*map(ask, order))
    return answers


ATTACKS = tuple(
    Attack(f"M {kind}", PART, f"damaged bodies of {kind}", damaged(kind, count), longest=600)
    for kind, count in (("parquet", 1_300), ("arrow", 1_000), ("json", 700))
)
