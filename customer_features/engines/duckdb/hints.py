"""Which column may be a field that none was recognised as: one whose name *and* values fit.

A name alone is no reason to propose a column: 'seller_id' is near 'user_id', and 'order_approved_at' near
'order_amount'. So the first rows are looked at, and of several columns that fit, none is preferred.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from customer_features.engines.duckdb.date_formats import fits_a_format
from customer_features.query.columns import MissingColumns, quoted, shell_map

if TYPE_CHECKING:
    import duckdb

SAMPLED = 5000
"""So many rows are looked at."""
_MOST = 0.9
"""The share of a column's values that must fit."""
_SEVERAL = 5
"""From so many values on, ids that are to repeat do."""
_MANY = 20
"""From so many whole numbers on, all of them different, a column holds ids and no amounts."""
_NEAR = 0.8
"""Two words are one, misspelt, above this ratio."""
_SHOWN = 3
"""At most so many columns are proposed for a field."""

_WORDS = {
    "customer_id": "customer customers cust client cliente kunde kunden member user shopper buyer household account"
    " guest",
    "transaction_id": "transaction transactions txn trans order orders invoice receipt basket ticket purchase sale bill"
    " pedido",
    "date": "date dates day time timestamp datetime created ordered purchased when datum data fecha",
    "amount": "amount amounts total totals sum subtotal revenue sales spend spent value price paid net gross betrag"
    " umsatz preis valor importe precio",
    "product_id": "product products prod sku item items article stock upc ean gtin asin produto produkt",
    "loyalty_score": "loyalty score",
    "points": "points",
}
"""Words of which a column's name must hold one, or one that is misspelt."""
_OTHERS = {
    "customer_id": "name email city state zip postal country phone type segment group since address gender birth count",
    "transaction_id": "status type date at time timestamp day total subtotal amount value price quantity qty count item"
    " line lineitem name note channel source state city country currency discount tax shipping method customer",
    "date": "birth birthday shipping shipped ship delivery delivered delivers carrier limit estimated due expiry"
    " expires expired update updated modified approved cancelled canceled refund refunded paid payment review zone"
    " timezone rate format fulfilled closed ended joined signup registered first last",
    "amount": "unit tax vat shipping ship discount fee fees refund refunded returned cost freight balance id no number"
    " code key quantity qty count points rate tip tips percent margin due weight date time at day currency type method"
    " list msrp compare before previous original limit name status",
    "product_id": "quantity qty price count status weight length lenght width height total amount value date time tax"
    " discount seller order customer returned",
    "loyalty_score": "date time id",
    "points": "date time id",
}
"""Words that say that a column is something else."""
_QUANTITY = {"quantity", "qty", "quantities", "menge", "pieces", "pcs"}
_PRICE = {"price", "preis", "precio", "prix"}
_WHOLE_ROW = {"total", "subtotal", "sum", "gesamt", "line", "row", "extended"}
_NUMBER = re.compile(r"\W{0,4}([A-Z]{3}\W?)?\d[\d.,'\u2019\s]*\W{0,3}([A-Z]{3})?\W?")
_WHOLE = re.compile(r"\s*[-+]?\d+(\.0*)?\s*")


def with_values(error: MissingColumns, connection: duckdb.DuckDBPyConnection, relation: str) -> MissingColumns:
    """The error with what the first rows of a relation propose for its fields."""
    free = [column for column in error.columns if column not in error.taken]
    near = {field: _near(field, free) for field in error.missing}
    wanted = list(dict.fromkeys(column for columns in near.values() for column in columns))
    factors = _factors(free) if "amount" in error.missing else None
    wanted += [column for column in factors or () if column not in wanted]
    if not wanted:
        return error
    items = ", ".join(f"{quoted(column)} AS c{place}" for place, column in enumerate(wanted))
    rows = connection.execute(f"SELECT {items} FROM {relation} LIMIT {SAMPLED}").fetchall()
    values = {
        column: [value for value in cells if value is not None and value != ""]
        for column, cells in zip(wanted, zip(*rows, strict=True) if rows else [()] * len(wanted), strict=True)
    }
    proposed: dict[str, list[str]] = {}
    given: set[str] = set()
    for field in error.missing:
        fitting = [column for column in near[field] if column not in given and _FITS[field](values[column], connection)]
        if fitting and len(fitting) <= _SHOWN:
            proposed[field] = fitting
            given.update(fitting)
    more = ""
    if factors is not None and "amount" not in proposed:
        price, count = factors
        if _amounts(values[price], connection) and _numbers(values[count]):
            more = (
                f"'{price}' stands beside '{count}': if it is the price of one piece, say"
                f" {shell_map('amount', f'{quoted(count)} * {quoted(price)}')}"
                " (and --grain line, where a row is a line of an order)"
            )
    return error.proposing(proposed, more)


