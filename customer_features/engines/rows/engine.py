"""The rows engine: JSON-sized input, bytes in, bytes out, plain Python over integers.

The happy path is one typed decode, in which each customer's rows are summed up as soon as they have been read, and
one encode. Everything that is wrong with a request is found on failure alone, by a second pass in ``faults.py``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec

from customer_features.definition import faults, features, money
from customer_features.definition.features import Measures
from customer_features.definition.options import Future, Grain, Options, Returns, current_day, parse_timezone
from customer_features.engines.rows import faults as rows_faults
from customer_features.engines.rows import kernel
from customer_features.engines.rows.warnings import Warning_, find_warnings
from customer_features.errors import InvalidOption

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=rows_faults.MAX_ID)]
Amount = Annotated[float, msgspec.Meta(ge=0, le=money.MAX_AMOUNT)]
SignedAmount = Annotated[float, msgspec.Meta(ge=-money.MAX_AMOUNT, le=money.MAX_AMOUNT)]
Loyalty = Annotated[float, msgspec.Meta(ge=0, le=1)]


# gc=False: these objects hold no reference cycle, and the collector need not walk them.
class Transaction(msgspec.Struct, gc=False):
    """One row of a request."""

    transaction_id: Identifier
    date: dt.date
    amount: Amount
    product_id: Identifier


class SignedTransaction(Transaction, gc=False):
    """One row of a request that nets returns: its amount may be negative."""

    amount: SignedAmount


class Customer(msgspec.Struct, gc=False):
    """One customer of a request."""

    customer_id: Identifier
    transactions: Annotated[list[Transaction], msgspec.Meta(min_length=1)]
    loyalty_score: Loyalty | None = None


class SignedCustomer(Customer, gc=False):
    """One customer of a request that nets returns."""

    transactions: Annotated[list[SignedTransaction], msgspec.Meta(min_length=1)]  # type: ignore[assignment]


class SummedCustomer(Customer, gc=False):
    """One customer of a request, whose rows gave way to their totals unless a transaction id repeats among them."""

    __post_init__ = kernel.sum_up  # type: ignore[misc]  # a compiled function is no method, nor need it be


class RequestOptions(msgspec.Struct, gc=False):
    """The optional keys of a request; null is as good as absent."""

    today: dt.date | None = None
    grain: Grain | None = None
    future: Future | None = None
    returns: Returns | None = None
    window: str | None = None


class Request(RequestOptions, gc=False, kw_only=True):
    """A request body."""

    customers: list[Customer]


class SummedRequest(RequestOptions, gc=False, kw_only=True):
    """A request body, summed up while it was read."""

    customers: list[SummedCustomer]


class SignedRequest(RequestOptions, gc=False, kw_only=True):
    """A request body that nets returns."""

    customers: list[SignedCustomer]


AnyRequest = Request | SummedRequest | SignedRequest

_decode = msgspec.json.Decoder(Request).decode
_decode_options = msgspec.json.Decoder(RequestOptions).decode
_decode_signed = msgspec.json.Decoder(SignedRequest).decode
_decode_summed = msgspec.json.Decoder(SummedRequest).decode
_encode = msgspec.json.Encoder().encode

HELD = frozenset(
    {
        *("missing_customer_id", "missing_transaction_id", "missing_product_id", "missing_date", "unreadable_date"),
        *("future_date", "missing_amount", "unreadable_amount", "amount_out_of_range", "negative_amount"),
        *("unreadable_row", "conflicting_order_total", "conflicting_order_date", "loyalty_out_of_range"),
        *("unreadable_id", "incomplete_customer"),
        *("conflicting_loyalty", "duplicate_customer", "no_transactions", "only_returns", "total_out_of_range"),
    }
)
"""The rules that the types above and :func:`measure` hold. Where the table has others, the second pass judges too."""

_NEED_ROWS = ('"window"', '"exclude"')
"""A request that holds these chooses among its rows."""
_PROBED = 256
"""Characters at either end of a body in which the optional keys are looked for."""


class Caps(NamedTuple):
    """How much one request may ask for."""

    customers: int
    transactions: int


def answer(body: bytes | bytearray | memoryview, *, timezone: str = "UTC", caps: Caps | None = None) -> bytes:
    """The HTTP route's work without HTTP: a request body in, the answer's body out.

    ``body`` is the contract's request document as UTF-8 JSON; ``timezone`` (IANA) settles what day it
    is when the document holds no ``today``; ``caps`` bounds what is asked for (no bound where left out). The answer
    is the contract's, with a ``warnings`` array beside ``customers`` only when there is something to warn of.

    Raises InvalidRequest with status 400 (not JSON in UTF-8), 413 (above the caps) or 422 (any fault; nothing is
    computed), and the problem document to send.
    """
    return answered(body, rows_faults.explain, timezone=timezone, caps=caps)


def answered(
    body: bytes | bytearray | memoryview,
    explain: Callable[[bytes, str], dict[str, Any]],
    *,
    timezone: str,
    caps: Caps | None,
) -> bytes:
    """Answer a body as :func:`answer` does; ``explain`` is the second pass, which a refused body takes."""
    request: AnyRequest
    try:
        # Keys that are skipped are not decoded, so bad UTF-8 in them is looked for here.
        request = _read(str(body, "utf-8"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Malformed or faulty, unless a duplicate key stood in the way: then the document comes back.
        request = msgspec.convert(explain(bytes(body), timezone), SignedRequest)
    if caps is not None:
        _check_caps(request.customers, caps)
    try:
        options = parse_options(request, timezone)
        if isinstance(request, SummedRequest) and _needs_rows(options):
            request = _decode(body)
        ids, measures, warnings = measure(request.customers, options)
        if any([rule.name not in HELD for rule in faults.FAULTS]):
            explain(bytes(body), timezone)
    except (_Faulty, InvalidOption) as error:
        explain(bytes(body), timezone)
        raise RuntimeError("the second pass found no fault where the first one did") from error
    return _encode(_answer(ids, measures, warnings))


def _check_caps(customers: list[Any], caps: Caps) -> None:
    """Raise InvalidRequest (413) where there is more than one request may ask for."""
    if len(customers) > caps.customers:
        raise rows_faults.too_much("customers", len(customers), caps.customers)
    transactions = sum([_visits(customer.transactions) for customer in customers])
    if transactions > caps.transactions:
        raise rows_faults.too_much("transactions", transactions, caps.transactions)


def _visits(own: Any) -> int:
    """How many rows a customer has, or had."""
    return len(own) if type(own) is list else int(own[1])


def _read(text: str) -> AnyRequest:
    """The typed request; amounts below 0 are looked at again when the request nets returns."""
    try:
        # A guess that is wrong costs time alone: what was summed up in vain is read again.
        ends = text[:_PROBED] + text[-_PROBED:]
        return _decode(text) if any([key in ends for key in _NEED_ROWS]) else _decode_summed(text)
    except msgspec.ValidationError:
        if _decode_options(text).returns is Returns.NET:
            return _decode_signed(text)
        raise


def _needs_rows(options: Options) -> bool:
    return options.window_opens_after is not None or options.future is Future.EXCLUDE


def parse_options(request: RequestOptions, timezone: str) -> Options:
    """The request's optional keys as options. Raises InvalidOption."""
    today = current_day(parse_timezone(timezone)) if request.today is None else request.today
    return _options(today, request.grain, request.future, request.returns, request.window, timezone)


