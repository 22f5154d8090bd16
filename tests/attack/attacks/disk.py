"""Bodies and answers that stay: what one tenant leaves on the disk is bounded, and taken as bytes come."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path

import zstandard

from customer_features.service.content import CSV, JSON
from tests.attack.attacker import Attack, Attacker, paused
from tests.attack.generators import jobs, peers
from tests.attack.oracle import TODAY

PART = "disk"
FLOOD = 40.0
"""Seconds of finished jobs, one after the other."""


def _patient(folder: Path) -> tuple[str, ...]:
    """Time enough for a job to write all that it would."""
    return "--job-timeout", "60s"


def _shared(folder: Path) -> tuple[str, ...]:
    """Half of what the data folder may take, for each of the two tenants."""
    return "--tenant-disk", "256MiB"


async def dates(attacker: Attacker) -> None:
    """3,000 customers at each of 3,600 dates, in 20 kB."""
    days = (date(2025, 1, 1) + timedelta(days=number) for number in range(3_600))
    query = "&".join(f"today={day}" for day in days)
    body = zstandard.compress(jobs.csv(3_000), 19)
    found = await attacker.post(body, CSV, query, coding="zstd", Prefer="respond-async", Accept=CSV)
    if found.status == 202:
        place = found.headers["location"]
        attacker.figures.append(f"the job {await jobs.ended(attacker, place, 70)}")
        await jobs.removed(attacker, [place])


async def unfinished(attacker: Attacker) -> None:
    """Sixty bodies of jobs that declare 32 MiB and send a byte."""
    sent = attacker.head(32 * 2**20, CSV, Prefer="respond-async") + b"c"
    async with peers.silent(attacker, [sent] * 60) as opened:
        await paused(4)
        for connection in opened:
            await peers.ended(connection, 20)


async def answers(attacker: Attacker) -> None:
    """Finished jobs with answers of 3 MB, one after the other, none of which is taken."""
    body = zstandard.compress(jobs.csv(20_000))
    kept: list[str] = []
    try:
        async with asyncio.timeout(FLOOD):
            while True:
                found = await attacker.post(
                    body, CSV, f"today={TODAY}", coding="zstd", Prefer="respond-async", Accept=JSON
                )
                if found.status == 202:
                    kept.append(found.headers["location"])
                else:
                    await paused(0.2)
    except TimeoutError:
        attacker.figures.append(f"{len(kept):,} jobs taken")
    await jobs.removed(attacker, kept)


ATTACKS = (
    Attack("D1", PART, "one table at 3,600 dates as a job", dates, prepare=_patient),
    Attack("D1 bytes", PART, "sixty bodies of jobs of one byte", unfinished, prepare=_patient),
    Attack("D1 jobs", PART, "finished jobs that nobody takes", answers, prepare=_shared),
)
