"""Pydantic models and a loop: what most teams would write behind their framework.

Amounts are added as decimals so that it is exact, as ours is.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, Field

Id = Annotated[str, Field(min_length=1)]


class Transaction(BaseModel):
    transaction_id: Id
    date: date
    amount: Annotated[float, Field(ge=0, le=1e11)]
    product_id: Id


class Customer(BaseModel):
    customer_id: Id
    loyalty_score: Annotated[float, Field(ge=0, le=1)] | None = None
    transactions: Annotated[list[Transaction], Field(min_length=1)]


class Request(BaseModel):
    today: date | None = None
    customers: list[Customer]


class Features(BaseModel):
    purchase_total: float
    visit_frequency: float
    avg_ticket: float
    product_diversity: float
    loyalty_score: float
    recency_days: float


class CustomerFeatures(BaseModel):
    customer_id: str
    features: Features


class Answer(BaseModel):
    customers: list[CustomerFeatures]


def compute(request: Request) -> Answer:
    """The same loop over integers that ours amounts to."""
    today = request.today or date.today()  # noqa: DTZ011
    answers = []
    for customer in request.customers:
        rows = customer.transactions
        visits = len(rows)
        units = sum([int(row.amount * 10000 + 0.5) for row in rows])
        answers.append(
            CustomerFeatures(
                customer_id=customer.customer_id,
                features=Features(
                    purchase_total=(units + 50) // 100 / 100,
                    visit_frequency=visits,
                    avg_ticket=(2 * units + 100 * visits) // (200 * visits) / 100,
                    product_diversity=len({row.product_id for row in rows}),
                    loyalty_score=customer.loyalty_score or 0.0,
                    recency_days=(today - max([row.date for row in rows])).days,
                ),
            )
        )
    return Answer(customers=answers)


def run(body: bytes) -> bytes:
    return compute(Request.model_validate_json(body)).model_dump_json().encode()
