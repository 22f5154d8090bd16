"""The contract's request and answer as types, for documents; the examples are the contract's own.

The engine has leaner types of its own for the hot path; a test holds the two together.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from customer_features.definition import faults, features, money
from customer_features.definition.options import Future, Grain, Returns

EXAMPLE_REQUEST: dict[str, Any] = {
    "today": "2025-04-24",
    "customers": [
        {
            "customer_id": "C-1001",
            "loyalty_score": 0.97,
            "transactions": [
                {"transaction_id": "T-001", "date": "2025-04-21", "amount": 520.55, "product_id": "P-01"},
                {"transaction_id": "T-002", "date": "2025-04-18", "amount": 398.40, "product_id": "P-02"},
            ],
        },
        {
            "customer_id": "C-1002",
            "transactions": [
                {"transaction_id": "T-004", "date": "2025-01-05", "amount": 120.00, "product_id": "P-10"},
                {"transaction_id": "T-005", "date": "2024-12-19", "amount": 75.90, "product_id": "P-11"},
            ],
        },
    ],
}


class Transaction(msgspec.Struct):
    """One purchase row."""

    transaction_id: Annotated[str, Meta(min_length=1, description="Order id, unique within its customer.")]
    date: Annotated[dt.date, Meta(description="Transaction date, YYYY-MM-DD.")]
    amount: Annotated[
        float,
        Meta(
            ge=0,
            le=money.MAX_AMOUNT,
            description="Order total; below 0 only with returns=net. Read to 4 decimals, half up.",
        ),
    ]
    product_id: Annotated[str, Meta(min_length=1, description="SKU or category id, compared exactly.")]


class Customer(msgspec.Struct):
    """One customer with its raw transactions."""

    customer_id: Annotated[str, Meta(min_length=1, description="CRM or ERP key, unique within the request.")]
    transactions: Annotated[list[Transaction], Meta(min_length=1, description="At least one.")]
    loyalty_score: (
        Annotated[float, Meta(ge=0, le=1, description="Precomputed loyalty score; 0.0 when left out.")] | None
    ) = None


class CustomerFeaturesRequest(msgspec.Struct, kw_only=True):
    """Customers and their transactions. Unknown keys are ignored; any fault refuses the whole request."""

    today: Annotated[dt.date, Meta(description="Reference date; the current date where left out.")] | None = None
    customers: Annotated[list[Customer], Meta(description="Customer snapshots; none gives an empty answer.")]
    grain: (
        Annotated[
            Grain,
            Meta(
                description="What a row is: a visit (transaction, the default), an order line with its own"
                " amount (line), or an order line that repeats its order's total (repeated_total)."
            ),
        ]
        | None
    ) = None
    future: (
        Annotated[Future, Meta(description="Rows after today: a fault (default), or left out (exclude).")] | None
    ) = None
    returns: (
        Annotated[
            Returns,
            Meta(description="Negative amounts: a fault (default), or subtracted from purchase_total (net)."),
        ]
        | None
    ) = None
    window: Annotated[str, Meta(description="How far back rows count.", examples=["12 months", "540 days"])] | None = (
        None
    )


class FeatureWarning(msgspec.Struct):
    """Something suspicious about a request that is legal; everything is computed all the same."""

    name: Annotated[str, Meta(examples=list(faults.WARNINGS))]
    customer_id: Annotated[str | None, Meta(description="The customer concerned; null: the whole request.")]
    message: Annotated[str, Meta(description="A sentence: what was found and what may be meant.")]


def features_type() -> type[msgspec.Struct]:
    """The type of one vector: a double for each feature, in order, read from the definition now."""
    fields = []
    for feature in features.FEATURES:
        meta = Meta(
            ge=feature.minimum,
            le=feature.maximum,
            description=f"{feature.meaning}: {feature.formula}, in {feature.unit}.",
            extra_json_schema={"x-formula": feature.formula, "x-unit": feature.unit},
        )
        fields.append((feature.name, Annotated[float, meta]))
    return msgspec.defstruct("Features", fields, namespace={"__doc__": "One customer's vector: doubles, never null."})


def answer_type() -> type[msgspec.Struct]:
    """The type of an answer's body, over the features as they are now."""
    vector = msgspec.defstruct(
        "CustomerVector",
        [
            ("customer_id", Annotated[str, Meta(description="The id as it was sent.")]),
            ("features", features_type()),
        ],
        namespace={"__doc__": "One customer of an answer."},
    )
    described = Meta(description="In the request's order.")
    warnings = Meta(description="There only when there is something to warn of; at most a hundred.")
    return msgspec.defstruct(
        "CustomerFeaturesAnswer",
        [
            ("customers", Annotated[list[vector], described]),  # type: ignore[valid-type]
            ("warnings", Annotated[list[FeatureWarning], warnings] | msgspec.UnsetType, msgspec.UNSET),
        ],
        namespace={"__doc__": "A vector for each customer."},
    )


class Job(msgspec.Struct, kw_only=True):
    """Long work (Prefer: respond-async): how far it is, and where its answer is once it is done."""

    id: Annotated[str, Meta(description="A UUID.")]
    status: Annotated[str, Meta(description="queued, running, done or failed.")]
    progress: Annotated[float, Meta(ge=0, le=1)]
    created_on: str
    ended_on: str | None = None
    kept_until: str | None = None
    result: Annotated[str, Meta(description="The path of the answer, once it is done.")] | None = None
    problem: Annotated[dict[str, Any], Meta(description="What a failed job ended with.")] | None = None


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An RFC 9457 problem document."""

    type: Annotated[str, Meta(description="urn:customer-features:problem:NAME, stable.")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Annotated[str, Meta(description="A sentence: what was found and what is allowed.")]
    instance: Annotated[str, Meta(description="The request's path.")]


class FaultyRequest(Problem, kw_only=True):
    """The problem document of a request with faults."""

    errors: Annotated[
        dict[str, list[str]],
        Meta(
            description="Sentences by path; the first hundred.",
            examples=[{"customers[3].transactions[0].amount": ["amount -1 is negative: allowed are 0 and more"]}],
        ),
    ]
    fault_count: Annotated[int, Meta(ge=1, description="How many faults there are in all.")]


class InternalError(Problem, kw_only=True):
    """The problem document of a failure of the server."""

    id: Annotated[str, Meta(description="The request's id, as in X-Request-Id; the server's log knows it.")]
