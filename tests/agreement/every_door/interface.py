"""What a door is to this suite: rows of a case in, an outcome out, and what it cannot hold.

A new door is a subclass of :class:`Door` with a name and :meth:`Door.run`, and its entry in ``DOORS`` (see
``__init__.py``). One whose engine takes a PyArrow table and gives one back needs no class of its own: it is a
:class:`TableDoor` over that function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

if TYPE_CHECKING:
    from tests.agreement.every_door.generator import Case


class Form(StrEnum):
    """How the rows of a case are written, and so which faults they can have."""

    TYPED = "typed"
    CSV = "csv"
    NDJSON = "ndjson"
    DOCUMENT = "document"
    """The contract's request document, read by a bulk engine."""
    REQUEST = "request"
    """The same, sent as a request: all or nothing."""


class Limit(StrEnum):
    """Something that a door cannot hold; the cases for it are made without, and the table says so."""

    NUL = "the character NUL"
    NAN = "NaN beside missing numbers"
    INFINITE_DAY = "days past the year 9999"
    FAR_DAYS = "days outside 1900 to 2299"
    FAR_TIMES = "timestamps outside 1900 to 2299"
    SEVERAL_DATES = "several dates at once"
    TEXT_DATES = "dates in text"
    TEXT_AMOUNTS = "amounts in text"
    LONG_DECIMALS = "decimals of more than 18 digits"


@dataclass(slots=True)
class Outcome:
    """What came out of a door.

    ``vectors``: customer_id (string), as_of (date, only where several dates were asked for), six doubles.
    ``faults``: how many rows are filed under each fault (of a request: how often each is named).
    ``rows``: in, used, excluded, quarantined, where the door tells. ``listed``: how many rows have each fault, be
    it their first or not, where the door tells.
    """

    vectors: pa.Table
    faults: Mapping[str, int]
    rows: Mapping[str, int] | None = None
    listed: Mapping[str, int] | None = None


class Door:
    """One way into the package."""

    name: ClassVar[str]
    form: ClassVar[Form] = Form.TYPED
    limits: ClassVar[frozenset[Limit]] = frozenset()

    def run(self, case: Case) -> Outcome:
        """What this door makes of a case's rows. Whatever it raises is a difference."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what :meth:`run` opened."""


Function = Callable[[pa.Table, Mapping[str, Any]], tuple[pa.Table, Mapping[str, int], Mapping[str, int]]]
"""From a table (customer_id, transaction_id, date, amount, product_id and, where there are scores, loyalty_score) and
options, named as those of ``customer_features.build`` (``today`` is a list where several dates are asked for), to
vectors, row counts (in, used, excluded, quarantined) and rows by their first fault."""


class TableDoor(Door):
    """A door that is a function over a table and options."""

    def __init__(self, name: str, function: Function, limits: frozenset[Limit] = frozenset()) -> None:
        self.name = name  # type: ignore[misc]
        self.limits = limits  # type: ignore[misc]
        self._function = function

    def run(self, case: Case) -> Outcome:
        vectors, rows, faults = self._function(case.table, case.options)
        return Outcome(vectors, faults, rows)
