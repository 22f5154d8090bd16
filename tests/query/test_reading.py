"""Columns of every type as ids, days, amounts and scores."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import customer_features
from customer_features import ColumnError, InvalidOption
from customer_features.definition.options import Options, parse_timezone
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.parts import table_part
from tests.agreement import oracle
from tests.conftest import Cli, assert_refused, examples

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


@st.composite
def nearly_days(draw: st.DrawFn) -> str:
    """A day as text with up to three characters changed, put in or taken out."""
    year, month, day = (draw(st.integers(low, high)) for low, high in ((0, 9999), (0, 13), (0, 32)))
    text = list(f"{year:04}-{month:02}-{day:02}")
    for _ in range(draw(st.integers(0, 3))):
        place, size = draw(st.integers(0, len(text))), draw(st.integers(0, 1))
        text[place : place + size] = draw(st.sampled_from([*"0123456789-/+:.% \t\n\r\v_BCTZé٣５", ""]))
    return "".join(text)


@given(st.lists(nearly_days(), min_size=1, max_size=60))
@settings(max_examples=examples(60), deadline=None)
def test_a_day_is_read_where_it_is_written_as_one_and_nowhere_else(texts: list[str]) -> None:
    def is_day(text: str) -> bool:
        with suppress(ValueError):
            return bool(re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text)) and date.fromisoformat(text) is not None
        return False

    rows = table(len(texts), date=texts, amount=[str(place) for place in range(len(texts))])
    checked = customer_features.check(rows, today="9999-12-31")
    faulty = {place - 1 for place in checked["row_number"].to_pylist()}
    assert faulty == {place for place, text in enumerate(texts) if not is_day(text)}


@pytest.mark.parametrize(
    "text",
    [
        "2025-4-1",
        "infinity",
        "-infinity",
        "epoch",
        "2023-02-29",
        "1900-02-29",
        "0000-01-01",
        "10000-01-01",
        "2025-13-01",
        "2025-00-10",
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
        ("2025-04-21 01:00:00 +02:00", 4),
        ("2025-04-21T01:00:00 +0200", 4),
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
@pytest.mark.slow
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


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        # Clocks went forward at midnight: the day began at 01:00, and 03:00 UTC was its first moment.
        ("America/Sao_Paulo", "2018-11-04T02:59:59Z", "2018-11-03"),
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04"),
        # Clocks went back at midnight: the hour from 23:00 came twice, and the day ended an hour later.
        ("America/Sao_Paulo", "2019-02-17T01:59:59Z", "2019-02-16"),
        ("America/Sao_Paulo", "2019-02-17T02:30:00Z", "2019-02-16"),
        ("America/Sao_Paulo", "2019-02-17T03:00:00Z", "2019-02-17"),
        ("America/New_York", "2025-03-09T06:59:59Z", "2025-03-09"),
        ("America/New_York", "2025-03-10T03:59:59Z", "2025-03-09"),
        ("America/New_York", "2025-03-10T04:00:00Z", "2025-03-10"),
        ("America/New_York", "2024-11-04T04:59:59Z", "2024-11-03"),
        ("Asia/Kolkata", "2025-03-09T18:30:00Z", "2025-03-10"),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),  # the 30th was left out there
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
    ],
)
def test_an_instant_is_the_day_that_the_shops_calendar_shows(zone: str, instant: str, day: str) -> None:
    expected = [float((date(2025, 4, 24) - date.fromisoformat(day)).days)]
    moment = datetime.fromisoformat(instant)
    assert moment.astimezone(ZoneInfo(zone)).date() == date.fromisoformat(day)
    for column in ([instant], pa.array([moment], pa.timestamp("us", "UTC"))):
        assert built(table(date=column), "recency_days", timezone=zone) == expected


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "America/New_York", "UTC", "Pacific/Kiritimati"])
@pytest.mark.parametrize("naive", ["2018-11-04T00:30:00", "2025-03-09T02:30:00", "2019-02-16T23:30:00"])
def test_a_naive_timestamp_is_local_also_where_no_clock_showed_it(zone: str, naive: str) -> None:
    """00:30 was skipped in Sao Paulo that day, 02:30 in New York: the day they name is taken as it stands."""
    expected = [float((date(2025, 4, 24) - date.fromisoformat(naive[:10])).days)]
    for column in ([naive], pa.array([datetime.fromisoformat(naive)], pa.timestamp("us"))):
        assert built(table(date=column), "recency_days", timezone=zone) == expected


def test_every_timezone_that_is_allowed_is_one_the_engine_knows() -> None:
    """Of an instant at which no two lists of timezones are likely to differ, the day is Python's."""
    instant = datetime(2020, 6, 15, 11, 30, tzinfo=UTC)
    transactions = table(date=[instant.isoformat()])
    zones = []
    for name in available_timezones():
        with suppress(InvalidOption):
            zones.append(parse_timezone(name))
    assert len(zones) > 400
    with connected() as connection:
        days = ", ".join(f"CAST(timezone('{zone}', TIMESTAMPTZ '{instant}') AS DATE)" for zone in zones)
        found = connection.sql(f"SELECT {days}").fetchall()[0]
    assert dict(zip(zones, found, strict=True)) == {zone: instant.astimezone(ZoneInfo(zone)).date() for zone in zones}
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        expected = (date(2025, 4, 24) - instant.astimezone(ZoneInfo(zone)).date()).days
        assert built(transactions, "recency_days", timezone=zone) == [float(expected)]


