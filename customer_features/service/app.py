"""The application: routes, their order, and what becomes of an exception. One for each worker."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Response, route
from litestar.enums import HttpMethod, ScopeType
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from customer_features.service import log, problems
from customer_features.service.access.authentication import Authenticator
from customer_features.service.access.credentials import CredentialStore
from customer_features.service.aside import Aside
from customer_features.service.bodies.computing import Computing
from customer_features.service.bodies.jobs import JOB
from customer_features.service.content import headers_by_name
from customer_features.service.documents import docs_page, openapi
from customer_features.service.guard import guarded, log_failure
from customer_features.service.log import LOGGER
from customer_features.service.peers import Peers
from customer_features.service.problems import Refused
from customer_features.service.replies import CLOSE, COMMON, Reply
from customer_features.service.route import PATHS, Route
from customer_features.service.settings import Settings
from customer_features.service.telemetry.observing import Observer

if TYPE_CHECKING:
    from customer_features.service.explorer.explorer import Explorer

HEALTH, READY, OPENAPI = "/health", "/ready", "/openapi.json"
EXPLORER = ("/", "/explorer/")
"""The page, and what stands below: its paths hold ids, so none is named in a log."""
_READ = [HttpMethod.GET, HttpMethod.HEAD]


def build(
    settings: Settings, draining: Callable[[], bool] = lambda: False, leaving: Callable[[], bool] = lambda: False
) -> ASGIApp:
    """The ASGI application of one worker. Raises UsageError where the credential store cannot be used.

    ``draining``: the server is about to stop; ``leaving``: this worker is, so each answer ends its connection.
    """
    store = CredentialStore(settings.data_dir) if settings.auth else None
    authenticator = Authenticator(store, cache=settings.key_cache) if store else None
    # The note of a key's use may have to wait its turn, and a request must not.
    noting = Aside("credential store")

    def note(number: int) -> None:
        if store is not None:
            noting.later(store.touch, number)

    answering = Route(settings, authenticator, note)

    @route(HEALTH, http_method=_READ, sync_to_thread=False)
    def health() -> Response[bytes]:
        return _response(Reply(200, b'{"status":"ok"}'))

    @route(READY, http_method=_READ, sync_to_thread=False)
    def ready() -> Response[bytes]:
        return _response(_readiness(store, draining))

    @route(OPENAPI, http_method=_READ, sync_to_thread=False)
    def openapi_document() -> Response[bytes]:
        return _response(Reply(200, openapi.encoded(settings)))

    watching = observers(settings, answering.computing)
    pages_of_explorer, explorer = _explorer(settings, answering)

    async def close() -> None:
        for observer in watching:
            await asyncio.to_thread(observer.close)
        await answering.close()
        if explorer is not None:
            await explorer.close()
        noting.close()
        if store is not None:
            store.close()

    litestar = Litestar(
        [health, ready, openapi_document, *docs_page.handlers(), *pages_of_explorer],
        # The framework's documentation pages load scripts from elsewhere; the document is ours.
        openapi_config=None,
        logging_config=None,
        exception_handlers={HTTPException: _refuse, Refused: _refused, Exception: _fail},
        on_startup=[answering.start],
        on_shutdown=[close],
    )

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await litestar(scope, receive, send)
        elif any(map(_is_ambiguous, headers_by_name(scope).get(b"transfer-encoding", ()))):
            detail = "Transfer-Encoding must be chunked, once."
            await problems.reply("bad-request", detail, scope["path"], headers=CLOSE).send(send)
        elif scope["path"] in PATHS:
            # Not by way of the framework, whose router alone takes as long as a small answer does.
            await answering(scope, receive, send)
        elif job := JOB.fullmatch(scope["path"]):
            await answering.job(scope, receive, send, job[1], result=bool(job[2]))
        else:
            await litestar(scope, receive, send)

    named = frozenset((*PATHS, HEALTH, READY, OPENAPI, *docs_page.FILES, *(EXPLORER if settings.explorer else ())))
    return guarded(routed, named, Peers(settings.trusted_proxies), watching, leaving)


def _explorer(settings: Settings, answering: Route) -> tuple[Sequence[HTTPRouteHandler], Explorer | None]:
    """The explorer's routes, and what is to be closed in the end."""
    if not settings.explorer:
        return (), None
    from customer_features.service.explorer.explorer import Explorer

    explorer = Explorer(settings, answering)
    return explorer.handlers(), explorer


