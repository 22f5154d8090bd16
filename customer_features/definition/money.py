"""Money as integers: the only place where a number is rounded.

An amount becomes *units* of 1/10000 once, on the way in; units are added as integers, so no order
of rows can change a sum; a result becomes a double of two decimals once, at the end, half up.
The same arithmetic stands here twice, in Python and as SQL text, side by side; the agreement tests
hold the two together bit for bit.
"""

from __future__ import annotations

from math import floor

MAX_AMOUNT = 100_000_000_000.0
"""The largest amount of one row (10^11): below it ``amount * 10000 + 0.5`` keeps its integer part exact."""

MAX_CENTS = 2**53 - 1
"""The largest total in cents that a double still holds to the cent."""


def units(amount: float) -> int:
    """Units of a finite amount: ``floor(amount * 10000 + 0.5)``, both IEEE operations."""
    return floor(amount * 10000 + 0.5)


def cents(total_units: int, visits: int = 1) -> int:
    """Units over visits as whole cents, half up (a half goes towards plus infinity, also below 0)."""
    return (2 * total_units + 100 * visits) // (200 * visits)


def totals(total_units: list[int]) -> list[float]:
    """Each total as a double of two decimals, half up: one comprehension costs less than as many calls."""
    return [(units + 50) // 100 / 100 for units in total_units]


def averages(total_units: list[int], visits: list[int]) -> list[float]:
    """Each total over its visits as a double of two decimals, half up."""
    return [(2 * units + 100 * n) // (200 * n) / 100 for units, n in zip(total_units, visits, strict=True)]


def out_of_range(total_units: int) -> bool:
    """Whether a customer's total passes what a double holds to the cent."""
    return not -MAX_CENTS <= cents(total_units) <= MAX_CENTS


def rounded_sql(total_units: str, visits: str = "1") -> str:
    """SQL of :func:`totals` and :func:`averages`, for a BIGINT total within :func:`out_of_range_sql` and BIGINT visits.

    SQL engines truncate towards zero where Python floors; taking the non-negative remainder off first
    leaves an exact multiple, which every engine divides alike.
    """
    if visits == "1":
        numerator, divisor = f"({total_units} + 50)", "100"
    else:
        numerator, divisor = f"(2 * {total_units} + 100 * {visits})", f"(200 * {visits})"
    remainder = f"((({numerator} % {divisor}) + {divisor}) % {divisor})"
    return f"CAST(({numerator} - {remainder}) // {divisor} AS DOUBLE) / CAST(100 AS DOUBLE)"


def out_of_range_sql(total_units: str) -> str:
    """SQL of :func:`out_of_range`, for a 128-bit total: what rounds to ``MAX_CENTS`` at most lies between."""
    return f"{total_units} NOT BETWEEN {-MAX_CENTS * 100 - 50} AND {MAX_CENTS * 100 + 49}"


def units_of_double_sql(amount: str) -> str:
    """SQL of :func:`units` for a DOUBLE."""
    return f"CAST(FLOOR({amount} * CAST(10000 AS DOUBLE) + CAST(0.5 AS DOUBLE)) AS BIGINT)"


def units_of_decimal_sql(amount: str, scale: int) -> str:
    """Units of a DECIMAL of the given scale, scaled exactly, half up.

    Casting to four decimals rounds a half away from zero; below zero that is one unit too low,
    which the comparison with the exact half puts right.
    """
    four = f"CAST({amount} AS DECIMAL(38, 4))"
    exact = f"CAST({four} * 10000 AS BIGINT)"
    if scale <= 4:
        return exact
    return f"{exact} + CASE WHEN {amount} < 0 AND {amount} - {four} = 0.00005 THEN 1 ELSE 0 END"


def units_of_numeric_sql(amount: str) -> str:
    """Units of a text that holds a decimal number in plain digits, of any length, as of a DECIMAL; null from 10^14."""
    # The narrow type keeps out what the product could not hold, the wide one holds the product.
    four = f"CAST(TRY_CAST({amount} AS DECIMAL(18, 4)) AS DECIMAL(38, 4))"
    below_zero = f"CASE WHEN regexp_full_match({amount}, '-[0-9]+\\.[0-9]{{4}}50*') THEN 1 ELSE 0 END"
    return f"CAST({four} * 10000 AS BIGINT) + {below_zero}"
