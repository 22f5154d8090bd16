"""Text columns that an expression computes with are read as numbers; a cell that is none is a fault of its row."""

from __future__ import annotations

import warnings

import pyarrow as pa
import pytest

import customer_features

ROWS = pa.table(
    {
        "customer_id": ["a", "b", "c", "d"],
        "order_id": ["1", "2", "3", "4"],
        "date": ["2025-04-01"] * 4,
        "sku": ["p"] * 4,
        "amount": ["0", "12.00", "", "7"],
        "list_price": ["99", "9", "5.5", "n/a"],
        "qty": ["2", "10", "1", "3"],
        "price": ["10.50", "3", "4", "2"],
    }
)


def totals(amount: str) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = customer_features.build(
            ROWS, columns={"amount": amount}, today="2025-04-02", on_fault="quarantine", max_faults=1.0
        )
    return dict(zip(frame["customer_id"].to_pylist(), frame["purchase_total"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("greatest(qty, price)", {"a": 10.5, "b": 10.0, "c": 4.0, "d": 3.0}),
        ("least(qty, price)", {"a": 2.0, "b": 3.0, "c": 1.0, "d": 2.0}),
        ("qty * price", {"a": 21.0, "b": 30.0, "c": 4.0, "d": 6.0}),
        ("CASE WHEN qty > price THEN qty ELSE price END", {"a": 10.5, "b": 10.0, "c": 4.0, "d": 3.0}),
        ("CASE WHEN qty IN (10, 3) THEN 1 ELSE 2 END", {"a": 2.0, "b": 1.0, "c": 2.0, "d": 1.0}),
        ("CASE WHEN price = 10.5 THEN 1 ELSE 2 END", {"a": 1.0, "b": 2.0, "c": 2.0, "d": 2.0}),
        ("CASE qty WHEN 2.0 THEN 1 ELSE 2 END", {"a": 1.0, "b": 2.0, "c": 2.0, "d": 2.0}),
        ("coalesce(qty, price) * price", {"a": 21.0, "b": 30.0, "c": 4.0, "d": 6.0}),
        ("floor(price)", {"a": 10.0, "b": 3.0, "c": 4.0, "d": 2.0}),
        # The cell 'n/a' is looked at although the row has an amount: it is read there, and so is a fault.
        ("coalesce(nullif(amount, 0), list_price)", {"a": 99.0, "b": 12.0, "c": 5.5}),
        ("coalesce(list_price * qty, 0)", {"a": 198.0, "b": 90.0, "c": 5.5}),
        ("CASE WHEN list_price > 6 THEN 1 ELSE 2 END", {"a": 1.0, "b": 1.0, "c": 2.0}),
    ],
)
def test_the_totals_of_an_expression(amount: str, expected: dict[str, float]) -> None:
    assert totals(amount) == expected


@pytest.mark.parametrize("amount", ["coalesce(list_price * qty, 0)", "coalesce(list_price, price)"])
def test_a_cell_that_is_no_number_is_told_with_its_column(amount: str) -> None:
    faults = customer_features.check(ROWS, columns={"amount": amount}, today="2025-04-02")
    assert faults["fault"].to_pylist() == ["unreadable_amount"]
    assert "'n/a' in column 'list_price'" in faults["message"][0].as_py()
