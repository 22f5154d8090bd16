"""Who asks and does not read: dropped once the time is up, with all that was held for it."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard

from customer_features.service.bodies.pace import GRACE
from customer_features.service.bodies.slow_readers import LATER, PIECE, _drop, limit_silence, patient
from tests.service.bodies.test_jobs import ended, submit
from tests.service.harness import EXAMPLE, Running, rest
from tests.service.virtual import passing, run
from tests.waiting import until

ROW = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}
CUSTOMERS, LONG = 10_000, "c" * 990
"""Of a request whose answer, 12 MB, is more than the buffers of two sockets hold; long ids cost least of all."""

JSON = json.dumps(
    {
        "today": "2025-04-24",
        "customers": [{"customer_id": f"{LONG}{n}", "transactions": [ROW]} for n in range(CUSTOMERS)],
    }
).encode()
CSV = b"customer_id,transaction_id,date,amount,product_id\n" + b"".join(
    b"%s%d,T%d,2025-01-01,1.5,P\n" % (LONG.encode(), number, number) for number in range(CUSTOMERS)
)
NOT_TAKEN = '"event":"an answer was not taken"'


def asked_for_json(server: Running) -> bytes:
    """A request whose answer is large; packed, lest it should take longer to arrive than it may."""
    body = zstandard.compress(JSON)
    return server.head(len(body), Content_Encoding="zstd") + b"\r\n" + body


def asked_for_a_file(server: Running) -> bytes:
    """The same with an answer that lies in a file; a job's, since what a table's request may compute has that time."""
    packed = {"Content-Encoding": "zstd"}
    reply = submit(server, zstandard.compress(CSV), "text/csv", "?today=2025-04-24", **packed)
    job = ended(server, reply.headers["location"])
    return f"GET {job['result']} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


OK = b"HTTP/1.1 200 OK"


def answering(server: Running, request: bytes) -> socket.socket | None:
    """A connection on which the answer has begun; None where computing it took longer than this server allows."""
    connection = server.connect(receives=4096)
    connection.sendall(request)
    if connection.recv(len(OK), socket.MSG_WAITALL) == OK:
        return connection
    connection.close()
    return None


@pytest.mark.slow
@pytest.mark.parametrize("drips", [False, True], ids=["nothing is read", "a byte now and then"])
@pytest.mark.parametrize("asked", [asked_for_json, asked_for_a_file])
def test_req_21_an_answer_that_is_not_taken_is_dropped(
    impatient: Running, asked: Callable[[Running], bytes], drips: bool
) -> None:
    request = asked(impatient)
    begun = impatient.mark()
    with until(lambda: answering(impatient, request), "an answer") as connection:
        said = OK

        def logged() -> list[str]:
            nonlocal said
            if drips:
                with suppress(ConnectionError):  # it is dropped once the line is there
                    said += connection.recv(1)
            return [line for line in impatient.log_text()[begun:].splitlines() if NOT_TAKEN in line]

        (found,) = until(logged, "the line in the log")
        line = json.loads(found)
        assert line["level"] == "warning"
        assert line["seconds"] == 1
        own = '"event":"request","request_id":"' + line["request_id"]
        until(lambda: own in impatient.log_text()[begun:], "the request's own line")
        said += rest(connection)
    head, _, answer = said.partition(b"\r\n\r\n")
    announced = int(head.partition(b"content-length: ")[2].split()[0])
    assert head.startswith(OK)
    assert 0 < len(answer) < announced
    assert impatient.post().status_code == 200


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the option")
def test_small_answers_that_nobody_takes_end_their_connection(impatient: Running) -> None:
    """No piece of them waits; they fill the socket until the server cannot write, which the kernel alone sees."""
    one = impatient.head(len(EXAMPLE)) + b"\r\n" + EXAMPLE
    ended = (
        ConnectionResetError,
        BrokenPipeError,
    )  # and nothing else ends it: a server that cannot write reads no more
    with impatient.connect(receives=4096) as connection, pytest.raises(ended):
        connection.sendall(one * 100_000)
    assert impatient.post().status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the option")
def test_connections_inherit_the_limit_of_silence() -> None:
    waited: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        limit_silence(listening.getsockname()[1], 7, waited.append)
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            told = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert told == (7 + LATER) * 1000
    assert waited == [1]  # for those who came before, and had inherited none


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has the option")
def test_who_came_before_the_limit_has_it_too() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()),
        listening.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
        limit_silence(listening.getsockname()[1], 7, lambda seconds: None)
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == (7 + LATER) * 1000


def sent(
    messages: list[dict[str, Any]], takes: Callable[[int], Awaitable[None]] | None = None, rate: int = 4096
) -> tuple[Any, float]:
    """What reaches a server that ``takes`` so long over its n-th message, under a limit of 10 seconds; and how long."""
    found: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        if takes is not None:
            await takes(len(found))
        found.append(message)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    async def receive() -> Any:
        raise AssertionError

    async def ask() -> list[dict[str, Any]]:
        scope: Any = {"type": "http", "client": None}
        await patient(app, 10, rate)(scope, receive, send)
        return found

    return run(ask())


START = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("length", [0, 1, PIECE, PIECE + 1, 3 * PIECE])
def test_a_body_arrives_as_it_was_in_pieces(length: int, more: bool) -> None:
    body = bytes(number % 251 for number in range(length))
    messages = [START, {"type": "http.response.body", "body": body, "more_body": more}]
    if more:
        messages.append({"type": "http.response.body", "body": b"x", "more_body": False})
    (begun, *found), _ = sent(messages)
    assert begun == START
    assert b"".join(one["body"] for one in found) == body + b"x" * more
    assert [one["more_body"] for one in found] == [True] * (len(found) - 1) + [False]
    assert max(len(one["body"]) for one in found) <= PIECE


BODY = {"type": "http.response.body", "body": b"x" * (3 * PIECE), "more_body": True}
END = {**BODY, "more_body": False}


def test_nothing_is_sent_after_the_time(caplog: pytest.LogCaptureFixture) -> None:
    """The second piece is never taken."""

    async def takes(place: int) -> None:
        if place == 2:
            await asyncio.Event().wait()

    found, seconds = sent([START, BODY, END], takes)
    assert [one["type"] for one in found] == ["http.response.start", "http.response.body"]
    assert seconds == 10
    assert [record.getMessage() for record in caplog.records] == ["an answer was not taken"]


def test_a_slow_reader_that_goes_on_gets_it_all(caplog: pytest.LogCaptureFixture) -> None:
    """All of it takes longer than the time, and no piece does."""

    async def takes(place: int) -> None:
        await passing(9.5)

    found, seconds = sent([START, BODY, END], takes)
    assert sum(len(one.get("body", b"")) for one in found) == 6 * PIECE
    assert found[-1]["more_body"] is False
    assert seconds == 7 * 9.5
    assert caplog.records == []


HOLDER = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('BEGIN IMMEDIATE')"


def test_to_look_for_a_connection_takes_no_lock_away(tmp_path: Path) -> None:
    """POSIX takes a process's locks on a file when it closes any descriptor of it: the store was damaged so once."""
    file = tmp_path / "store.sqlite"
    with closing(sqlite3.connect(file, isolation_level=None)) as store, socket.create_server(("127.0.0.1", 0)) as ours:
        store.execute("CREATE TABLE kept (number)")
        store.execute("BEGIN EXCLUSIVE")
        store.execute("INSERT INTO kept VALUES (1)")
        limit_silence(ours.getsockname()[1], 1, lambda seconds: None)
        _drop(("127.0.0.1", 1))
        other = subprocess.run([sys.executable, "-c", HOLDER, str(file)], capture_output=True, text=True, check=False)
        assert "database is locked" in other.stderr


def test_req_29_an_answer_is_taken_at_a_rate_or_not_at_all(caplog: pytest.LogCaptureFixture) -> None:
    """Each piece is taken within its time, all of them too slowly."""

    async def takes(place: int) -> None:
        await passing(8 if place else 0)

    found, seconds = sent([START, BODY, END], takes, PIECE // 2)
    assert len(found) == 1 + 2  # the third piece is late: each earned 2 seconds
    assert seconds == GRACE + 3 * 2
    assert [record.getMessage() for record in caplog.records] == ["an answer was not taken"]


def test_who_is_answered_is_known_meanwhile() -> None:
    busy: set[tuple[str, int]] = set()
    seen: list[set[tuple[str, int]]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(set(busy))
        raise ConnectionError

    async def ask() -> None:
        scope: Any = {"type": "http", "client": ("192.0.2.1", 7)}
        with suppress(ConnectionError):
            await patient(app, 10, 1, busy)(scope, None, None)  # type: ignore[arg-type]

    run(ask())
    assert seen == [{("192.0.2.1", 7)}]
    assert busy == set()
