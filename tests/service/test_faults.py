"""A worker killed and a server stopped while they work: an error or a whole answer, and nothing between."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from customer_features.service.bodies.computing import LARGE_BODY
from tests.service.bodies.test_large_json import assert_all_closed, bodies
from tests.service.telemetry.test_metrics import scrape, value
from tests.waiting import until

from .harness import STOPS, Running, paused, rest

pytestmark = pytest.mark.slow

Start = Callable[..., Running]
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the workers under /proc")


def request(customers: int, rows: int = 1) -> bytes:
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


LARGE = request(1, 5000)


@linux
def test_a_worker_killed_while_it_computes_is_an_error(started: Start) -> None:
    server = started("--no-auth")
    assert len(LARGE) > LARGE_BODY
    assert server.post(LARGE).status_code == 200
    (beside,) = server.computing()
    assert_all_closed(server)
    with paused([beside]), ThreadPoolExecutor(1) as pool:
        reply = pool.submit(server.post, LARGE)
        until(lambda: len(LARGE) in bodies(server), "the body's arrival")
        os.kill(server.workers()[0], signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            reply.result()
    until(server.serves, "another worker's answer")
    assert server.stop() == 0


@linux
def test_a_worker_killed_while_it_answers_is_an_error(started: Start) -> None:
    server = started("--no-auth")
    body = request(10_000).replace(b'"C', b'"' + b"C" * 990)  # 12 MB, more than the buffers of two sockets hold
    with server.connect(receives=4096) as connection:
        connection.sendall(server.head(len(body), Accept_Encoding="identity", Connection="close") + b"\r\n" + body)
        said = connection.recv(4096)
        while not said.partition(b"\r\n\r\n")[2]:  # the head may come by itself
            more = connection.recv(4096)
            assert more, said
            said += more
        os.kill(server.workers()[0], signal.SIGKILL)
        said += rest(connection)
    # It began well, and says how long it is: what is cut off does not pass for the whole.
    head, _, answer = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert 0 < len(answer) < int(head.partition(b"content-length: ")[2].split()[0])
    until(server.serves, "another worker's answer")
    assert server.stop() == 0


def test_sigterm_under_load(started: Start) -> None:
    server = started("--no-auth", "--workers", "2", "--metrics-port", "0")
    stopped = threading.Event()
    statuses: list[int] = []
    broken: list[str] = []

    def small() -> None:
        while not stopped.is_set():
            try:
                reply = server.post(Connection="close")
            except httpx.TransportError as error:
                # Nothing of an answer came: refused, or left in the queue of a listener that closed.
                broken.append(str(error))
                stopped.wait(0.02)
            else:
                statuses.append(reply.status_code)
                assert reply.json()["customers"][1]["features"]["purchase_total"] == 195.9

    with ThreadPoolExecutor(4) as pool, ExitStack() as connections:
        busy = [connections.enter_context(server.connect()) for _ in range(3)]
        for connection in busy:
            connection.sendall(server.head(len(LARGE), Connection="close") + b"\r\n" + LARGE[:1000])
        until(lambda: value(scrape(server), "requests_in_flight") == len(busy), "the large requests' arrival")
        loops = [pool.submit(small) for _ in range(4)]
        try:
            until(lambda: len(statuses) >= 20, "the small answers")
            server.process.send_signal(signal.SIGTERM)
            replies = [finished(connection, LARGE[1000:]) for connection in busy]
            code = server.process.wait(STOPS)
        finally:
            stopped.set()
        for loop in loops:
            loop.result()
    assert code == 0
    for reply in replies:
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
        assert reply.endswith(b"}}]}")
    assert set(statuses) == {200}
    assert not [words for words in broken if "incomplete" in words or "without sending complete" in words]
    with pytest.raises(httpx.ConnectError):
        server.post()
    assert "Traceback" not in server.log.read_text()


def finished(connection: socket.socket, last: bytes) -> bytes:
    """The answer to a request whose last bytes are sent now."""
    connection.sendall(last)
    return rest(connection)
