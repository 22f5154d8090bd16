"""Large JSON bodies over a socket: answers to the byte, faults, and files that are gone however a request ends."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import zstandard

import customer_features
from customer_features.errors import InvalidRequest
from customer_features.service.bodies.computing import LARGE_BODY
from tests.service.harness import ROUTE, Running, children, paused, problem, rest
from tests.waiting import until

Start = Callable[..., Running]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for the files under /proc")


def document(customers: int, amount: object = 1.5) -> bytes:
    row = {"transaction_id": "T", "date": "2025-01-01", "amount": amount, "product_id": "P"}
    several = [{"customer_id": f"C{n}", "transactions": [row] * 3} for n in range(customers)]
    return json.dumps({"today": "2025-04-24", "customers": several}).encode()


CUSTOMERS = 5000
LARGE = document(CUSTOMERS)
ANSWER = customer_features.answer(LARGE)


def bodies(server: Running) -> list[int]:
    """How large the bodies are that the server's workers and their processes have open."""
    found = []
    for worker in server.workers():
        for process in (worker, *children(worker)):
            with suppress(OSError):  # the process has ended meanwhile
                for link in Path(f"/proc/{process}/fd").iterdir():
                    with suppress(OSError):  # or its file is closed
                        if "memfd:body" in str(link.readlink()):
                            found.append(link.stat().st_size)
    return found


def assert_all_closed(server: Running) -> None:
    until(lambda: not bodies(server), "the end of all bodies")


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
    assert server.request("POST", ROUTE, content=pieces(), headers=headers).content == expected
    assert_all_closed(server)


def test_the_log_counts_the_customers(server: Running) -> None:
    assert server.line(server.post(LARGE))["customers"] == CUSTOMERS


@pytest.mark.parametrize("body", [LARGE[:-1], document(CUSTOMERS, -1)], ids=["cut", "faulty"])
def test_faults_are_told_as_a_small_body_s(server: Running, body: bytes) -> None:
    with pytest.raises(InvalidRequest) as expected:
        customer_features.answer(body)
    reply = server.post(body)
    name = str(expected.value.problem["type"]).rpartition(":")[2]
    told = problem(reply, expected.value.status, name)
    assert {**told, "instance": ""} == {**expected.value.problem, "instance": ""}
    assert_all_closed(server)


def test_a_client_that_leaves_takes_its_file_along(server: Running) -> None:
    with server.connect() as connection:
        connection.sendall(server.head(len(LARGE)) + b"\r\n" + LARGE[: 3 * LARGE_BODY])
        until(lambda: bodies(server), "the body's file")
    assert_all_closed(server)
    # Again, while it is computed, and once the answer has begun.
    for wanted in (0, 1000):
        with server.connect(receives=4096) as connection:
            connection.sendall(server.head(len(LARGE)) + b"\r\n" + LARGE)
            said = b""
            while len(said) < wanted:  # a socket with a timeout does not wait for all of it
                piece = connection.recv(wanted - len(said))
                assert piece
                said += piece
        assert_all_closed(server)
    assert server.post(LARGE).content == ANSWER


def test_req_21_a_large_body_that_stops_is_given_up(impatient: Running) -> None:
    reply = impatient.raw(impatient.head(len(LARGE)) + b"\r\n", LARGE[: 3 * LARGE_BODY])
    assert reply.startswith(b"HTTP/1.1 408 ")
    assert_all_closed(impatient)


def test_req_17_a_large_body_that_grows_too_large_is_given_up(server: Running) -> None:
    head = server.head(Transfer_Encoding="chunked", Connection="close") + b"\r\n"
    chunk = b"%x\r\n%s\r\n" % (2**20, b" " * 2**20)
    assert server.raw(head, *[chunk] * 33).startswith(b"HTTP/1.1 413 ")
    assert_all_closed(server)


@pytest.mark.slow
def test_a_lost_computation_answers_503(started: Start) -> None:
    server = started("--no-auth")
    assert server.post(LARGE).content == ANSWER
    (beside,) = server.computing()
    assert_all_closed(server)
    with paused([beside]), server.connect() as connection:  # so that it is at work when it is lost
        connection.sendall(server.head(len(LARGE), Connection="close") + b"\r\n" + LARGE)
        until(lambda: len(LARGE) in bodies(server), "the body's arrival")
        os.kill(beside, signal.SIGKILL)
        said = rest(connection)
    assert said.startswith(b"HTTP/1.1 503 ")
    assert_all_closed(server)
    assert server.post(LARGE).content == ANSWER
