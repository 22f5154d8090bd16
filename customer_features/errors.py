"""Every exception that this package raises on purpose; the warnings of the Python doors stand below them.

CustomerFeaturesError
├── UsageError              what was asked for cannot be done (the command line exits with 2)
│   ├── InvalidOption       an option's value is not one of those allowed
│   ├── SourceError         a source cannot be read
│   │   ├── ColumnError     a column is missing, unfit, or two would serve
│   │   └── TooLarge        a source holds or declares more than may be read of it
│   ├── OutputError         the result cannot be written
│   └── MissingExtra        an optional dependency is not installed
├── DataFaults              the data were refused (the command line exits with 1)
├── InvalidRequest          a request was refused: an HTTP status and a problem document
│   ├── FaultyRequest       ... by a service that a Client asked: the data have faults, each by its path (422)
│   └── Unauthorized        ... by a service that a Client asked: the credentials do not serve (401, 403)
└── ServiceError            a service that a Client asked gave no answer that can be used
    └── ServiceUnavailable  not to be reached, overloaded or stopping, after all tries
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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


class TooLarge(SourceError):
    """A source holds or declares more than may be read of it: columns, bytes once unpacked, memory."""


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
    """A request was refused: its body, by ``answer``, or all of it, by a service that a Client asked.

    ``status`` is the HTTP status and ``problem`` the RFC 9457 problem document, whose ``errors``
    (status 422) maps the path of each fault to a list of sentences.
    """

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        super().__init__(status, problem)
        self.status = status
        self.problem = problem

    @property
    def type(self) -> str:
        """The kind of problem, ``urn:customer-features:problem:NAME``; empty where none was named."""
        return str(self.problem.get("type", ""))

    @property
    def errors(self) -> dict[str, list[str]]:
        """Sentences by the path of each fault (the first hundred); empty where the data are not at fault."""
        return dict(self.problem.get("errors", {}))

    def __str__(self) -> str:
        return f"{self.status} {self.problem.get('title', '')}: {self.problem.get('detail', '')}"


class FaultyRequest(InvalidRequest):
    """What a Client was given to send has faults, and nothing was computed.

    The paths in ``errors`` speak of the caller's whole list, in how many requests it may have been sent:
    ``customers[3].transactions[0].amount``; of a dataframe, they name its rows: ``transactions[17].amount``.
    """

    @property
    def fault_count(self) -> int:
        """How many faults were found in all; ``errors`` lists the first hundred."""
        return int(self.problem.get("fault_count", sum(map(len, self.errors.values()))))

    def __str__(self) -> str:
        first = [f"  {path}: {said}" for path, sentences in self.errors.items() for said in sentences]
        return "\n".join([super().__str__(), *first[:3]])


class Unauthorized(InvalidRequest):
    """The service does not take the credentials of a Client, or wants some."""


class ServiceError(CustomerFeaturesError):
    """A service that a Client asked gave no answer that can be used.

    ``status`` is the HTTP status (None: no answer came) and ``problem`` the problem document, where one came.
    """

    def __init__(self, reason: str, status: int | None = None, problem: dict[str, Any] | None = None) -> None:
        super().__init__(reason, status, problem)
        self.reason = reason
        self.status = status
        self.problem = problem or {}

    @property
    def type(self) -> str:
        """The kind of problem, ``urn:customer-features:problem:NAME``; empty where none was named."""
        return str(self.problem.get("type", ""))

    def __str__(self) -> str:
        return self.reason


class ServiceUnavailable(ServiceError):
    """The service could not be reached, or was overloaded or stopping, at every try; later it may answer.

    ``retry_after``: the seconds after which it asked to be tried again, where it did.
    """

    def __init__(
        self,
        reason: str,
        status: int | None = None,
        problem: dict[str, Any] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(reason, status, problem)
        self.args = (reason, status, problem, retry_after)
        self.retry_after = retry_after


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """`` (did you mean 'x'?)`` with the nearest allowed name, or nothing where none is near."""
    from difflib import get_close_matches  # imported when somebody has mistyped something

    lowered = {option.lower(): option for option in allowed}
    near = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f" (did you mean '{lowered[near[0]]}'?)" if near else ""


class FaultsQuarantined(UserWarning):
    """Given once by ``build(..., on_fault="quarantine")`` when rows were left out; it counts them by fault."""


class Suspicious(UserWarning):
    """The data are legal but suspicious (a repeated transaction id, for one); nothing was left out."""
