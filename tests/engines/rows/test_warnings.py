"""Warnings of a request: legal, answered, and said."""

from __future__ import annotations

import json
from typing import Any

from customer_features import answer
from tests.conftest import TODAY


def row(transaction_id: str, amount: float, product_id: str = "p", date: str = "2025-04-20") -> dict[str, Any]:
    return {"transaction_id": transaction_id, "date": date, "amount": amount, "product_id": product_id}


def ask(*customers: list[dict[str, Any]], **keys: Any) -> dict[str, Any]:
    document = {
        "today": TODAY,
        **keys,
        "customers": [{"customer_id": f"c{place}", "transactions": rows} for place, rows in enumerate(customers)],
    }
    answered: dict[str, Any] = json.loads(answer(json.dumps(document).encode()))
    return answered


def names(answered: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(warning["name"], warning["customer_id"]) for warning in answered.get("warnings", [])]


def test_nothing_to_warn_of_leaves_no_key() -> None:
    assert "warnings" not in ask([row("1", 1), row("2", 1)], [row("1", 1)])


def test_an_id_that_repeats_is_named_and_answered() -> None:
    answered = ask([row("1", 1, "a"), row("1", 2, "b"), row("2", 3)], [row("9", 1)])
    assert answered["customers"][0]["features"]["visit_frequency"] == 3.0
    [warning] = answered["warnings"]
    assert (warning["name"], warning["customer_id"]) == ("repeated_transaction_id", "c0")
    assert "transaction_id '1' stands 2 times" in warning["message"]


def test_the_same_id_under_two_customers_is_two_orders() -> None:
    assert names(ask([row("1", 1)], [row("1", 1)])) == []


def test_a_row_that_stands_twice() -> None:
    answered = ask([row("1", 1), row("1", 1), row("1", 1)], grain="line")
    assert names(answered) == [("duplicate_row", "c0")]
    assert "3 times" in answered["warnings"][0]["message"]
    assert answered["customers"][0]["features"]["purchase_total"] == 3.0
    for other in (row("2", 1), row("1", 2), row("1", 1, "q"), row("1", 1, date="2025-04-19")):
        assert names(ask([row("1", 1), other], grain="line")) == []


def test_equal_amounts_of_an_order_look_like_repeated_totals() -> None:
    answered = ask([row("1", 5, "a"), row("1", 5, "b"), row("2", 7)])
    assert names(answered) == [("looks_like_repeated_totals", None), ("repeated_transaction_id", "c0")]
    assert "1 of 2" in answered["warnings"][0]["message"]
    assert "repeated_total" in answered["warnings"][0]["message"]
    # Most repeated orders have differing amounts: no suspicion.
    lines = [row("1", 5, "a"), row("1", 5, "b"), *(row(o, a, o) for o in "234" for a in (1, 2))]
    assert ("looks_like_repeated_totals", None) not in names(ask(lines))


def test_other_grains_expect_repeated_ids() -> None:
    lines = [row("1", 5, "a"), row("1", 5, "b")]
    assert names(ask(lines, grain="line")) == []
    assert names(ask(lines, grain="repeated_total")) == []


def test_rows_that_do_not_count_give_no_warning() -> None:
    old = [row("1", 5, "a", "2020-01-01"), row("1", 5, "a", "2020-01-01"), row("2", 1)]
    assert names(ask(old, window="1 month")) == []
    late = [row("1", 5, "a", "2026-01-01"), row("1", 5, "a", "2026-01-01"), row("2", 1)]
    assert names(ask(late, future="exclude")) == []


def test_a_hundred_warnings_at_most() -> None:
    rows = [row(str(order), place, str(place)) for order in range(150) for place in (1, 2)]
    assert len(ask(rows)["warnings"]) == 100
