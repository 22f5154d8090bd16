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


ODD, EVEN = "9007199254740993", "9007199254740992"
"""Two whole numbers of one double."""
LONG = pa.table(
    {
        "customer_id": [f"000{ODD}", f"000{EVEN}"],
        "order_id": [ODD, EVEN],
        "date": ["2025-04-01"] * 2,
        "sku": ["p", "q"],
        "amount": ["3.5", "1.5"],
    }
)


def built(columns: dict[str, str], table: pa.Table = LONG) -> dict[str, float]:
    frame = customer_features.build(table, columns=columns, today="2025-04-02")
    return dict(zip(frame["customer_id"].to_pylist(), frame["purchase_total"].to_pylist(), strict=True))


@pytest.mark.parametrize(
    "sql",
    [
        *("cast(customer_id as bigint)", "customer_id::hugeint", "customer_id::ubigint", "customer_id::decimal(38,0)"),
        *("try_cast(customer_id as bigint)::varchar", "abs(customer_id::bigint)", "coalesce(customer_id::bigint, 0)"),
        *("nullif(customer_id::bigint, 0)", "cast(coalesce(customer_id, 0) as bigint)", "customer_id // 1"),
        *("cast(nullif(customer_id, 0) as bigint)", "cast(customer_id + 1 as bigint) - 1"),
    ],
)
def test_long_ids_stay_apart(sql: str) -> None:
    assert built({"customer_id": sql}) == {ODD: 3.5, EVEN: 1.5}


@pytest.mark.parametrize(
    "test",
    [
        *(f"order_id = '{ODD}'", f"order_id IN (5, '{ODD}')", f"NOT order_id <> {ODD}", f"order_id > {EVEN}"),
        *(f"order_id BETWEEN {ODD} AND 9900000000000000000", f"nullif(order_id, {ODD}) IS NULL"),
        *(f"CASE order_id WHEN {ODD} THEN true ELSE false END", f"order_id IS NOT DISTINCT FROM '{ODD}'"),
        *(f"order_id::bigint = {ODD}", "order_id = ltrim(customer_id, '0') AND sku = 'p'"),
    ],
)
def test_long_ids_are_compared_exactly(test: str) -> None:
    found = built({"amount": f"CASE WHEN {test} THEN 0 ELSE amount END"})
    assert found == {f"000{ODD}": 0.0, f"000{EVEN}": 1.5}


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        ("price // qty", {"a": 5.0, "b": 0.0, "c": 4.0, "d": 0.0}),
        ("divide(price, 2)", {"a": 5.0, "b": 1.0, "c": 2.0, "d": 1.0}),
        ("price % qty", {"a": 0.5, "b": 3.0, "c": 0.0, "d": 2.0}),
        ("cast(price as int)", {"a": 11.0, "b": 3.0, "c": 4.0, "d": 2.0}),
    ],
)
def test_whole_quotients_of_texts(amount: str, expected: dict[str, float]) -> None:
    assert totals(amount) == expected


@pytest.mark.parametrize("amount", ["price << 1", "price & 1", "xor(price, 1)"])
def test_bits_of_texts_are_refused(amount: str) -> None:
    with pytest.raises(customer_features.ColumnError, match="cannot be computed: No function matches"):
        customer_features.build(ROWS, columns={"amount": amount}, today="2025-04-02")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"amount": "cast(order_id as smallint)"}, "amount=.* cannot be computed: Failed to cast decimal value"),
        ({"date": "strptime(date, '%d')"}, "date=strptime.* cannot be computed: Could not parse string"),
    ],
)
def test_an_error_of_an_expression_names_it(columns: dict[str, str], reason: str) -> None:
    with pytest.raises(customer_features.ColumnError, match=reason):
        customer_features.build(LONG, columns=columns, today="2025-04-02")


def test_a_step_of_time_is_the_engines_own() -> None:
    days = LONG.set_column(2, "date", pa.array(["20180", "20181"]))
    date = "date_add(date '1970-01-01', to_days(cast(date as int)))"
    frame = customer_features.build(days, columns={"date": date}, today="2025-04-03")
    assert sorted(frame["recency_days"].to_pylist()) == [0.0, 1.0]