# -- text dates in a format that was asked for, amounts with a decimal comma ----------------------------------


def judged(field: str, text: str, **options: Any) -> tuple[str | None, str | None]:
    """The fault of a row with this text and its message; of a row without fault, the date or amount read."""
    with connected() as connection:
        part = table_part(table(**{field: [text]}), "t", connection)
        engine = Engine(connection, [part], Options.parse(today=TODAY, on_fault="quarantine", max_faults=1, **options))
        engine.judge()
        found = engine.examples("unreadable_date", 1) + engine.examples("unreadable_amount", 1)
        if found:
            return found[0].fault, found[0].message
        row = engine.vectors().to_arrow_table().to_pylist()[0]
        day = date.fromisoformat(TODAY) - timedelta(days=int(row["recency_days"]))
        return None, day.isoformat() if field == "date" else repr(row["purchase_total"])


@pytest.mark.parametrize(
    ("text", "written", "day"),
    [
        ("03/04/2025", "%d/%m/%Y", "2025-04-03"),
        ("03/04/2025", "%m/%d/%Y", "2025-03-04"),
        ("3/4/2025", "%d/%m/%Y", "2025-04-03"),
        ("03/4/2025", "%d/%m/%Y", "2025-04-03"),
        ("03/04/2025", "%-d/%-m/%Y", "2025-04-03"),
        ("03.04.25", "%d.%m.%y", "2025-04-03"),
        ("03.04.69", "%d.%m.%y", "1969-04-03"),
        ("20250403", "%Y%m%d", "2025-04-03"),
        ("3 APR 2025", "%d %b %Y", "2025-04-03"),
        ("Thu 3 April 2025", "%a %d %B %Y", "2025-04-03"),
        ("093/2025", "%j/%Y", "2025-04-03"),
        ("2025-04-03", "%Y-%m-%d", "2025-04-03"),
        ("03/04/2025 23:59", "%d/%m/%Y %H:%M", "2025-04-03"),
        ("3/4/2025 9:05:07 PM", "%d/%m/%Y %I:%M:%S %p", "2025-04-03"),
        ("03/04/2025 23:59:59.5", "%d/%m/%Y %H:%M:%S.%f", "2025-04-03"),
        ("29/02/2024", "%d/%m/%Y", "2024-02-29"),
        ("03/04/2025 01:30 +0000", "%d/%m/%Y %H:%M %z", "2025-04-02"),  # 22:30 the day before
        ("03/04/2025 23:30 -05:00", "%d/%m/%Y %H:%M %z", "2025-04-04"),
    ],
)
def test_dates_in_the_format_that_was_asked_for(text: str, written: str, day: str) -> None:
    assert judged("date", text, date_format=written, timezone="America/Sao_Paulo") == (None, day)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2025-04-03", "%d/%m/%Y"),
        ("25/13/2025", "%d/%m/%Y"),
        ("31/04/2025", "%d/%m/%Y"),
        ("29/02/2023", "%d/%m/%Y"),
        ("03/04/25", "%d/%m/%Y"),
        ("03/04/2025", "%d/%m/%y"),
        ("003/04/2025", "%d/%m/%Y"),
        (" 03/04/2025", "%d/%m/%Y"),
        ("03/04/2025 ", "%d/%m/%Y"),
        ("03/04/2025\n", "%d/%m/%Y"),
        ("03/04/2025 10:00", "%d/%m/%Y"),
        ("03/04/2025", "%d/%m/%Y %H:%M"),
        ("3042025", "%d%m%Y"),
        ("Fri 3 April 2025", "%a %d %B %Y"),
        ("epoch", "%d/%m/%Y"),
        ("infinity", "%d/%m/%Y %H:%M:%S.%f"),
        ("03/04/25 10:00:00.5", "%d/%m/%Y %H:%M:%S.%f"),
        (" 03/04/2025 10:00:00.5", "%d/%m/%Y %H:%M:%S.%f"),
        ("03/04/10000", "%d/%m/%Y"),
        ("0/04/2025", "%d/%m/%Y"),
    ],
)
def test_dates_in_another_format_than_was_asked_for(text: str, written: str) -> None:
    fault, message = judged("date", text, date_format=written)
    assert fault == "unreadable_date"
    assert message is not None
    assert message.endswith(f"; asked for is the format {written}")


