"""A list of customers as the contract has them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from datetime import date
from typing import Any

from customer_features.errors import SourceError


class ListedCustomers:
    """The caller's own list, as it is: what is wrong in it is for the service to say."""

    needs_today = False

    def __init__(self, customers: Sequence[Any]) -> None:
        self._customers = customers

    def __len__(self) -> int:
        return len(self._customers)

    def __getitem__(self, place: int) -> Any:
        return self._customers[place]

    def id(self, place: int) -> object:
        """The customer's id."""
        customer = self._customers[place]
        if isinstance(customer, Mapping):
            return customer.get("customer_id")
        return getattr(customer, "customer_id", None)

    def named(self, path: str) -> str:
        """The path as it is: it speaks of the caller's list."""
        return path

    def as_of(self, today: date) -> None:
        """The date changes nothing of a list."""


def listed(customers: object) -> ListedCustomers | None:
    """The customers where they are a list, of whatever kind; None for what may be a dataframe. Raises SourceError."""
    if isinstance(customers, Mapping):
        hint = "; give document['customers']" if "customers" in customers else "; put it into a list"
        raise SourceError(f"customers: found one {type(customers).__name__}; allowed is a list of customers{hint}")
    if isinstance(customers, str | bytes | bytearray):
        raise SourceError(
            f"customers: found {type(customers).__name__}; allowed are a list of customers or a dataframe"
        )
    if hasattr(customers, "__arrow_c_stream__"):
        return None  # a reader of Arrow is an iterator too
    if isinstance(customers, Sequence):
        return ListedCustomers(customers)
    if isinstance(customers, Iterator | Set | ValuesView):
        return ListedCustomers(list(customers))
    return None
