"""Failures of ours: an id for the caller, a line for the log, and no data in either."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from customer_features.service import app
from customer_features.service.bodies import small_json
from customer_features.service.guard import guarded
from customer_features.service.log import LOGGER, JsonLines
from customer_features.service.settings import Settings

from .harness import EXAMPLE, ROUTE, Running, problem

SENTINEL = "sentinel-4711"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the service's logger writes."""
    sink = io.StringIO()
    handler = logging.StreamHandler(sink)
    handler.setFormatter(JsonLines())
    LOGGER.addHandler(handler)
    before = LOGGER.level
    LOGGER.setLevel(logging.INFO)  # not the attribute: what was asked of it before is remembered
    yield sink
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(before)


def ask(application: Any, path: str = ROUTE, **more: Any) -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(application, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, **more)

    return asyncio.run(call())


@pytest.mark.parametrize("error", [ValueError(SENTINEL), MemoryError(SENTINEL), KeyError(SENTINEL)])
def test_req_23_a_failure_of_the_engine_answers_500_with_an_id(
    monkeypatch: pytest.MonkeyPatch, logged: io.StringIO, error: Exception
) -> None:
    def fail(body: bytes, **more: object) -> bytes:
        raise error

    monkeypatch.setattr(small_json, "answer", fail)
    body = EXAMPLE.replace(b"C-1001", SENTINEL.encode())
    headers = {"Content-Type": "application/json", "X-Secret": SENTINEL}
    document = problem(ask(app.build(Settings(auth=False)), content=body, headers=headers), 500, "internal-error")
    assert set(document) == {"type", "title", "status", "detail", "instance", "id"}
    assert re.fullmatch("[0-9a-f]{32}", document["id"])
    assert SENTINEL not in json.dumps(document)
    lines = [json.loads(line) for line in logged.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["internal error", "request"]
    assert {line["request_id"] for line in lines} == {document["id"]}
    assert lines[0]["exception"]["type"] == type(error).__name__
    assert any("test_guard.py" in frame and "fail" in frame for frame in lines[0]["exception"]["frames"])
    assert SENTINEL not in logged.getvalue()


def test_req_23_the_last_resort(logged: io.StringIO) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError(SENTINEL)

    document = problem(ask(guarded(broken, frozenset())), 500, "internal-error")
    assert document["id"] in logged.getvalue()
    assert SENTINEL not in logged.getvalue()


def test_a_failure_after_the_reply_has_begun_is_logged(logged: io.StringIO) -> None:
    async def breaks_off(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError(SENTINEL)

    async def call() -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope: Any = {"type": "http", "path": "/", "state": {}, "method": "GET", "headers": []}
        await guarded(breaks_off, frozenset())(scope, None, send)  # type: ignore[arg-type]
        return sent

    assert [message["type"] for message in asyncio.run(call())] == ["http.response.start"]
    assert "internal error" in logged.getvalue()
    assert SENTINEL not in logged.getvalue()


def test_req_11_neither_secret_nor_customer_is_in_the_log(server: Running) -> None:
    secret = server.headers["X-Secret"]
    body = EXAMPLE.replace(b"C-1001", SENTINEL.encode())
    begun = server.mark()
    statuses = [
        server.post(body).status_code,
        server.post(body.replace(b"520.55", b"-1")).status_code,
        server.post(body[:-1]).status_code,
        server.post(body, Content_Type="text/plain").status_code,
        server.post(body, X_Secret=SENTINEL).status_code,
        server.post(body, X_Customer_Api_Id=SENTINEL).status_code,
        server.post(body, path=f"/{SENTINEL}?secret={secret}").status_code,
        server.post(body, path=f"{ROUTE}?secret={secret}&id={SENTINEL}").status_code,
    ]
    assert statuses == [200, 422, 400, 415, 401, 401, 404, 200]
    written = "\n".join(server.log_lines(begun))
    assert SENTINEL not in written
    assert secret not in written
    assert secret[4:58] not in written
