"""The requests of the soak, each with the answer that it must get: good ones, faulty ones, hostile ones and tables."""

from __future__ import annotations

import gzip
import json
import random
import uuid
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import zstandard

from customer_features.service import secret
from tests.agreement import oracle
from tests.service.harness import ALIAS, ROUTE

JSON = "application/json"
CSV = "text/csv"
TODAY = date(2025, 4, 24)
_IDS = ("C-{}", "c-{}", " {}", "{}\u00e9", "'{}", "{}\n")


@dataclass(slots=True)
class Asked:
    """One request: ``statuses`` that may answer it, and the ``vectors`` of a 200 by customer."""

    kind: str
    body: bytes
    statuses: frozenset[int]
    headers: dict[str, str] = field(default_factory=dict)
    path: str = ROUTE
    method: str = "POST"
    vectors: dict[str, oracle.Vector] | None = None
    credentials: str = "live"
    """Whose: ``live``, ``revoked``, ``wrong`` or ``none``."""


def made(luck: random.Random) -> Asked:
    """The next request."""
    kind = luck.random()
    if kind < 0.75:
        return _good(luck)
    if kind < 0.85:
        return _faulty(luck)
    if kind < 0.955:
        return _hostile(luck)
    if kind < 0.96:
        return _large(luck)
    return _table(luck)


def _rows(luck: random.Random, customers: int) -> list[oracle.Row]:
    style = luck.choice(_IDS)
    return [
        oracle.Row(
            style.format(place),
            f"T{number}",
            TODAY - timedelta(days=luck.randrange(900)),
            luck.choice((luck.randrange(10**6) / 100, luck.randrange(10**5) / 200, luck.random() * 1000, 0.0, 1e11)),
            f"P{luck.randrange(9)}",
        )
        for place in range(customers)
        for number in range(1 + int(luck.expovariate(0.7)))
    ]


def _document(rows: list[oracle.Row], **options: str) -> dict[str, Any]:
    customers: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        customers.setdefault(row.customer_id, []).append(
            {
                "transaction_id": row.transaction_id,
                "date": row.day.isoformat(),
                "amount": row.amount,
                "product_id": row.product_id,
            }
        )
    listed = [{"customer_id": name, "transactions": own} for name, own in customers.items()]
    return {"today": TODAY.isoformat(), "customers": listed, **options}


def _good(luck: random.Random, customers: int | None = None) -> Asked:
    rows = _rows(luck, luck.choice((1, 2, 5, 20)) if customers is None else customers)
    grain = luck.choice(("transaction", "line"))
    body = json.dumps(_document(rows, grain=grain)).encode()
    headers = {}
    if luck.random() < 0.2:
        coding, pack = luck.choice((("gzip", gzip.compress), ("zstd", zstandard.compress)))
        body, headers = pack(body), {"Content-Encoding": coding}
    expected = oracle.vectors(rows, TODAY, grain=grain)
    path = luck.choice((ROUTE, ALIAS))
    return Asked("good", body, frozenset({200}), {"Content-Type": JSON, **headers}, path, vectors=expected)


def _large(luck: random.Random) -> Asked:
    """A body that is computed in a process beside the worker, which may be lost with it."""
    asked = _good(luck, 2_500)
    asked.kind = "large"
    return asked


def _faulty(luck: random.Random) -> Asked:
    document = _document(_rows(luck, 3))
    row = document["customers"][luck.randrange(3)]["transactions"][0]
    name, value = luck.choice(
        (
            ("amount", -1),
            ("amount", "12"),
            ("amount", None),
            ("date", "2025-02-30"),
            ("date", "2026-01-01"),
            ("date", 5),
            ("transaction_id", ""),
            ("product_id", None),
            ("product_id", "x" * 2000),
        )
    )
    row[name] = value
    return Asked("faulty", json.dumps(document).encode(), frozenset({422}), {"Content-Type": JSON})


def _hostile(luck: random.Random) -> Asked:
    plain = {"Content-Type": JSON}
    good = json.dumps(_document(_rows(luck, 1))).encode()
    choices = (
        Asked("nested", b"[" * 50_000, frozenset({400}), plain),
        Asked("not UTF-8", good.replace(b"T0", b"\xff\xfe"), frozenset({400}), plain),
        Asked("cut", good[: luck.randrange(1, len(good))], frozenset({400}), plain),
        Asked("huge number", good.replace(b'"amount": ', b'"amount": 1e999999, "x": ', 1), frozenset({422}), plain),
        Asked("no type", good, frozenset({415}), {"Content-Type": "text/plain"}),
        Asked("coding", good, frozenset({415}), {**plain, "Content-Encoding": "br"}),
        Asked("bomb", _BOMB, frozenset({413}), {**plain, "Content-Encoding": "zstd"}),
        Asked("method", b"", frozenset({405}), method="PUT"),
        Asked("path", b"", frozenset({404}), path=f"/{uuid.uuid4()}"),
        Asked("job of nobody", b"", frozenset({404}), path=f"{ROUTE}/jobs/{uuid.uuid4()}", method="GET"),
        Asked("no credentials", good, frozenset({401, 429}), plain, credentials="none"),
        Asked("wrong secret", good, frozenset({401, 429}), plain, credentials="wrong"),
        Asked("revoked", good, frozenset({401, 429}), plain, credentials="revoked"),
        Asked("forged log", good, frozenset({200}), {**plain, "X-Request-Id": 'a" "b', "User-Agent": "x\ty"}),
        Asked("no table", secret.make().encode(), frozenset({400, 422}), {"Content-Type": _PARQUET}),
    )
    return luck.choice(choices)


_PARQUET = "application/vnd.apache.parquet"
_BOMB = zstandard.compress(bytes(100 * 2**20))


def _table(luck: random.Random) -> Asked:
    rows = _rows(luck, luck.choice((1, 10, 200)))
    rows = [row for row in rows if "\n" not in row.customer_id and not row.customer_id.startswith(" ")]
    head = "customer_id,transaction_id,date,amount,product_id\n"
    lines = [f"{row.customer_id},{row.transaction_id},{row.day},{row.amount!r},{row.product_id}\n" for row in rows]
    if not rows:
        return _good(luck)
    body = (head + "".join(lines)).encode()
    expected = oracle.vectors(rows, TODAY)
    path = f"{ROUTE}?today={TODAY}"
    return Asked("table", body, frozenset({200}), {"Content-Type": CSV, "Accept": JSON}, path, vectors=expected)
