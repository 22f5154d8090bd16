"""The data rules, an entry each: name, predicate, message. One table for every door.

The order of ``FAULTS`` is the order in which a row with several faults is filed (decision 12).
A rule holds its predicate twice, as SQL over the columns of a step of the query and as Python over what
the rows engine has read; both read the same names. Messages say what was found and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from customer_features.definition.money import MAX_AMOUNT, MAX_CENTS, out_of_range, out_of_range_sql
from customer_features.definition.options import Future, Incomplete, OnFault, Options, Returns
from customer_features.errors import InvalidOption, did_you_mean


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


@dataclass(slots=True)
class Order:
    """One order of the grain ``repeated_total`` as the order rules see it."""

    lowest_units: int
    highest_units: int
    first_day: date
    last_day: date


@dataclass(slots=True)
class Totals:
    """One customer, rolled up, as the customer rules see it."""

    customer_id: str
    used: int
    units: int
    visits: int
    last_day: date | None
    loyalty_faulty: bool
    lowest_loyalty: float | None
    highest_loyalty: float | None


@dataclass(slots=True)
class Sent:
    """One customer of a request as the request rules see it."""

    customer_id: Any
    sent_before: bool
    transactions: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One rule.

    ``sql``: for a row rule a predicate over ``customer_id``, ``transaction_id``, ``product_id`` (text),
    ``unreadable_id`` (text, null where these are ids), ``date_missing``, ``amount_missing`` (booleans), ``day`` (DATE,
    null when unreadable), ``number`` (DOUBLE, null when unreadable) and ``today``; for an order or customer rule over
    the columns of that roll-up (see ``duckdb_steps.py``). A predicate may be null only where an earlier rule holds.
    ``rows``: the same in Python, for JSON requests: over a Row, an Order, Totals or Sent, as the scope is.
    ``field``: where the fault is, as an HTTP path ends.
    ``message``: a sentence with one ``{found}``. ``mend``: what a person would do about it.
    """

    name: str
    scope: Scope
    field: str
    sql: str
    message: str
    mend: str
    rows: Callable[[Any, Options], bool]
    unread: str = ""
    """The message for a text that holds no number, which is shown in quotes."""
    applies: Callable[[Options], bool] = lambda options: True
    in_files: bool = False
    """Met in files alone: a table has no syntax of its own, and each of its columns one type."""

    def __post_init__(self) -> None:
        """Refuse a rule that some door could not enforce."""
        if not callable(self.rows):
            raise TypeError(f"the rule {self.name} needs its predicate in Python as well, for JSON requests")

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
        "unreadable_id",
        Scope.ROW,
        "id",
        "unreadable_id IS NOT NULL",
        "{found} cannot be read: allowed is text or a whole number",
        "write ids as text, or map what stands inside an object: --map customer_id=customer.id",
        lambda row, options: False,  # the types of a request refuse what is no text
        in_files=True,
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
        "amount '{found}' cannot be read: allowed is a number such as 520.55",
        "write amounts as numbers, or say how they are written with --decimal and --thousands",
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
        lambda row, options: False,  # met in files alone
        in_files=True,
    ),
    Fault(
        "conflicting_order_total",
        Scope.ORDER,
        "amount",
        "lowest_units <> highest_units",
        "order {found} has two different totals: with grain repeated_total every line of an order"
        " repeats the same total",
        "use grain line if each row has an amount of its own",
        lambda order, options: order.lowest_units != order.highest_units,
    ),
    Fault(
        "conflicting_order_date",
        Scope.ORDER,
        "date",
        "first_day <> last_day",
        "order {found} has two different dates: with grain repeated_total an order has one date",
        "give every line its order's date",
        lambda order, options: order.first_day != order.last_day,
    ),
    Fault(
        "loyalty_out_of_range",
        Scope.CUSTOMER,
        "loyalty_score",
        "loyalty_faulty",
        "loyalty_score {found} is out of range: allowed is a number from 0 to 1, or nothing",
        "scale the score to 0-1, for example points / max_points_cap",
        lambda customer, options: customer.loyalty_faulty,
        unread="loyalty_score {found} cannot be read: allowed is a number from 0 to 1, or nothing",
    ),
    Fault(
        "conflicting_loyalty",
        Scope.CUSTOMER,
        "loyalty_score",
        "lowest_loyalty <> highest_loyalty",
        "customer {found} has two different loyalty scores: allowed is one for each customer",
        "keep one score for each customer",
        lambda customer, options: customer.lowest_loyalty != customer.highest_loyalty,
    ),
    Fault(
        "duplicate_customer",
        Scope.REQUEST,
        "customer_id",
        "FALSE",
        "customer_id '{found}' is sent twice: allowed is one entry for each customer",
        "send a customer's transactions in one entry",
        lambda customer, options: customer.sent_before,
    ),
    Fault(
        "no_transactions",
        Scope.REQUEST,
        "transactions",
        "FALSE",
        "customer has no transactions: at least one is required",
        "leave customers without transactions out",
        lambda customer, options: customer.transactions == 0,
    ),
    Fault(
        "only_returns",
        Scope.CUSTOMER,
        "transactions",
        "visits = 0",
        "customer {found} has nothing but returns: at least one purchase is required",
        "widen the window, or leave the customer out",
        lambda customer, options: customer.visits == 0,
        applies=lambda options: options.returns is Returns.NET,
    ),
    Fault(
        "incomplete_customer",
        Scope.CUSTOMER,
        "transactions",
        "FALSE",
        "customer {found} has faulty rows: with incomplete=quarantine such customers are set aside whole",
        "fix the customer's faulty rows, or keep the others with incomplete=keep",
        lambda customer, options: False,  # one fault refuses a whole request
        applies=lambda options: options.incomplete is Incomplete.QUARANTINE,
    ),
    Fault(
        "total_out_of_range",
        Scope.CUSTOMER,
        "transactions",
        out_of_range_sql("units"),
        f"customer {{found}} has a total that passes {MAX_CENTS} cents, which a double no longer holds to the cent",
        "check the amounts' unit",
        lambda customer, options: out_of_range(customer.units),
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
        Warn("looks_like_null", "ids look like what programs write for no value: {found} they are missing"),
        Warn(
            "rounded_ids",
            "a spreadsheet has rounded ids, so different ones may have become one: {found}; export them again as text",
        ),
        Warn(
            "near_duplicate_ids",
            "ids differ in nothing but case, surrounding blanks, Unicode form or a fraction of zeros: {found} joins"
            " them",
        ),
        Warn(
            "one_order_per_customer",
            "every customer has exactly one order, and another column of ids repeats: {found} counts by that one",
        ),
        Warn(
            "no_loyalty_matches",
            "{found}: every score is 0; check that both write customers' ids alike",
        ),
        Warn(
            "near_loyalty_ids",
            "some customers have no score, and some scores no customer, though their ids differ only in case, in"
            " surrounding blanks, in Unicode form or in a fraction of zeros: {found}; write the ids of both alike",
        ),
        Warn(
            "points_not_read",
            "points among the rows are not read, and every loyalty score is 0: {found} reads them, with the points"
            " that make a score of 1 in the place of MOST_POINTS",
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


def check_tolerated(options: Options) -> None:
    """Raise InvalidOption where a limit is given for what is no fault, or for faults that stop the run anyhow."""
    names = [rule.name for rule in FAULTS if rule.scope is not Scope.REQUEST]
    for name, _ in options.tolerate:
        if name not in names:
            raise InvalidOption(
                "tolerate", f"'{name}' is not a fault{did_you_mean(name, names)}; allowed are {', '.join(names)}"
            )
    for option, given in (("tolerate", options.tolerate), ("incomplete", options.incomplete is not Incomplete.KEEP)):
        if given and options.on_fault is OnFault.FAIL:
            raise InvalidOption(option, "goes with on_fault=quarantine: with on_fault=fail any fault stops the run")


def row_faults(options: Options) -> list[Fault]:
    """The rules of a single row that apply under these options, in order."""
    return [f for f in FAULTS if f.scope is Scope.ROW and f.applies(options)]


def group_faults(scope: Scope, options: Options) -> list[Fault]:
    """The rules of an order or of a customer that apply under these options, in order."""
    return [f for f in FAULTS if f.scope is scope and f.applies(options)]
