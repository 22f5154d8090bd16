"""An HTTP server that answers by a script, and both clients behind one way to call them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import customer_features
from tests.web import Handler, Server


@dataclass
class Says:
    """One scripted answer.

    ``drop``: it hangs up after so many bytes of the body, or before any answer (-1). ``once``: it waits for this event.
    """

    status: int = 200
    body: bytes | dict[str, Any] = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: int | None = None
    once: threading.Event | None = None


@dataclass
class Asked:
    """One request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


HANG_UP = Says(drop=-1)


def problem(status: int, name: str, **more: Any) -> dict[str, Any]:
    """A problem document as the service's."""
    kind = f"urn:customer-features:problem:{name}"
    return {"type": kind, "title": name, "status": status, "detail": "No.", "instance": "/", **more}


def overloaded(retry_after: str | None = None, status: int = 503) -> Says:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Says(status, problem(status, "overloaded"), headers)


def computed(asked: Asked) -> Says:
    """What the service would answer."""
    try:
        return Says(200, customer_features.answer(asked.body))
    except customer_features.InvalidRequest as error:
        return Says(error.status, error.problem)


class Scripted(Server):
    """Answers by the script, and once that is at its end, as the service would."""

    def __init__(self, *script: Says | Callable[[Asked], Says]) -> None:
        super().__init__(_Handler)
        self.script = list(script)
        self.asked: list[Asked] = []
        self.always: Callable[[Asked], Says] = computed

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(Handler):
    server: Scripted

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, body)
        self.server.asked.append(asked)
        says = self.server.script.pop(0) if self.server.script else self.server.always
        self._say(says(asked) if callable(says) else says)

    def _say(self, says: Says) -> None:
        if says.once is not None:
            says.once.wait()
        body = says.body if isinstance(says.body, bytes) else json.dumps(says.body).encode()
        if says.drop == -1:
            self.hang_up()
            return
        self.send_response(says.status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in says.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if says.drop is None else body[: says.drop])
        if says.drop is not None:
            self.hang_up()


Ask = Callable[..., Any]
"""``ask(url, customers, ..., client={...})``: one call of ``customer_features`` of a new client."""


def threaded(url: str, *arguments: Any, client: dict[str, Any] | None = None, **options: Any) -> Any:
    with customer_features.Client(url, **(client or {})) as made:
        return made.customer_features(*arguments, **options)


def asynchronous(url: str, *arguments: Any, client: dict[str, Any] | None = None, **options: Any) -> Any:
    async def asked() -> Any:
        async with customer_features.AsyncClient(url, **(client or {})) as made:
            return await made.customer_features(*arguments, **options)

    return asyncio.run(asked())


BOTH = {"threaded": threaded, "asynchronous": asynchronous}


def customer(name: str, *amounts: float, day: str = "2025-04-01", **more: Any) -> dict[str, Any]:
    """A customer of the contract with a purchase of each amount."""
    rows = [
        {"transaction_id": f"T{n}", "date": day, "amount": amount, "product_id": f"P{n}"}
        for n, amount in enumerate(amounts)
    ]
    return {"customer_id": name, "transactions": rows, **more}
