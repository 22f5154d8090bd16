"""The second pass of the rows engine: every fault of a refused request, by its path.

It runs on failure alone and reads the body again without types, so that one answer names all that is
wrong: first the structure, then the row rules of ``faults.FAULTS``, then those of orders and customers.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any, NamedTuple

import msgspec

from customer_features.definition import faults, money
from customer_features.definition.faults import Fault, Order, Row, Scope, Sent, Totals
from customer_features.definition.options import Future, Grain, Options, Returns, parse_day
from customer_features.engines.listing import LISTED, Listing
from customer_features.errors import InvalidOption, InvalidRequest

MAX_ID = 1024
"""Characters that an id may hold in a request."""

ROOT = "$"
"""The path of the document itself."""

_check_syntax = msgspec.json.Decoder(msgspec.Raw).decode
_ROW_FIELDS = ("transaction_id", "date", "amount", "product_id")
_IDS = ("transaction_id", "product_id")
_MISSING_IDS = ("missing_customer_id", "missing_transaction_id", "missing_product_id")
_READ = ("date", "amount")
"""Fields whose rules look at what was read, whatever its type."""
_LOYALTY = "loyalty_score"


def explain(body: bytes, timezone: str) -> dict[str, Any]:
    """Raise InvalidRequest with all that is wrong with ``body``.

    Where nothing is (a faulty duplicate key whose last occurrence is right), the document is returned.
    """
    document = _parse(body)
    found = Listing()
    if not isinstance(document, dict):
        found.add(ROOT, f"the body must be a JSON object with the key 'customers', found {_kind(document)}")
        raise _refusal(found)
    options = _options(document, timezone, found)
    _check_customers(document, _Rules.of(options), found)
    if found.count:
        raise _refusal(found)
    return document


def _refusal(found: Listing) -> InvalidRequest:
    if found.count > LISTED:
        detail = f"The request has {found.count} faults; the first {LISTED} are listed. Nothing was computed."
    else:
        noun = "fault" if found.count == 1 else "faults"
        detail = f"The request has {found.count} {noun}. Nothing was computed."
    return InvalidRequest(
        422,
        {
            "type": "urn:customer-features:problem:faulty-request",
            "title": "Faulty request",
            "status": 422,
            "detail": detail,
            "errors": found.errors,
            "fault_count": found.count,
        },
    )


class _Rules(NamedTuple):
    """The rules that apply under the options, gathered once for all rows."""

    options: Options
    of_row: list[Fault]
    of_request: list[Fault]
    of_order: list[Fault]
    of_customer: list[Fault]

    @classmethod
    def of(cls, options: Options) -> _Rules:
        groups = (Scope.REQUEST, Scope.ORDER, Scope.CUSTOMER)
        return cls(options, faults.row_faults(options), *[faults.group_faults(scope, options) for scope in groups])


def _malformed(detail: str) -> InvalidRequest:
    return InvalidRequest(
        400,
        {
            "type": "urn:customer-features:problem:malformed-json",
            "title": "Malformed JSON",
            "status": 400,
            "detail": detail,
        },
    )


def too_much(what: str, found: int, allowed: int) -> InvalidRequest:
    """The refusal of a request that asks for more than one may."""
    return InvalidRequest(
        413,
        {
            "type": "urn:customer-features:problem:body-too-large",
            "title": "Body too large",
            "status": 413,
            "detail": f"A request may hold {allowed} {what}; this one holds {found}. Send them in several requests.",
        },
    )


class _Overflow(float):
    """A number that no double holds; it prints as it was sent."""

    text: str

    def __str__(self) -> str:
        return self.text


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        huge = _Overflow(value)
        huge.text = text if len(text) <= 40 else f"{text[:20]}… ({len(text)} characters)"
        return huge
    return value


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= 18 else _number(text)


def _parse(body: bytes) -> Any:
    """The document without types. Raises InvalidRequest (400) where it is not JSON in UTF-8."""
    if not body:
        raise _malformed("The body is empty; it must be a JSON object with the key 'customers'.")
    try:
        text = body.decode("utf-8")
        if text.startswith("\ufeff"):
            raise _malformed("The body starts with a byte order mark; send plain UTF-8.")
        # The strict parser settles what is JSON: no NaN, no lone surrogate, no control character.
        _check_syntax(body)
        return json.loads(text, parse_int=_integer, parse_float=_number)
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8: byte {error.start} is 0x{body[error.start]:02x}.") from None
    except RecursionError:
        raise _malformed("The body is nested too deeply; the contract's document is four levels deep.") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise _malformed(f"The body is not JSON: {error}.") from None


def _kind(value: Any) -> str:
    """What a JSON value is, in words, with a short value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the string '{_short(value)}'"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "an array" if isinstance(value, list) else "an object"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _options(document: dict[str, Any], timezone: str, found: Listing) -> Options:
    """The request's options; those that are faulty are reported and left at their default."""
    given: dict[str, Any] = {}
    for name in ("today", "grain", "future", "returns", "window"):
        if document.get(name) is None:
            continue
        try:
            Options.parse(**{name: document[name]})
            given[name] = document[name]
        except InvalidOption as error:
            found.add(name, f"{name} {error.reason}")
    return Options.parse(**given, timezone=timezone)


