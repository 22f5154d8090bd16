"""Bytes, seconds and places: what is refused, when, and in what state the connection is left."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from customer_features.service.bodies.computing import LARGE_BODY
from customer_features.service.bodies.encodings import Plain
from customer_features.service.bodies.receiving import Limits
from customer_features.service.bodies.shared_file import Handed
from customer_features.service.bodies.shares import BODIES_HELD, PLACE, TENANT_BODIES
from customer_features.service.problems import Refused
from customer_features.service.settings import MAX_BODY, Settings
from tests.service.bodies.test_large_json import bodies
from tests.service.harness import EXAMPLE, ROUTE, Running, paused, problem
from tests.service.virtual import passing, run
from tests.waiting import until


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def test_req_17_32_mib_are_taken_and_a_byte_more_is_not(server: Running) -> None:
    body = EXAMPLE + b" " * (MAX_BODY - len(EXAMPLE))
    assert server.post(body).status_code == 200
    document = problem(server.post(body + b" "), 413, "body-too-large")
    assert str(MAX_BODY) in document["detail"]
    assert str(MAX_BODY + 1) in document["detail"]


def test_req_17_the_cap_counts_what_is_received(small: Running) -> None:
    def pieces() -> Iterator[bytes]:
        yield EXAMPLE
        for _ in range(100):
            yield b" " * 1000

    reply = small.request("POST", ROUTE, content=pieces(), headers={"Content-Type": "application/json"})
    problem(reply, 413, "body-too-large")
    assert small.post().status_code == 200


def test_a_chunked_body_within_the_cap_is_taken(small: Running) -> None:
    head = small.head(Transfer_Encoding="chunked", Connection="close") + b"\r\n"
    reply = small.raw(head, chunked(EXAMPLE[:10], EXAMPLE[10:300], EXAMPLE[300:]))
    assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b'"purchase_total":918.95' in reply


def test_an_announced_body_is_refused_at_once(small: Running) -> None:
    """No byte of the body is sent: had it been waited for, the answer would be 408."""
    with small.connect() as connection:
        connection.sendall(small.head(100_001) + b"\r\n")
        reply = connection.recv(65536)
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in reply


def test_req_21_a_slow_body_answers_408(small: Running) -> None:
    reply = small.raw(small.head(len(EXAMPLE)) + b"\r\n", EXAMPLE[:20])
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert b"problem:request-timeout" in reply
    assert b"within 1 seconds" in reply
    assert b"connection: close" in reply


def test_req_21_drips_do_not_put_off_the_408(small: Running) -> None:
    with small.connect() as connection:
        connection.sendall(small.head(100_000) + b"\r\n")
        connection.settimeout(0.05)

        def dripped() -> bytes:
            connection.sendall(b" ")
            try:
                return connection.recv(65536)
            except TimeoutError:
                return b""

        assert until(dripped, "the answer").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("every", [0.3, 0.9, 2.0, 1000.0])
@pytest.mark.parametrize("size", [1, LARGE_BODY], ids=["small pieces", "large pieces"])
@pytest.mark.parametrize("as_table", [False, True])
def test_req_21_a_body_has_so_much_time_and_no_more(every: float, size: int, as_table: bool) -> None:
    """However many pieces of it arrive meanwhile."""
    worker = Limits(Settings(request_timeout=2.5))

    async def receive() -> Any:
        await passing(every)
        return {"type": "http.request", "body": b" " * size, "more_body": True}

    async def all_of_it() -> None:
        with worker.holding("t") as share:
            if as_table:
                async for _ in worker.pieces(receive, None, Plain(), table=True):
                    pass
            else:
                await worker.read(receive, None, share)

    async def read() -> None:
        with pytest.raises(Refused) as refused:
            await all_of_it()
        assert (refused.value.name, refused.value.close) == ("request-timeout", True)
        assert "within 2.5 seconds" in refused.value.detail

    assert run(read())[1] == 2.5


def test_a_body_that_arrives_in_time_is_taken() -> None:
    worker, feed = Limits(Settings(request_timeout=2.5)), Feed(b"a", b"b", b"c")

    async def receive() -> Any:
        await passing(0.8)
        return await feed()

    async def read() -> bytes | Handed:
        with worker.holding("t") as share:
            return await worker.read(receive, None, share)

    assert run(read()) == (b"abc", pytest.approx(2.4))


def test_malformed_chunks_answer_400(small: Running) -> None:
    head = small.head(Transfer_Encoding="chunked") + b"\r\n"
    reply = small.raw(head, b"zz\r\n" + EXAMPLE)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert b"problem:bad-request" in reply


def test_a_client_that_leaves_disturbs_nobody(small: Running) -> None:
    with small.connect() as connection:
        connection.sendall(small.head(1000) + b"\r\n" + b" " * 10)
    assert small.post().status_code == 200


SECOND = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def test_req_22_two_ways_to_tell_the_length_serve_no_second_request(small: Running) -> None:
    both = small.head(5, Transfer_Encoding="chunked") + b"\r\n0\r\n\r\n" + SECOND
    twice = small.head(5) + b"Content-Length: 6\r\n\r\n" + b"{}    " + SECOND
    odd = small.head(None) + b"Content-Length: +5\r\n\r\n{}   " + SECOND
    for request in (both, twice, odd):
        said = small.raw(request)
        assert said.count(b"HTTP/1.1 ") == 1, said
        assert b'"status":"ok"' not in said


def test_the_connection_serves_on_after_a_fault(small: Running) -> None:
    with httpx.Client() as client:
        headers = {"Content-Type": "application/json"}
        for body, status in [(b"{", 400), (b"{}", 422), (EXAMPLE, 200), (b"", 400), (EXAMPLE, 200)]:
            reply = client.post(small.url + ROUTE, content=body, headers=headers)
            assert reply.status_code == status
            assert "connection" not in reply.headers


def test_a_large_head_is_refused(small: Running) -> None:
    said = small.raw(small.head(0, X_Padding="x" * 200_000) + b"\r\n")
    assert said.startswith(b"HTTP/1.1 431 ")


class Feed:
    """An ASGI receive that gives these pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    async def __call__(self) -> Any:
        piece = self.pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(self.pieces)}


