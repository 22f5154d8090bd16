"""The benchmarks' data, made anew from fixed seeds, and the exact results to hold everyone to."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta

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
    vectors, request = {}, json.loads(body)
    today = date.fromisoformat(request["today"])
    for customer in request["customers"]:
        rows = customer["transactions"]
        vectors[customer["customer_id"]] = _vector(
            sum(round(row["amount"] * 100) for row in rows),
            len(rows),
            len({row["product_id"] for row in rows}),
            (today - max(date.fromisoformat(row["date"]) for row in rows)).days,
            customer.get("loyalty_score", 0.0),
        )
    return vectors


def _vector(cents: int, visits: int, products: int, days: int, loyalty: float) -> Vector:
    average = (2 * cents + visits) // (2 * visits)
    return (cents / 100, float(visits), average / 100, float(products), loyalty, float(days))


def answer_vectors(body: bytes) -> dict[str, Vector]:
    """The vectors of an answer's body."""
    return {customer["customer_id"]: tuple(customer["features"].values()) for customer in json.loads(body)["customers"]}
