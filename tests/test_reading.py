"""Columns of every type as ids, days, amounts and scores."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import customer_features
from customer_features import ColumnError
from tests.agreement import oracle

pytestmark = pytest.mark.filterwarnings("ignore::customer_features.frames.Suspicious")

TODAY = "2025-04-24"
Column = Any


def table(size: int = 1, **columns: Column) -> pa.Table:
    """Rows of one customer each (c0, c1, ...) with some columns replaced."""
    base: dict[str, Column] = {
        "customer_id": [f"c{place}" for place in range(size)],
        "transaction_id": ["t"] * size,
        "date": ["2025-04-21"] * size,
        "amount": [1.0] * size,
        "product_id": ["p"] * size,
    }
    return pa.table({**base, **columns})


def faults_of(**columns: Column) -> list[str]:
    checked = customer_features.check(table(**columns), today=TODAY)
    return [str(fault) for fault in checked["fault"].to_pylist()]


def built(transactions: pa.Table, feature: str, **options: Any) -> list[Any]:
    columns = customer_features.build(transactions, today=TODAY, **options)
    return list(columns[feature].to_pylist())


# -- dates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2025-4-1",
        "20250401",
        "infinity",
        "-infinity",
        "epoch",
        "2023-02-29",
        "1900-02-29",
        "0000-01-01",
        "10000-01-01",
        "2025-13-01",
        "2025-00-10",
        "2025/04/01",
        "01-04-2025",
        "0001-01-01 (BC)",
        " 2025-04-01",
        "2025-04-01 ",
        "2025-04-01\n",
        "2025-04-01T25:00",
        "2025-04-01T1:00",
        "2025-04-01T10",
        "2025-04-01T10:00 Europe/Lisbon",
        "٢٠٢٥-٠٤-٠١",
        "today",
        "45000",
    ],
)
def test_text_that_is_no_date(text: str) -> None:
    assert faults_of(date=[text]) == ["unreadable_date"]


@pytest.mark.parametrize(
    ("text", "recency"),
    [
        ("2025-04-24", 0),
        ("2024-02-29", 420),
        ("0001-01-01", 739364),
        ("2025-04-21T23:59:59.999999", 3),
        ("2025-04-21 00:00", 3),
        ("2025-04-21T10:00:00.123456789", 3),
        ("2025-04-21T10:00:00Z", 3),
        ("2025-04-21T23:00:00-03:00", 2),
        ("2025-04-21T01:00:00+0200", 4),
        ("2025-04-21 01:00:00+02", 4),
    ],
)
def test_text_dates_and_iso_timestamps(text: str, recency: int) -> None:
    assert built(table(date=[text]), "recency_days") == [float(recency)]


def test_the_last_day_of_the_calendar() -> None:
    assert customer_features.build(table(date=["9999-12-31"]), today="9999-12-31")["recency_days"].to_pylist() == [0.0]
    assert customer_features.build(table(date=["0001-01-01"]), today="9999-12-31")["recency_days"].to_pylist() == [
        float((date.max - date.min).days)
    ]


@given(st.lists(st.dates(max_value=date(2025, 4, 24)), min_size=20, max_size=60))
@settings(max_examples=3, deadline=None)
def test_every_form_of_a_date_is_the_same_day(days: list[date]) -> None:
    today = date(2025, 4, 24)
    expected = {f"c{place}": float((today - day).days) for place, day in enumerate(days)}
    noon = [datetime(day.year, day.month, day.day, 12) for day in days]  # noqa: DTZ001
    forms: list[Column] = [
        [day.isoformat() for day in days],
        [stamp.isoformat() for stamp in noon],
        pa.array(days, pa.date32()),
        pa.array(days, pa.date64()),
        pa.array([stamp.isoformat() for stamp in noon]).dictionary_encode(),
        pa.array(noon, pa.timestamp("us")),
        pa.array(noon, pa.timestamp("s")),
    ]
    for form in forms:
        found = customer_features.build(table(len(days), date=form), today=TODAY)
        assert dict(zip(found["customer_id"].to_pylist(), found["recency_days"].to_pylist(), strict=True)) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("zone", "day"), [("UTC", 22), ("America/Sao_Paulo", 21), ("Asia/Tokyo", 22)])
def test_instants_become_days_in_the_timezone(unit: str, zone: str, day: int) -> None:
    instant = datetime(2025, 4, 22, 2, 30, tzinfo=UTC)
    for stored in ("UTC", "Asia/Tokyo"):
        column = pa.array([instant], pa.timestamp(unit, stored))
        assert built(table(date=column), "recency_days", timezone=zone) == [float(24 - day)]
    text = instant.isoformat()
    assert built(table(date=[text]), "recency_days", timezone=zone) == [float(24 - day)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_naive_timestamps_are_local_already(unit: str) -> None:
    column = pa.array([datetime(2025, 4, 22, 0, 30)], pa.timestamp(unit))  # noqa: DTZ001
    assert built(table(date=column), "recency_days", timezone="America/Sao_Paulo") == [2.0]
    assert built(table(date=["2025-04-22T00:30"]), "recency_days", timezone="America/Sao_Paulo") == [2.0]


def test_daylight_saving_shifts_the_day() -> None:
    # New York is 5 hours behind in winter and 4 in summer.
    stamps = [datetime(2025, 1, 10, 4, 30, tzinfo=UTC), datetime(2025, 4, 10, 4, 30, tzinfo=UTC)]
    found = built(
        table(2, date=pa.array(stamps, pa.timestamp("us", "UTC"))), "recency_days", timezone="America/New_York"
    )
    assert found == [float((date(2025, 4, 24) - day).days) for day in (date(2025, 1, 9), date(2025, 4, 10))]


def test_null_dates() -> None:
    assert faults_of(date=pa.array([None], pa.date32())) == ["missing_date"]
    assert faults_of(date=pa.nulls(1)) == ["missing_date"]
    assert faults_of(date=[""]) == ["missing_date"]


# -- amounts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "missing_amount"),
        ("1_000", "unreadable_amount"),
        ("1,5", "unreadable_amount"),
        ("1.000,50", "unreadable_amount"),
        ("0x10", "unreadable_amount"),
        ("0b1", "unreadable_amount"),
        ("5 EUR", "unreadable_amount"),
        ("€5", "unreadable_amount"),
        ("5f", "unreadable_amount"),
        ("1 000", "unreadable_amount"),
        ("--5", "unreadable_amount"),
        ("1e", "unreadable_amount"),
        ("true", "unreadable_amount"),
        ("١", "unreadable_amount"),
        ("nan", "amount_out_of_range"),
        ("inf", "amount_out_of_range"),
        ("Infinity", "amount_out_of_range"),
        ("1e400", "amount_out_of_range"),
        ("100000000000.00002", "amount_out_of_range"),
        ("9" * 400, "amount_out_of_range"),
        ("-0.01", "negative_amount"),
        ("-inf", "amount_out_of_range"),
    ],
)
def test_text_that_is_no_amount(text: str, fault: str) -> None:
    assert faults_of(amount=[text]) == [fault]


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("520.55", 520.55),
        (" 5", 5.0),  # blanks around a number take nothing from it
        ("5.", 5.0),
        (".5", 0.5),
        ("1e2", 100.0),
        ("1E-400", 0.0),
        ("-0.0", 0.0),
        ("0.005", 0.01),
        ("0.00499999999999999999", 0.01),  # the nearest double is that of 0.005
        ("1.005", 1.01),
        ("100000000000", 1e11),
        ("0" * 300 + "7", 7.0),
    ],
)
def test_text_amounts(text: str, total: float) -> None:
    assert oracle.bits(built(table(amount=[text]), "purchase_total")) == oracle.bits([total])


@given(st.lists(st.floats(min_value=0, max_value=1e11), min_size=30, max_size=200))
@settings(max_examples=5, deadline=None)
def test_doubles_and_their_text_are_the_same_bits(amounts: list[float]) -> None:
    today = date(2025, 4, 24)
    rows = [oracle.Row(f"c{place}", "t", date(2025, 4, 21), amount, "p") for place, amount in enumerate(amounts)]
    expected = {customer: vector[0] for customer, vector in oracle.vectors(rows, today).items()}
    for column in (amounts, [repr(amount) for amount in amounts], [f"{amount:.30f}" for amount in amounts]):
        found = customer_features.build(table(len(amounts), amount=column), today=today)
        totals = dict(zip(found["customer_id"].to_pylist(), found["purchase_total"].to_pylist(), strict=True))
        assert {name: oracle.bits([total]) for name, total in totals.items()} == {
            name: oracle.bits([total]) for name, total in expected.items()
        }


@pytest.mark.parametrize("scale", range(11))
@pytest.mark.parametrize("precision", [18, 38])
def test_decimals_are_scaled_exactly(scale: int, precision: int) -> None:
    """A half unit goes up, also below zero, where returns are netted."""
    digits = [0, 1, 4, 5, 6, 15, 49, 50, 51, 149, 150, 250, 5000, 15000, 49999, 50000, 50001, 987654321]
    amounts = [Decimal(digit).scaleb(-scale) for digit in digits]
    rows, ids, column = [], [], []
    for place, amount in enumerate(amounts):
        for value in (amount, -amount, Decimal(1)):
            rows.append(oracle.Row(f"c{place}", "t", date(2025, 4, 21), value, "p"))
            ids.append(f"c{place}")
            column.append(value)
        rows.append(oracle.Row(f"d{place}", "t", date(2025, 4, 21), -amount, "p"))
        rows.append(oracle.Row(f"d{place}", "t", date(2025, 4, 21), Decimal(0), "p"))
        ids += [f"d{place}"] * 2
        column += [-amount, Decimal(0)]
    transactions = table(len(ids), customer_id=ids, amount=pa.array(column, pa.decimal128(precision, scale)))
    found = customer_features.build(transactions, today=TODAY, returns="net")
    expected = oracle.vectors(rows, date(2025, 4, 24))
    for row in found.to_pylist():
        customer = row.pop("customer_id")
        assert oracle.bits(row.values()) == oracle.bits(expected[customer]), (customer, scale)


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32(), pa.uint64()])
def test_whole_amounts(kind: pa.DataType) -> None:
    assert built(table(2, amount=pa.array([0, 100], kind)), "purchase_total") == [0.0, 100.0]


def test_whole_amounts_at_the_limit() -> None:
    amounts = pa.array([10**11, 10**11 + 1, 2**63 - 1], pa.int64())
    assert faults_of(size=3, amount=amounts) == ["amount_out_of_range"] * 2
    assert faults_of(amount=pa.array([2**64 - 1], pa.uint64())) == ["amount_out_of_range"]
    assert faults_of(amount=pa.array([Decimal(10**37)], pa.decimal128(38, 0))) == ["amount_out_of_range"]
    assert faults_of(amount=pa.array([Decimal(10**25)], pa.decimal128(38, 10))) == ["amount_out_of_range"]


def test_single_floats_are_what_they_hold() -> None:
    amounts = pa.array([520.55, 0.1, 16777217.0], pa.float32())
    expected = [oracle.two_decimals(oracle.units_of(float(value)), 1) for value in amounts.to_pylist()]
    assert built(table(3, amount=amounts), "purchase_total") == expected


def test_floats_that_are_no_numbers() -> None:
    amounts = pa.array([float("nan"), float("inf"), None, -1.0, 1e11, 1e11 * 1.1])
    assert faults_of(size=6, amount=amounts) == [
        "amount_out_of_range",
        "amount_out_of_range",
        "missing_amount",
        "negative_amount",
        "amount_out_of_range",
    ]


def test_dictionaries_hold_amounts_too() -> None:
    assert built(table(2, amount=pa.array([1.5, 2.0]).dictionary_encode()), "purchase_total") == [1.5, 2.0]


# -- ids -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pa.array(["00123"]), ["00123"]),
        (pa.array([123], pa.int8()), ["123"]),
        (pa.array([-(2**63)], pa.int64()), [str(-(2**63))]),
        (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)]),
        (pa.array([123.0]), ["123"]),
        (pa.array([float(2**53 - 1)]), [str(2**53 - 1)]),
        (pa.array([123.0], pa.float32()), ["123"]),
        (pa.array([Decimal(10**30)], pa.decimal128(38, 0)), [str(10**30)]),
        (pa.array(["a"]).dictionary_encode(), ["a"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
        (pa.array(["a"], pa.string_view()), ["a"]),
    ],
)
def test_ids_of_many_types(column: Column, ids: list[str]) -> None:
    assert built(table(customer_id=column), "customer_id") == ids
    assert faults_of(transaction_id=column, product_id=column) == []


@pytest.mark.parametrize("field", ["customer_id", "transaction_id", "product_id"])
@pytest.mark.parametrize("value", [1.5, float("nan"), float("inf"), 2.0**53])
def test_a_fraction_is_no_id(field: str, value: float) -> None:
    with pytest.raises(ColumnError, match=f"'{field}' holds .*no whole number below 2\\^53"):
        customer_features.build(table(2, **{field: [1.0, value]}), today=TODAY)


@pytest.mark.parametrize("field", ["customer_id", "transaction_id", "product_id"])
def test_missing_ids(field: str) -> None:
    assert faults_of(size=2, **{field: pa.array([None, "x"])}) == [f"missing_{field}"]
    assert faults_of(size=2, **{field: ["", "x"]}) == [f"missing_{field}"]
    assert faults_of(size=2, **{field: pa.array([None, 1.0])}) == [f"missing_{field}"]
    assert faults_of(size=2, **{field: pa.array([None, 1], pa.int64())}) == [f"missing_{field}"]
    assert faults_of(**{field: pa.nulls(1)}) == [f"missing_{field}"]


@pytest.mark.parametrize(
    ("field", "column"),
    [
        ("customer_id", pa.array([b"x"])),
        ("customer_id", pa.array([True])),
        ("product_id", pa.array([date(2025, 1, 1)])),
        ("transaction_id", pa.array([Decimal("1.5")])),
        ("date", pa.array([20250421])),
        ("date", pa.array([1.0])),
        ("date", pa.array([timedelta(days=1)])),
        ("amount", pa.array([True])),
        ("amount", pa.array([date(2025, 1, 1)])),
        ("amount", pa.array([[1.0]])),
        ("loyalty_score", pa.array([True])),
    ],
)
def test_types_that_cannot_be(field: str, column: Column) -> None:
    with pytest.raises(ColumnError, match=rf"transactions: '{field}' is of type .* cannot be {field}: allowed is"):
        customer_features.build(table(**{field: column}), today=TODAY)


# -- loyalty -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "scores"),
    [
        (pa.array([0.97, None]), [0.97, 0.0]),
        (pa.array(["0.97", ""]), [0.97, 0.0]),
        (pa.array([1, 0], pa.int64()), [1.0, 0.0]),
        (pa.array([Decimal("0.25"), None]), [0.25, 0.0]),
        (pa.array([-0.0, 5e-324]), [0.0, 5e-324]),
        (pa.nulls(2), [0.0, 0.0]),
    ],
)
def test_loyalty_of_many_types(column: Column, scores: list[float]) -> None:
    assert oracle.bits(built(table(2, loyalty_score=column), "loyalty_score")) == oracle.bits(scores)


@pytest.mark.parametrize(
    "column",
    [pa.array([1.0000000000000002]), pa.array([-1e-9]), pa.array([float("nan")]), pa.array(["97%"]), pa.array(["x"])],
)
def test_loyalty_out_of_range(column: Column) -> None:
    assert faults_of(loyalty_score=column) == ["loyalty_out_of_range"]
