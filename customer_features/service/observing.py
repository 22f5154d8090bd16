"""What metrics and traces are told of a request: nothing that a caller chose freely but its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from customer_features.service.authentication import Outcome


@dataclass(slots=True)
class Seen:
    """One request as it may be spoken of. ``status`` is 0 until an answer begins, ``seconds`` until it ends.

    ``route`` is one of the service's own paths or ``other``; ``method`` likewise.
    """

    route: str
    method: str
    request_id: str
    status: int = 0
    media_type: bytes = b""
    seconds: float = 0.0
    outcome: Outcome | None = None


class Observer(Protocol):
    """Told of every request by the guard; must not raise."""

    def begin(self, seen: Seen) -> None:
        """A request has come."""

    def sent(self, seen: Seen, body: bytes) -> None:
        """A piece of its answer's body went out."""

    def end(self, seen: Seen) -> None:
        """It is over, one way or another."""