def _check_customers(document: dict[str, Any], rules: _Rules, found: Listing) -> None:
    customers = document.get("customers")
    if customers is None:
        found.add("customers", "customers is missing: an array of objects is required")
        return
    if not isinstance(customers, list):
        found.add("customers", f"customers must be an array of objects, found {_kind(customers)}")
        return
    seen: set[str] = set()
    for place, customer in enumerate(customers):
        path = f"customers[{place}]"
        if not isinstance(customer, dict):
            found.add(path, f"a customer must be an object, found {_kind(customer)}")
            continue
        customer_id = _check_id(customer.get("customer_id"), "customer_id", f"{path}.customer_id", found)
        transactions = customer.get("transactions")
        if transactions is None:
            transactions = []
        count = len(transactions) if isinstance(transactions, list) else -1
        sent = Sent(customer_id, customer_id in seen, count)
        for rule in rules.of_request:
            if rule.rows(sent, rules.options):
                found.add(f"{path}.{rule.field}", rule.says(_short(customer_id)))
        if customer_id is not None:
            seen.add(customer_id)
        score = _check_loyalty(customer.get(_LOYALTY), customer_id, path, rules, found)
        if count < 0:
            said = f"transactions must be an array of objects, found {_kind(transactions)}"
            found.add(f"{path}.transactions", said)
        else:
            _check_transactions(customer_id, transactions, score, path, rules, found)


def _check_id(value: Any, field: str, path: str, found: Listing) -> str | None:
    if value is None or value == "":
        found.add(path, faults.fault(f"missing_{field}").message)
        return None
    if not isinstance(value, str):
        found.add(path, f"{field} must be a string, found {_kind(value)}")
        return None
    if len(value) > MAX_ID:
        found.add(path, f"{field} '{_short(value)}' holds {len(value)} characters: allowed are {MAX_ID} at most")
        return None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_loyalty(value: Any, customer_id: str | None, path: str, rules: _Rules, found: Listing) -> float | None:
    """The score, once the rules about it have been looked at; None where there is none."""
    if value is not None and not _is_number(value):
        found.add(f"{path}.{_LOYALTY}", f"{_LOYALTY} must be a number from 0 to 1, found {_kind(value)}")
        return None
    totals = _totals(customer_id, [], value, rules.options)
    for rule in rules.of_customer:
        if rule.field == _LOYALTY and rule.rows(totals, rules.options):
            found.add(f"{path}.{_LOYALTY}", rule.says(_short(value)))
    return None if value is None else float(value)


def _check_transactions(
    customer_id: str | None, transactions: list[Any], score: float | None, path: str, rules: _Rules, found: Listing
) -> None:
    options, before = rules.options, found.count
    known: dict[Any, tuple[Row | None, int]] = {}
    rows: list[tuple[int, Row]] = []
    for place, transaction in enumerate(transactions):
        if found.is_full:
            row = _count_row(customer_id, transaction, path, rules, found, known)
        else:
            row = _check_row(customer_id, transaction, f"{path}.transactions[{place}]", rules, found)
        if row is not None and _counts(row, options):
            rows.append((place, row))
    # Sums and orders are only judged over rows that can all be read.
    if found.count == before and rows:
        _check_orders(rows, f"{path}.transactions", rules, found)
        totals = _totals(customer_id, [row for _, row in rows], score, options)
        for rule in rules.of_customer:
            if rule.field != _LOYALTY and rule.rows(totals, options):
                found.add(f"{path}.{rule.field}", rule.says(f"'{_short(customer_id)}'"))


