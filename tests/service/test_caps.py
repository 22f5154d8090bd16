"""Caps on what a request holds: customers, transactions, the length of ids, and numbers that no double holds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from customer_features.engines.rows.faults import MAX_ID

from .harness import Local, Running, problem

ROW = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}


def body(customers: int, transactions: int = 1, **more: Any) -> bytes:
    rows = [{**ROW, **more}] * transactions
    return json.dumps({"customers": [{"customer_id": str(n), "transactions": rows} for n in range(customers)]}).encode()


def test_req_18_customers_and_transactions_are_capped(local: Callable[..., Local]) -> None:
    server = local("--no-auth", "--max-customers", "3", "--max-transactions", "6")
    for customers, transactions in ((3, 2), (1, 6)):
        assert server.post(body(customers, transactions)).status_code == 200
    for request, found in (
        (body(4), "3 customers; this one holds 4"),
        (body(1, 7), "6 transactions; this one holds 7"),
    ):
        document = problem(server.post(request), 413, "body-too-large")
        assert found in document["detail"]
    # Where it is faulty as well, the cap comes second: the document is read before it is counted.
    problem(server.post(body(4, amount=-1)), 422, "faulty-request")


@pytest.mark.parametrize("field", ["customer_id", "transaction_id", "product_id"])
def test_req_18_ids_are_capped(server: Running, field: str) -> None:
    def request(text: str) -> bytes:
        row = {**ROW, **({field: text} if field != "customer_id" else {})}
        customer = text if field == "customer_id" else "C"
        return json.dumps({"customers": [{"customer_id": customer, "transactions": [row]}]}).encode()

    assert server.post(request("é" * MAX_ID)).status_code == 200  # characters, not bytes
    document = problem(server.post(request("x" * (MAX_ID + 1))), 422, "faulty-request")
    ((path, (said,)),) = document["errors"].items()
    assert path.endswith(field)
    assert f"holds {MAX_ID + 1} characters: allowed are {MAX_ID} at most" in said
    assert len(said) < 200


@pytest.mark.parametrize("number", ["1e999999", "-1e999999", "1" * 5000, "1e" + "9" * 1000])
def test_req_18_numbers_are_capped(server: Running, number: str) -> None:
    document = problem(server.post(body(1).replace(b"1.5", number.encode())), 422, "faulty-request")
    assert "customers[0].transactions[0].amount" in document["errors"]


def test_req_18_nul_is_a_character_and_minus_zero_is_zero(server: Running) -> None:
    with_nul = body(1).replace(b'"P"', b'"P\\u0000"').replace(b'"0"', b'"C\\u0000"')
    (customer,) = server.post(with_nul).json()["customers"]
    assert customer["customer_id"] == "C\0"
    reply = server.post(body(1).replace(b"1.5", b"-0.0"))
    assert b"-0" not in reply.content
    assert reply.json()["customers"][0]["features"]["purchase_total"] == 0.0