def test_bodies_held_are_bounded_and_given_back() -> None:
    most = 2 * LARGE_BODY
    worker = Limits(Settings(max_body=most))

    async def read(tenant: str, *pieces: bytes) -> bytes | Handed:
        with worker.holding(tenant) as share:
            return await worker.read(Feed(*pieces), None, share)

    async def refused(tenant: str, *pieces: bytes) -> str:
        with pytest.raises(Refused) as found:
            await read(tenant, *pieces)
        assert found.value.close
        return found.value.name

    async def crowd() -> None:
        with ExitStack() as held:
            for number in range(BODIES_HELD):
                share = held.enter_context(worker.holding(f"t{number // TENANT_BODIES}"))
                await worker.read(Feed(b"x" * most), None, share)
                assert share.held == most
            assert worker.large.held == most * BODIES_HELD
            large = b"x" * (LARGE_BODY + 1)
            assert await refused("t0", large) == "too-many-requests"
            assert await refused("another", large) == "overloaded"
            # Small ones have room of their own, the tenants' that hold most too.
            assert [await read(tenant, b"x" * LARGE_BODY) for tenant in ("t0", "another")] == [b"x" * LARGE_BODY] * 2
        assert await read("t0", b"x" * 4, b"y" * 6) == b"xxxxyyyyyy"
        assert await refused("t0", b"x" * 4, b"y" * most) == "body-too-large"
        assert worker.large.held == worker.small.held == 0

    asyncio.run(crowd())


@pytest.mark.parametrize("size", [LARGE_BODY, LARGE_BODY + 1])
@pytest.mark.parametrize("cut", [1000, 10**9])
def test_a_body_above_the_size_lies_in_a_file(size: int, cut: int) -> None:
    worker, body = Limits(Settings()), random.Random(size).randbytes(size)

    def counted() -> int:
        return worker.small.held + worker.large.held - PLACE

    async def read() -> None:
        with worker.holding("t") as share:
            feed = Feed(*(body[start : start + cut] for start in range(0, size, cut)))
            read = await worker.read(feed, None, share)
            assert share.held == size == counted()
            if size <= LARGE_BODY:
                assert read == body
                assert share.file is None
            else:
                assert read is share.file
                assert isinstance(read, Handed)
                assert read.read(0, 2 * size) == body
            share.settle(2 * size)
            assert share.held == 2 * size == counted()
            share.settle(10)
            assert share.held == 10 == counted()
        assert worker.small.held == worker.large.held == 0

    asyncio.run(read())


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process that computes under /proc")
def test_a_small_body_is_answered_while_a_large_one_is_computed(server: Running) -> None:
    row = {"transaction_id": "T", "date": "2025-01-01", "amount": 1.5, "product_id": "P"}
    large = json.dumps({"customers": [{"customer_id": "C", "transactions": [row] * 5000}]}).encode()
    assert len(large) > LARGE_BODY
    assert server.post(large).status_code == 200
    with ThreadPoolExecutor(1) as pool:
        with paused(server.computing()):
            slow = pool.submit(server.post, large)
            until(lambda: len(large) in bodies(server), "the large body's arrival")
            assert [server.post().status_code for _ in range(4)] == [200] * 4
            assert not slow.done()
        assert slow.result().status_code == 200
