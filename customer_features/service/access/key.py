"""One secret of a tenant as the store keeps it, without the secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

UNUSABLE = "unusable_key"
"""The status of a key whose row holds values of wrong types: it never serves, and ``doctor`` names it."""

DIGEST = 32
"""Bytes of a secret's digest."""


@dataclass(frozen=True, slots=True)
class Key:
    """One secret of a tenant, without the secret. Times are seconds since 1970, UTC."""

    number: int
    api_id: str
    label: str
    digest: bytes
    not_before: float
    expires_on: float
    last_used_on: float | None
    revoked_on: float | None
    superseded: bool
    sound: bool = True

    def status(self, now: float) -> str:
        """``live``, ``retiring`` (live until its successor's overlap ends), or why it does not serve."""
        if not self.sound:
            return UNUSABLE
        if self.revoked_on is not None:
            return "revoked"
        if now >= self.expires_on:
            return "expired"
        if now < self.not_before:
            return "not_yet_valid"
        return "retiring" if self.superseded else "live"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is made: the only time that its secret is seen."""

    api_id: str
    secret: str
    label: str
    expires_on: float


def key_of(row: Sequence[Any]) -> Key:
    """The key of a row of the store; SQLite keeps whatever type is written, so each value's is looked at."""
    number, api_id, label, digest, not_before, expires_on, last_used_on, revoked_on, superseded = row
    readable = type(digest) is bytes and len(digest) == DIGEST
    timed = type(not_before) is float and type(expires_on) is float
    if readable and timed and type(last_used_on) in _MAYBE and type(revoked_on) in _MAYBE:
        return Key(
            number, str(api_id), str(label), digest, not_before, expires_on, last_used_on, revoked_on, superseded
        )
    kept = digest if readable else bytes(DIGEST)  # which is nobody's digest
    return Key(number, str(api_id), str(label), kept, 0.0, 0.0, None, None, superseded, sound=False)


_MAYBE = (float, type(None))