@lru_cache(maxsize=256)
def _options(
    today: dt.date,
    grain: Grain | None,
    future: Future | None,
    returns: Returns | None,
    window: str | None,
    timezone: str,
) -> Options:
    """Remembered, since most requests of a day choose the same, and a small one takes as long to be computed."""
    given = {"grain": grain, "future": future, "returns": returns, "window": window}
    named = {name: value for name, value in given.items() if value is not None}
    return Options.parse(today=today, timezone=timezone, **named)


class _Faulty(Exception):
    """A typed request that breaks a rule which only the second pass can name."""


def measure(
    customers: Iterable[Customer | SummedCustomer | SignedCustomer], options: Options
) -> tuple[list[str], Measures, list[Warning_]]:
    """Roll typed customers up: ids, measures and warnings, in the request's order.

    Customers that were summed up go with options that choose no rows.
    """
    customers = list(customers)
    ids = [customer.customer_id for customer in customers]
    if len(set(ids)) != len(ids):
        raise _Faulty
    # Rows, or the totals of rows that are gone.
    rows: list[Any] = [customer.transactions for customer in customers]
    loyalty = [customer.loyalty_score or 0.0 for customer in customers]
    if _needs_rows(options):
        if options.future is Future.FAULT and any(row.date > options.today for own in rows for row in own):
            raise _Faulty
        rows = [_counted(own, options) for own in rows]
        kept = [place for place, own in enumerate(rows) if own]
        ids = [ids[place] for place in kept]
        rows = [rows[place] for place in kept]
        loyalty = [loyalty[place] for place in kept]
    units, orders, products, last_day = _columns(rows)
    if options.future is Future.FAULT and last_day and max(last_day) > options.today:
        raise _Faulty
    warnings = find_warnings(ids, rows, orders, options)
    if options.grain is Grain.REPEATED_TOTAL:
        units = [_order_totals(own) if type(own) is list else own[0] for own in rows]
    if units and (money.out_of_range(max(units)) or money.out_of_range(min(units))):
        raise _Faulty
    if options.returns is Returns.NET:
        # A return has taken from the total; it counts as nothing else.
        rows = [[row for row in own if row.amount >= 0] if type(own) is list else own for own in rows]
        if not all(rows):
            raise _Faulty
        _, orders, products, last_day = _columns(rows)
    visits = [_visits(own) for own in rows] if options.grain is Grain.TRANSACTION else orders
    measures = Measures(
        today=options.today.toordinal(),
        units=units,
        visits=visits,
        products=products,
        last_day=[day.toordinal() for day in last_day],
        loyalty=loyalty,
    )
    return ids, measures, warnings


