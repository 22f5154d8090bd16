"""The id of a request: the caller's where it is fit for a log, else our own.

It is in every log line of the request, in the answer's ``X-Request-Id``, and in the document of a 500.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from contextvars import ContextVar

from customer_features.service.secret import PREFIX

HEADER = b"x-request-id"

CURRENT: ContextVar[str] = ContextVar("request_id", default="-")
"""The id of the request that is being answered; ``-`` outside of one."""

_SANE = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_RUN = re.compile(r"[A-Za-z0-9]{12,}")
_SHARED = 8
"""Characters of the request's own secret that its id may not hold: chance makes so many alike once in 10^14."""


def chosen(given: Sequence[bytes], secrets_sent: Sequence[bytes] = ()) -> str:
    """The id for a request with these values of ``HEADER``: the one it brings, or 32 fresh hexadecimal digits.

    A caller's id is up to 64 letters, digits, dots, dashes and underlines, sent once; and nothing that looks like a
    secret or a part of one, which one slip in a client's configuration would put into every log: no secret's prefix,
    nothing of the secret that was sent, and no 12 letters and digits in a row that mix capitals and small letters.
    """
    if len(given) == 1 and _SANE.fullmatch(given[0]):
        text = given[0].decode("ascii")
        mixed = any(not (run.islower() or run.isupper() or run.isdigit()) for run in _RUN.findall(text))
        if PREFIX not in text and not mixed and not any(_shares(given[0], sent) for sent in secrets_sent):
            return text
    return secrets.token_hex(16)


def _shares(text: bytes, sent: bytes) -> bool:
    """Whether a text holds a part of a secret, or is one."""
    parts = (text[start : start + _SHARED] for start in range(max(len(text) - _SHARED, 0) + 1))
    return any(len(part) == _SHARED and part in sent for part in parts)
