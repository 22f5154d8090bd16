"""Every exception that this package raises on purpose.

CustomerFeaturesError
├── UsageError              what was asked for cannot be done (the command line exits with 2)
│   ├── InvalidOption       an option's value is not one of those allowed
│   ├── SourceError         a source cannot be read
│   │   └── ColumnError     a column is missing, unfit, or two would serve
│   ├── OutputError         the result cannot be written
│   └── MissingExtra        an optional dependency is not installed
├── DataFaults              the data were refused (the command line exits with 1)
└── InvalidRequest          a request body was refused: an HTTP status and a problem document
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any


class CustomerFeaturesError(Exception):
    """The root: catch it to catch everything below."""


class UsageError(CustomerFeaturesError):
    """What was asked for cannot be done; the message says what would work."""


class InvalidOption(UsageError, ValueError):
    """An option's value is not one of those allowed.

    ``option`` is its name as in :func:`customer_features.build` and in a request (``"window"``).
    """

    def __init__(self, option: str, reason: str) -> None:
        super().__init__(option, reason)  # what an exception was made with is what it is pickled by
        self.option = option
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.option}: {self.reason}"


class SourceError(UsageError):
    """A source (file, dataframe, database) cannot be read."""


class ColumnError(SourceError):
    """A column is missing or unfit, or two columns would serve equally well."""


class OutputError(UsageError):
    """The result cannot be written; what stood under the final name before is untouched."""


class MissingExtra(UsageError, ImportError):
    """An optional dependency is not installed; the message holds the command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)
        self.what = what
        self.extra = extra

    def __str__(self) -> str:
        return f"{self.what} needs the '{self.extra}' extra: pip install 'customer-features[{self.extra}]'"


@dataclass(frozen=True, slots=True)
class FoundFault:
    """One faulty row: where it stands, the fault's name, and a sentence saying what was found.

    ``row_number`` counts from 1, the header not counted.
    """

    source: str
    row_number: int
    fault: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}, row {self.row_number}: {self.message} [{self.fault}]"


class DataFaults(CustomerFeaturesError):
    """The data were refused, and nothing was computed or published.

    ``counts`` maps a fault's name to the number of rows set aside under it; ``found`` holds the
    first hundred faulty rows; ``rows`` is the number of rows read.
    """

    def __init__(self, reason: str, counts: Mapping[str, int], found: Sequence[FoundFault], rows: int) -> None:
        super().__init__(reason, counts, found, rows)
        self.reason = reason
        self.counts = dict(counts)
        self.found = list(found)
        self.rows = rows

    def __str__(self) -> str:
        counts = [f"  {name}: {count}" for name, count in self.counts.items()]
        return "\n".join([self.reason, *counts, *(f"  {fault}" for fault in self.found[:3])])


class InvalidRequest(CustomerFeaturesError):
    """A request body was refused.

    ``status`` is the HTTP status and ``problem`` the RFC 9457 problem document, whose ``errors``
    (status 422) maps the path of each fault to a list of sentences.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(status, problem)
        self.status = status
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.status} {self.problem.get('title', '')}: {self.problem.get('detail', '')}"


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` with the nearest allowed name, or nothing where none is near."""
    lowered = {option.lower(): option for option in allowed}
    near = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f" (did you mean '{lowered[near[0]]}'?)" if near else ""
