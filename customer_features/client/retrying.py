"""When a request is tried again, and after how long."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from customer_features.client.answers import problem_of
from customer_features.client.steps import Conversation, Lost, Reply, Send, Wait
from customer_features.errors import ServiceUnavailable

AGAIN = frozenset({429, 502, 503})
"""Statuses that may be another one in a while. 502: a proxy found no service behind it, as good as no connection."""

FIRST = 0.5
LONGEST = 30.0
"""Seconds of the first pause, which doubles from try to try, and of the longest."""

BREAKS = 2
"""After so many broken connections what can be halved is."""

TOO_LARGE = Reply(413, {}, b"")

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is tried: ``tries`` in all, none begun later than ``seconds`` after the first.

    ``clock`` is monotonic seconds, ``chance`` a number from 0 to 1.
    """

    tries: int
    seconds: float
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def pause(self, tried: int, asked: float | None) -> float:
        """Seconds to wait after so many tries; ``asked``: those that the service asks for.

        Half of a pause is left to chance, so that clients that were refused together do not come back together.
        """
        pause = min(FIRST * 2.0 ** min(tried - 1, 30), LONGEST)
        if asked is None:
            return pause / 2 + pause / 2 * self.chance()
        return asked + FIRST * self.chance()


def _utc_now() -> datetime:
    return datetime.now(UTC)


def retry_after(reply: Reply, now: Callable[[], datetime] = _utc_now) -> float | None:
    """The seconds that a ``Retry-After`` header asks for, written as seconds or as a date; None where it is neither.

    A date is compared with the answer's own ``Date``: the service's clock may not be this machine's. Without one it is
    compared with ``now``.
    """
    text = reply.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    then = _instant(text)
    if then is None:
        return None
    current = _instant(reply.headers.get("date", "")) or now()
    return max((then - current).total_seconds(), 0.0)


def _instant(text: str) -> datetime | None:
    try:
        instant = parsedate_to_datetime(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def asked(send: Send, patience: Patience, service: str, *, divisible: bool = False) -> Conversation[Reply]:
    """The answer to a request, tried again while that may help. ``service``: its address, for messages.

    TOO_LARGE for a ``divisible`` one over which the connection breaks again and again: who refuses what is too large
    often hangs up on what is still being sent, and the answer that says so is lost. Raises ServiceUnavailable.
    """
    began = patience.clock()
    tried = breaks = 0
    while True:
        came = yield send
        tried += 1
        if isinstance(came, Reply) and came.status not in AGAIN:
            return came
        if isinstance(came, Lost):
            breaks += came.broke
            if not came.again:
                raise ServiceUnavailable(f"{service}: {came.reason}")
            if divisible and breaks >= BREAKS:
                return TOO_LARGE
        wanted = retry_after(came) if isinstance(came, Reply) else None
        pause = patience.pause(tried, wanted)
        spent = patience.clock() - began
        if tried >= patience.tries or spent + pause > patience.seconds:
            raise given_up(came, service, tried, spent, wanted)
        yield Wait(pause)


def given_up(
    came: Reply | Lost | None, service: str, tried: int, spent: float, wanted: float | None
) -> ServiceUnavailable:
    """The error once it is not tried again."""
    tries = "" if tried == 1 else f" (tried {tried} times in {spent:.1f} s)"
    if isinstance(came, Reply):
        problem = problem_of(came)
        later = "" if wanted is None else f"; it asks to be tried again after {wanted:g} s"
        said = str(problem["detail"]).rstrip(".")
        reason = f"{service} answers {came.status} {problem['title']}: {said}{later}{tries}"
        return ServiceUnavailable(reason, came.status, problem, wanted)
    reason = came.reason if isinstance(came, Lost) else "no answer"
    return ServiceUnavailable(f"{service}: {reason}{tries}")
