"""Warnings of the rows engine: what is suspicious about a request that is legal."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

import msgspec

from customer_features.definition import money
from customer_features.definition.faults import WARNINGS
from customer_features.definition.options import Grain, Options

LISTED = 100
"""At most so many warnings are listed in one answer."""

SUSPICIOUS_SHARE = 0.5
"""From this share of equal amounts on, repeated ids look like repeated order totals."""


class Warning_(msgspec.Struct, gc=False):
    """One warning of an answer: its name, the customer concerned (none: the whole request), a sentence."""

    name: str
    customer_id: str | None
    message: str


class _Row(Protocol):
    transaction_id: str
    product_id: str
    date: Any
    amount: float


def find_warnings(ids: list[str], rows: list[Any], orders: list[int], options: Options) -> list[Warning_]:
    """The first hundred warnings of a request: repeated ids and rows, and what they look like.

    ``rows``: each customer's; of one without a repeated id the totals may stand there instead, which are no list.
    ``orders`` counts each customer's distinct transaction ids.
    """
    found: list[Warning_] = []
    several = alike = 0
    repeating = [place for place, own in enumerate(rows) if type(own) is list and orders[place] != len(own)]
    for place in repeating:
        customer_id, own = ids[place], rows[place]
        if options.grain is Grain.TRANSACTION:
            by_order: dict[str, list[int]] = {}
            for row in own:
                by_order.setdefault(row.transaction_id, []).append(money.units(row.amount))
            for transaction_id, amounts in by_order.items():
                if len(amounts) > 1:
                    several += 1
                    alike += min(amounts) == max(amounts)
                    what = f"transaction_id '{transaction_id}' stands {len(amounts)} times"
                    found.append(_warning("repeated_transaction_id", customer_id, what))
        _duplicate_rows(customer_id, own, found)
    if several and alike / several >= SUSPICIOUS_SHARE:
        share = f"{alike} of {sum(orders)} ({alike / sum(orders):.1%})"
        found.insert(0, _warning("looks_like_repeated_totals", None, share))
    return found[:LISTED]


def _duplicate_rows(customer_id: str, own: list[_Row], found: list[Warning_]) -> None:
    counts = Counter((row.transaction_id, row.date, money.units(row.amount), row.product_id) for row in own)
    if len(counts) == len(own):
        return
    for (transaction_id, *_), count in counts.items():
        if count > 1:
            what = f"a row of transaction_id '{transaction_id}' stands {count} times"
            found.append(_warning("duplicate_row", customer_id, what))


def _warning(name: str, customer_id: str | None, what: str) -> Warning_:
    return Warning_(name, customer_id, WARNINGS[name].says(what))
