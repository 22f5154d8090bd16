"""The second pass of the rows engine: every fault of a refused request, by its path.

It runs on failure alone and reads the body again without types, so that one answer names all that is
wrong: first the structure, then the row rules of ``faults.FAULTS``, then those of orders and customers.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import msgspec

from customer_features import faults, money
from customer_features.errors import InvalidOption, InvalidRequest
from customer_features.faults import Row
from customer_features.options import Future, Grain, Options, Returns, parse_day

LISTED = 100
"""So many faults are listed; beyond them there is a count."""

MAX_ID = 1024
"""Characters that an id may hold in a request."""

ROOT = "$"
"""The path of the document itself."""

_check_syntax = msgspec.json.Decoder(msgspec.Raw).decode
_ROW_FIELDS = ("transaction_id", "date", "amount", "product_id")


def explain(body: bytes, timezone: str) -> dict[str, Any]:
    """Raise InvalidRequest with all that is wrong with ``body``.

    Where nothing is (a faulty duplicate key whose last occurrence is right), the document is returned.
    """
    document = _parse(body)
    found = _Faults()
    if not isinstance(document, dict):
        found.add(ROOT, f"the body must be a JSON object with the key 'customers', found {_kind(document)}")
        raise found.refusal()
    options = _options(document, timezone, found)
    _check_customers(document, options, found)
    if found.count:
        raise found.refusal()
    return document


class _Faults:
    """Faults by path, in the order of the document: the first hundred and a count."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}
        self.count = 0

    def add(self, path: str, message: str) -> None:
        self.count += 1
        if self.count <= LISTED:
            self.errors.setdefault(path, []).append(message)

    def refusal(self) -> InvalidRequest:
        if self.count > LISTED:
            detail = f"The request has {self.count} faults; the first {LISTED} are listed. Nothing was computed."
        else:
            noun = "fault" if self.count == 1 else "faults"
            detail = f"The request has {self.count} {noun}. Nothing was computed."
        return InvalidRequest(
            422,
            {
                "type": "urn:customer-features:problem:faulty-request",
                "title": "Faulty request",
                "status": 422,
                "detail": detail,
                "errors": self.errors,
                "fault_count": self.count,
            },
        )


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


def _options(document: dict[str, Any], timezone: str, found: _Faults) -> Options:
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


def _check_customers(document: dict[str, Any], options: Options, found: _Faults) -> None:
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
        if customer_id is not None:
            if customer_id in seen:
                message = faults.fault("duplicate_customer").says(_short(customer_id))
                found.add(f"{path}.customer_id", message)
            seen.add(customer_id)
        loyalty = customer.get("loyalty_score")
        if loyalty is not None and not (_is_number(loyalty) and 0 <= loyalty <= 1):
            message = faults.fault("loyalty_out_of_range").says(_short(loyalty))
            found.add(f"{path}.loyalty_score", message)
        _check_transactions(customer, path, options, found)


def _check_id(value: Any, field: str, path: str, found: _Faults) -> str | None:
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


def _check_transactions(customer: dict[str, Any], path: str, options: Options, found: _Faults) -> None:
    transactions = customer.get("transactions")
    path = f"{path}.transactions"
    if transactions is None or transactions == []:
        found.add(path, faults.fault("no_transactions").message)
        return
    if not isinstance(transactions, list):
        found.add(path, f"transactions must be an array of objects, found {_kind(transactions)}")
        return
    before = found.count
    rows: list[tuple[int, Row]] = []
    for place, transaction in enumerate(transactions):
        row = _check_row(transaction, f"{path}[{place}]", options, found)
        if row is not None and _counts(row, options):
            rows.append((place, row))
    # Sums and orders are only judged over rows that can all be read.
    if found.count == before and rows:
        _check_orders(rows, path, options, found)
        _check_totals(str(customer.get("customer_id")), rows, path, options, found)


def _check_row(transaction: Any, path: str, options: Options, found: _Faults) -> Row | None:
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
    row = Row(None, transaction_id, product_id, day_found, day, amount, number)
    for field in ("transaction_id", "product_id"):
        _check_id(transaction.get(field), field, f"{path}.{field}", found)
    for rule in faults.row_faults(options):
        if rule.field not in ("date", "amount") or rule.rows is None or not rule.rows(row, options):
            continue
        message = rule.says(_short(row.date if rule.field == "date" else row.amount))
        if rule.name == "unreadable_date" and "datetime" in why:
            message = f"date {why}"
        elif rule.name == "unreadable_amount":
            message = f"amount must be a number, found {_kind(amount)}"
        found.add(f"{path}.{rule.field}", message)
    return row


def _counts(row: Row, options: Options) -> bool:
    if row.day is None:
        return False
    opens_after = options.window_opens_after
    late = options.future is Future.EXCLUDE and row.day > options.today
    return not late and (opens_after is None or row.day > opens_after)


def _check_orders(rows: list[tuple[int, Row]], path: str, options: Options, found: _Faults) -> None:
    if options.grain is not Grain.REPEATED_TOTAL:
        return
    totals: dict[str, set[object]] = {}
    days: dict[str, set[object]] = {}
    for _, row in rows:
        totals.setdefault(row.transaction_id, set()).add(money.units(row.number or 0.0))
        days.setdefault(row.transaction_id, set()).add(row.day)
    for name, values in (("conflicting_order_total", totals), ("conflicting_order_date", days)):
        rule = faults.fault(name)
        for place, row in rows:
            if len(values[row.transaction_id]) > 1:
                found.add(f"{path}[{place}].{rule.field}", rule.says(f"'{_short(row.transaction_id)}'"))


def _check_totals(customer_id: str, rows: list[tuple[int, Row]], path: str, options: Options, found: _Faults) -> None:
    numbers = [row.number or 0.0 for _, row in rows]
    if options.returns is Returns.NET and all(number < 0 for number in numbers):
        found.add(path, faults.fault("only_returns").says(f"'{_short(customer_id)}'"))
        return
    if options.grain is Grain.REPEATED_TOTAL:
        numbers = list({row.transaction_id: row.number or 0.0 for _, row in rows}.values())
    if money.out_of_range(sum(money.units(number) for number in numbers)):
        found.add(path, faults.fault("total_out_of_range").says(f"'{_short(customer_id)}'"))
