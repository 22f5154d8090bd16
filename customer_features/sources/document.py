"""The contract's nested JSON document as flat columns, for the bulk engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from customer_features.errors import SourceError

_ROW = ("transaction_id", "date", "amount", "product_id")
_IDS = ("customer_id", "transaction_id", "product_id")
_NUMBERS = ("amount", "loyalty_score")
_STATED = ("today", "grain", "future", "returns", "window")


@dataclass(frozen=True, slots=True)
class Document:
    """Flat text columns, a row for each transaction, and the options that the document states.

    ``unreadable``: of columns of ids whether each value is none, where one is. ``numbers``: of columns of numbers
    whether each value is one of JSON, which has a decimal point.
    """

    columns: dict[str, list[str | None]]
    stated: dict[str, Any]
    unreadable: dict[str, list[bool]]
    numbers: dict[str, list[bool]]


class _Number(str):
    """A number of JSON, as the text that it was sent as."""

    __slots__ = ()


def read_document(body: bytes, name: str) -> Document:
    """Flatten a request document; a customer without transactions gives one row without them.

    Values are kept as text, as the other text formats do. Raises SourceError where it is not the
    contract's document.
    """
    try:
        # Numbers stay the text they were sent as; the engine reads them, as it reads those of a CSV.
        document = json.loads(body.decode("utf-8-sig"), parse_float=_Number, parse_int=_Number, parse_constant=_Number)
    except UnicodeDecodeError as error:
        raise SourceError(f"{name}: is not UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name}: is not JSON: {error}") from None
    customers = document.get("customers") if isinstance(document, dict) else None
    if not isinstance(customers, list):
        raise SourceError(
            f"{name}: is not the contract's document, an object with an array 'customers';"
            " for one object a line use the suffix .ndjson"
        )
    columns: dict[str, list[str | None]] = {key: [] for key in ("customer_id", "loyalty_score", *_ROW)}
    unreadable: dict[str, list[bool]] = {key: [] for key in _IDS}
    numbers: dict[str, list[bool]] = {key: [] for key in _NUMBERS}
    for place, customer in enumerate(customers):
        if not isinstance(customer, dict):
            raise SourceError(f"{name}: customers[{place}] is not an object")
        transactions = customer.get("transactions")
        if transactions is not None and not isinstance(transactions, list):
            raise SourceError(f"{name}: customers[{place}].transactions is not an array")
        for number, row in enumerate(transactions or [{}]):
            if not isinstance(row, dict):
                raise SourceError(f"{name}: customers[{place}].transactions[{number}] is not an object")
            columns["customer_id"].append(_text(customer.get("customer_id")))
            columns["loyalty_score"].append(_text(customer.get("loyalty_score")))
            for key in _ROW:
                columns[key].append(_text(row.get(key)))
            for key in _NUMBERS:
                value = (customer if key == "loyalty_score" else row).get(key)
                numbers[key].append(isinstance(value, _Number))
            for key in _IDS:
                value = (customer if key == "customer_id" else row).get(key)
                unreadable[key].append(isinstance(value, bool | dict | list))
    stated = {key: document[key] for key in _STATED if document.get(key) is not None}
    return Document(columns, stated, {key: flags for key, flags in unreadable.items() if any(flags)}, numbers)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
