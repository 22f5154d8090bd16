"""A list of customers in pieces that fit one request each, in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Protocol

import msgspec

from customer_features.errors import SourceError


class Listed(Protocol):
    """Customers by their place."""

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Any: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """Some customers of the list, from ``start`` on, as JSON; ``whole``: it is all of them."""

    start: int
    customers: list[bytes]
    whole: bool

    @property
    def size(self) -> int:
        """What the customers take of a body."""
        return sum(map(len, self.customers)) + max(len(self.customers) - 1, 0)

    def body(self, options: Mapping[str, Any]) -> bytes:
        """The request document."""
        head = msgspec.json.encode(dict(options))[:-1] + (b',"customers":[' if options else b'"customers":[')
        return head + b",".join(self.customers) + b"]}"


class Pieces:
    """Customers are written as JSON when their piece's turn comes, and one more, to know whether it is the last."""

    def __init__(self, customers: Listed, max_bytes: int, max_customers: int) -> None:
        self._customers = customers
        self._max_bytes = max_bytes
        self._max_customers = max_customers
        self._next = 0
        self._begun = False
        self._ahead: bytes | None = None
        self._halves: list[Piece] = []

    def take(self) -> Piece | None:
        """The next piece; None after the last. An empty list is one piece without customers."""
        while self._halves:
            piece = self._halves.pop()
            if piece.size <= self._max_bytes or len(piece.customers) == 1:
                return piece
            self._split(piece)
        start, total = self._next, len(self._customers)
        if self._begun and start == total:
            return None
        self._begun = True
        taken: list[bytes] = []
        size = 0
        while self._next < total and len(taken) < self._max_customers:
            written = self._ahead or as_json(self._customers[self._next], self._next)
            size += len(written) + bool(taken)  # the comma
            if taken and size > self._max_bytes:
                self._ahead = written
                break
            self._ahead = None
            taken.append(written)
            self._next += 1
        return Piece(start, taken, whole=len(taken) == total)

    def halve(self, piece: Piece) -> None:
        """Put the halves of a piece that was too large in its place, and make none as large from here on."""
        first, second = self._split(piece)
        self._max_bytes = min(self._max_bytes, max(first.size, second.size))

    def _split(self, piece: Piece) -> tuple[Piece, Piece]:
        middle = len(piece.customers) // 2
        first = Piece(piece.start, piece.customers[:middle], whole=False)
        second = Piece(piece.start + middle, piece.customers[middle:], whole=False)
        self._halves += [second, first]
        return first, second


def _plain(value: Any) -> Any:
    """A value that JSON's writer does not know, in one that it does."""
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, datetime):  # a library's own kind
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return value.tolist()
    raise TypeError(f"a value of type {type(value).__name__} cannot be written as JSON")


_encode = msgspec.json.Encoder(decimal_format="number", enc_hook=_plain).encode
_HUGE = msgspec.Raw(b"1e999")
_HUGE_NEGATIVE = msgspec.Raw(b"-1e999")


def as_json(customer: Any, place: int) -> bytes:
    """One customer as JSON. Raises SourceError for what cannot be written so."""
    try:
        _refuse_bytes(customer)
        written = _encode(customer)
        if (b"null" in written and "inf" in repr(customer)) or b"NaN" in written or b"Infinity" in written:
            # JSON has no infinity: the writer makes null of it, and the service would miss what was given. To look for
            # one in the text costs a tenth of looking at every value.
            written = _encode(_spelled(customer))
        return written
    except UnicodeEncodeError:
        reason = "it holds text that is not valid Unicode"
    except RecursionError:
        reason = "it is nested too deeply"
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error)
    raise SourceError(f"customers[{place}]: {reason}; a customer is a dict, as in the contract")


_PLAIN = {str, int, float, bool, type(None), list, date, datetime, Decimal}
_BYTES = (bytes, bytearray, memoryview)


def _refuse_bytes(customer: Any) -> None:
    """Raise TypeError for bytes in place of text: the JSON encoder would write them as base64, which is another id."""
    if type(customer) is dict:
        given = customer.get("transactions")
        rows = [row for row in given if type(row) is dict] if type(given) is list else []
        # The types of all values at once cost a fraction of a look at each.
        kinds = set(map(type, chain(customer.values(), *[row.values() for row in rows])))
        if kinds <= _PLAIN and (given is None or type(given) is not list or len(rows) == len(given)):
            return
    plain = msgspec.to_builtins(customer, builtin_types=(*_BYTES, Decimal, date, datetime), enc_hook=_looked_at)
    for path, value in _values("", plain):
        if isinstance(value, _BYTES):
            raise TypeError(
                f"{path.lstrip('.')} is of type {type(value).__name__}, found {bytes(value[:40])!r}: text"
                " is required, as value.decode() gives it"
            )


def _looked_at(value: Any) -> Any:
    """:func:`_plain`, and nothing in the place of what is JSON already."""
    return None if isinstance(value, msgspec.Raw) else _plain(value)


def _values(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _values(f"{path}.{key}", inner)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):
            yield from _values(f"{path}[{place}]", inner)
    else:
        yield path, value


def _spelled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _spelled(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(inner) for inner in value]
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return None if math.isnan(value) else _HUGE if value > 0 else _HUGE_NEGATIVE
    return value
