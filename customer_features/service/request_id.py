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


def chosen(given: Sequence[bytes]) -> str:
    """The id for a request with these values of ``HEADER``: the one it brings, or 32 fresh hexadecimal digits.

    A caller's id is up to 64 letters, digits, dots, dashes and underlines, sent once; and nothing that looks
    like a secret, which one slip in a client's configuration would put into every log.
    """
    if len(given) == 1 and _SANE.fullmatch(given[0]):
        text = given[0].decode("ascii")
        if PREFIX not in text:
            return text
    return secrets.token_hex(16)
