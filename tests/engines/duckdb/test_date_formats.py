"""Text dates that are not ISO are refused with the option that reads them, and never guessed."""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa
import pytest

import customer_features
from customer_features import ColumnError
from customer_features.definition.options import parse_date_format
from customer_features.engines.duckdb.date_formats import FORMATS, SAMPLED
from customer_features.query.reading import day_by_format


def check(*dates: str) -> list[str]:
    rows = {name: [f"{name}{place}" for place in range(len(dates))] for name in ("customer_id", "transaction_id")}
    table = pa.table({**rows, "Order Date": list(dates), "amount": [1.0] * len(dates), "sku": ["p"] * len(dates)})
    found = customer_features.check(table, today="2025-12-31")
    return [str(fault) for fault in found["fault"].to_pylist()]


def refusal(*dates: str) -> str:
    with pytest.raises(ColumnError) as caught:
        check(*dates)
    return str(caught.value)


def test_an_ambiguous_column_is_refused_with_both_readings() -> None:
    assert refusal("03/03/2025", "03/04/2025", "05/06/2025") == (
        "transactions: 'Order Date' holds '03/04/2025', which could be 3 April 2025 (--date-format %d/%m/%Y)"
        " or 4 March 2025 (--date-format %m/%d/%Y); say which"
        " (in Python: date_format='%d/%m/%Y')"
    )


def test_years_of_two_digits_have_three_readings() -> None:
    said = refusal("03.04.05")
    for reading in ("3 April 2005 (", "4 March 2005 (", "5 April 2003 ("):
        assert reading in said


@pytest.mark.parametrize(
    ("dates", "name"),
    [
        (("25/04/2025", "03/04/2025"), "%d/%m/%Y"),
        (("03/04/2025", "04/25/2025"), "%m/%d/%Y"),
        (("25.4.2025",), "%d.%m.%Y"),
        (("25-04-2025",), "%d-%m-%Y"),
        (("2025/04/03",), "%Y/%m/%d"),
        (("20250403",), "%Y%m%d"),
        (("3 Apr 2025", "30 apr 2025"), "'%d %b %Y'"),
        (("25/04/2025 10:30",), "'%d/%m/%Y %H:%M'"),
        (("25/04/2025 10:30:05",), "'%d/%m/%Y %H:%M:%S'"),
        (("25/04/2025 1:30 PM",), "'%d/%m/%Y %I:%M %p'"),
        (("April 3, 2025",), "'%B %d, %Y'"),
    ],
)
def test_a_settled_column_is_refused_with_its_format(dates: tuple[str, ...], name: str) -> None:
    said = refusal(*dates)
    assert f"'Order Date' holds dates such as '{dates[0]}', not YYYY-MM-DD" in said
    assert f"all of those looked at fit --date-format {name} (in Python" in said


def test_the_advice_for_python_works() -> None:
    said = refusal("25/04/2025")
    date_format = said.split("date_format='")[1].split("'")[0]
    table = pa.table(
        {"customer_id": ["a"], "transaction_id": ["1"], "Order Date": ["25/04/2025"], "amount": [1.0], "sku": ["p"]}
    )
    found = customer_features.build(table, today="2025-04-30", date_format=date_format)
    assert found["recency_days"].to_pylist() == [5.0]


def test_rows_that_fit_nothing_are_counted() -> None:
    assert "10 of 12 of those looked at fit --date-format %d/%m/%Y" in refusal(*["25/04/2025"] * 10, "Total", "x")


@pytest.mark.parametrize("dates", [("x", "y"), ("31/31/2025",), ("infinity",), ("15000",), ("2025-13-01",), ("soon",)])
def test_what_fits_no_format_is_a_fault_of_its_row(dates: tuple[str, ...]) -> None:
    assert check(*dates) == ["unreadable_date"] * len(dates)


def test_a_few_among_iso_dates_are_faults_of_their_rows() -> None:
    assert check("2025-04-03", "03/04/2025", "", "2025-04-04") == ["unreadable_date", "missing_date"]
    assert check("2025-04-03", "03/04/2025") == ["unreadable_date"]


def test_only_the_first_rows_are_looked_at() -> None:
    later = ["25/04/2025"] * (SAMPLED + 1)
    assert check(*["2025-04-03"] * SAMPLED, *later) == ["unreadable_date"] * len(later)


def test_every_proposed_format_is_an_option_and_reads_itself() -> None:
    assert len(set(FORMATS)) == len(FORMATS)
    assert [parse_date_format(name) for name in FORMATS] == FORMATS
    texts = [f"strftime(TIMESTAMP '2025-04-03 15:06:07', '{name}')" for name in FORMATS]
    days = ", ".join(day_by_format(text, name, "UTC") for text, name in zip(texts, FORMATS, strict=True))
    with duckdb.connect() as connection:
        assert connection.execute(f"SELECT {days}").fetchall() == [(date(2025, 4, 3),) * len(FORMATS)]
