"""Large JSON bodies over a socket: answers to the byte, faults, and files that are gone however a request ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import zstandard

import customer_features
from customer_features.errors import InvalidRequest
from customer_features.service.computing import LARGE_BODY

from .harness import ROUTE, Running, problem

Start = Callable[..., Running]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for the files under /proc")


def document(customers: int, amount: object = 1.5) -> bytes:
    row = {"transaction_id": "T", "date": "2025-01-01", "amount": amount, "product_id": "P"}
    several = [{"customer_id": f"C{n}", "transactions": [row] * 3} for n in range(customers)]
    return json.dumps({"today": "2025-04-24", "customers": several}).encode()


LARGE = document(30_000)
ANSWER = customer_features.answer(LARGE)


def children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def files(server: Running) -> int:
    """How many bodies the server's workers and their processes have open."""
    found = 0
    for worker in children(server.process.pid):
        for process in (worker, *children(worker)):
            for link in Path(f"/proc/{process}/fd").iterdir():
                try:
                    found += "memfd:body" in str(link.readlink())
                except OSError:
                    continue
    return found


def assert_all_closed(server: Running) -> None:
    ends = time.monotonic() + 20
    while files(server):
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.parametrize("size", [LARGE_BODY, LARGE_BODY + 1, len(LARGE)])
def test_answers_are_the_same_to_the_byte(server: Running, size: int) -> None:
    body = LARGE if size == len(LARGE) else document(100).ljust(size)
    expected = customer_features.answer(body)
    plain = server.post(body, Accept_Encoding="identity")
    assert plain.content == expected
    assert int(plain.headers["content-length"]) == len(expected)
    assert server.post(zstandard.compress(body), Content_Encoding="zstd", Accept_Encoding="gzip").content == expected

    def pieces() -> Iterator[bytes]:
        for start in range(0, size, 50_000):
            yield body[start : start + 50_000]

    headers = {**server.headers, "Content-Type": "application/json"}
    assert httpx.post(server.url + ROUTE, content=pieces(), headers=headers, timeout=20).content == expected
    assert_all_closed(server)


def test_the_log_counts_the_customers(server: Running) -> None:
    assert server.post(LARGE).status_code == 200
    assert json.loads(server.log_lines()[-1])["customers"] == 30_000


@pytest.mark.parametrize("body", [LARGE[:-1], document(30_000, -1)])
def test_faults_are_told_as_a_small_body_s(server: Running, body: bytes) -> None:
    with pytest.raises(InvalidRequest) as expected:
        customer_features.answer(body)
    reply = server.post(body)
    name = str(expected.value.problem["type"]).rpartition(":")[2]
    told = problem(reply, expected.value.status, name)
    assert {**told, "instance": ""} == {**expected.value.problem, "instance": ""}
    assert_all_closed(server)


def test_a_client_that_leaves_takes_its_file_along(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(server.head(len(LARGE)) + b"\r\n" + LARGE[: 3 * LARGE_BODY])
        ends = time.monotonic() + 20
        while not files(server):
            assert time.monotonic() < ends
            time.sleep(0.01)
    assert_all_closed(server)
    # Again, while it is computed, and once the answer has begun.
    for wanted in (0, 1000):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(server.head(len(LARGE)) + b"\r\n" + LARGE)
            assert len(connection.recv(wanted, socket.MSG_WAITALL)) == wanted
        assert_all_closed(server)
    assert server.post(LARGE).content == ANSWER


def test_req_21_a_large_body_that_stops_is_given_up(started: Start) -> None:
    server = started("--no-auth", "--request-timeout", "1s")
    reply = server.raw(server.head(len(LARGE)) + b"\r\n", LARGE[: 3 * LARGE_BODY])
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert_all_closed(server)


def test_req_17_a_large_body_that_grows_too_large_is_given_up(started: Start) -> None:
    server = started("--no-auth", "--max-body", "1MiB")
    head = server.head(Transfer_Encoding="chunked", Connection="close") + b"\r\n"
    chunk = b"%x\r\n%s\r\n" % (200_000, b" " * 200_000)
    assert server.raw(head, *[chunk] * 8).startswith(b"HTTP/1.1 413 ")
    assert_all_closed(server)


def test_a_lost_computation_answers_503(started: Start) -> None:
    server = started("--no-auth")
    assert server.post(LARGE).content == ANSWER
    worker = children(server.process.pid)[0]
    beside = [one for one in children(worker) if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()]
    assert len(beside) == 1
    os.kill(beside[0], signal.SIGSTOP)  # so that it is at work when it is lost
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(server.head(len(LARGE), Connection="close") + b"\r\n" + LARGE)
        time.sleep(0.5)
        os.kill(beside[0], signal.SIGKILL)
        said = connection.recv(65536)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert_all_closed(server)
    assert server.post(LARGE).content == ANSWER
