"""Traces: one span a request, sent by OTLP over HTTP; off unless an address is given.

A span holds the method, the route, the status, the request's id and, on a refusal, the problem's name. It holds no
header, query, body, peer or credential, and of a failure not even the exception's type: the log has that. A caller's
``traceparent`` is a header as well and is not read; the request's id joins our span to whatever the caller traces.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from customer_features._version import __version__
from customer_features.errors import InvalidOption, MissingExtra
from customer_features.service.telemetry.observing import Seen

try:
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import SpanKind, StatusCode
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("customer-features serve --traces", "tracing") from error

REQUEST_ID = "customer_features.request_id"
PROBLEM = "customer_features.problem"
_PATIENCE = 5
"""Seconds that a collector may take; a stopping worker waits no longer for it."""


def checked(address: str) -> str:
    """The collector's address. Raises InvalidOption, which quotes no password."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise InvalidOption("traces", "the address is malformed; give for example " + _EXAMPLE) from None
    if parts.username is not None or parts.password is not None:
        raise InvalidOption(
            "traces", "the address must hold no password; give the collector's headers in OTEL_EXPORTER_OTLP_HEADERS"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidOption("traces", f"'{address}' is not an http(s) address; give for example {_EXAMPLE}")
    return address if parts.path.strip("/") else f"{address.rstrip('/')}/v1/traces"


_EXAMPLE = "http://127.0.0.1:4318/v1/traces"


class Tracing:
    """The spans of one worker, as an observer of requests; ``clock`` gives nanoseconds since 1970."""

    def __init__(self, processor: SpanProcessor, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        resource = Resource.create({"service.name": "customer-features", "service.version": __version__})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("customer_features", __version__)

    def begin(self, seen: Seen) -> None:
        """A request has come: its span is made at its end, when everything about it is known."""

    def end(self, seen: Seen) -> None:
        """It is over."""
        ended = self._clock()
        span = self._tracer.start_span(
            f"{seen.method} {seen.route}",
            # A context of its own, so that nothing around it becomes its parent.
            context=Context(),
            kind=SpanKind.SERVER,
            start_time=ended - int(seen.seconds * 1e9),
            attributes={"http.request.method": seen.method, "http.route": seen.route, REQUEST_ID: seen.request_id},
            record_exception=False,
            set_status_on_exception=False,
        )
        if seen.status:
            span.set_attribute("http.response.status_code", seen.status)
        if seen.reason is not None:
            span.set_attribute(PROBLEM, seen.reason.problem)
        if seen.status >= 500 or not seen.status:
            span.set_status(StatusCode.ERROR)
        span.end(ended)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def sending_to(address: str) -> Tracing:
    """Spans in batches to a collector; a thread sends them."""
    return Tracing(BatchSpanProcessor(OTLPSpanExporter(address, timeout=_PATIENCE)))
