"""What logs, metrics and traces are told of a request: nothing that a caller chose freely but its id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from customer_features.service import reasons
from customer_features.service.authentication import Outcome
from customer_features.service.limits import Limits
from customer_features.service.reasons import Reason
from customer_features.service.replies import JSON, PROBLEM
from customer_features.service.settings import Settings

# A quote within a string is escaped, so this stands nowhere but where a customer's vector begins.
_VECTOR = b'"features":{'


@dataclass(slots=True)
class Seen:
    """One request as it may be spoken of. ``status`` is 0 until an answer begins, ``seconds`` until it ends.

    ``route`` is one of the service's own paths or ``other``; ``method`` likewise. ``customers`` counts the
    vectors of an answer, ``reason`` says why there are none.
    """

    route: str
    method: str
    request_id: str
    computes: bool = False
    status: int = 0
    media_type: bytes = b""
    customers: int = 0
    reason: Reason | None = None
    outcome: Outcome | None = None
    seconds: float = 0.0

    def sent(self, body: bytes) -> None:
        """A piece of the answer's body went out."""
        if not body:
            return
        if self.media_type == PROBLEM:
            self.reason = reasons.read(body) or self.reason
        elif self.computes and self.status == 200 and self.media_type == JSON:
            self.customers += body.count(_VECTOR)


class Observer(Protocol):
    """Told of every request by the guard; must not raise."""

    def begin(self, seen: Seen) -> None:
        """A request has come."""

    def end(self, seen: Seen) -> None:
        """It is over, one way or another."""

    def close(self) -> None:
        """There will be no more requests; may take a few seconds."""


def observers(settings: Settings, limits: Limits) -> list[Observer]:
    """Those that the settings ask for, in one worker."""
    found: list[Observer] = []
    if settings.metrics_port is not None:
        from customer_features.service.metrics import Metrics

        metrics = Metrics()
        limits.watch = metrics.large_bodies
        found.append(metrics)
    if settings.traces is not None:
        from customer_features.service import tracing

        found.append(tracing.sending_to(settings.traces))
    return found
