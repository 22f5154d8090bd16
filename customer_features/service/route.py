"""The contract's route: credentials, quota, body, answer, in this order, on raw bytes.

Nothing here decodes the body: the rows engine decodes JSON in one typed pass, the DuckDB engine reads tables.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from litestar.types import HTTPScope, Receive, Send

from customer_features.engines.rows.engine import Caps, answer
from customer_features.errors import InvalidRequest, UsageError
from customer_features.service import content, problems, query
from customer_features.service.access.authentication import Authenticator, Outcome
from customer_features.service.access.quotas import Quotas, Standing
from customer_features.service.bodies import encodings, large_json, small_json
from customer_features.service.bodies.computing import Computing
from customer_features.service.bodies.jobs import ARRIVES, Jobs, wanted
from customer_features.service.bodies.leaving import ClientLeft, while_connected
from customer_features.service.bodies.receiving import Limits, linger
from customer_features.service.bodies.spool import Spool
from customer_features.service.content import CUSTOMERS, JSON, OUTCOME, header_values, headers_by_name
from customer_features.service.log import LOGGER
from customer_features.service.peers import peer_of
from customer_features.service.problems import Refused
from customer_features.service.replies import CLOSE, PIECE, Headers, PiecesReply, Reply, body_event
from customer_features.service.settings import TENANT_DISK, Settings

if TYPE_CHECKING:
    from customer_features.service.bodies.job_route import JobRoute
    from customer_features.service.bodies.table_route import TableRoute

Work = Callable[[HTTPScope, Receive, Send, Standing], Awaitable[None]]

PATHS = ("/api/v1/ai/customer_features", "/api/customer_features", "/api/customer-features")
"""The contract's path, and those that published clients post to: of today's versions, and of earlier ones."""

# A quote within a string is escaped, so this stands nowhere but where a customer's vector begins.
_VECTOR = b'"features":{'
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
        self.computing = Computing(settings.memory_of_process, spare=True)
        self._seconds = settings.request_timeout
        self._authenticator = authenticator
        self._touch = touch
        caps = Caps(settings.max_customers, settings.max_transactions)
        self._answer: Callable[[bytes | memoryview], bytes] = partial(answer, timezone=settings.timezone, caps=caps)
        self._answer_small = partial(small_json.answer, timezone=settings.timezone, caps=caps)
        self._tables = _table_route(settings, self.limits)
        self._kinds = (JSON, *(self._tables.kinds if self._tables is not None else ()))
        self.jobs = _job_route(settings, self.limits)

    async def start(self) -> None:
        """Begin to work on jobs."""
        if self.jobs is not None:
            await self.jobs.start()

    async def close(self) -> None:
        """Let what computes end once its work is done; a job goes back into its queue."""
        if self.jobs is not None:
            await self.jobs.close()
        self.computing.close()
        if self._tables is not None:
            self._tables.close()

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            path = scope["path"]
            detail = f"This path takes POST, not {scope['method'][:20]}."
            refusal = problems.reply("method-not-allowed", detail, path, headers=((b"allow", b"POST"),))
            await refusal.send(send)
            return
        await self._answering(scope, receive, send, self._post)

    async def job(self, scope: HTTPScope, receive: Receive, send: Send, job_id: str, *, result: bool) -> None:
        """Answer one request about a job."""
        path, methods = scope["path"], ("GET",) if result else ("GET", "DELETE")
        if scope["method"] not in methods:
            detail = f"This path takes {', '.join(methods)}, not {scope['method'][:20]}."
            allow = (b"allow", ", ".join(methods).encode())
            await problems.reply("method-not-allowed", detail, path, headers=(allow,)).send(send)
            return

        async def tell(scope: HTTPScope, receive: Receive, send: Send, standing: Standing) -> None:
            if self.jobs is None:
                raise Refused("not-found", "This server takes no jobs.")
            tenant = tenant_of(scope)
            with self.limits.holding(tenant) as share:
                if result:
                    share.hold(PIECE)  # of the answer's file, for as long as its reader takes
                    reply = await self.jobs.result(job_id, tenant)
                elif scope["method"] == "DELETE":
                    reply = await self.jobs.cancel(job_id, tenant)
                else:
                    reply = await self.jobs.tell(job_id, tenant)
                await reply.bearing(standing.headers).send(send)

        await self._answering(scope, receive, send, tell)

    async def _answering(self, scope: HTTPScope, receive: Receive, send: Send, work: Work) -> None:
        """Admit a request, do the work, and answer with the problem where it is refused."""
        path, standing = scope["path"], Standing()
        try:
            standing = await self.admit(scope)
            await work(scope, receive, send, standing)
        except ClientLeft:
            return
        except InvalidRequest as refusal:
            await problems.reply_with(refusal.status, refusal.problem, path).bearing(standing.headers).send(send)
        except Refused as refused:
            reply = refused.reply(path).bearing(standing.headers)
            if refused.close:
                await _send_early(reply.bearing(CLOSE), receive, send)
            else:
                await reply.send(send)

    async def admit(self, scope: HTTPScope) -> Standing:
        """Who is calling, which the scope's state tells then, and how they stand. Raises Refused (401, 429, 503)."""
        outcome = self._authenticate(scope)
        scope["state"][OUTCOME] = outcome
        if not outcome.granted:
            standing = await self.quotas.failed_login(peer_of(scope))
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
            outcome = self._authenticator.check(headers_by_name(scope))
        except sqlite3.Error:
            LOGGER.exception("credential store unreadable")
            raise Refused("not-ready", "The credentials cannot be checked now; try again.", close=True) from None
        if outcome.touch is not None:
            self._touch(outcome.touch)
        return outcome

    async def _post(self, scope: HTTPScope, receive: Receive, send: Send, standing: Standing) -> None:
        headers, tenant = standing.headers, tenant_of(scope)
        kind = content.media_type(scope, self._kinds)
        parameters = query.parsed(scope["query_string"])
        unpacker = encodings.unpacker(header_values(scope, b"content-encoding"))
        declared = content.declared_length(scope)
        if kind == JSON:
            _refuse_options(parameters)
        if self.jobs is not None and wanted(header_values(scope, b"prefer")):
            reply = await self.jobs.accept(scope, receive, kind, unpacker, parameters, tenant)
            await reply.bearing(headers).send(send)
            return
        if kind != JSON and self._tables is not None:
            async with self._tables.answering(scope, receive, kind, unpacker, parameters, tenant) as file:
                await file.bearing(headers).send(send)
            return
        with self.limits.holding(tenant) as share:
            body = await self.limits.read(receive, declared, share, unpacker)
            coding = encodings.chosen(header_values(scope, b"accept-encoding"))
            whole: Reply | PiecesReply
            work = partial(_answered, self._answer, coding)
            if isinstance(body, bytes):
                try:
                    answered, more, customers = _answered(self._answer_small, coding, body)
                except small_json.ManyMembers:
                    beside = self.computing.run(work, body, seconds=self._seconds, tenant=tenant)
                    answered, more, customers = await while_connected(receive, beside)
                whole = Reply(200, answered, headers=more)
            else:
                computed = large_json.answered(self.computing, work, body, seconds=self._seconds, tenant=tenant)
                pieces, customers = await while_connected(receive, computed)
                share.settle(pieces.length)
                whole = pieces
            scope["state"][CUSTOMERS] = customers
            await whole.bearing(headers).send(send)


