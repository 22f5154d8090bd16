"""The benchmarks' data, made anew from fixed seeds, and the exact results to hold everyone to."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

TODAY = date(2026, 1, 1)
Vector = tuple[float, float, float, float, float, float]


def document(customers: int, seed: int = 1) -> bytes:
    """A request document: about ten transactions a customer."""
    chance = random.Random(seed)
    entries = []
    for number in range(customers):
        rows = [
            {
                "transaction_id": f"T-{number}-{place}",
                "date": (TODAY - timedelta(days=chance.randint(0, 700))).isoformat(),
                "amount": chance.randint(1, 100_000) / 100,
                "product_id": f"P-{chance.randint(1, 500)}",
            }
            for place in range(chance.randint(1, 19))
        ]
        entries.append({"customer_id": f"C-{number}", "transactions": rows})
    return json.dumps({"today": TODAY.isoformat(), "customers": entries}).encode()


def document_vectors(body: bytes) -> dict[str, Vector]:
    """The exact vectors of such a document."""
    vectors = {}
    for customer in json.loads(body)["customers"]:
        rows = customer["transactions"]
        vectors[customer["customer_id"]] = _vector(
            sum(round(row["amount"] * 100) for row in rows),
            len(rows),
            len({row["product_id"] for row in rows}),
            max(date.fromisoformat(row["date"]) for row in rows),
        )
    return vectors


def purchases(rows: int, folder: Path) -> tuple[Path, dict[str, Vector]]:
    """A Parquet file of purchases, 20 a customer and 5,000 products, and its exact vectors."""
    chance = random.Random(2)
    customers = rows // 20
    columns: dict[str, list[Any]] = {
        name: [] for name in ("customer_id", "transaction_id", "date", "amount", "product_id")
    }
    cents: dict[str, int] = defaultdict(int)
    visits: dict[str, int] = defaultdict(int)
    products: dict[str, set[int]] = defaultdict(set)
    latest: dict[str, int] = defaultdict(int)
    days = [TODAY - timedelta(days=730 - day) for day in range(730)]
    for number in range(rows):
        customer = f"C{chance.randrange(customers):08}"
        day, cent, product = chance.randrange(730), chance.randrange(50_000), chance.randrange(5_000)
        columns["customer_id"].append(customer)
        columns["transaction_id"].append(f"T{number}")
        columns["date"].append(days[day])
        columns["amount"].append(cent / 100)
        columns["product_id"].append(f"P{product}")
        cents[customer] += cent
        visits[customer] += 1
        products[customer].add(product)
        latest[customer] = max(latest[customer], day)
    path = folder / "purchases.parquet"
    pyarrow.parquet.write_table(pa.table(columns), path, row_group_size=122_880)
    vectors = {
        customer: _vector(cents[customer], visits[customer], len(products[customer]), days[latest[customer]])
        for customer in cents
    }
    return path, vectors


def _vector(cents: int, visits: int, products: int, latest: date) -> Vector:
    average = (2 * cents + visits) // (2 * visits)
    return (cents / 100, float(visits), average / 100, float(products), 0.0, float((TODAY - latest).days))


def differing(found: dict[str, Vector], exact: dict[str, Vector]) -> int:
    """How many vectors differ in a bit, are missing, or are too many."""
    return sum(found.get(customer) != vector for customer, vector in exact.items()) + len(found.keys() - exact.keys())


def answer_vectors(body: bytes) -> dict[str, Vector]:
    """The vectors of an answer's body."""
    return {customer["customer_id"]: tuple(customer["features"].values()) for customer in json.loads(body)["customers"]}


def file_vectors(path: Path) -> dict[str, Vector]:
    """The vectors of a Parquet file: an id, then the six values in order."""
    columns = [column.to_pylist() for column in pyarrow.parquet.read_table(path).columns]
    return {row[0]: row[1:] for row in zip(*columns, strict=True)}
