"""The id of a request: in its answer, in every line that it leaves in the log, and in the document of a 500."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from customer_features.service import request_id, secret
from tests.waiting import until

from .harness import EXAMPLE, ROUTE, Local, Running, rest

FRESH = re.compile(r"[0-9a-f]{32}")
SANE = ["a", "7f4df3a6-4c1e-4f0e-9a53-2c6f6f2b6a10", "01J9Z3.k_8-x", "x" * 64]
UNFIT = [b"", b"x" * 65, b"a b", b"a\tb", b"a,b", b'a"b', b"a;b", b"\xc3\xa9", b"-a", b"a/b", b"%0d%0a", b"{}"]


@pytest.mark.parametrize("given", SANE)
def test_a_sane_id_is_kept(given: str) -> None:
    assert request_id.chosen([given.encode()]) == given


@pytest.mark.parametrize("given", UNFIT)
def test_another_is_replaced(given: bytes) -> None:
    assert FRESH.fullmatch(request_id.chosen([given]))


def test_none_two_and_a_secret_are_replaced() -> None:
    for given in ([], [b"a", b"a"], [secret.make().encode()]):
        assert FRESH.fullmatch(request_id.chosen(given))
    assert request_id.chosen([]) != request_id.chosen([])


@pytest.mark.parametrize(("start", "end"), [(0, 64), (0, 12), (4, 16), (4, 58), (20, 40), (52, 64), (30, 38), (56, 64)])
def test_req_11_a_part_of_the_secret_that_is_sent_is_replaced(start: int, end: int) -> None:
    plain = secret.make().encode()
    part = plain[start:end].removeprefix(b"cfs_")
    for given in (part, b"job-" + part, part + b".7"):
        assert FRESH.fullmatch(request_id.chosen([given], [plain]))


def test_req_11_a_part_of_any_secret_is_replaced() -> None:
    """Without the secret beside it: 20 letters and digits of one mix capitals and small letters."""
    for _ in range(200):
        assert FRESH.fullmatch(request_id.chosen([secret.make()[10:30].encode()]))


def test_ids_in_common_use_are_kept() -> None:
    plain = secret.make().encode()
    for given in (
        "7f4df3a64c1e4f0e9a532c6f6f2b6a10",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "order-20250424-0001",
        "NightlyRun-7",
    ):
        assert request_id.chosen([given.encode()], [plain]) == given


def test_every_answer_has_it(server: Running) -> None:
    asked = [
        ("POST", ROUTE, EXAMPLE, {}, 200),
        ("POST", ROUTE, EXAMPLE[:-1], {}, 400),
        ("POST", ROUTE, EXAMPLE, {"X-Secret": "wrong"}, 401),
        ("GET", "/nothing", b"", {}, 404),
        ("GET", ROUTE, b"", {}, 405),
        ("POST", ROUTE, EXAMPLE, {"Content-Type": "text/plain"}, 415),
        ("POST", ROUTE, EXAMPLE.replace(b"520.55", b"-1"), {}, 422),
        ("GET", "/health", b"", {}, 200),
        ("GET", "/ready", b"", {}, 200),
        ("HEAD", "/openapi.json", b"", {}, 200),
    ]
    begun = server.mark()
    for place, (method, path, body, more, status) in enumerate(asked):
        headers = {"Content-Type": "application/json", **server.headers, **more, "X-Request-Id": f"asked-{place}"}
        reply = server.request(method, path, content=body, headers=headers)
        assert (reply.status_code, reply.headers.get_list("x-request-id")) == (status, [f"asked-{place}"])
    assert FRESH.fullmatch(server.post().headers["x-request-id"])
    lines = [json.loads(line) for line in server.log_lines(begun) if "asked-" in line]
    assert len(lines) == len(asked) - 1  # that of /health is left out
    assert {line["request_id"]: line["status"] for line in lines} == {
        f"asked-{place}": status for place, (_, path, _, _, status) in enumerate(asked) if path != "/health"
    }


def test_requests_at_once_do_not_take_each_others(trial: Running) -> None:
    begun = trial.mark()
    # Each is in progress until the last one has come.
    half, whole = EXAMPLE[:100], EXAMPLE[100:]
    with ExitStack() as stack:
        asked = [stack.enter_context(trial.connect()) for _ in range(40)]
        for place, connection in enumerate(asked):
            head = trial.head(len(EXAMPLE), Connection="close", X_Request_Id=f"at-once-{place}")
            connection.sendall(head + b"\r\n" + half)
        for connection in reversed(asked):
            connection.sendall(whole)
        answers = [rest(connection) for connection in asked]
    for place, answer in enumerate(answers):
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"x-request-id: at-once-%d\r\n" % place in answer

    def logged() -> list[str]:
        lines = [json.loads(line) for line in trial.log_lines(begun) if "at-once" in line]
        return sorted(line["request_id"] for line in lines)

    until(lambda: len(logged()) == 40, "a line of each")
    assert logged() == sorted(f"at-once-{place}" for place in range(40))


def test_lines_of_a_failing_store_have_it_too(local: Callable[..., Local]) -> None:
    server = local(key=True)
    with sqlite3.connect(server.folder / "credentials.sqlite") as connection:
        connection.execute("DROP TABLE secrets")
    connection.close()
    reply = server.post(X_Request_Id="store-gone")
    assert reply.status_code == 503
    lines = [json.loads(line) for line in server.log_lines() if "store-gone" in line]
    assert {line["event"] for line in lines} == {"credential store unreadable", "request"}
