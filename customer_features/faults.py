"""The data rules, an entry each: name, predicate, message. One table for every door.

The order of ``FAULTS`` is the order in which a row with several faults is filed (decision 12).
A row rule holds its predicate twice, as SQL over the columns that the query stages and as Python
over :class:`Row`; both read the same names. Messages say what was found and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from customer_features.money import MAX_AMOUNT, MAX_CENTS, out_of_range_sql
from customer_features.options import Future, Options, Returns


class Scope(StrEnum):
    """What a rule looks at, and so what it sets aside."""

    ROW = "row"
    ORDER = "order"
    CUSTOMER = "customer"
    REQUEST = "request"
    """Met in an HTTP request alone, where a customer is an object of its own."""


@dataclass(slots=True)
class Row:
    """One row as the row rules see it: raw values, and what could be read of them.

    ``date`` and ``amount`` are the raw values (None when absent), ``day`` and ``number`` what they
    were read as (None when unreadable).
    """

    customer_id: Any
    transaction_id: Any
    product_id: Any
    date: Any
    day: date | None
    amount: Any
    number: float | None


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule.

    ``sql``: for a row rule a predicate over ``customer_id``, ``transaction_id``, ``product_id`` (text),
    ``date_missing``, ``amount_missing`` (booleans), ``day`` (DATE, null when unreadable), ``number``
    (DOUBLE, null when unreadable) and ``today``; for an order or customer rule over the columns of that
    roll-up (see ``query.py``). A predicate may be null only where an earlier rule holds.
    ``rows``: a row rule's predicate in Python. ``field``: where the fault is, as an HTTP path ends.
    ``message``: a sentence with one ``{found}``. ``mend``: what a person would do about it.
    """

    name: str
    scope: Scope
    field: str
    sql: str
    message: str
    mend: str
    rows: Callable[[Row, Options], bool] | None = None
    applies: Callable[[Options], bool] = lambda options: True

    def says(self, found: object) -> str:
        """The message with what was found filled in."""
        return self.message.replace("{found}", str(found))


def _empty(value: Any) -> bool:
    return value is None or value == ""