def test_a_column_of_dates_needs_no_format() -> None:
    with connected() as connection:
        part = table_part(table(date=pa.array([date(2025, 4, 3)])), "t", connection)
        engine = Engine(connection, [part], Options.parse(today=TODAY, date_format="%d/%m/%Y"))
        assert engine.judge().customers == 1


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("520,55", "520.55"),
        ("520", "520.0"),
        (",5", "0.5"),
        ("1,005", "1.01"),
        ("1e2", "100.0"),
        (" 5,5 ", "5.5"),
        ("1,5e2", "150.0"),
    ],
)
def test_amounts_with_a_decimal_comma(text: str, total: str) -> None:
    assert judged("amount", text, decimal=",") == (None, total)


@pytest.mark.parametrize(
    ("text", "decimal", "hint"),
    [
        ("1,50", None, "; a decimal comma is read with --decimal , alone"),
        ("-0,5", ".", "; a decimal comma is read with --decimal , alone"),
        ("1.234,50", ".", "; a decimal comma is read with --decimal , alone"),
        ("1.50", ",", "; a decimal point is read without --decimal , alone"),
        ("1,234.50", ",", "; a decimal point is read without --decimal , alone"),
        ("1_000", ".", ""),
        ("1,0,000", ".", ""),
        ("x", ".", ""),
    ],
)
def test_amounts_that_are_written_otherwise(text: str, decimal: str | None, hint: str) -> None:
    fault, message = judged("amount", text, decimal=decimal)
    assert fault == "unreadable_amount"
    assert message == f"amount '{text}' cannot be read: allowed is a number such as 520.55{hint}"


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
        ("5f", "unreadable_amount"),
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
    assert oracle.bits(built(table(amount=[text]), "purchase_total", decimal=".")) == oracle.bits([total])


@given(st.lists(st.floats(min_value=0, max_value=1e11), min_size=30, max_size=200))
@settings(max_examples=5, deadline=None)
@pytest.mark.slow
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


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32()])
@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
@pytest.mark.parametrize("amount", [float("nan"), float("inf"), 1e30])
def test_amounts_out_of_range_in_a_parquet_file(
    amount: float, grain: str, kind: pa.DataType, cli: Cli, tmp_path: Path
) -> None:
    """What a file states of its least and greatest value says nothing of NaN."""
    amounts = pa.array([1.25, amount, 2.5, -1.0] * 50, kind)
    transactions = table(200, amount=amounts, transaction_id=[f"t{place}" for place in range(200)])
    pq.write_table(transactions, tmp_path / "t.parquet")
    ran = cli("check", tmp_path / "t.parquet", "--today", TODAY, "--grain", grain, "--json")
    assert ran.code == 1, ran.err
    faults = {entry["fault"]: entry["rows"] for entry in json.loads(ran.out)["faults"]}
    assert faults == {"amount_out_of_range": 50, "negative_amount": 50}


def test_other_numbers_of_a_parquet_file_that_are_none(cli: Cli, tmp_path: Path) -> None:
    nan = float("nan")
    columns = {"loyalty_score": pa.array([0.5, nan, None]), "customer_id": pa.array([1.0, 2.0, 3.0])}
    pq.write_table(table(3, **columns), tmp_path / "t.parquet")
    ran = cli("check", tmp_path / "t.parquet", "--today", TODAY, "--json")
    assert [entry["fault"] for entry in json.loads(ran.out)["faults"]] == ["loyalty_out_of_range"]
    pq.write_table(table(3, **{**columns, "customer_id": pa.array([1.0, nan, 3.0])}), tmp_path / "t.parquet")
    assert "'customer_id' holds nan" in assert_refused(cli("check", tmp_path / "t.parquet"), tmp_path)


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


@pytest.mark.parametrize("column", [pa.array([20250421]), pa.array([1.0])])
def test_numbers_that_are_no_days(column: Column) -> None:
    with pytest.raises(ColumnError, match=r"'date' holds numbers from .* which are no days"):
        customer_features.build(table(date=column), today=TODAY)


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


@pytest.mark.parametrize("zone", [None, "UTC", "America/Sao_Paulo"])
def test_the_last_nanoseconds_of_a_day_belong_to_it(zone: str | None, tmp_path: Path, cli: Cli) -> None:
    """The engine's own cast to a date rounds to microseconds first."""
    shift = 3 * 3_600_000_000_000 if zone == "America/Sao_Paulo" else 0
    recency = {
        ((day - date(1970, 1, 1)).days + 1) * 86_400_000_000_000 - before + shift: float(
            (date.fromisoformat(TODAY) - day).days
        )
        for day in (date(1969, 12, 31), date(1970, 1, 1), date(2025, 4, 23))
        for before in (1, 499, 500, 501, 999, 1000)
    }
    ids = [f"{place:02}" for place in range(len(recency))]
    stamped = table(len(recency), customer_id=ids, date=pa.array(list(recency), pa.timestamp("ns", zone)))
    expected = list(recency.values())
    assert built(stamped, "recency_days", timezone=zone) == expected
    pq.write_table(stamped, tmp_path / "t.parquet")
    options = ["--today", TODAY, *(["--timezone", zone] if zone else [])]
    assert cli("build", tmp_path / "t.parquet", *options, "--out", tmp_path / "f.parquet").code == 0
    assert pq.read_table(tmp_path / "f.parquet")["recency_days"].to_pylist() == expected
