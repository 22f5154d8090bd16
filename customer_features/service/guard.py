"""The outermost layer: nothing gets past it, and every request leaves one line in the log."""

from __future__ import annotations

import logging
import time
import uuid

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from customer_features.service import problems
from customer_features.service.authentication import Outcome
from customer_features.service.log import LOGGER
from customer_features.service.route import OUTCOME


def guarded(app: ASGIApp, routes: frozenset[str]) -> ASGIApp:
    """``app`` with a last-resort answer and a log line a request; ``routes`` are the paths worth naming."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        started = time.perf_counter()
        path = scope["path"]
        status = 0

        async def outgoing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await app(scope, receive, outgoing)
        except Exception as error:
            if status == 0:
                status = 500
                await problems.internal_error(log_failure(error), path).send(send)
            else:
                # The reply has begun: all that is left is to say so in the log.
                log_failure(error)
        finally:
            _log_request(scope, path if path in routes else "other", status, time.perf_counter() - started)

    return call


def log_failure(error: BaseException) -> str:
    """Log a failure of ours without its message, which may quote data; the id that leads to the line."""
    error_id = str(uuid.uuid4())
    LOGGER.error("internal error", exc_info=error, extra={"fields": {"id": error_id}})
    return error_id


def _log_request(scope: Scope, path: str, status: int, seconds: float) -> None:
    outcome: Outcome | None = scope.get("state", {}).get(OUTCOME)
    if not LOGGER.isEnabledFor(logging.INFO) and (outcome is None or outcome.granted):
        return
    client = scope.get("client")
    fields: dict[str, object] = {
        "path": path,
        "status": status,
        "ms": round(seconds * 1000, 3),
        "peer": client[0] if client else "-",
    }
    if outcome is not None:
        fields["api_id"] = outcome.api_id
        fields["auth"] = outcome.reason
    level = logging.INFO if outcome is None or outcome.granted else logging.WARNING
    LOGGER.log(level, "request", extra={"fields": fields})
