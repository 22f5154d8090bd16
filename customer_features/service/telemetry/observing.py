"""What logs, metrics and traces are told of a request: nothing that a caller chose freely but its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from customer_features.service.access.authentication import Outcome
from customer_features.service.replies import PROBLEM
from customer_features.service.telemetry import reasons
from customer_features.service.telemetry.reasons import Reason


@dataclass(slots=True)
class Seen:
    """One request as it may be spoken of. ``status`` is 0 until an answer begins, ``seconds`` until it ends.

    ``route`` is one of the service's own paths or ``other``; ``method`` likewise. ``customers`` counts the
    vectors of an answer, ``reason`` says why there are none.
    """

    route: str
    method: str
    request_id: str
    status: int = 0
    media_type: bytes = b""
    customers: int = 0
    reason: Reason | None = None
    outcome: Outcome | None = None
    seconds: float = 0.0

    def sent(self, body: bytes) -> None:
        """A piece of the answer's body went out."""
        if body and self.media_type == PROBLEM:
            self.reason = reasons.read(body) or self.reason


class Observer(Protocol):
    """Told of every request by the guard; must not raise."""

    def begin(self, seen: Seen) -> None:
        """A request has come."""

    def end(self, seen: Seen) -> None:
        """It is over, one way or another."""

    def close(self) -> None:
        """There will be no more requests; may take a few seconds."""
