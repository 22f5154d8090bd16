"""Bodies that nobody meant: whatever the bytes, an answer that is planned. The seeds are fixed: a failure repeats."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from customer_features.engines.rows.engine import answer
from customer_features.errors import InvalidRequest
from customer_features.service.bodies import tables
from customer_features.service.bodies.computing import Computing
from customer_features.service.content import ARROW, ARROW_FILE, CSV, NDJSON, PARQUET
from customer_features.service.problems import Refused
from tests.service.bodies.test_tables import TODAY, table, written

from .harness import EXAMPLE, ROUTE, Running


def in_ci_and_thoroughly(name: str, fewer: int, all_of_them: int) -> pytest.MarkDecorator:
    """How many are tried: fewer of the same in CI."""
    counts = [pytest.param(fewer, marks=pytest.mark.slow), pytest.param(all_of_them, marks=pytest.mark.thorough)]
    return pytest.mark.parametrize(name, counts)


TOKENS = [
    *(
        b"{}",
        b"[]",
        b"null",
        b"true",
        b"NaN",
        b"Infinity",
        b"-0",
        b"1e999999",
        b"1e-400",
        b"9" * 400,
        b'""',
        b'"\\u0000"',
    ),
    *(
        b'"\\ud800"',
        b"\xff",
        b"\x00",
        b"\xef\xbb\xbf",
        b"[" * 2000,
        b'{"a":' * 500,
        b",",
        b":",
        b'"',
        b"\\",
        b"}",
        b"]",
    ),
    *(
        b'"customers"',
        b'"transactions"',
        b'"amount"',
        b'"date"',
        b'"2025-02-30"',
        b'"0000-01-01"',
        b'"9999-12-31"',
        b"/**/",
    ),
    *(
        b'"grain":"line",',
        b'"grain":"repeated_total",',
        b'"returns":"net",',
        b'"window":"1 months",',
        b'"future":"exclude",',
    ),
]


def mutated(body: bytes, luck: random.Random) -> bytes:
    """The body with a few bytes flipped, cut out, doubled, or replaced by words of the language."""
    found = bytearray(body)
    for _ in range(1 + int(luck.expovariate(0.6))):
        place = luck.randrange(len(found) + 1)
        end = min(len(found), place + 1 + int(luck.expovariate(0.1)))
        kind = luck.randrange(5)
        if kind == 0 and place < len(found):
            found[place] ^= 1 << luck.randrange(8)
        elif kind == 1:
            del found[place:end]
        elif kind == 2:
            found[place:place] = found[place:end]
        elif kind == 3:
            found[place:end] = luck.choice(TOKENS)
        else:
            found[place:place] = luck.choice(TOKENS)
    return bytes(found)


def shuffled(luck: random.Random, value: Any) -> Any:
    """A JSON value with some of its parts of another kind."""
    if luck.random() < 0.04:
        return luck.choice([None, True, 0, -1, 1.5, 1e308, "", "x", [], {}, "2025-01-01", 10**30])
    if isinstance(value, dict):
        return {name if luck.random() > 0.02 else f"{name}_": shuffled(luck, one) for name, one in value.items()}
    return [shuffled(luck, one) for one in value] if isinstance(value, list) else value


@in_ci_and_thoroughly("bodies", 20_000, 120_000)
def test_whatever_the_body_it_is_answered_or_refused(bodies: int) -> None:
    luck, seen = random.Random(20251124), Counter[int]()
    document = json.loads(EXAMPLE)
    for number in range(bodies):
        body = mutated(EXAMPLE, luck) if number % 2 else json.dumps(shuffled(luck, document)).encode()
        try:
            status, told = 200, msgspec.json.decode(answer(body))
        except InvalidRequest as refusal:
            status, told = refusal.status, refusal.problem
        if status == 200:
            assert set(told) <= {"customers", "warnings"}
        else:
            assert told["detail"].endswith("."), body
            assert (status == 422) == bool(told.get("errors")), body
        seen[status] += 1
    print(dict(seen))
    assert set(seen) == {200, 400, 422}
    assert min(seen[200], seen[400], seen[422]) > bodies / 50  # none of the three is there by chance alone


@in_ci_and_thoroughly("bodies", 500, 3000)
def test_over_http_too(bodies: int, server: Running) -> None:
    luck, seen = random.Random(7), Counter[int]()
    with httpx.Client(headers={**server.headers, "Content-Type": "application/json"}, timeout=60) as client:
        for _ in range(bodies):
            seen[client.post(server.url + ROUTE, content=mutated(EXAMPLE, luck)).status_code] += 1
    assert set(seen) == {200, 400, 422}


@in_ci_and_thoroughly("count", 30, 400)
@pytest.mark.parametrize("kind", [PARQUET, ARROW, ARROW_FILE, CSV, NDJSON])
def test_tables_that_nobody_meant(tmp_path: Path, kind: str, count: int) -> None:
    luck, seen = random.Random(11), Counter[str]()
    whole = written(table(), kind)
    asked = tables.parse([("today", TODAY)], kind, CSV, "UTC")

    async def all_of_them() -> None:
        beside = Computing()
        for number in range(count):
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / tables.BODY).write_bytes(mutated(whole, luck))
            try:
                await beside.run(computed, str(folder), asked, tenant="t")
                seen["200"] += 1
            except Refused as refused:
                seen[refused.name] += 1
        beside.close()

    asyncio.run(all_of_them())
    print(kind, dict(seen))
    assert set(seen) <= {"200", "malformed-table", "faulty-request", "body-too-large"}


def computed(folder: str, asked: tables.Asked) -> tables.Answered:
    return tables.compute(folder, asked, memory="512MB", threads=1)
