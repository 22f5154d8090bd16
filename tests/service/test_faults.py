"""A worker killed and a server stopped while they work: an error or a whole answer, and nothing between."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from .harness import EXAMPLE, ROUTE, Running
from .test_metrics import scrape, value

pytestmark = pytest.mark.slow

Start = Callable[..., Running]
JSON = {"Content-Type": "application/json"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the workers under /proc")


def large(customers: int, rows: int) -> bytes:
    """A request that takes a while."""
    row = {"date": "2025-01-01", "amount": 1, "product_id": "P"}
    return json.dumps(
        {
            "today": "2025-04-24",
            "customers": [
                {"customer_id": f"C{n}", "transactions": [{**row, "transaction_id": f"T{m}"} for m in range(rows)]}
                for n in range(customers)
            ],
        }
    ).encode()


def workers(server: Running) -> list[int]:
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(number) for number in children.read_text().split()]


def serves_again(server: Running) -> None:
    ends = time.monotonic() + 20
    while True:
        try:
            assert server.post().status_code == 200
        except httpx.TransportError:
            assert time.monotonic() < ends
            time.sleep(0.1)
        else:
            return


@linux
def test_a_worker_killed_while_it_computes_is_an_error(started: Start) -> None:
    server = started("--no-auth")
    body = large(1, 300_000)
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(server.post, body)
        time.sleep(0.3)
        assert not reply.done()
        os.kill(workers(server)[0], signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            reply.result(20)
    serves_again(server)
    assert server.stop() == 0


@linux
def test_a_worker_killed_while_it_answers_is_an_error(started: Start) -> None:
    server = started("--no-auth")
    body = large(60_000, 1)
    headers = {**JSON, "Accept-Encoding": "identity"}
    with httpx.stream("POST", server.url + ROUTE, content=body, headers=headers, timeout=30) as reply:
        # It began well, and says how long it is: what is cut off does not pass for the whole.
        assert reply.status_code == 200
        assert int(reply.headers["content-length"]) > 8_000_000
        os.kill(workers(server)[0], signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            reply.read()
    serves_again(server)
    assert server.stop() == 0


def test_sigterm_under_load(started: Start) -> None:
    server = started("--no-auth", "--workers", "2", "--metrics-port", "0")
    body, stopped = large(1, 60_000), threading.Event()
    statuses: list[int] = []
    broken: list[str] = []

    def small() -> None:
        with httpx.Client(timeout=20) as client:
            while not stopped.is_set():
                try:
                    reply = client.post(server.url + ROUTE, content=EXAMPLE, headers={**JSON, "Connection": "close"})
                except httpx.TransportError as error:
                    # Nothing of an answer came: refused, or left in the queue of a listener that closed.
                    broken.append(str(error))
                    time.sleep(0.02)
                else:
                    statuses.append(reply.status_code)
                    assert reply.json()["customers"][1]["features"]["purchase_total"] == 195.9

    with ThreadPoolExecutor(4) as pool, ExitStack() as connections:
        busy = [connections.enter_context(socket.create_connection(("127.0.0.1", server.port), 20)) for _ in range(3)]
        for connection in busy:
            connection.sendall(server.head(len(body), Connection="close") + b"\r\n" + body[:1000])
        loops = [pool.submit(small) for _ in range(4)]
        ends = time.monotonic() + 20
        while len(statuses) < 20 or value(scrape(server), "requests_in_flight") < len(busy):
            assert time.monotonic() < ends
            time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        replies = [finished(connection, body[1000:]) for connection in busy]
        code = server.process.wait(30)
        stopped.set()
        for loop in loops:
            loop.result(20)
    assert code == 0
    for reply in replies:
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
        assert reply.endswith(b"}}]}")
    assert set(statuses) == {200}
    assert not [words for words in broken if "incomplete" in words or "without sending complete" in words]
    with pytest.raises(httpx.ConnectError):
        server.post()
    assert "Traceback" not in server.log.read_text()


def finished(connection: socket.socket, rest: bytes) -> bytes:
    """The answer to a request whose last bytes are sent now."""
    connection.sendall(rest)
    said = b""
    while piece := connection.recv(65536):
        said += piece
    return said
