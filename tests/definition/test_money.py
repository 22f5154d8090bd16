"""Money: Python against fractions, SQL against Python."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor, nextafter

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_features.definition import money
from tests.agreement import oracle

EDGES = [
    0.0,
    -0.0,
    5e-324,
    1e-300,
    0.00005,
    nextafter(0.00005, 0),
    0.00015,
    0.005,
    0.01,
    1.005,
    398.40,
    520.55,
    4503599627370.497,
    nextafter(1e11, 0),
    1e11,
]


@pytest.mark.parametrize("amount", EDGES)
def test_units_of_an_edge_amount(amount: float) -> None:
    assert money.units(amount) == oracle.units_of(amount)


@given(st.floats(min_value=-1e11, max_value=1e11))
def test_units_are_the_two_ieee_operations(amount: float) -> None:
    assert money.units(amount) == oracle.units_of(amount)


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_units_of_written_money_are_exact(units: int) -> None:
    """An amount with four decimals keeps every digit, also where its double is not exact."""
    if abs(units) <= 10**13:  # below 10^9 a double holds the four decimals
        assert money.units(float(Decimal(units).scaleb(-4))) == units


@given(st.integers(min_value=-(2**80), max_value=2**80), st.integers(min_value=1, max_value=10**6))
def test_rounding_is_half_up_from_the_exact_quotient(units: int, visits: int) -> None:
    assert money.cents(units, visits) == floor(Fraction(units, 100 * visits) + Fraction(1, 2))
    if money.cents(units, visits) < 2**53 and not money.out_of_range(units):
        assert money.averages([units], [visits])[0] == oracle.two_decimals(units, visits)


@given(st.integers(min_value=0, max_value=10**12))
def test_rounding_agrees_with_decimal_for_positive_money(units: int) -> None:
    expected = (Decimal(units) / 10000).quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert money.totals([units])[0] == float(expected)


@pytest.mark.parametrize(
    ("units", "visits", "expected"),
    [
        (9189500, 1, 918.95),
        (9189500, 2, 459.48),  # 459.475: a tie goes up
        (1959000, 2, 97.95),
        (50, 1, 0.01),
        (49, 1, 0.0),
        (-50, 1, 0.0),  # a half goes towards plus infinity, also below zero
        (-51, 1, -0.01),
        (-150, 1, -0.01),
        (-300, 2, -0.01),  # -0.015
        (-9189500, 2, -459.47),
        (1, 3, 0.0),
        (100, 3, 0.0),
        (200, 3, 0.01),
    ],
)
def test_ties(units: int, visits: int, expected: float) -> None:
    assert oracle.bits([money.averages([units], [visits])[0]]) == oracle.bits([expected])


@pytest.mark.parametrize(
    ("units", "out"),
    [
        (money.MAX_CENTS * 100, False),
        (money.MAX_CENTS * 100 + 49, False),
        (money.MAX_CENTS * 100 + 50, True),
        (-money.MAX_CENTS * 100, False),
        (-money.MAX_CENTS * 100 - 50, False),
        (-money.MAX_CENTS * 100 - 51, True),
        (2**63, True),
        (2**64, True),
        (-(2**64), True),
    ],
)
def test_totals_that_a_double_no_longer_holds(units: int, out: bool) -> None:
    assert money.out_of_range(units) is out
    sql = f"SELECT {money.out_of_range_sql('u')} FROM (SELECT {units}::HUGEINT AS u)"
    assert duckdb.sql(sql).fetchall() == [(out,)]


def test_sql_of_doubles_is_python() -> None:
    amounts = [*EDGES, *(-amount for amount in EDGES), 12.345, 0.1 + 0.2, 33.333333333333336, 99999999999.99998]
    connection = duckdb.connect()
    connection.execute("CREATE TABLE amounts (amount DOUBLE)")
    connection.executemany("INSERT INTO amounts VALUES (?)", [[amount] for amount in amounts])
    found = connection.sql(f"SELECT amount, {money.units_of_double_sql('amount')} FROM amounts").fetchall()
    assert [(amount, oracle.units_of(amount)) for amount in amounts] == found


@pytest.mark.parametrize("scale", range(11))
def test_sql_of_decimals_is_exact(scale: int) -> None:
    digits = [0, 1, 4, 5, 6, 49, 50, 51, 149, 150, 151, 5000, 15000, 49999, 50000, 50001, 123456789, 10**11]
    values = [Decimal(sign * digit).scaleb(-scale) for digit in digits for sign in (1, -1)]
    listed = ", ".join(f"({value:f}::DECIMAL(38, {scale}))" for value in values)
    sql = f"SELECT a, {money.units_of_decimal_sql('a', scale)} FROM (VALUES {listed}) t(a)"
    for value, units in duckdb.sql(sql).fetchall():
        assert units == floor(Fraction(value) * 10000 + Fraction(1, 2)), value


def test_sql_of_rounding_is_python() -> None:
    cases = [
        (units * sign, visits)
        for units in (
            0,
            1,
            5,
            6,
            7,
            49,
            50,
            51,
            99,
            100,
            149,
            150,
            9189500,
            2**53,
            900719925474099049,
            900719925474099100,
        )
        for sign in (1, -1)
        for visits in (1, 2, 3, 7, 100_000)
    ]
    listed = ", ".join(f"({units}::BIGINT, {visits}::BIGINT)" for units, visits in cases)
    sql = f"SELECT {money.rounded_sql('u')}, {money.rounded_sql('u', 'v')} FROM (VALUES {listed}) t(u, v)"
    for (units, visits), (total, average) in zip(cases, duckdb.sql(sql).fetchall(), strict=True):
        assert oracle.bits([total]) == oracle.bits([money.totals([units])[0]])
        assert oracle.bits([average]) == oracle.bits([money.averages([units], [visits])[0]])
