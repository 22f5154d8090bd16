"""Pydantic over ``TypedDict``, which its guide to performance advises where models need no methods, and a loop."""

from __future__ import annotations

from datetime import date
from typing import Annotated, NotRequired

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from benchmarks.peers.pydantic_loop import Id


class Transaction(TypedDict):
    transaction_id: Id
    date: date
    amount: Annotated[float, Field(ge=0, le=1e11)]
    product_id: Id


class Customer(TypedDict):
    customer_id: Id
    loyalty_score: NotRequired[Annotated[float, Field(ge=0, le=1)] | None]
    transactions: Annotated[list[Transaction], Field(min_length=1)]


class Request(TypedDict):
    today: NotRequired[date | None]
    customers: list[Customer]


class Features(TypedDict):
    purchase_total: float
    visit_frequency: float
    avg_ticket: float
    product_diversity: float
    loyalty_score: float
    recency_days: float


class CustomerFeatures(TypedDict):
    customer_id: str
    features: Features


class Answer(TypedDict):
    customers: list[CustomerFeatures]


_REQUEST, _ANSWER = TypeAdapter(Request), TypeAdapter(Answer)


def run(body: bytes) -> bytes:
    request = _REQUEST.validate_json(body)
    today = request.get("today") or date.today()  # noqa: DTZ011
    return _ANSWER.dump_json({"customers": [_customer(one, today) for one in request["customers"]]})


def _customer(customer: Customer, today: date) -> CustomerFeatures:
    rows = customer["transactions"]
    visits = len(rows)
    units = sum([int(row["amount"] * 10000 + 0.5) for row in rows])
    return {
        "customer_id": customer["customer_id"],
        "features": {
            "purchase_total": (units + 50) // 100 / 100,
            "visit_frequency": float(visits),
            "avg_ticket": (2 * units + 100 * visits) // (200 * visits) / 100,
            "product_diversity": float(len({row["product_id"] for row in rows})),
            "loyalty_score": customer.get("loyalty_score") or 0.0,
            "recency_days": float((today - max([row["date"] for row in rows])).days),
        },
    }
