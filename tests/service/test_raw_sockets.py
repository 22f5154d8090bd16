"""What no HTTP client would send: smuggled requests, slow heads, pipelines, half-closed and idle connections."""

from __future__ import annotations

import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from customer_features.service.server import HEADER_TIMEOUT
from tests.waiting import until

from .harness import EXAMPLE, Running, rest, start

HIDDEN = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
"""A second request, which must never be answered out of the first one's bytes."""
LAST = b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""The end of a connection: answers come in the order of their requests, so after its answer none is to come."""
READY = b'{"status":"ready"}'


def exchange(server: Running, sent: bytes) -> bytes:
    """All that the server says to these bytes; if it answers on, by the end of a further request."""
    with server.connect() as connection:
        with suppress(OSError):
            connection.sendall(sent + LAST)
        said = rest(connection)
    return said[: said.rindex(b"HTTP/1.1 ")] if said.endswith(READY) else said


def statuses(said: bytes) -> list[int]:
    return [int(line.split(b" ", 1)[0]) for line in said.split(b"HTTP/1.1 ")[1:]]


def _smuggled(server: Running) -> Iterator[tuple[str, bytes]]:
    chunked = b"0\r\n\r\n" + HIDDEN
    yield "length and chunks", server.head(5, Transfer_Encoding="chunked") + b"\r\n" + chunked
    yield "chunks and length", server.head(Transfer_Encoding="chunked", Content_Length="5") + b"\r\n" + chunked
    yield "two lengths", server.head(2) + b"Content-Length: 40\r\n\r\n{}" + HIDDEN
    yield "two lengths in one", server.head() + b"Content-Length: 2, 40\r\n\r\n{}" + HIDDEN
    yield "a signed length", server.head() + b"Content-Length: +2\r\n\r\n{}" + HIDDEN
    yield "a length in hex", server.head() + b"Content-Length: 0x2\r\n\r\n{}" + HIDDEN
    yield "a negative length", server.head() + b"Content-Length: -2\r\n\r\n" + HIDDEN
    yield "a huge length", server.head() + b"Content-Length: 18446744073709551618\r\n\r\n{}" + HIDDEN
    yield "an unknown coding", server.head(Transfer_Encoding="xchunked") + b"\r\n" + chunked
    yield "chunked twice", server.head(Transfer_Encoding="chunked, chunked") + b"\r\n" + chunked
    yield "chunked, then identity", server.head(Transfer_Encoding="chunked, identity") + b"\r\n" + chunked
    yield "a tab before chunked", server.head() + b"Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n\r\n" + chunked
    yield "a space before the colon", server.head() + b"Content-Length : 2\r\n\r\n{}" + HIDDEN
    yield "a folded header", server.head() + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n\r\n" + chunked
    yield "a negative chunk", server.head(Transfer_Encoding="chunked") + b"\r\n-1\r\n" + HIDDEN
    yield "a huge chunk", server.head(Transfer_Encoding="chunked") + b"\r\nfffffffffffffffff\r\n" + HIDDEN
    yield "a chunk cut short", server.head(Transfer_Encoding="chunked") + b"\r\n5\r\n{}\r\n0\r\n\r\n" + HIDDEN


@pytest.mark.parametrize("place", range(17))
def test_req_22_no_second_request_is_served_from_the_firsts_bytes(small: Running, place: int) -> None:
    name, sent = list(_smuggled(small))[place]
    said = exchange(small, sent)
    assert b'"status":"ok"' not in said, name
    assert len(statuses(said)) <= 1, (name, said)
    assert all(400 <= status < 500 for status in statuses(said)), (name, said)
    assert small.post().status_code == 200


def test_req_22_extensions_of_chunks_hide_nothing(small: Running) -> None:
    head = small.head(Transfer_Encoding="chunked") + b"\r\n"
    chunk = b"%x;name=value\r\n%s\r\n0;last\r\n\r\n" % (len(EXAMPLE), EXAMPLE)
    assert statuses(exchange(small, head + chunk)) == [200]
    said = exchange(small, head + b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n" + HIDDEN)
    assert b'"status":"ok"' not in said


def test_pipelined_requests_are_answered_in_turn(small: Running) -> None:
    one = small.head(len(EXAMPLE)) + b"\r\n" + EXAMPLE
    faulty = small.head(2) + b"\r\n{}"
    said = exchange(small, one + faulty + HIDDEN + one)
    assert statuses(said) == [200, 422, 200, 200]


@pytest.mark.parametrize("body", [EXAMPLE, EXAMPLE[:10]], ids=["whole", "cut"])
def test_half_closed_connections_are_let_go(small: Running, body: bytes) -> None:
    """Who closes the sending side counts as gone, whether the body was whole or not."""
    for _ in range(20):
        with small.connect() as connection:
            connection.sendall(small.head(len(EXAMPLE)) + b"\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            assert statuses(rest(connection)) in ([], [200], [400])  # and the connection ends
    assert small.post().status_code == 200


@contextmanager
def connections(server: Running, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this much and nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 500), hard), hard))
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = stack.enter_context(server.connect())
            connection.sendall(sent)
            opened.append(connection)
        yield opened


@pytest.mark.parametrize(
    "sent", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\n", b"POST"], ids=["nothing", "a head", "a word"]
)
def test_a_thousand_connections_that_say_nothing(trial: Running, sent: bytes) -> None:
    with connections(trial, 1000, sent):
        assert [trial.post().status_code for _ in range(20)] == [200] * 20
    assert trial.post().status_code == 200


IMPATIENT = """
from customer_features.cli import main
from customer_features.service import server
server.HEADER_TIMEOUT = 1
main()
"""


@pytest.mark.slow
def test_req_21_a_slow_head_is_ended(tmp_path: Path) -> None:
    """A byte now and then keeps a connection alive no longer than the time that a head may take."""
    assert HEADER_TIMEOUT == 15  # which is made shorter here
    server = start(tmp_path / "data", "--no-auth", command=[sys.executable, "-c", IMPATIENT])
    try:
        with server.connect() as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
            connection.settimeout(0.05)

            def ended() -> bool:
                try:
                    connection.sendall(b"X")
                    return connection.recv(65536) == b""
                except TimeoutError:
                    return False
                except OSError:
                    return True

            until(ended, "the connection's end")
        assert server.post().status_code == 200
    finally:
        server.kill()


def test_req_21_slow_bodies_hold_nobody_up(small: Running) -> None:
    with connections(small, 100, small.head(len(EXAMPLE)) + b"\r\n" + EXAMPLE[:10]) as opened:
        for _ in range(10):
            assert small.post().status_code == 200
        replies = [connection.recv(65536) for connection in opened]
    assert {reply[:13] for reply in replies} == {b"HTTP/1.1 408 "}
