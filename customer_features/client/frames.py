"""A dataframe of purchase rows as customers of the contract, read as ``build`` reads it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from math import floor
from typing import Any

from customer_features.client.answers import Answer
from customer_features.client.joining import refused_here
from customer_features.definition.faults import fault
from customer_features.definition.features import names
from customer_features.definition.options import Future, Options
from customer_features.errors import MissingExtra, ServiceError, SourceError

try:
    import numpy as np
    import pyarrow as pa

    from customer_features.frames.kinds import KINDS
    from customer_features.frames.narwhals import Wrapped
    from customer_features.frames.run import Run
except MissingExtra:
    raise
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("sending dataframes", "bulk") from error

_BLOCK = 20_000
"""Rows that are made Python's at a time."""
_TRANSACTION = re.compile(r"customers\[([0-9]+)\]\.transactions\[([0-9]+)\]")
_CUSTOMER = re.compile(r"customers\[([0-9]+)\]")
_LEAST = -1e-9
"""A return that takes nothing: its units are 0."""


class Frame:
    """A dataframe, and what is made of it and of the answer. Raises SourceError, ColumnError, InvalidOption."""

    def __init__(self, frame: object, loyalty: object, options: Options, columns: Mapping[str, str] | None) -> None:
        if not Wrapped.owns(frame) and not any(kind.owns(frame) for kind in KINDS):
            named = type(frame).__name__
            raise SourceError(
                f"customers: found {named}; allowed are a list of customers, and the dataframes of build()"
            )
        self._run = Run(frame, loyalty, options, columns)
        self._options = options

    def customers(self) -> FrameCustomers:
        """The customers, in byte order of their ids, each with its rows in the frame's order."""
        return FrameCustomers(self._run.rows_read(), self._options)

    def of(self, answer: Answer, service: str) -> Any:
        """The answer as the kind of frame that was given."""
        vectors = answer["customers"]
        if not all(vector["features"].keys() >= set(names()) for vector in vectors):
            raise ServiceError(f"{service} answers vectors without some of the features {', '.join(names())}")
        columns = {"customer_id": pa.array([vector["customer_id"] for vector in vectors], pa.string())}
        for name in names():
            columns[name] = pa.array([vector["features"][name] for vector in vectors], pa.float64())
        return self._run.handed_back(pa.table(columns))


class FrameCustomers:
    """Customers whose rows stand together in a table (see ``Run.rows_read``)."""

    def __init__(self, table: pa.Table, options: Options) -> None:
        self._table = table
        self._options = options
        counts = np.bincount(table["place"].to_numpy())
        self._bounds: list[int] = [0, *np.cumsum(counts).tolist()]
        self._block = range(0)
        self._columns: dict[str, list[Any]] = {}
        self._dated = False
        # A score that stands only in rows which do not count is no score: which do, the date tells.
        some_do_not = options.window is not None or options.future is Future.EXCLUDE
        self.needs_today = some_do_not and table["lowest_loyalty"].null_count < len(table)

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, place: int) -> dict[str, Any]:
        """The customer as in the contract. Raises FaultyRequest where it has two scores, which the contract cannot say.

        What could not be read is sent as it was found: what is wrong with it is for the service to say.
        """
        columns, rows = self._rows(place)
        customer: dict[str, Any] = {
            "customer_id": columns["customer_id"][rows[0]],
            "transactions": [
                {
                    "transaction_id": columns["transaction_id"][row],
                    "date": columns["day"][row] or columns["date_found"][row],
                    "amount": _amount(columns["number"][row], columns["units"][row], columns["amount_found"][row]),
                    "product_id": columns["product_id"][row],
                }
                for row in rows
            ],
        }
        score = self._score(
            customer["customer_id"], columns, [row for row in rows if self._counts(columns["day"][row])]
        )
        return customer if score is None else {**customer, "loyalty_score": score}

    def id(self, place: int) -> object:
        """The customer's id."""
        return self._table["customer_id"][self._bounds[place]].as_py()

    def named(self, path: str) -> str:
        """A path that names the frame's row, or the customer by its id."""
        if row := _TRANSACTION.match(path):
            start = self._bounds[int(row[1])]
            return f"transactions[{self._row(start + int(row[2]))}]{path[row.end() :]}"
        if customer := _CUSTOMER.match(path):
            place, rest = int(customer[1]), path[customer.end() :]
            if rest == ".customer_id":
                return f"transactions[{self._row(self._bounds[place])}]{rest}"
            return f"customers[{self.id(place)!r}]{rest}"
        return path

    def as_of(self, today: date) -> None:
        """Rows that do not count at this date give no score."""
        self._options, self._dated = replace(self._options, today=today), True

    def _row(self, place: int) -> int:
        return int(self._table["row"][place].as_py())

    def _rows(self, place: int) -> tuple[dict[str, list[Any]], range]:
        """The customer's rows in a block of columns: customers are asked for one after the other."""
        start, end = self._bounds[place], self._bounds[place + 1]
        if start not in self._block or end > self._block.stop:
            self._block = range(start, max(end, start + _BLOCK))
            self._columns = self._table.slice(start, len(self._block)).to_pydict()
        return self._columns, range(start - self._block.start, end - self._block.start)

    def _counts(self, day: date | None) -> bool:
        options = self._options
        if not self._dated or day is None:
            return True
        late = options.future is Future.EXCLUDE and day > options.today
        return not late and (options.window_opens_after is None or day > options.window_opens_after)

    def _score(self, customer_id: object, columns: dict[str, list[Any]], rows: list[int]) -> float | str | None:
        for row in rows:
            if columns["loyalty_faulty"][row]:
                return _as_number(str(columns["loyalty_shown"][row]))
        lowest = [columns["lowest_loyalty"][row] for row in rows if columns["lowest_loyalty"][row] is not None]
        highest = [columns["highest_loyalty"][row] for row in rows if columns["highest_loyalty"][row] is not None]
        if not lowest:
            return None
        if min(lowest) != max(highest):
            sentence = fault("conflicting_loyalty").says(repr(customer_id))
            raise refused_here([(f"customers[{customer_id!r}].loyalty_score", sentence)])
        return float(lowest[0])


def _amount(number: float | None, units: int | None, found: str | None) -> float | str | None:
    """An amount whose nearest double the service reads as the very units that the column holds."""
    if number is None or number != number:
        return found
    if units is None or floor(number * 10000 + 0.5) == units:
        return number
    # A decimal of more digits than a double or an amount keeps: what it was rounded to, exactly.
    return units / 10000 if units or number >= 0 else _LEAST


def _as_number(shown: str) -> float | str:
    """A faulty score as the number that it is, or else as its text: the service says what is wrong with it."""
    try:
        number = float(shown)
    except ValueError:
        return shown
    if not math.isfinite(number):
        return shown
    return int(number) if shown.lstrip("+-").isdigit() else number