def _refuse_options(parameters: list[tuple[str, str]]) -> None:
    """Refuse options in the query of a JSON request: it would be answered as if they were not there."""
    errors = {
        name: ["stands in the query, but the options of a JSON request stand in its document"]
        for name, _ in parameters
        if name in content.TABLE_OPTIONS
    }
    if errors:
        count = len(errors)
        raise Refused("faulty-request", content.FAULTY_OPTIONS, close=True, errors=errors, fault_count=count)


def _answered(
    work: Callable[[bytes | memoryview], bytes], coding: str | None, body: bytes | memoryview
) -> tuple[bytes, Headers, int]:
    """The answer to a body, packed where the client takes that and it is worth it, and how many vectors it holds."""
    answered = work(body)
    customers = answered.count(_VECTOR)
    if coding is None or len(answered) < encodings.WORTH_PACKING:
        return answered, (), customers
    return encodings.packed(answered, coding), ((b"content-encoding", coding.encode()), *_VARY), customers


def _table_route(settings: Settings, limits: Limits) -> TableRoute | None:
    """The part of the route that takes tables, where what reads them is installed."""
    try:
        from customer_features.service.bodies.table_route import TableRoute
    except ImportError:
        return None
    return TableRoute(settings, limits, Spool(settings.data_dir))


def _job_route(settings: Settings, limits: Limits) -> JobRoute | None:
    """The part of the route that takes jobs, where their queue can be kept and what computes them is installed."""
    try:
        from customer_features.service.bodies.job_route import JobRoute
    except ImportError:
        return None
    try:
        jobs = Jobs(
            settings.data_dir,
            keep=settings.job_keep,
            disk=settings.tenant_disk or max(TENANT_DISK, 4 * limits.max_table, 4 * limits.max_unpacked),
            running=max(settings.workers // 2, 1),
            arrives=settings.request_timeout + ARRIVES,
        )
    except UsageError:
        if settings.auth:
            raise
        return None  # a local trial needs no folder of its own
    return JobRoute(settings, limits, jobs)


def tenant_of(scope: HTTPScope) -> str:
    """Whose an admitted request is."""
    outcome: Outcome = scope["state"][OUTCOME]
    return outcome.api_id


async def _send_early(reply: Reply, receive: Receive, send: Send) -> None:
    """Send a reply while the client may still be sending its body, then let it finish."""
    await send(reply.start())
    await send(body_event(reply.body, more=True))
    await linger(receive)
    await send(body_event(b"", more=False))
