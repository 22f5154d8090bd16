"""Jobs in floods: tables that take long or make large answers, bodies that never end, jobs that are given up."""

from __future__ import annotations

import json

from tests.attack.attacker import Attacker, paused
from tests.attack.oracle import CSV, TODAY, Answer

POLL = 0.1
"""Seconds between two looks at a job."""


def csv(customers: int, rows: int = 1) -> bytes:
    """A table of so many customers with so many rows each."""
    lines = [f"C{customer},T{row},2025-01-01,{row}.5,P" for customer in range(customers) for row in range(rows)]
    return "\n".join(["customer_id,transaction_id,date,amount,product_id", *lines]).encode()


async def submitted(attacker: Attacker, body: bytes, query: str = f"today={TODAY}", kind: str = CSV) -> str:
    """Where a job lives; empty where it was refused."""
    found = await attacker.post(body, kind, query, Prefer="respond-async", Accept="*/*")
    return found.headers["location"] if found.status == 202 else ""


async def ended(attacker: Attacker, place: str, most: float) -> str:
    """The status that a job ends with, or the one it has when the time is up."""
    status = ""
    for _ in range(int(most / POLL)):
        found = await attacker.ask("GET", place)
        status = json.loads(found.body)["status"] if found.status == 200 else str(found.status)
        if status not in ("queued", "running"):
            break
        await paused(POLL)
    return status


async def removed(attacker: Attacker, places: list[str]) -> list[Answer]:
    """Give jobs up, whatever has become of them."""
    return [await attacker.ask("DELETE", place) for place in places if place]
