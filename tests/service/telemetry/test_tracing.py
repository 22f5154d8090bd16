"""One span a request, with nothing in it that was sent but the request's id."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from customer_features.service import app
from customer_features.service.bodies import small_json
from customer_features.service.settings import Settings
from customer_features.service.telemetry import tracing
from customer_features.service.telemetry.observing import Seen
from customer_features.service.telemetry.tracing import Tracing
from tests.service.harness import EXAMPLE, ROUTE, Local, Running, environment

SENTINEL = "sentinel-4711"
NOW = 1_800_000_000_000_000_000
"""Nanoseconds since 1970."""


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "sending_to", lambda address: Tracing(SimpleSpanProcessor(exporter), lambda: NOW))
    return exporter


def ask(method: str, path: str, **more: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        application: Any = app.build(Settings(auth=False, traces="http://collector"))
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **more)

    return asyncio.run(call())


def test_a_span_a_request(spans: InMemorySpanExporter) -> None:
    headers = {"Content-Type": "application/json", "X-Request-Id": "traced-1"}
    assert ask("POST", ROUTE, content=EXAMPLE, headers=headers).status_code == 200
    assert ask("GET", "/not/there", headers={"X-Request-Id": "traced-2"}).status_code == 404
    right, wrong = spans.get_finished_spans()
    assert (right.name, right.kind.name, right.parent, right.status.status_code.name) == (
        f"POST {ROUTE}",
        "SERVER",
        None,
        "UNSET",
    )
    assert dict(right.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": ROUTE,
        "http.response.status_code": 200,
        tracing.REQUEST_ID: "traced-1",
    }
    assert right.start_time is not None
    assert right.start_time < NOW == right.end_time
    assert wrong.name == "GET other"
    assert (wrong.attributes or {})[tracing.PROBLEM] == "not-found"
    assert right.resource.attributes["service.name"] == "customer-features"
    assert right.get_span_context().trace_id != wrong.get_span_context().trace_id  # type: ignore[union-attr]


def test_a_span_is_as_long_as_its_request() -> None:
    exporter = InMemorySpanExporter()
    traced = Tracing(SimpleSpanProcessor(exporter), lambda: NOW)
    traced.end(Seen(ROUTE, "POST", "x", status=200, seconds=0.25))
    (span,) = exporter.get_finished_spans()
    assert (span.start_time, span.end_time) == (NOW - 250_000_000, NOW)


def test_req_12_a_span_captures_no_headers(spans: InMemorySpanExporter) -> None:
    given = {
        "X-Secret": SENTINEL,
        "X-Customer-Api-Id": SENTINEL,
        "Authorization": SENTINEL,
        "User-Agent": SENTINEL,
        "Cookie": SENTINEL,
        "X-Forwarded-For": SENTINEL,
        "Traceparent": "00-5e47135e47135e47135e47135e471300-5e47135e47135e47-01",
        "Tracestate": f"x={SENTINEL}",
        "Baggage": f"x={SENTINEL}",
        "Content-Type": "application/json",
    }
    assert ask("POST", f"{ROUTE}?secret={SENTINEL}", content=EXAMPLE, headers=given).status_code == 200
    (span,) = spans.get_finished_spans()
    written = span.to_json()
    assert SENTINEL not in written
    assert "5e47135e47" not in written
    assert set(span.attributes or {}) == {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        tracing.REQUEST_ID,
    }


def test_req_11_a_failure_leaves_neither_message_nor_event(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(body: bytes, **more: object) -> bytes:
        raise ValueError(SENTINEL)

    monkeypatch.setattr(small_json, "answer", fail)
    reply = ask("POST", ROUTE, content=EXAMPLE, headers={"Content-Type": "application/json"})
    assert reply.status_code == 500
    (span,) = spans.get_finished_spans()
    assert span.events == ()
    assert (span.status.status_code.name, span.status.description) == ("ERROR", None)
    assert (span.attributes or {})[tracing.REQUEST_ID] == reply.json()["id"]
    assert SENTINEL not in span.to_json()


class Collector(ThreadingHTTPServer):
    """What an OpenTelemetry collector hears."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hearing)
        self.heard: list[bytes] = []


class _Hearing(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        self.server.heard.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_req_11_neither_secret_nor_id_is_in_the_traces(local: Callable[..., Local], collector: Collector) -> None:
    server = local("--traces", f"http://127.0.0.1:{collector.server_address[1]}", key=True)
    secret = server.headers["X-Secret"]
    body = EXAMPLE.replace(b"C-1001", SENTINEL.encode())
    statuses = [
        server.post(body).status_code,
        server.post(body.replace(b"520.55", b"-1")).status_code,
        server.post(body.replace(b"2025-04-21", SENTINEL.encode())).status_code,
        server.post(body[:-1]).status_code,
        server.post(body, Content_Type=SENTINEL).status_code,
        server.post(body, X_Secret=SENTINEL).status_code,
        server.post(body, X_Customer_Api_Id=SENTINEL).status_code,
        server.post(body, X_Request_Id=secret).status_code,
        server.post(body, path=f"/{SENTINEL}?secret={secret}").status_code,
    ]
    assert statuses == [200, 422, 422, 400, 415, 401, 401, 200, 404]
    # What is left is sent when the server stops.
    server.stop()
    found = []
    for message in collector.heard:
        request = ExportTraceServiceRequest.FromString(message)
        found += [span for part in request.resource_spans for scope in part.scope_spans for span in scope.spans]
    assert len(found) == len(statuses)
    everything = b"".join(collector.heard)
    for word in (SENTINEL, secret, secret[4:58], server.headers["X-Customer-Api-Id"]):
        assert word.encode() not in everything
        assert word not in server.log_text() or word == server.headers["X-Customer-Api-Id"]


@pytest.mark.slow
def test_a_collector_that_is_away_costs_no_request(started: Callable[..., Running]) -> None:
    server = started("--no-auth", "--traces", "http://127.0.0.1:9/v1/traces")
    assert [server.post().status_code for _ in range(5)] == [200] * 5
    assert server.stop() == 0
    lines = [line for line in server.log.read_text().splitlines() if not line.startswith("Listening")]
    # What OpenTelemetry has to say of it is a line of JSON like every other.
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize(
    ("address", "sent_to"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("https://collector.example/", "https://collector.example/v1/traces"),
        ("http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/traces"),
    ],
)
def test_the_address_of_a_collector(address: str, sent_to: str) -> None:
    assert tracing.checked(address) == sent_to


WITHOUT = """
import sys
sys.modules["opentelemetry.sdk.trace"] = None
from customer_features.cli import main
main(["serve", "--no-auth", "--traces", "http://127.0.0.1:4318"])
"""


def test_without_the_extra_the_message_says_how_to_install_it(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "pip install 'customer-features[tracing]'" in run.stderr
    assert "Traceback" not in run.stderr
