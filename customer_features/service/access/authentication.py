"""Who is calling: the two headers checked against the store, in constant time, seldom asking it.

A secret that was right a moment ago is remembered for ``cache`` seconds, so that the store is not asked
for every request; that is also how long a revoked key may still serve. Anything else is looked up at
once: a new key works immediately, and an unknown tenant costs what a wrong secret does. A look-up reads and compares
the same number of keys for every tenant.
"""

from __future__ import annotations

import hmac
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from customer_features.service import secret
from customer_features.service.access.credentials import TOUCH_EVERY, CredentialStore
from customer_features.service.access.key import DIGEST, UNUSABLE, Key
from customer_features.service.access.layout import KEYS_READ
from customer_features.service.settings import KEY_CACHE

API_ID = b"x-customer-api-id"
SECRET = b"x-secret"

_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_SERVES = ("live", "retiring")
_NOBODYS = (-math.inf, [Key(0, "", "", bytes(DIGEST), 0.0, 0.0, None, None, False)] * KEYS_READ)
"""When nobody's keys were fetched, and they."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an authentication, fit for a log: ``api_id`` is a UUID or ``-``, never raw text.

    ``touch`` is the number of a key whose use is due to be noted.
    """

    granted: bool
    reason: str
    api_id: str = "-"
    touch: int | None = None


class Authenticator:
    """Checks credentials against ``store``; ``ticks`` is a clock that never goes back."""

    def __init__(
        self, store: CredentialStore, *, cache: float = KEY_CACHE, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._cache = cache
        self._ticks = ticks
        self._known: dict[str, tuple[float, list[Key]]] = {}
        self._touched: dict[int, float] = {}

    def check(self, headers: Mapping[bytes, Sequence[bytes]]) -> Outcome:
        """The outcome for a request's headers by name. Raises sqlite3.Error where the store cannot be read."""
        api_ids, secrets = headers.get(API_ID, ()), headers.get(SECRET, ())
        if not api_ids or not secrets:
            return Outcome(False, "missing")
        if len(api_ids) > 1 or len(secrets) > 1:
            return Outcome(False, "repeated_header")
        api_id = api_ids[0].decode("latin-1").lower()
        if not _UUID4.fullmatch(api_id):
            return Outcome(False, "malformed_api_id")
        plain = secrets[0].decode("latin-1")
        sent = secret.digest(plain, self._store.pepper)
        if (key := self._remembered(api_id, sent)) is not None:
            return Outcome(True, "granted", api_id, self._due(key))
        if not secret.well_formed(plain):
            return Outcome(False, "malformed_secret", api_id)
        return self._look_up(api_id, sent)

    def _remembered(self, api_id: str, sent: bytes) -> Key | None:
        """The key, where it was fetched a moment ago and serves still.

        What is not remembered is compared with nobody's, and what does not serve is asked for its status all the same:
        no time tells which tenants are remembered, or whose secret was right once.
        """
        fetched, keys = self._known.get(api_id, _NOBODYS)
        recent = self._ticks() - fetched < self._cache
        key = _matching(keys, api_id, sent)
        status = (key or keys[0]).status(self._store.clock())
        return key if key is not None and recent and status in _SERVES else None

    def _look_up(self, api_id: str, sent: bytes) -> Outcome:
        # Without such a tenant these are another's, which are looked at and remembered as this one's would be.
        keys = self._store.keys_near(api_id)
        key = _matching(keys, api_id, sent)
        owner = keys[0].api_id
        self._known[owner] = (self._ticks(), keys)
        # Both are asked for whether they count or not, because they take time too.
        status, unknown = (key or keys[0]).status(self._store.clock()), _why_none(keys, api_id)
        if key is None:
            return Outcome(False, unknown, api_id)
        if status not in _SERVES:
            return Outcome(False, status, api_id)
        return Outcome(True, "granted", api_id, self._due(key))

    def _due(self, key: Key) -> int | None:
        """The key's number when its last use should be noted again."""
        now = self._ticks()
        if now - self._touched.get(key.number, -TOUCH_EVERY) < TOUCH_EVERY:
            return None
        self._touched[key.number] = now
        return key.number


def _why_none(keys: list[Key], api_id: str) -> str:
    """Why none of these keys matches, if none does."""
    own = [key.sound for key in keys if key.api_id == api_id]
    if not all(own):
        return UNUSABLE
    return "wrong_secret" if own else "unknown_api_id"


def _matching(keys: list[Key], api_id: str, sent: bytes) -> Key | None:
    """The tenant's key with that digest; every one is compared, whether an earlier one matched or not."""
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, sent) and key.api_id == api_id:
            found = key
    return found