def _counted(own: list[Transaction], options: Options) -> list[Transaction]:
    """A customer's rows that are neither after ``today`` nor before the window."""
    today, opens_after = options.today, options.window_opens_after
    return [row for row in own if row.date <= today and (opens_after is None or row.date > opens_after)]


def _columns(rows: list[Any]) -> tuple[list[int], list[int], list[int], list[dt.date]]:
    """A list of each of the totals, an element for each customer."""
    totals = [kernel.totals(own) if type(own) is list else own for own in rows]
    units, orders, products, last_day = zip(*totals, strict=True) if totals else ((), (), (), ())
    return list(units), list(orders), list(products), list(last_day)


def _order_totals(own: list[Transaction]) -> int:
    """The sum of a customer's units where every line repeats its order's total, which counts once."""
    orders = {row.transaction_id: (money.units(row.amount), row.date) for row in own}
    if any([orders[row.transaction_id] != (money.units(row.amount), row.date) for row in own]):
        raise _Faulty
    return sum([units for units, _ in orders.values()])


@lru_cache(maxsize=8)
def vector_type(names: tuple[str, ...]) -> type[msgspec.Struct]:
    """The type of a ``features`` object: one double for each feature, in order."""
    return msgspec.defstruct("Features", [(name, float) for name in names], gc=False)


class CustomerVector(msgspec.Struct, gc=False):
    """One customer of an answer."""

    customer_id: str
    features: Any


class Answer(msgspec.Struct, omit_defaults=True):
    """An answer's body."""

    customers: list[CustomerVector]
    warnings: list[Warning_] = []


def _answer(ids: list[str], measures: Measures, warnings: list[Warning_]) -> Answer:
    vector = vector_type(features.names())
    columns = [feature.values(measures) for feature in features.FEATURES]
    return Answer([CustomerVector(*pair) for pair in zip(ids, map(vector, *columns), strict=True)], warnings)