FAULTS: list[Fault] = [
    Fault(
        "missing_customer_id",
        Scope.ROW,
        "customer_id",
        "customer_id IS NULL OR customer_id = ''",
        "customer_id is missing: a non-empty string is required",
        "fill in the customer's id, or map the right column",
        lambda row, options: _empty(row.customer_id),
    ),
    Fault(
        "missing_transaction_id",
        Scope.ROW,
        "transaction_id",
        "transaction_id IS NULL OR transaction_id = ''",
        "transaction_id is missing: a non-empty string is required",
        "fill in the order's id, or map the right column",
        lambda row, options: _empty(row.transaction_id),
    ),
    Fault(
        "missing_product_id",
        Scope.ROW,
        "product_id",
        "product_id IS NULL OR product_id = ''",
        "product_id is missing: a non-empty string is required",
        "fill in the SKU or category id, or map the right column",
        lambda row, options: _empty(row.product_id),
    ),
    Fault(
        "missing_date",
        Scope.ROW,
        "date",
        "date_missing",
        "date is missing: a date YYYY-MM-DD is required",
        "fill in the date, or map the right column",
        lambda row, options: _empty(row.date),
    ),
    Fault(
        "unreadable_date",
        Scope.ROW,
        "date",
        "day IS NULL AND NOT date_missing",
        "date '{found}' cannot be read: allowed are calendar days from 0001-01-01 to 9999-12-31, written YYYY-MM-DD",
        "write dates as YYYY-MM-DD, or say how they are written with --date-format",
        lambda row, options: row.day is None and not _empty(row.date),
    ),
    Fault(
        "future_date",
        Scope.ROW,
        "date",
        "day > today",
        "date {found} is after today: allowed are dates up to today, or the option future=exclude",
        "set today to the data's own date, or leave later rows out with future=exclude",
        lambda row, options: row.day is not None and row.day > options.today,
        applies=lambda options: options.future is Future.FAULT,
    ),
    Fault(
        "missing_amount",
        Scope.ROW,
        "amount",
        "amount_missing",
        "amount is missing: a number from 0 to 100000000000 is required",
        "fill in the amount, or map the right column",
        lambda row, options: _empty(row.amount),
    ),
    Fault(
        "unreadable_amount",
        Scope.ROW,
        "amount",
        "number IS NULL AND NOT amount_missing",
        "amount '{found}' cannot be read: allowed is a plain number such as 520.55",
        "write amounts without thousands separators, and name a decimal comma with --decimal ,",
        lambda row, options: row.number is None and not _empty(row.amount),
    ),
    Fault(
        "amount_out_of_range",
        Scope.ROW,
        "amount",
        # NaN compares as the greatest double in SQL and as nothing in Python: both forms refuse it.
        f"NOT ABS(number) <= {MAX_AMOUNT:.0f}",
        "amount {found} is out of range: allowed are finite numbers from 0 to 100000000000",
        "give the amount in the currency's main unit",
        lambda row, options: row.number is not None and not abs(row.number) <= MAX_AMOUNT,
    ),
    Fault(
        "negative_amount",
        Scope.ROW,
        "amount",
        "number < 0",
        "amount {found} is negative: allowed are 0 and more, or the option returns=net",
        "leave returns out, or subtract them with returns=net",
        lambda row, options: row.number is not None and row.number < 0,
        applies=lambda options: options.returns is Returns.FAULT,
    ),
    Fault(
        "unreadable_row",
        Scope.ROW,
        "row",
        "FALSE",
        "the line breaks the file's own syntax: {found}",
        "repair the line in the file",
    ),
    Fault(
        "conflicting_order_total",
        Scope.ORDER,
        "amount",
        "lowest_units <> highest_units",
        "order {found} has two different totals: with grain repeated_total every line of an order"
        " repeats the same total",
        "use grain line if each row has an amount of its own",
    ),
    Fault(
        "conflicting_order_date",
        Scope.ORDER,
        "date",
        "first_day <> last_day",
        "order {found} has two different dates: with grain repeated_total an order has one date",
        "give every line its order's date",
    ),
    Fault(
        "loyalty_out_of_range",
        Scope.CUSTOMER,
        "loyalty_score",
        "loyalty_faulty",
        "loyalty_score {found} is out of range: allowed is a number from 0 to 1, or nothing",
        "scale the score to 0-1, for example points / max_points_cap",
    ),
    Fault(
        "conflicting_loyalty",
        Scope.CUSTOMER,
        "loyalty_score",
        "lowest_loyalty <> highest_loyalty",
        "customer {found} has two different loyalty scores: allowed is one for each customer",
        "keep one score for each customer",
    ),
    Fault(
        "duplicate_customer",
        Scope.REQUEST,
        "customer_id",
        "FALSE",
        "customer_id '{found}' is sent twice: allowed is one entry for each customer",
        "send a customer's transactions in one entry",
    ),
    Fault(
        "no_transactions",
        Scope.REQUEST,
        "transactions",
        "FALSE",
        "customer has no transactions: at least one is required",
        "leave customers without transactions out",
    ),
    Fault(
        "only_returns",
        Scope.CUSTOMER,
        "transactions",
        "visits = 0",
        "customer {found} has nothing but returns: at least one purchase is required",
        "widen the window, or leave the customer out",
        applies=lambda options: options.returns is Returns.NET,
    ),
    Fault(
        "total_out_of_range",
        Scope.CUSTOMER,
        "transactions",
        out_of_range_sql("units"),
        f"customer {{found}} has a total that passes {MAX_CENTS} cents, which a double no longer holds to the cent",
        "check the amounts' unit",
    ),
]
"""The rules in the order of decision 12; the first that holds names the row's quarantine."""


@dataclass(frozen=True, slots=True)
class Warn:
    """Something suspicious that sets nothing aside: a name and a sentence with ``{found}``."""

    name: str
    message: str

    def says(self, found: object) -> str:
        """The message with what was found filled in."""
        return self.message.replace("{found}", str(found))


WARNINGS: dict[str, Warn] = {
    warning.name: warning
    for warning in (
        Warn(
            "repeated_transaction_id",
            "{found}: each of its rows counts as a visit; if rows are order lines, use the grain line or"
            " repeated_total",
        ),
        Warn(
            "duplicate_row",
            "{found}: same customer, transaction, date, amount and product; all of them count",
        ),
        Warn(
            "looks_like_repeated_totals",
            "{found} of the transactions have several rows whose amounts are all equal: if each repeats its"
            " order's total, use the grain repeated_total",
        ),
        Warn(
            "placeholder_dates",
            "{found}: programs write such days where they know none; all of them count as they stand",
        ),
        Warn(
            "stale_data",
            "{found}: recency counts from there; if the data end earlier, give their last day as today",
        ),
    )
}


def fault(name: str) -> Fault:
    """The rule of that name. Raises KeyError when there is none."""
    for entry in FAULTS:
        if entry.name == name:
            return entry
    raise KeyError(name)


def row_faults(options: Options) -> list[Fault]:
    """The rules of a single row that apply under these options, in order."""
    return [f for f in FAULTS if f.scope is Scope.ROW and f.applies(options)]


def group_faults(scope: Scope, options: Options) -> list[Fault]:
    """The rules of an order or of a customer that apply under these options, in order."""
    return [f for f in FAULTS if f.scope is scope and f.applies(options)]
