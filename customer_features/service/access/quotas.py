"""Quotas: how many requests a tenant may send, and how many failed logins a peer may, counted by ``limits``.

In memory a worker counts for itself; with Redis all workers, on however many machines, count together. A Redis that
cannot be reached stops nobody: the service answers on, unlimited, and the log says so.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

from limits import RateLimitItem, WindowStats, aio, parse_many
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from customer_features.connections.addresses import shown
from customer_features.errors import InvalidOption, MissingExtra, UsageError
from customer_features.service.log import LOGGER
from customer_features.service.replies import Headers
from customer_features.service.settings import Settings

SWEEP_EVERY = 5.0
"""Seconds between two looks for what has expired in memory."""
COMPLAIN_EVERY = 10.0
"""Seconds between two lines in the log about a store that cannot be reached: a line a request would bury the rest."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a caller stands after a request: ``over`` its quota or not, and what it is told of that."""

    over: bool = False
    headers: Headers = ()
    wait: int = 0
    """Seconds until there is room again, where it is over."""


def parse_quota(option: str, text: str) -> RateLimitItem | None:
    """A quota such as ``600/minute`` or ``10 per 2 seconds``; None for ``none``. Raises InvalidOption."""
    if text.strip().lower() == "none":
        return None
    try:
        items = parse_many(text)
    except ValueError:
        items = []
    if len(items) != 1 or items[0].amount < 1:
        raise InvalidOption(option, f"'{text}' is not a quota; give for example 600/minute, 10/second or none")
    return items[0]


class _Memory(MemoryStorage):
    """The library's store in memory, swept every few seconds.

    Its own way is a thread 10 milliseconds after a hit that looks at all keys, and that the thread which answers has
    to share the interpreter with. What has expired counts for nothing meanwhile, here as there. ``ticks`` is a clock
    that never goes back.
    """

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        super().__init__()

    @property  # type: ignore[override]
    def timer(self) -> _Seldom:
        """What the library asks whether a sweep is on its way, before it begins one."""
        return self._timer

    @timer.setter
    def timer(self, timer: threading.Timer) -> None:
        self._timer = _Seldom(timer, self._ticks)


class _Seldom:
    """A timer that seems to be on its way for some seconds."""

    def __init__(self, timer: threading.Timer, ticks: Callable[[], float]) -> None:
        self._timer, self._ticks, self._made = timer, ticks, ticks()

    def start(self) -> None:
        self._timer.start()

    def is_alive(self) -> bool:
        return self._ticks() - self._made < SWEEP_EVERY or self._timer.is_alive()


class Quotas:
    """The quotas of one worker, or of all of them where they share a store.

    ``ticks`` is a clock that never goes back.
    """

    def __init__(self, settings: Settings, *, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._requests = parse_quota("rate-limit", settings.rate_limit)
        self._failures = parse_quota("failed-logins", settings.failed_logins)
        # In memory there is nothing to wait for, and the library's form for that takes a third of the time.
        self._limiter = (
            SlidingWindowCounterRateLimiter(_Memory(ticks))
            if settings.redis is None
            else aio.strategies.SlidingWindowCounterRateLimiter(_storage(settings.redis))
        )
        self._complained = -COMPLAIN_EVERY

    async def request(self, tenant: str) -> Standing:
        """Count a request of a tenant whose credentials are right."""
        return await self._count(self._requests, "request", tenant)

    async def failed_login(self, peer: str) -> Standing:
        """Count a failed login from a peer's address; the tenant it named is none the poorer."""
        return await self._count(self._failures, "failed-login", peer)

    async def _count(self, quota: RateLimitItem | None, kind: str, whose: str) -> Standing:
        if quota is None:
            return Standing()
        try:
            granted, window = await self._hit(quota, kind, whose)
        except Exception as error:  # of whatever store: none of them may stop the service
            self._complain(error)
            return Standing()
        wait = max(ceil(window.reset_time - time.time()), 1)
        return _standing(quota, window.remaining if granted else 0, wait, over=not granted)

    async def _hit(self, quota: RateLimitItem, kind: str, whose: str) -> tuple[bool, WindowStats]:
        limiter = self._limiter
        if isinstance(limiter, SlidingWindowCounterRateLimiter):
            return limiter.hit(quota, kind, whose), limiter.get_window_stats(quota, kind, whose)
        return await limiter.hit(quota, kind, whose), await limiter.get_window_stats(quota, kind, whose)

    def _complain(self, error: Exception) -> None:
        if self._ticks() - self._complained >= COMPLAIN_EVERY:
            self._complained = self._ticks()
            LOGGER.error("quotas not counted: their store cannot be reached", exc_info=error)


def _standing(quota: RateLimitItem, remaining: int, wait: int, *, over: bool) -> Standing:
    """The headers of the IETF's draft (draft-ietf-httpapi-ratelimit-headers), and Retry-After where it is over."""
    policy, left = f'"default";q={quota.amount};w={quota.get_expiry()}', f'"default";r={remaining};t={wait}'
    headers: Headers = ((b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode()))
    if over:
        headers += ((b"retry-after", b"%d" % wait),)
    return Standing(over, headers, wait)


def _storage(address: str) -> aio.storage.Storage:
    try:
        import redis  # noqa: F401
    except ImportError as error:
        raise MissingExtra("quotas that workers share", "redis") from error
    # The driver that is best kept up, not the library's own first choice.
    found: Any = storage_from_string(f"async+{address}", implementation="redispy")
    return found  # type: ignore[no-any-return]


def check(settings: Settings) -> None:
    """Look at the settings before the service starts.

    Raises InvalidOption for what is no quota, UsageError where the store does not answer, or where workers would each
    count for themselves.
    """
    limited = parse_quota("rate-limit", settings.rate_limit) is not None
    parse_quota("failed-logins", settings.failed_logins)
    if settings.redis is None:
        if limited and settings.workers > 1:
            raise UsageError(
                f"--rate-limit with {settings.workers} workers needs --redis: each would count for itself; give for"
                " example --redis redis://localhost:6379/0, or --workers 1"
            )
        return
    if not settings.redis.startswith(_SCHEMES):
        raise InvalidOption("redis", f"the address must begin with {' or '.join(_SCHEMES)}")
    try:
        answers = asyncio.run(_storage(settings.redis).check())
    except ValueError as error:
        raise InvalidOption("redis", f"is not the address of a Redis: {error}") from None
    if not answers:
        raise UsageError(f"no Redis answers at {shown(settings.redis)} (--redis); start it, or leave the option out")


_SCHEMES = ("redis://", "rediss://")