def customer_like(columns: list[str]) -> list[str]:
    """The columns whose names say that they hold customers' ids or addresses."""
    addresses = [column for column in columns if {"email", "mail"} & set(_tokens(column))]
    return list(dict.fromkeys([*_near("customer_id", columns), *addresses]))


def _factors(columns: list[str]) -> tuple[str, str] | None:
    """The one price and the one quantity among the columns."""
    prices = [column for column in columns if _is_price(column)]
    counts = [column for column in columns if _QUANTITY & set(_tokens(column))]
    return (prices[0], counts[0]) if len(prices) == len(counts) == 1 else None


def _is_price(column: str) -> bool:
    words = set(_tokens(column))
    return bool(words & _PRICE) and not words & _WHOLE_ROW and not words & (set(_OTHERS["amount"].split()) - {"unit"})


def _near(field: str, columns: list[str]) -> list[str]:
    """Columns whose names may mean the field, the nearest first."""
    words, others = _WORDS[field].split(), set(_OTHERS[field].split())
    counted = any(_QUANTITY & set(_tokens(column)) for column in columns)
    found: list[tuple[float, int, str]] = []
    for place, column in enumerate(columns):
        tokens = _tokens(column)
        if others & set(tokens) or (
            field == "amount" and counted and _PRICE & set(tokens) and not _WHOLE_ROW & set(tokens)
        ):
            continue
        ratio = max((_ratio(token, word) for token in [*tokens, "".join(tokens)] for word in words), default=0.0)
        if ratio > _NEAR:
            found.append((-ratio, place, column))
    return [column for _, _, column in sorted(found)]


def _tokens(name: str) -> list[str]:
    """The words of a column's name, in lower case."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return [word.lower() for word in re.findall(r"[^\W\d_]+|\d+", apart)]


def _ratio(token: str, word: str) -> float:
    if token == word:
        return 1.0
    # Short words are too near to one another to be told apart when misspelt.
    return SequenceMatcher(None, token, word).ratio() if len(token) > 3 and len(word) > 3 else 0.0


def _share(values: Iterable[Any], fits: Callable[[Any], bool]) -> float:
    judged = [fits(value) for value in values]
    return sum(judged) / len(judged) if judged else 0.0


def _dates(values: list[Any], connection: duckdb.DuckDBPyConnection) -> bool:
    if _share(values, lambda value: isinstance(value, date)) >= _MOST:
        return True
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) < len(values) * _MOST or not texts:
        return False
    iso = _share(texts, lambda text: bool(re.match(r"\d{4}-\d\d-\d\d([T ]|$)", text)))
    return iso >= _MOST or fits_a_format(connection, texts, _MOST)


def _numbers(values: list[Any]) -> bool:
    def fits(value: Any) -> bool:
        if isinstance(value, str):
            return _NUMBER.fullmatch(value) is not None
        return isinstance(value, int | float | Decimal) and not isinstance(value, bool)

    return _share(values, fits) >= _MOST


def _amounts(values: list[Any], connection: duckdb.DuckDBPyConnection) -> bool:
    if not _numbers(values) or _dates(values, connection):
        return False
    texts = [str(value) for value in values]
    if any(re.match(r"\s*0\d", text) for text in texts):
        return False  # a code, whose zeros in front count
    if not all(_WHOLE.fullmatch(text) for text in texts) or len(set(texts)) < len(texts):
        return True
    numbers = [float(text) for text in texts]
    growing = numbers in (sorted(numbers), sorted(numbers, reverse=True))
    return len(numbers) < _MANY and not (growing and len(numbers) > 2)


def _ids(values: list[Any], connection: duckdb.DuckDBPyConnection) -> bool:
    def fits(value: Any) -> bool:
        return isinstance(value, str | int) and not isinstance(value, bool)

    return _share(values, fits) >= _MOST and not _dates(values, connection)


def _repeating_ids(values: list[Any], connection: duckdb.DuckDBPyConnection) -> bool:
    """Ids of what comes back: neither all different nor all the same."""
    distinct = len(set(map(str, values)))
    return _ids(values, connection) and (len(values) < _SEVERAL or 1 < distinct < len(values))


def _order_ids(values: list[Any], connection: duckdb.DuckDBPyConnection) -> bool:
    """Ids of orders: of many rows there are many."""
    return _ids(values, connection) and len(set(map(str, values))) * 50 >= len(values)


def _scores(values: list[Any], connection: duckdb.DuckDBPyConnection) -> bool:
    return _numbers(values)


_FITS: dict[str, Callable[[list[Any], duckdb.DuckDBPyConnection], bool]] = {
    "customer_id": _repeating_ids,
    "transaction_id": _order_ids,
    "date": _dates,
    "amount": _amounts,
    "product_id": _repeating_ids,
    "loyalty_score": _scores,
    "points": _scores,
}
