"""The contract's route: headers, credentials, body, answer, in this order, on raw bytes.

Nothing here decodes the body; the rows engine does, in one typed pass.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial

from litestar.types import HTTPScope, Receive, Send

from customer_features.engines.rows import answer
from customer_features.errors import InvalidRequest
from customer_features.service import problems
from customer_features.service.authentication import Authenticator, Outcome
from customer_features.service.limits import Limits, linger
from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused
from customer_features.service.replies import CLOSE, Reply, body_event
from customer_features.service.settings import Settings

PATHS = ("/api/v1/ai/customer_features", "/api/customer_features")
OUTCOME = "customer_features.outcome"
"""Where the state of a request's scope holds the outcome of its authentication, for the log."""

_OPEN = Outcome(True, "no_auth")


class Route:
    """The route as an ASGI application; ``authenticator`` is None where there is no authentication."""

    def __init__(
        self,
        settings: Settings,
        limits: Limits,
        authenticator: Authenticator | None,
        touch: Callable[[int], None] = lambda number: None,
    ) -> None:
        self._limits = limits
        self._authenticator = authenticator
        self._touch = touch
        self._answer: Callable[[bytes], bytes] = partial(answer, timezone=settings.timezone)

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if scope["method"] != "POST":
            detail = f"This path takes POST, not {scope['method'][:20]}."
            refusal = problems.reply("method-not-allowed", detail, path, headers=((b"allow", b"POST"),))
            await refusal.send(send)
            return
        with self._limits.holding() as share:
            try:
                reply = await self._post(scope, receive, share)
            except InvalidRequest as refusal:
                reply = problems.reply_with(refusal.status, refusal.problem, path)
            except Refused as refused:
                headers = CLOSE if refused.close else ()
                reply = problems.reply(refused.name, refused.detail, path, headers=headers)
                if refused.close:
                    await _send_early(reply, receive, send)
                    return
            if reply.headers == CLOSE:
                await _send_early(reply, receive, send)
            else:
                await reply.send(send)

    async def _post(self, scope: HTTPScope, receive: Receive, share: list[int]) -> Reply:
        outcome = self._authenticate(scope)
        scope["state"][OUTCOME] = outcome
        declared = _declared_length(scope)
        if not outcome.granted:
            refusal = problems.unauthorized(scope["path"])
            return Reply(refusal.status, refusal.body, refusal.media_type, CLOSE)
        _check_content(scope)
        body = await self._limits.read(receive, declared, share)
        return Reply(200, await self._limits.compute(self._answer, body))

    def _authenticate(self, scope: HTTPScope) -> Outcome:
        if self._authenticator is None:
            return _OPEN
        try:
            outcome = self._authenticator.check(scope["headers"])
        except sqlite3.Error:
            LOGGER.exception("credential store unreadable")
            raise Refused("not-ready", "The credentials cannot be checked now; try again.", close=True) from None
        if outcome.touch is not None:
            self._touch(outcome.touch)
        return outcome


def _declared_length(scope: HTTPScope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def _check_content(scope: HTTPScope) -> None:
    """Refuse what is not plain ``application/json`` in UTF-8."""
    content_type = None
    for name, value in scope["headers"]:
        if name == b"content-type":
            if value == b"application/json":
                content_type = value
                continue
            content_type = value
            _check_type(value.decode("latin-1"))
        elif name == b"content-encoding" and value.strip().lower() not in (b"identity", b""):
            raise Refused(
                "unsupported-media-type",
                "Content-Encoding is not supported: send the body uncompressed (identity).",
                close=True,
            )
    if content_type is None:
        raise Refused(
            "unsupported-media-type", "Content-Type is missing: send Content-Type: application/json.", close=True
        )


def _check_type(value: str) -> None:
    kind, *parameters = [part.strip() for part in value.lower().split(";")]
    charsets = [p.partition("=")[2].strip().strip('"') for p in parameters if p.startswith("charset")]
    if kind != "application/json" or any(charset not in ("utf-8", "utf8") for charset in charsets):
        raise Refused(
            "unsupported-media-type",
            "Content-Type must be application/json (charset utf-8, or none).",
            close=True,
        )


async def _send_early(reply: Reply, receive: Receive, send: Send) -> None:
    """Send a reply while the client may still be sending its body, then let it finish."""
    await send(reply.start())
    await send(body_event(reply.body, more=True))
    await linger(receive)
    await send(body_event(b"", more=False))
