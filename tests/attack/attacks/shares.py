"""Peers and jobs that take a place and keep it: a tenant's places, turns and connections are its own."""

from __future__ import annotations

import asyncio

import zstandard

from customer_features.service.content import CSV
from tests.attack.attacker import Attack, Attacker, gathered, paused
from tests.attack.generators import downloads, jobs, json_texts, peers
from tests.attack.oracle import JSON
from tests.service.harness import ROUTE

PART = "shares"
HOLD = 8.0
"""Seconds for which peers that do nothing stay: longer than a request may take."""
CONNECTIONS = 9_217


async def unfinished(attacker: Attacker) -> None:
    """Bodies that hold 32 MiB each once they are unpacked, and of which the last byte never comes."""
    packed = zstandard.compress(b" " * (json_texts.UNPACKED - 100))
    for kind in (JSON, CSV):
        sent = attacker.head(len(packed) + 1, kind, Content_Encoding="zstd") + packed
        async with peers.silent(attacker, [sent] * 4) as opened:
            for found in await gathered(*(peers.answer(one, HOLD) for one in opened)):
                attacker.expect(found.status in (400, 408, 413, 429, 503), f"an unfinished body: {found}")


async def slow_readers(attacker: Attacker) -> None:
    """Large answers taken at about 25 and 110 kB a second."""
    body = downloads.plain(12)
    sent = attacker.head(len(body)) + body
    async with peers.silent(attacker, [sent] * 4) as opened:
        await asyncio.wait(
            [
                asyncio.create_task(peers.sipped(one, 8192, pause))
                for one, pause in zip(opened, (0.3, 0.07) * 2, strict=True)
            ],
            timeout=15,
        )


async def one_byte_each(attacker: Attacker) -> None:
    """Bodies of which one byte has come, as many as a worker has places and more."""
    for kind in (CSV, JSON):
        sent = attacker.head(1000, kind) + b"c"
        async with peers.silent(attacker, [sent] * 40) as opened:
            found = await gathered(*(peers.answer(one, 2 * HOLD) for one in opened))
            attacker.expect(all(one.status in (408, 429, 503) for one in found), f"unfinished bodies: {found[-1]}")


async def queue(attacker: Attacker) -> None:
    """A hundred jobs, each of which computes for a moment."""
    body = jobs.csv(30_000)
    places = await gathered(*(jobs.submitted(attacker, body) for _ in range(100)))
    await paused(16)
    await jobs.removed(attacker, places)


async def datasets(attacker: Attacker) -> None:
    """As many files for the explorer as it takes, and more."""
    made = [await downloads.given(attacker, jobs.csv(2), f"{number}.csv") for number in range(40)]
    await paused(5)
    for dataset in filter(None, made):
        await attacker.page("DELETE", f"/explorer/d/{dataset}")


async def trickles(attacker: Attacker) -> None:
    """Bodies and files of which a byte comes now and then: each is ended."""
    upload = attacker.head(10_000, path="/explorer/files", method="PUT", X_Explorer="1", X_File_Name="r.csv")
    heads = {
        "a document": attacker.head(10_000),
        "a table": attacker.head(10_000, CSV, f"{ROUTE}?today=2025-04-24"),
        "a job": attacker.head(10_000, CSV, Prefer="respond-async"),
        "a file for the explorer": upload,
        "a head": upload[:40],
    }
    async with peers.silent(attacker, list(heads.values())) as opened:
        sending = [asyncio.create_task(peers.trickled(one, b"c" * 10_000, 1.0)) for one in opened]
        for name, over in zip(heads, await gathered(*(peers.ended(one, 30) for one in opened)), strict=True):
            attacker.expect(over, f"{name} of a byte a second is still taken after 30 seconds")
        for one in sending:
            one.cancel()


async def connections(attacker: Attacker) -> None:
    """More connections than a worker serves, without a key and without a request."""
    for sent in (b"", b"POST / HTTP/1.1\r\nHost: x\r\n"):
        async with peers.crowd(attacker, CONNECTIONS, sent) as opened:
            attacker.figures.append(f"{opened:,} connections opened")
            await paused(HOLD)


ATTACKS = (
    Attack("B4", PART, "four bodies of 32 MiB in 1 kB that never end", unfinished),
    Attack("B4 slow", PART, "four readers at 25 and 110 kB a second", slow_readers),
    Attack("B5", PART, "forty bodies of one byte", one_byte_each),
    Attack("B5 jobs", PART, "a hundred jobs before another's first", queue),
    Attack("B5 sets", PART, "forty files in the explorer", datasets),
    Attack("B5 slow", PART, "bodies, files and heads of a byte a second", trickles),
    Attack("B6", PART, f"{CONNECTIONS:,} silent connections without a key", connections),
)
