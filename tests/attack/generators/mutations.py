"""Damaged bodies of every kind, as they are sent."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from customer_features.service.content import JSON, PARQUET
from tests.attack.generators import arrow, json_texts, parquet
from tests.attack.oracle import TODAY

KINDS = ("parquet", "arrow", "json")


@dataclass(frozen=True, slots=True)
class Mutation:
    """One damaged body: what was done to it, and how it is sent."""

    name: str
    media_type: str
    query: str
    body: bytes


def mutations(kind: str, count: int, seed: int = 0) -> Iterator[Mutation]:
    """So many different bodies of a kind (``parquet``, ``arrow``, ``json``), the same each time."""
    seen: set[bytes] = set()
    for mutation in _numbered(kind, seed):
        if len(seen) == count:
            return
        if (digest := sha256(mutation.body).digest()) not in seen:
            seen.add(digest)
            yield mutation


def _numbered(kind: str, seed: int) -> Iterator[Mutation]:
    query = f"today={TODAY}&future=exclude"
    for number in itertools.count():
        if kind == "parquet":
            name, body = parquet.mutation(number, seed)
            yield Mutation(f"parquet {number}, {name}", PARQUET, query, body)
        elif kind == "arrow":
            media_type, name, body = arrow.mutation(number, seed)
            yield Mutation(f"arrow {number}, {name}", media_type, query, body)
        else:
            name, body = json_texts.mutation(number, seed)
            yield Mutation(f"json {number}, {name}", JSON, "", body)
