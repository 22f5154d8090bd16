"""A secret's form: 64 characters, ``cfs_``, 54 of the system's randomness, 6 of checksum.

The prefix lets scanners recognise a leaked secret; the checksum lets a typo be refused without asking
the store; the 54 base-62 characters hold 321 bits, so a fast keyed hash is all the protection they need.
"""

from __future__ import annotations

import hmac
import secrets
import string
from hashlib import sha256
from zlib import crc32

PREFIX = "cfs_"
LENGTH = 64

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM = 54
_CHECK = 6


def _checksum(text: str) -> str:
    rest, digits = crc32(text.encode("ascii")), ""
    for _ in range(_CHECK):
        rest, digit = divmod(rest, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits


def make() -> str:
    """A new secret."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return body + _checksum(body)


def well_formed(text: str) -> bool:
    """Whether ``text`` can be a secret at all: its length, prefix and checksum."""
    if len(text) != LENGTH or not text.startswith(PREFIX) or not text.isascii():
        return False
    # No digest, but a comparison that gives nothing away costs nothing either.
    return hmac.compare_digest(_checksum(text[:-_CHECK]), text[-_CHECK:])


def digest(secret: str, pepper: bytes) -> bytes:
    """What the store keeps of a secret: HMAC-SHA-256 under the pepper, 32 bytes."""
    return hmac.digest(pepper, secret.encode(), sha256)
