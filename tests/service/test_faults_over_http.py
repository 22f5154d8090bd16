"""Every fault of decision 12 that a request can hold: 422 with its exact path, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from customer_features.definition.faults import FAULTS
from customer_features.service.content import CSV
from tests.cases.test_service import HEADER, OVER_TABLES
from tests.service.bodies.test_tables import ask
from tests.service.telemetry.test_metrics import scrape, value

from .harness import Running, problem

ROW = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}
GOOD = {"customer_id": "good", "transactions": [ROW]}
FIRST = "customers[1].transactions[2]"


def in_row(**change: Any) -> dict[str, Any]:
    """A request whose third row of its second customer is changed; ``...`` leaves the key out."""
    row = {name: value for name, value in {**ROW, **change}.items() if value is not ...}
    return in_customer(transactions=[ROW, {**ROW, "transaction_id": "U"}, row])


def in_customer(**change: Any) -> dict[str, Any]:
    customer = {name: value for name, value in {**GOOD, "customer_id": "C", **change}.items() if value is not ...}
    return {"today": "2025-04-24", "customers": [GOOD, customer]}


def order(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {**in_customer(transactions=[{**ROW, **first}, {**ROW, **second}]), "grain": "repeated_total"}


BOTH = ["customers[1].transactions[0]", "customers[1].transactions[1]"]
CASES: list[tuple[str, dict[str, Any], list[str], str]] = [
    ("missing_customer_id", in_customer(customer_id=...), ["customers[1].customer_id"], "is missing"),
    ("missing_customer_id", in_customer(customer_id=None), ["customers[1].customer_id"], "is missing"),
    ("missing_customer_id", in_customer(customer_id=""), ["customers[1].customer_id"], "is missing"),
    ("missing_transaction_id", in_row(transaction_id=...), [f"{FIRST}.transaction_id"], "is missing"),
    ("missing_transaction_id", in_row(transaction_id=""), [f"{FIRST}.transaction_id"], "is missing"),
    ("missing_product_id", in_row(product_id=None), [f"{FIRST}.product_id"], "is missing"),
    ("missing_date", in_row(date=...), [f"{FIRST}.date"], "is missing"),
    ("missing_date", in_row(date=""), [f"{FIRST}.date"], "is missing"),
    ("unreadable_date", in_row(date="2025-02-30"), [f"{FIRST}.date"], "2025-02-30"),
    ("unreadable_date", in_row(date="24/04/2025"), [f"{FIRST}.date"], "24/04/2025"),
    ("unreadable_date", in_row(date=20250101), [f"{FIRST}.date"], "20250101"),
    ("future_date", in_row(date="2052-04-24"), [f"{FIRST}.date"], "after today"),
    ("missing_amount", in_row(amount=None), [f"{FIRST}.amount"], "is missing"),
    ("unreadable_amount", in_row(amount="1.5"), [f"{FIRST}.amount"], "must be a number, found the string '1.5'"),
    ("unreadable_amount", in_row(amount=True), [f"{FIRST}.amount"], "found true"),
    ("amount_out_of_range", in_row(amount=1.1e11), [f"{FIRST}.amount"], "out of range"),
    ("negative_amount", in_row(amount=-0.01), [f"{FIRST}.amount"], "-0.01 is negative"),
    (
        "conflicting_order_total",
        order({"amount": 1}, {"amount": 2}),
        [f"{path}.amount" for path in BOTH],
        "two different totals",
    ),
    (
        "conflicting_order_date",
        order({"date": "2025-01-01"}, {"date": "2025-01-02"}),
        [f"{path}.date" for path in BOTH],
        "two different dates",
    ),
    ("loyalty_out_of_range", in_customer(loyalty_score=1.01), ["customers[1].loyalty_score"], "1.01"),
    ("loyalty_out_of_range", in_customer(loyalty_score=-1), ["customers[1].loyalty_score"], "-1"),
    ("loyalty_out_of_range", in_customer(loyalty_score="0.5"), ["customers[1].loyalty_score"], "0.5"),
    ("duplicate_customer", in_customer(customer_id="good"), ["customers[1].customer_id"], "sent twice"),
    ("no_transactions", in_customer(transactions=[]), ["customers[1].transactions"], "at least one"),
    ("no_transactions", in_customer(transactions=...), ["customers[1].transactions"], "at least one"),
    (
        "only_returns",
        {**in_customer(transactions=[{**ROW, "amount": -1}]), "returns": "net"},
        ["customers[1].transactions"],
        "nothing but returns",
    ),
    (
        "total_out_of_range",
        in_customer(transactions=[{**ROW, "amount": 1e11, "transaction_id": str(n)} for n in range(901)]),
        ["customers[1].transactions"],
        "cents",
    ),
]
IN_FILES_ALONE = {"incomplete_customer", "unreadable_id", "unreadable_row", "conflicting_loyalty"}
"""A request has no rows that break a file's syntax, and one loyalty score for each customer."""


@pytest.mark.parametrize(("fault", "body", "paths", "says"), CASES, ids=[case[0] for case in CASES])
def test_a_fault_answers_422_at_its_path(
    server: Running, fault: str, body: dict[str, Any], paths: list[str], says: str
) -> None:
    document = problem(server.post(json.dumps(body).encode()), 422, "faulty-request")
    assert list(document["errors"]) == paths
    for messages in document["errors"].values():
        assert len(messages) == 1
        assert says in messages[0]


def test_every_fault_of_the_table_is_met() -> None:
    assert {case[0] for case in CASES} == {fault.name for fault in FAULTS} - IN_FILES_ALONE


def test_all_faults_of_a_request_are_listed(server: Running) -> None:
    body = in_row(amount=-1, date="x", product_id="")
    body["customers"].append({"customer_id": "C", "loyalty_score": 7, "transactions": []})
    document = problem(server.post(json.dumps(body).encode()), 422, "faulty-request")
    assert set(document["errors"]) == {
        f"{FIRST}.amount",
        f"{FIRST}.date",
        f"{FIRST}.product_id",
        "customers[2].customer_id",
        "customers[2].loyalty_score",
        "customers[2].transactions",
    }
    assert "6 faults" in document["detail"]


@pytest.mark.slow
def test_s2_labels_and_log_fields_over_http(counting: Running) -> None:
    for fault, (rows, options) in OVER_TABLES.items():
        before = scrape(counting)
        query = "&".join(f"{name}={given}" for name, given in {"today": "2025-04-24", **options}.items())
        reply = ask(counting, f"{HEADER}\n{rows}\n".encode(), CSV, query=query)
        assert reply.status_code == 422, reply.text
        logged = counting.line(reply)["faults"]
        assert set(logged) == {fault}
        now = scrape(counting)
        assert value(now, "faults_total", fault=fault) - value(before, "faults_total", fault=fault) == logged[fault]
        assert value(now, "faults_total", fault="other") == value(before, "faults_total", fault="other")
