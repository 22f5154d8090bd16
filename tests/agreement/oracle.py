"""The six features once more, from the contract and the decisions alone.

Shares no code with the package: plain integers, fractions and dates, one row at a time. It is slow and
obvious on purpose; whatever the package answers must be these very bits.
"""

from __future__ import annotations

import struct
from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor

NAMES = ("purchase_total", "visit_frequency", "avg_ticket", "product_diversity", "loyalty_score", "recency_days")
MAX_CENTS = 2**53 - 1

Vector = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One purchase row that is free of faults."""

    customer_id: str
    transaction_id: str
    day: date
    amount: float | int | Decimal
    product_id: str


def units_of(amount: float | int | Decimal) -> int:
    """Decision 1: a double by its two IEEE operations, a decimal exactly, half up."""
    if isinstance(amount, float):
        product = float(Fraction(amount) * 10000)  # the nearest double of the exact product
        return floor(Fraction(float(Fraction(product) + Fraction(1, 2))))
    return floor(Fraction(amount) * 10000 + Fraction(1, 2))


def two_decimals(units: int, parts: int) -> float:
    """Decision 2: the exact quotient, half up (towards plus infinity) to cents, as the nearest double."""
    cents = floor(Fraction(units, 100 * parts) + Fraction(1, 2))
    return float(Fraction(cents, 100))


def units_in_bulk(amount: float | int | Decimal) -> int:
    """:func:`units_of` a double by the machine's own arithmetic, for a million rows (held to it by a test)."""
    return floor(amount * 10000.0 + 0.5) if isinstance(amount, float) else units_of(amount)


def two_decimals_in_bulk(units: int, parts: int) -> float:
    """:func:`two_decimals` by a quotient and its rest."""
    cents, rest = divmod(units, 100 * parts)
    return (cents + (2 * rest >= 100 * parts)) / 100


def window_start(today: date, window: tuple[int, str] | None) -> date | None:
    """Decision 9: the last day that no longer counts."""
    if window is None:
        return None
    count, step = window
    if step == "days":
        return today - timedelta(days=count)
    year, month = today.year, today.month
    for _ in range(count):
        month -= 1
        if month == 0:
            year, month = year - 1, 12
    return date(year, month, min(today.day, monthrange(year, month)[1]))


def vectors(
    rows: Iterable[Row],
    today: date,
    *,
    grain: str = "transaction",
    window: tuple[int, str] | None = None,
    loyalty: dict[str, float] | None = None,
    bulk: bool = False,
) -> dict[str, Vector]:
    """The vector of each customer, in the order in which the customers come.

    Rows after ``today`` are left out, as ``future=exclude`` has it; negative amounts are netted, as
    ``returns=net`` has it. A customer without a purchase has no vector here.
    """
    start = window_start(today, window)
    units, rounded = (units_in_bulk, two_decimals_in_bulk) if bulk else (units_of, two_decimals)
    by_customer: dict[str, list[Row]] = {}
    for row in rows:
        own = by_customer.setdefault(row.customer_id, [])
        if row.day <= today and (start is None or row.day > start):
            own.append(row)
    found: dict[str, Vector] = {}
    for customer_id, own in by_customer.items():
        bought = [row for row in own if row.amount >= 0]
        if not bought:
            continue
        if grain == "repeated_total":
            total = sum({row.transaction_id: units(row.amount) for row in own}.values())
        else:
            total = sum(units(row.amount) for row in own)
        visits = len(bought) if grain == "transaction" else len({row.transaction_id for row in bought})
        found[customer_id] = (
            rounded(total, 1),
            float(visits),
            rounded(total, visits),
            float(len({row.product_id for row in bought})),
            float((loyalty or {}).get(customer_id, 0.0)) or 0.0,
            float((today - max(row.day for row in bought)).days),
        )
    return found


def cents_of_total(rows: Iterable[Row]) -> int:
    """A customer's total in cents, grain transaction or line."""
    return floor(Fraction(sum(units_of(row.amount) for row in rows), 100) + Fraction(1, 2))


def bits(values: Iterable[float]) -> bytes:
    """The very bits of some doubles."""
    values = tuple(values)
    return struct.pack(f"<{len(values)}d", *values)


def all_bits(found: dict[str, Vector]) -> dict[str, bytes]:
    """The bits of each customer's vector."""
    return {customer_id: bits(vector) for customer_id, vector in found.items()}


def in_byte_order(found: Iterable[str]) -> list[str]:
    """Customer ids as bulk output has them (decision 8)."""
    return sorted(found, key=lambda customer_id: customer_id.encode())
