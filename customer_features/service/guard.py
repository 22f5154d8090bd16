"""The outermost layer: nothing gets past it, and every request has an id and leaves one line in the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPResponseStartEvent, HTTPScope, Message, Receive, Scope, Send

from customer_features.service import problems, request_id
from customer_features.service.access.authentication import SECRET
from customer_features.service.bodies import jobs
from customer_features.service.content import CUSTOMERS, OUTCOME, headers_by_name
from customer_features.service.log import LOGGER, write
from customer_features.service.peers import PEER, Peers, peer_of
from customer_features.service.replies import CLOSE
from customer_features.service.telemetry.observing import Observer, Seen

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def guarded(
    app: ASGIApp,
    routes: frozenset[str],
    peers: Peers | None = None,
    observers: Sequence[Observer] = (),
    leaving: Callable[[], bool] = lambda: False,
) -> ASGIApp:
    """``app`` with a last-resort answer and a log line a request; ``routes`` are the paths worth naming.

    While the worker is ``leaving``, each answer ends its connection.
    """
    peers = peers or Peers()

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        started = time.perf_counter()
        path, method = scope["path"], scope["method"]
        scope.setdefault("state", {})[PEER] = peers.find(scope)
        headers = headers_by_name(scope)
        seen = Seen(
            path if path in routes else jobs.route_of(path) or _below(path, routes) or "other",
            method if method in _METHODS else "other",
            request_id.chosen(headers.get(request_id.HEADER, ()), headers.get(SECRET, ())),
        )
        token = request_id.CURRENT.set(seen.request_id)
        for observer in observers:
            observer.begin(seen)

        async def outgoing(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                message = _with_id(message, seen, close=leaving())
            elif message["type"] == "http.response.body":
                seen.sent(message["body"])
            await send(message)

        try:
            await app(scope, receive, outgoing)
        except Exception as error:
            error_id = log_failure(error)
            # Once the reply has begun, all that is left is to say so in the log.
            if seen.status == 0:
                await problems.internal_error(error_id, path).send(outgoing)
        finally:
            seen.seconds = time.perf_counter() - started
            seen.outcome = scope["state"].get(OUTCOME)
            seen.customers = scope["state"].get(CUSTOMERS, 0)
            for observer in observers:
                observer.end(seen)
            _log_request(scope, seen)
            request_id.CURRENT.reset(token)

    return call


def _below(path: str, routes: frozenset[str]) -> str | None:
    """The route that ends in a slash and that a path stands below, if there is one."""
    return next((route for route in routes if len(route) > 1 and route.endswith("/") and path.startswith(route)), None)


def log_failure(error: BaseException) -> str:
    """Log a failure of ours without its message, which may quote data; the id that leads to the line."""
    LOGGER.error("internal error", exc_info=error)
    return request_id.CURRENT.get()


def _with_id(message: HTTPResponseStartEvent, seen: Seen, *, close: bool) -> HTTPResponseStartEvent:
    headers = list(message["headers"])
    if close:
        headers = [(name, value) for name, value in headers if name != b"connection"] + [*CLOSE]
    seen.media_type = next((value for name, value in headers if name == b"content-type"), b"")
    headers.append((request_id.HEADER, seen.request_id.encode()))
    return {"type": "http.response.start", "status": message["status"], "headers": headers}


def _log_request(scope: HTTPScope, seen: Seen) -> None:
    outcome = seen.outcome
    level = logging.INFO if outcome is None or outcome.granted else logging.WARNING
    if not LOGGER.isEnabledFor(level):
        return
    fields: dict[str, object] = {
        "path": seen.route,
        "status": seen.status,
        "ms": round(seen.seconds * 1000, 3),
        "peer": peer_of(scope),
    }
    if outcome is not None:
        fields["api_id"] = outcome.api_id
        fields["auth"] = outcome.reason
    if seen.reason is not None:
        fields["problem"] = seen.reason.problem
        if seen.reason.fault_count:
            fields["fault_count"] = seen.reason.fault_count
            fields["faults"] = seen.reason.faults
    elif seen.customers:
        fields["customers"] = seen.customers
    write(level, "request", fields)
