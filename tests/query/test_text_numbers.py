"""Numbers and money in text: every form by its value, and what tells a decimal mark."""

from __future__ import annotations

import math

import duckdb
import pytest

from customer_features.query.text_numbers import (
    Evidence,
    Marks,
    amount_hint_sql,
    currency_of_text,
    evidence,
    evidence_items,
    number_of_text,
    refusal,
)

POINT, COMMA = Marks("."), Marks(",")
# What each text is with a decimal point, and with a decimal comma; None: no number.
VALUES: dict[str, tuple[float | None, float | None]] = {
    "12": (12.0, 12.0),
    "12.50": (12.5, None),
    "12,50": (None, 12.5),
    "1,250": (1250.0, 1.25),
    "1.250": (1.25, 1250.0),
    "1,250.00": (1250.0, None),
    "1.250,00": (None, 1250.0),
    "1,250,000": (1250000.0, None),
    "1.250.000": (None, 1250000.0),
    "12,34,567.89": (1234567.89, None),  # lakh
    "1 250": (1250.0, 1250.0),
    "1\u00a0250.5": (1250.5, None),
    "1\u202f250,5": (None, 1250.5),
    "1'250.50": (1250.5, None),
    "1\u2019250,50": (None, 1250.5),
    "(12)": (-12.0, -12.0),
    "(12.50)": (-12.5, None),
    "12-": (-12.0, -12.0),
    "12 -": (-12.0, -12.0),
    "\u221212": (-12.0, -12.0),
    "\u201312": (-12.0, -12.0),
    "'12": (12.0, 12.0),
    "$4": (4.0, 4.0),
    "-$4": (-4.0, -4.0),
    "$-4": (-4.0, -4.0),
    "$ 4-": (-4.0, -4.0),
    "($4)": (-4.0, -4.0),
    "$(4)": (-4.0, -4.0),
    "$.50": (0.5, None),
    "US$ 4": (4.0, 4.0),
    "R$ 1.250,00": (None, 1250.0),
    "USD 4": (4.0, 4.0),
    "4 EUR": (4.0, 4.0),
    "4\u00a0\u20ac": (4.0, 4.0),
    "kr 500": (500.0, 500.0),
    "kr. 500": (500.0, 500.0),
    "500 kr.": (500.0, 500.0),
    "Rs. 500": (500.0, 500.0),
    "Rs.500": (None, None),
    "EUR. 500": (500.0, 500.0),
    "z\u0142. 500": (500.0, 500.0),
    "500 EUR.": (500.0, 500.0),
    "4.50 EUR.": (4.5, None),
    "4,50 K\u010d.": (None, 4.5),
    "0,500": (None, 0.5),
    "0.500": (0.5, None),
    "0 500": (None, None),
    "0'500": (None, None),
    "01,250": (None, 1.25),
    "1250,000": (None, 1250.0),
    "1250 000": (None, None),
    "+5": (5.0, 5.0),
    " 5 ": (5.0, 5.0),
    "1e3": (1000.0, 1000.0),
    "": (None, None),
    "-": (None, None),
    "()": (None, None),
    "$": (None, None),
    "--5": (None, None),
    "+-5": (None, None),
    "nan(1)": (None, None),
    "(-5)": (None, None),
    "-5-": (None, None),
    "$5$": (None, None),
    "4 USD EUR": (None, None),
    "12 50": (None, None),
    "1,25,00": (None, None),
    "1,2": (None, 1.2),
    "1_000": (None, None),
    "5%": (None, None),
    "n/a": (None, None),
    "12.50 - 13.00": (None, None),
    "2024-01-01": (None, None),
    "abc 12": (None, None),
    "\u0663": (None, None),
}


@pytest.mark.parametrize(("marks", "side"), [(POINT, 0), (COMMA, 1)])
def test_every_form_by_its_value(marks: Marks, side: int) -> None:
    rows = duckdb.execute(
        f"SELECT text, {number_of_text('text', marks)} FROM (SELECT unnest(?) AS text)", [list(VALUES)]
    ).fetchall()
    assert dict(rows) == {text: values[side] for text, values in VALUES.items()}


def test_one_mark_between_thousands() -> None:
    sql = number_of_text("text", Marks(".", "'"))
    texts = ["1'250.5", "1\u2019250.5", "1,250.5", "1 250.5", "1250.5"]
    rows = duckdb.execute(f"SELECT {sql} FROM (SELECT unnest(?) AS text)", [texts]).fetchall()
    assert [value for (value,) in rows] == [1250.5, 1250.5, None, None, 1250.5]


def test_what_is_no_finite_number_is_a_double_all_the_same() -> None:
    [(number, endless)] = duckdb.execute(
        f"SELECT {number_of_text('a')}, {number_of_text('b')} FROM (SELECT 'nan' AS a, '-inf' AS b)"
    ).fetchall()
    assert math.isnan(number)
    assert endless == -math.inf


@pytest.mark.parametrize(
    ("text", "currency"),
    [("4", None), ("(4)", None), ("1'000", None), ("$4", "$"), ("-US$ 4", "US$"), ("4 EUR", "EUR"), ("500 kr.", "kr")],
)
def test_the_currency_beside_a_number(text: str, currency: str | None) -> None:
    assert duckdb.execute(f"SELECT {currency_of_text('x')} FROM (SELECT ? AS x)", [text]).fetchall() == [(currency,)]


@pytest.mark.parametrize(
    ("texts", "doubt"),
    [
        (["1.250", "12.500", "80"], "1.250"),
        (["1,250", "12,500"], "1,250"),
        (["$1.250"], "$1.250"),
        (["1.250", "12,50"], "1.250"),
        (["1.250", "1.250.000"], "1.250"),
        (["1.250", "12.50", "12,50"], "1.250"),
        (["10.00", "12,500.00"], None),
        (["10.00", "1,250"], None),
        (["0.125"], None),
        (["0,125"], None),
        (["1250.125"], None),
        (["1,250,000", "1,250"], None),
        (["80", "90"], None),
        (["12,50"], None),
        ([], None),
    ],
)
def test_what_tells_a_decimal_mark(texts: list[str], doubt: str | None) -> None:
    found = evidence(texts)
    assert found.in_doubt == doubt
    [row] = duckdb.execute(f"SELECT {evidence_items('x')} FROM (SELECT unnest(?::VARCHAR[]) AS x)", [texts]).fetchall()
    assert Evidence(*row).in_doubt is None if doubt is None else Evidence(*row).in_doubt in texts


def test_both_readings_are_shown() -> None:
    said = refusal("preis", "amount", evidence(["1.250", "80"]))
    assert said == "'preis' holds '1.250', which could be 1.250 (--decimal .) or 1250 (--decimal ,); say which"
    said = refusal("preis", "amount", evidence(["1,250", "1,5"]))
    assert "which could be 1250 (--decimal .) or 1.250 (--decimal ,)" in said
    assert "'1,5' stands in the same column, which only a decimal comma explains" in said
    assert "write amount in one way" in refusal("preis", "amount", evidence(["1,250", "1,5", "1.5"]))


def test_no_hint_where_the_other_mark_would_part_thousands() -> None:
    for text in ("1,250", "1.250", "x", "12"):
        [(hint,)] = duckdb.execute(f"SELECT {amount_hint_sql('x')} FROM (SELECT ? AS x)", [text]).fetchall()
        assert hint == "", text
