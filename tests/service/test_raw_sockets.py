"""What no HTTP client would send: smuggled requests, slow heads, pipelines, half-closed and idle connections."""

from __future__ import annotations

import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from .harness import EXAMPLE, Running

HIDDEN = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
"""A second request, which must never be answered out of the first one's bytes."""


def exchange(server: Running, sent: bytes, timeout: float = 1) -> bytes:
    """All that the server says to these bytes until it closes the connection, or says nothing for so long."""
    said = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as connection:
        try:
            connection.sendall(sent)
            while piece := connection.recv(65536):
                said += piece
        except OSError:
            pass
    return said


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
    assert statuses(exchange(small, head + chunk, 0.3)) == [200]
    said = exchange(small, head + b"2;" + b"x" * 100_000 + b"\r\n{}\r\n0\r\n\r\n" + HIDDEN)
    assert b'"status":"ok"' not in said


def test_pipelined_requests_are_answered_in_turn(small: Running) -> None:
    one = small.head(len(EXAMPLE)) + b"\r\n" + EXAMPLE
    faulty = small.head(2) + b"\r\n{}"
    said = exchange(small, one + faulty + HIDDEN + one, 0.5)
    assert statuses(said) == [200, 422, 200, 200]


@pytest.mark.parametrize("body", [EXAMPLE, EXAMPLE[:10]], ids=["whole", "cut"])
def test_half_closed_connections_are_let_go(small: Running, body: bytes) -> None:
    """Who closes the sending side counts as gone, whether the body was whole or not."""
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", small.port), timeout=3) as connection:
            connection.sendall(small.head(len(EXAMPLE)) + b"\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            said = connection.recv(65536)  # and no timeout
            assert statuses(said) in ([], [200], [400])
    assert small.post().status_code == 200


@contextmanager
def connections(server: Running, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this much and nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 500), hard), hard))
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=20))
            connection.sendall(sent)
            opened.append(connection)
        yield opened


@pytest.mark.parametrize(
    "sent", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\n", b"POST"], ids=["nothing", "a head", "a word"]
)
def test_a_thousand_connections_that_say_nothing(started: Callable[..., Running], sent: bytes) -> None:
    server = started("--no-auth")
    with connections(server, 1000, sent):
        begun = time.monotonic()
        for _ in range(20):
            assert server.post().status_code == 200
        assert time.monotonic() - begun < 10
    assert server.post().status_code == 200


@pytest.mark.slow
def test_req_21_a_slow_head_is_ended(small: Running) -> None:
    """A byte a second keeps a connection alive no longer than the time that a head may take."""
    with socket.create_connection(("127.0.0.1", small.port), timeout=1) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        begun = time.monotonic()
        while time.monotonic() - begun < 40:
            try:
                connection.sendall(b"X")
                if connection.recv(65536) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        assert 10 < time.monotonic() - begun < 25


def test_req_21_slow_bodies_hold_nobody_up(small: Running) -> None:
    with connections(small, 100, small.head(len(EXAMPLE)) + b"\r\n" + EXAMPLE[:10]) as opened:
        for _ in range(10):
            assert small.post().status_code == 200
        replies = [connection.recv(65536) for connection in opened]
    assert {reply[:13] for reply in replies} == {b"HTTP/1.1 408 "}
