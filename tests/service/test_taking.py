"""Who asks and does not read: dropped once the time is up, with all that was held for it."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from customer_features.service.taking import LATER, PIECE, _drop, limit_silence, patient

from .harness import EXAMPLE, Running
from .test_jobs import ended, submit

pytestmark = pytest.mark.slow  # with all of its kind too long for every change; `make test-slow` runs it

ROW = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}
CUSTOMERS = 60_000
"""Of a request whose answer, 10 MB, is more than the buffers of two sockets hold."""

JSON = json.dumps(
    {"today": "2025-04-24", "customers": [{"customer_id": f"C{n}", "transactions": [ROW]} for n in range(CUSTOMERS)]}
).encode()
CSV = b"customer_id,transaction_id,date,amount,product_id\n" + b"".join(
    b"C%d,T%d,2025-01-01,1.5,P\n" % (number, number) for number in range(CUSTOMERS)
)
NOT_TAKEN = '"event":"an answer was not taken"'


def connected(server: Running) -> socket.socket:
    """A connection that takes little at a time."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(30)
    connection.connect(("127.0.0.1", server.port))
    return connection


def logged(server: Running, text: str) -> str:
    """The line of the log that holds a text, once it is there."""
    ends = time.monotonic() + 30
    while not (found := [line for line in server.log.read_text().splitlines() if text in line]):
        assert time.monotonic() < ends, server.log.read_text()
        time.sleep(0.05)
    return found[0]


def rest(connection: socket.socket) -> bytes:
    """All that comes until the connection ends, however it does."""
    said = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(1 << 20):
            said += piece
    return said


@pytest.fixture
def impatient(started: Callable[..., Running]) -> Running:
    return started("--no-auth", "--request-timeout", "1s")


def asked_for_json(server: Running) -> bytes:
    """A request whose answer is large."""
    return server.head(len(JSON)) + b"\r\n" + JSON


def asked_for_a_file(server: Running) -> bytes:
    """The same with an answer that lies in a file; a job's, since what a table's request may compute has that time."""
    job = ended(server, submit(server, CSV, "text/csv", "?today=2025-04-24").headers["location"])
    return f"GET {job['result']} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.mark.parametrize("drips", [False, True], ids=["nothing is read", "a byte now and then"])
@pytest.mark.parametrize("asked", [asked_for_json, asked_for_a_file])
def test_req_21_an_answer_that_is_not_taken_is_dropped(
    impatient: Running, asked: Callable[[Running], bytes], drips: bool
) -> None:
    with connected(impatient) as connection:
        connection.sendall(asked(impatient))
        said = connection.recv(1)  # from here on it is answered
        while drips and NOT_TAKEN not in impatient.log.read_text():
            piece = connection.recv(1)
            assert piece, "the connection ended and no line says why"
            said += piece
            time.sleep(0.1)
        line = json.loads(logged(impatient, NOT_TAKEN))
        assert line["level"] == "warning"
        assert line["seconds"] == 1
        ended = [line for line in impatient.log_lines() if '"event":"request"' in line]
        assert line["request_id"] == json.loads(ended[-1])["request_id"]
        said += rest(connection)
    head, _, answer = said.partition(b"\r\n\r\n")
    announced = int(head.partition(b"content-length: ")[2].split()[0])
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert 0 < len(answer) < announced
    assert impatient.post().status_code == 200


def test_a_slow_reader_that_goes_on_gets_it_all(started: Callable[..., Running]) -> None:
    """All of it takes longer than the time, and no piece does."""
    server, said = started("--no-auth", "--request-timeout", "2s"), b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        begun = time.monotonic()
        connection.sendall(asked_for_json(server))
        for _ in range(8):
            said += connection.recv(1 << 20, socket.MSG_WAITALL)
            time.sleep(0.3)
        while not said.endswith(b"]}"):
            piece = connection.recv(1 << 20)
            assert piece
            said += piece
        assert time.monotonic() - begun > 2
    assert len(json.loads(said.partition(b"\r\n\r\n")[2])["customers"]) == CUSTOMERS
    assert NOT_TAKEN not in server.log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the option")
def test_small_answers_that_nobody_takes_end_their_connection(impatient: Running) -> None:
    """No piece of them waits; they fill the socket until the server cannot write, which the kernel alone sees."""
    one = impatient.head(len(EXAMPLE)) + b"\r\n" + EXAMPLE
    with connected(impatient) as connection:
        connection.settimeout(60)  # the server reads no more while it cannot write: only the end ends this
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            connection.sendall(one * 100_000)
    assert impatient.post().status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the option")
def test_connections_inherit_the_limit_of_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        limit_silence(listening.getsockname()[1], 7)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            told = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert told == (7 + LATER) * 1000


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the option")
def test_who_came_before_the_limit_has_it_too() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
        limit_silence(listening.getsockname()[1], 7)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == (7 + LATER) * 1000


def sent(messages: list[dict[str, Any]], waits: bool = False) -> list[dict[str, Any]]:
    """What reaches a server that takes everything, or waits for ever on the second piece of a body."""
    found: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        if waits and len(found) == 2:
            await asyncio.Event().wait()
        found.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    async def receive() -> Any:
        raise AssertionError

    async def ask() -> None:
        scope: Any = {"type": "http", "client": None}
        await patient(app, 0.01)(scope, receive, send)

    asyncio.run(ask())
    return found


START = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("length", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_body_arrives_as_it_was_in_pieces(length: int, more: bool) -> None:
    body = bytes(number % 251 for number in range(length))
    messages = [START, {"type": "http.response.body", "body": body, "more_body": more}]
    if more:
        messages.append({"type": "http.response.body", "body": b"x", "more_body": False})
    begun, *found = sent(messages)
    assert begun == START
    assert b"".join(one["body"] for one in found) == body + b"x" * more
    assert [one["more_body"] for one in found] == [True] * (len(found) - 1) + [False]
    assert max(len(one["body"]) for one in found) <= PIECE


def test_nothing_is_sent_after_the_time() -> None:
    body = {"type": "http.response.body", "body": b"x" * (3 * PIECE), "more_body": True}
    found = sent([START, body, {**body, "more_body": False}], waits=True)
    assert [one["type"] for one in found] == ["http.response.start", "http.response.body"]


HOLDER = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"


def test_to_look_for_a_connection_takes_no_lock_away(tmp_path: Path) -> None:
    """POSIX takes a process's locks on a file when it closes any descriptor of it: the store was damaged so once."""
    file = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as store, socket.create_server(("127.0.0.1", 0)) as ours:
        store.execute("CREATE TABLE kept (number)")
        store.execute("BEGIN EXCLUSIVE")
        store.execute("INSERT INTO kept VALUES (1)")
        limit_silence(ours.getsockname()[1], 1)
        _drop(("127.0.0.1", 1))
        other = subprocess.run([sys.executable, "-c", HOLDER, str(file)], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr
