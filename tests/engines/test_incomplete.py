"""Customers with a vector who lost a row: each is counted once, and none that has no vector."""

from __future__ import annotations

import warnings
from typing import Any

import pyarrow as pa
import pytest

import customer_features

LINES = pa.table(
    {
        "customer_id": ["a", "a", "a", "b", "c", "d", "d", "d", None],
        "transaction_id": ["1", "2", "3", "1", "1", "1", "1", "2", "9"],
        "date": ["2025-04-01"] * 9,
        "amount": ["5", "x", "y", "z", "5", "1", "2", "3", "4"],
        "product_id": ["p"] * 9,
    }
)
"""Customer a lost two rows, b all of them, c none; of d an order is lost where totals of orders repeat."""


def built(**options: Any) -> tuple[set[str], list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = customer_features.build(LINES, today="2025-04-02", on_fault="quarantine", max_faults=1.0, **options)
    return set(frame["customer_id"].to_pylist()), [str(one.message) for one in caught]


@pytest.mark.parametrize(
    ("grain", "said"), [("line", "; 1 customer has a vector"), ("repeated_total", "; 2 customers have vectors")]
)
def test_each_is_counted_once(grain: str, said: str) -> None:
    customers, messages = built(grain=grain)
    assert customers == {"a", "c", "d"}
    assert any(said in message for message in messages), messages


@pytest.mark.parametrize(("grain", "kept"), [("line", {"c", "d"}), ("repeated_total", {"c"})])
def test_they_can_be_set_aside_whole(grain: str, kept: set[str]) -> None:
    customers, _ = built(grain=grain, incomplete="quarantine")
    assert customers == kept
