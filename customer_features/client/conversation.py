"""The whole conversation about a list of customers: pieces, tries, and one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from customer_features.client.answers import Answer, answer_of, object_of, refusal_of
from customer_features.client.joining import Joined, refuse_duplicates
from customer_features.client.pieces import Listed, Piece, Pieces
from customer_features.client.retrying import Patience, asked
from customer_features.client.steps import Conversation, Lost, Reply, Send
from customer_features.errors import FaultyRequest, InvalidRequest, ServiceError, ServiceUnavailable

ROUTE = "/api/v1/ai/customer_features"
HEALTH = "/health"

_ENVELOPE = 200
"""Bytes of a request that are no customer's: more than the longest options take."""

_SMALL = 64 * 1024
"""Bytes of a request that nobody refuses as too large; it is not halved because connections break."""

_A_DAY = Piece(
    0,
    [b'{"customer_id":"1","transactions":[{"transaction_id":"1","date":"0001-01-01","amount":0,"product_id":"1"}]}'],
    whole=True,
)
"""A purchase on the calendar's first day: its recency tells what day it is for the service."""


class Customers(Listed, Protocol):
    """What is asked about, each customer as in the contract."""

    needs_today: bool
    """Whether the date must be known before the first customer is written."""

    def id(self, place: int) -> object:
        """The customer's id."""

    def named(self, path: str) -> str:
        """A fault's path in the caller's terms."""

    def as_of(self, today: date) -> None:
        """Told the date, where it is fixed before the first customer is written."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a service is asked: where it is, for messages; how large a request may be; how long it is tried."""

    service: str
    max_bytes: int
    max_customers: int
    patience: Patience


def about(
    customers: Customers, options: Mapping[str, Any], terms: Terms, tell: Callable[[int], None]
) -> Conversation[Answer]:
    """The answer about all customers; ``options`` are further keys of the request, ``tell`` hears how many are done.

    Raises InvalidRequest, FaultyRequest, Unauthorized, ServiceError, ServiceUnavailable; SourceError where a
    customer cannot be written as JSON.
    """
    asking = _Asking(customers, dict(options), terms)
    if customers.needs_today:
        yield from asking.fix_today()
    pieces = Pieces(customers, terms.max_bytes - _ENVELOPE, terms.max_customers)
    joined = Joined()
    done = 0
    while not joined.full and (piece := pieces.take()) is not None:
        if not piece.whole:
            yield from asking.prepare_for_several()
        reply = yield from asking.send(piece)
        if reply.status == 413 and len(piece.customers) > 1:
            pieces.halve(piece)
            continue
        if reply.status == 200:
            ids = map(customers.id, range(piece.start, piece.start + len(piece.customers)))
            joined.add(answer_of(reply, ids, terms.service))
        else:
            refusal = refusal_of(reply, terms.service)
            if not isinstance(refusal, FaultyRequest):
                raise _about_one(refusal, piece, customers)
            # Other pieces may have faults too, and people want to mend them all at once.
            joined.refuse(refusal, piece.start)
        done += len(piece.customers)
        tell(done)
    return joined.answer(done == len(customers), customers.named)


class _Asking:
    """What stays the same from piece to piece."""

    def __init__(self, customers: Customers, options: dict[str, Any], terms: Terms) -> None:
        self._customers = customers
        self._options = options
        self._terms = terms
        self._several = False

    def send(self, piece: Piece) -> Conversation[Reply]:
        terms = self._terms
        divisible = len(piece.customers) > 1 and piece.size > _SMALL
        body = piece.body(self._options)
        return (yield from asked(Send("POST", ROUTE, body), terms.patience, terms.service, divisible=divisible))

    def prepare_for_several(self) -> Conversation[None]:
        """See to what one request would have seen to: no customer twice, and one date for all."""
        if not self._several:
            self._several = True
            refuse_duplicates(map(self._customers.id, range(len(self._customers))))
            yield from self.fix_today()

    def fix_today(self) -> Conversation[None]:
        """State the date in every request: the one that the service would take now, where none was given."""
        if "today" not in self._options:
            today = yield from self._service_day()
            self._options = {"today": today.isoformat(), **self._options}
        self._customers.as_of(date.fromisoformat(self._options["today"]))

    def _service_day(self) -> Conversation[date]:
        terms = self._terms
        reply = yield from asked(Send("POST", ROUTE, _A_DAY.body({})), terms.patience, terms.service)
        if reply.status != 200:
            raise refusal_of(reply, terms.service)
        answer = answer_of(reply, ["1"], terms.service)
        try:
            return date.fromordinal(1 + int(answer["customers"][0]["features"]["recency_days"]))
        except (LookupError, ValueError, OverflowError):
            raise ServiceError(f"{terms.service} does not say what day it is; give today") from None


def _about_one(refusal: Exception, piece: Piece, customers: Customers) -> Exception:
    """The refusal of a piece; one customer that is too large alone is named."""
    if isinstance(refusal, InvalidRequest) and refusal.status == 413 and len(piece.customers) == 1:
        which = customers.named(f"customers[{piece.start}]")
        said = f"{which} alone takes {piece.size} bytes. {refusal.problem['detail']}"
        return InvalidRequest(413, {**refusal.problem, "detail": said})
    return refusal


def health(service: str) -> Conversation[dict[str, Any]]:
    """What the service says of its health, asked once and without credentials.

    Raises ServiceUnavailable where no answer comes, ServiceError where it is not well.
    """
    came = yield Send("GET", HEALTH, signed=False)
    if not isinstance(came, Reply):
        raise ServiceUnavailable(f"{service}: {came.reason if isinstance(came, Lost) else 'no answer'}")
    if came.status == 200:
        return object_of(came, service)
    refusal = refusal_of(came, service)
    if came.status in (429, 502, 503):
        raise ServiceUnavailable(str(refusal), came.status, getattr(refusal, "problem", None))
    raise refusal