def _is_ambiguous(transfer_encoding: bytes) -> bool:
    """Whether this may make a proxy see the body end elsewhere than we do (request smuggling)."""
    return transfer_encoding.strip().lower() != b"chunked"


def _readiness(store: CredentialStore | None, draining: Callable[[], bool]) -> Reply:
    if draining():
        return problems.reply("not-ready", "The server is stopping.", READY)
    if store is not None:
        try:
            store.check()
        except sqlite3.Error:
            LOGGER.exception("credential store unreadable")
            return problems.reply("not-ready", "The credential store cannot be read.", READY)
    return Reply(200, b'{"status":"ready"}')


def _response(reply: Reply) -> Response[bytes]:
    """A reply in the framework's terms."""
    headers = {name.decode(): value.decode() for name, value in (*reply.headers, *COMMON)}
    return Response(reply.body, status_code=reply.status, media_type=reply.media_type.decode(), headers=headers)


def _path(request: Request[Any, Any, Any]) -> str:
    return request.scope["path"]


def _refuse(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """The problem document for what the framework refuses: unknown paths and methods, a bad Host."""
    path, allow = _path(request), (error.headers or {}).get("allow", "")
    if error.status_code == 404:
        detail = f"There is nothing at this path; the service answers POST {PATHS[0]}."
        return _response(problems.reply("not-found", detail, path))
    if error.status_code == 405:
        methods = ", ".join(sorted(part.strip() for part in allow.split(",")))
        detail = f"This path takes {methods}."
        return _response(problems.reply("method-not-allowed", detail, path, headers=((b"allow", methods.encode()),)))
    if error.status_code == 400:
        return _response(problems.reply("bad-request", _unreadable(request, error), path))
    return _fail(request, error)


def _unreadable(request: Request[Any, Any, Any], error: HTTPException) -> str:
    """What the framework cannot read of a request."""
    if not isinstance(error, ValidationException):
        host = error.detail == "Invalid host header"
        return "The request's Host header is malformed." if host else "The request cannot be read."
    if not isinstance(error.extra, list):  # a parameter is missing
        return f"{error.detail.partition(' for path')[0]}."
    said = []
    for fault in error.extra:
        name = fault.get("key", "")
        found = request.query_params.get(name, "")[:60]
        allowed = _ALLOWED[next((kind for kind in _ALLOWED if kind in fault["message"]), "")]
        said.append(f"The query parameter '{name}' is '{found}', which is not {allowed}.")
    return " ".join(said)


_ALLOWED = {"`bool`": "true or false", "`int`": "a whole number", "range": "a whole number of 64 bits", "": "allowed"}
"""What a parameter may be, by words of the framework's message."""


def _refused(request: Request[Any, Any, Any], refused: Refused) -> Response[bytes]:
    return _response(refused.reply(_path(request)))


def _fail(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return _response(problems.internal_error(log_failure(error), _path(request)))


def observers(settings: Settings, computing: Computing) -> list[Observer]:
    """Those that the settings ask for, in one worker."""
    found: list[Observer] = []
    if settings.metrics_port is not None:
        from customer_features.service.telemetry.metrics import Metrics

        metrics = Metrics()
        computing.turns.watch = metrics.large_bodies
        log.watch_losses(metrics.lines_lost)
        found.append(metrics)
    if settings.traces is not None:
        from customer_features.service.telemetry import tracing

        found.append(tracing.sending_to(settings.traces))
    return found
