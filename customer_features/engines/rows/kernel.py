"""The hot loop of the rows engine: every row is touched once, while it is fresh from the decoder.

Plain Python that mypyc compiles where a wheel is built with a C compiler at hand (``make wheel``); either way it gives
the same numbers, and the same tests hold both. It knows nothing of requests: a row is anything with the four fields.
"""

from __future__ import annotations

from math import floor
from typing import Any

COMPILED = not __file__.endswith(".py")
"""Whether mypyc has compiled this very module."""


def totals(own: list[Any]) -> tuple[int, int, int, Any]:
    """A customer's units, distinct transactions, distinct products and latest day; ``own`` holds one row at least."""
    units = 0
    orders: set[str] = set()
    products: set[str] = set()
    last_day = own[0].date
    for row in own:
        amount: float = row.amount
        units += floor(amount * 10000 + 0.5)  # money.units, written out
        orders.add(row.transaction_id)
        products.add(row.product_id)
        day = row.date
        if day > last_day:
            last_day = day
    return units, len(orders), len(products), last_day


def sum_up(customer: Any) -> None:
    """Put a customer's totals in the place of its rows, unless a transaction repeats: then somebody looks at its rows.

    The decoder calls this as soon as it has a customer together. The rows are still in the processor's cache then, and
    the next customer's rows take their memory.
    """
    own: list[Any] = customer.transactions
    found = totals(own)
    if found[1] == len(own):
        customer.transactions = found
