"""The contract's route: credentials, quota, body, answer, in this order, on raw bytes.

Nothing here decodes the body: the rows engine decodes JSON in one typed pass, the DuckDB engine reads tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from litestar.types import HTTPScope, Receive, Send

from customer_features.engines.rows import Caps, answer
from customer_features.errors import InvalidRequest
from customer_features.service import content, encodings, problems
from customer_features.service.authentication import Authenticator, Outcome
from customer_features.service.computing import LARGE_BODY, Computing
from customer_features.service.content import JSON, header_values
from customer_features.service.limits import Limits, linger
from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused
from customer_features.service.quotas import Quotas, Standing
from customer_features.service.replies import CLOSE, Headers, Reply, body_event
from customer_features.service.settings import Settings
from customer_features.service.spool import Spool

if TYPE_CHECKING:
    from customer_features.service.table_route import TableRoute

PATHS = ("/api/v1/ai/customer_features", "/api/customer_features")
OUTCOME = "customer_features.outcome"
"""Where the state of a request's scope holds the outcome of its authentication, for the log."""

_OPEN = Outcome(True, "no_auth")
_VARY: Headers = ((b"vary", b"accept, accept-encoding"),)


class Route:
    """The route as an ASGI application; ``authenticator`` is None where there is no authentication."""

    def __init__(
        self,
        settings: Settings,
        authenticator: Authenticator | None,
        touch: Callable[[int], None] = lambda number: None,
    ) -> None:
        self.limits = Limits(settings)
        self.quotas = Quotas(settings)
        self.computing = Computing()
        self._authenticator = authenticator
        self._touch = touch
        caps = Caps(settings.max_customers, settings.max_transactions)
        self._answer: Callable[[bytes], bytes] = partial(answer, timezone=settings.timezone, caps=caps)
        self._tables = _table_route(settings, self.limits)

    def close(self) -> None:
        """Let what computes end once its work is done."""
        self.computing.close()
        if self._tables is not None:
            self._tables.close()

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if scope["method"] != "POST":
            detail = f"This path takes POST, not {scope['method'][:20]}."
            refusal = problems.reply("method-not-allowed", detail, path, headers=((b"allow", b"POST"),))
            await refusal.send(send)
            return
        standing = Standing()
        try:
            standing = await self._admit(scope)
            await self._post(scope, receive, send, standing.headers)
        except InvalidRequest as refusal:
            await problems.reply_with(refusal.status, refusal.problem, path).bearing(standing.headers).send(send)
        except Refused as refused:
            reply = refused.reply(path).bearing(standing.headers)
            if refused.close:
                await _send_early(reply.bearing(CLOSE), receive, send)
            else:
                await reply.send(send)

    async def _admit(self, scope: HTTPScope) -> Standing:
        """Who is calling, and how they stand. Raises Refused (401, 429, 503)."""
        outcome = self._authenticate(scope)
        scope["state"][OUTCOME] = outcome
        if not outcome.granted:
            standing = await self.quotas.failed_login(_peer(scope))
            if standing.over:
                detail = f"Too many failed logins from this address; try again in {standing.wait} seconds."
                raise Refused("too-many-requests", detail, close=True, headers=standing.headers)
            raise Refused("unauthorized", problems.UNAUTHORIZED, close=True)
        standing = await self.quotas.request(outcome.api_id)
        if standing.over:
            detail = f"The quota of requests is used up; try again in {standing.wait} seconds."
            raise Refused("too-many-requests", detail, close=True, headers=standing.headers)
        return standing

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

    async def _post(self, scope: HTTPScope, receive: Receive, send: Send, headers: Headers) -> None:
        kind = content.media_type(scope, self._kinds)
        unpacker = encodings.unpacker(header_values(scope, b"content-encoding"))
        declared = content.declared_length(scope)
        if kind != JSON and self._tables is not None:
            parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            async with self._tables.answering(scope, receive, kind, unpacker, parameters) as file:
                await file.bearing(headers).send(send)
            return
        with self.limits.holding() as share:
            body = await self.limits.read(receive, declared, share, unpacker)
            coding = encodings.chosen(header_values(scope, b"accept-encoding"))
            computed = await self.computing.answer(partial(_answered, self._answer, coding), body)
            await Reply(200, computed[0], headers=computed[1] + headers).send(send)

    @property
    def _kinds(self) -> tuple[str, ...]:
        return (JSON, *(self._tables.kinds if self._tables is not None else ()))


def _answered(work: Callable[[bytes], bytes], coding: str | None, body: bytes) -> tuple[bytes, Headers]:
    """The answer to a body, packed where the client takes that and it is worth it."""
    answered = work(body)
    if coding is None or len(answered) < encodings.WORTH_PACKING:
        return answered, ()
    return encodings.packed(answered, coding), ((b"content-encoding", coding.encode()), *_VARY)


def _table_route(settings: Settings, limits: Limits) -> TableRoute | None:
    """The part of the route that takes tables, where what reads them is installed."""
    try:
        from customer_features.service.table_route import TableRoute
    except ImportError:
        return None
    return TableRoute(settings, limits, Spool(settings.data_dir))


def _peer(scope: HTTPScope) -> str:
    client = scope.get("client")
    return client[0] if client else "-"


async def _send_early(reply: Reply, receive: Receive, send: Send) -> None:
    """Send a reply while the client may still be sending its body, then let it finish."""
    await send(reply.start())
    await send(body_event(reply.body, more=True))
    await linger(receive)
    await send(body_event(b"", more=False))


__all__ = ["LARGE_BODY", "OUTCOME", "PATHS", "Route"]