def _count_row(
    customer_id: str | None,
    transaction: Any,
    path: str,
    rules: _Rules,
    found: Listing,
    known: dict[Any, tuple[Row | None, int]],
) -> Row | None:
    """Check a row whose faults are no longer listed: of rows of the same content, only the first is judged."""
    if not isinstance(transaction, dict):
        found.count += 1
        return None
    values = [transaction.get(field) for field in _ROW_FIELDS]
    content = (*values, *map(type, values))  # 1, 1.0 and true are equal, but not alike
    try:
        if (same := known.get(content)) is not None:
            found.count += same[1]
            return same[0]
    except TypeError:  # a field holds an object or an array
        return _check_row(customer_id, transaction, path, rules, found)
    before = found.count
    row = _check_row(customer_id, transaction, path, rules, found)
    if len(known) < _KNOWN:
        known[content] = row, found.count - before
    return row


_KNOWN = 10_000
"""So many different rows of one customer are remembered."""


def _check_row(customer_id: str | None, transaction: Any, path: str, rules: _Rules, found: Listing) -> Row | None:
    if not isinstance(transaction, dict):
        found.add(path, f"a transaction must be an object, found {_kind(transaction)}")
        return None
    transaction_id, day_found, amount, product_id = [transaction.get(field) for field in _ROW_FIELDS]
    number = float(amount) if _is_number(amount) else None  # type: ignore[arg-type]
    day: date | None = None
    why = ""
    try:
        day = parse_day("date", day_found)
    except InvalidOption as error:
        why = error.reason
    row = Row(customer_id, transaction_id, product_id, day_found, day, amount, number)
    ids = [_check_id(transaction.get(field), field, f"{path}.{field}", found) for field in _IDS]
    for rule in rules.of_row:
        # An id that is missing has been told, and rules of other fields may rely on ids being text.
        if rule.name in _MISSING_IDS or (rule.field not in _READ and None in (customer_id, *ids)):
            continue
        if rule.rows(row, rules.options):
            found.add(_place(rule, path), _sentence(rule, row, why))
    return row


def _place(rule: Fault, path: str) -> str:
    """Where a fault of a row is: in a request the customer's id stands outside its rows."""
    if rule.field == "customer_id":
        return f"{path.rpartition('.')[0]}.customer_id"
    return path if rule.field == "row" else f"{path}.{rule.field}"


def _sentence(rule: Fault, row: Row, why: str) -> str:
    if rule.name == "unreadable_date" and "datetime" in why:
        return f"date {why}"
    if rule.name == "unreadable_amount":
        return f"amount must be a number, found {_kind(row.amount)}"
    return rule.says(_short(getattr(row, rule.field, "")))


def _counts(row: Row, options: Options) -> bool:
    if row.day is None:
        return False
    opens_after = options.window_opens_after
    late = options.future is Future.EXCLUDE and row.day > options.today
    return not late and (opens_after is None or row.day > opens_after)


def _check_orders(rows: list[tuple[int, Row]], path: str, rules: _Rules, found: Listing) -> None:
    if rules.options.grain is not Grain.REPEATED_TOTAL:
        return
    orders: dict[str, Order] = {}
    for _, row in rows:
        units, day = _units(row), row.day or date.min
        one = orders.setdefault(row.transaction_id, Order(units, units, day, day))
        one.lowest_units, one.highest_units = min(one.lowest_units, units), max(one.highest_units, units)
        one.first_day, one.last_day = min(one.first_day, day), max(one.last_day, day)
    for rule in rules.of_order:
        broken = {name for name, order in orders.items() if rule.rows(order, rules.options)}
        for place, row in rows:
            if row.transaction_id in broken:
                found.add(f"{path}[{place}].{rule.field}", rule.says(f"'{_short(row.transaction_id)}'"))


def _totals(customer_id: str | None, rows: list[Row], score: float | None, options: Options) -> Totals:
    """A customer's rows rolled up, as the query of the other doors does."""
    net = options.returns is Returns.NET
    bought = [row for row in rows if not net or (row.number or 0.0) >= 0]
    orders = {row.transaction_id: row for row in rows}
    return Totals(
        customer_id=customer_id or "",
        used=len(rows),
        units=sum(map(_units, orders.values() if options.grain is Grain.REPEATED_TOTAL else rows)),
        visits=len(bought) if options.grain is Grain.TRANSACTION else len({row.transaction_id for row in bought}),
        last_day=max([row.day for row in bought if row.day is not None], default=None),
        loyalty_faulty=score is not None and not 0 <= score <= 1,
        lowest_loyalty=score,
        highest_loyalty=score,
    )


def _units(row: Row) -> int:
    return money.units(row.number or 0.0)
