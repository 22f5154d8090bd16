"""Requests that compute for long: they end at their deadline, when their client leaves, when their job is cancelled."""

from __future__ import annotations

import gzip
import json

import zstandard

from customer_features.service.content import NDJSON, PARQUET
from tests.attack.attacker import Attack, Attacker, gathered, paused
from tests.attack.generators import arrow, jobs, json_texts, parquet, peers
from tests.attack.oracle import JSON, Answer

PART = "turns"
LISTED = 64 * 1024
"""Bytes of a refusal at most: it lists a hundred faults, whatever the number of those that there are."""


def _short(attacker: Attacker, body: bytes) -> None:
    attacker.expect(len(body) <= LISTED, f"a refusal of {len(body):,} bytes; allowed are {LISTED:,}")


async def empty_rows(attacker: Attacker) -> None:
    packed = zstandard.compress(json_texts.empties(json_texts.UNPACKED - 200), 19)
    for found in [await attacker.post(packed, coding="zstd"), *await four(attacker, packed)]:
        _short(attacker, found.body)


async def four(attacker: Attacker, packed: bytes) -> list[Answer]:
    return await gathered(*(attacker.post(packed, coding="zstd") for _ in range(4)))


async def left_alone(attacker: Attacker) -> None:
    """Four bodies whose clients leave after a moment, again and again."""
    packed = zstandard.compress(json_texts.empties(json_texts.UNPACKED - 200), 19)
    sent = attacker.head(len(packed), Content_Encoding="zstd") + packed
    for _ in range(3):
        async with peers.silent(attacker, [sent] * 4):
            await paused(2)


async def cancelled(attacker: Attacker) -> None:
    """Jobs over the same body, cancelled while they are computed."""
    packed = zstandard.compress(json_texts.empties(json_texts.UNPACKED - 200), 19)
    for _ in range(2):
        found = await attacker.post(packed, coding="zstd", Prefer="respond-async")
        if found.status == 202:
            await paused(1)
            await jobs.removed(attacker, [found.headers["location"]])


async def endless(attacker: Attacker) -> None:
    """One of these that is left to run: a job may take five seconds here."""
    packed = zstandard.compress(json_texts.empties(json_texts.UNPACKED - 200), 19)
    found = await attacker.post(packed, coding="zstd", Prefer="respond-async")
    if found.status == 202:
        status = await jobs.ended(attacker, found.headers["location"], 25)
        attacker.expect(status == "failed", f"the job is {status} 25 seconds after it was asked for")


async def on_the_loop(attacker: Attacker) -> None:
    """Bodies small enough to be computed between others' answers."""
    packed = gzip.compress(json_texts.empties(256 * 1024 - 200))
    for _ in range(20):
        _short(attacker, (await attacker.post(packed, coding="gzip")).body)


async def wide(attacker: Attacker) -> None:
    lines = "".join(json.dumps({f"key {number}": 1}) + "\n" for number in range(200_000)).encode()
    bodies = (
        (PARQUET, parquet.wide(200_000)),
        (arrow.STREAM, arrow.wide(100_000)),
        (NDJSON, lines),
    )
    for kind, body in bodies:
        _short(attacker, (await attacker.post(zstandard.compress(body), kind, coding="zstd")).body)


async def parameters(attacker: Attacker) -> None:
    for kind in (JSON, "text/csv"):
        for name in ("x{}", "map", "today", "%C3%A9{}"):
            query = "&".join(f"{name.format(number)}=" for number in range(15_000))[:60_000]
            _short(attacker, (await attacker.post(b"", kind, query)).body)


ATTACKS = (
    Attack("B1", PART, "32 MiB of empty transactions in 3 kB, alone and four at a time", empty_rows),
    Attack("B1 left", PART, "the same, dropped by its clients after two seconds", left_alone),
    Attack("B1 jobs", PART, "the same as jobs that are cancelled", cancelled),
    Attack("B1 job", PART, "the same as a job that is left to run", endless),
    Attack("B1 loop", PART, "256 KiB of empty transactions in 338 bytes", on_the_loop, quick=True),
    Attack("B2", PART, "tables of 100,000 and 200,000 columns", wide),
    Attack("B3", PART, "15,000 query parameters", parameters, quick=True),
)
