"""When a request is tried again: decided without a socket, and shown over one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

import customer_features
from customer_features import ServiceError, ServiceUnavailable
from customer_features.client import asynchronous, threaded
from customer_features.client.retrying import Patience, asked, retry_after
from customer_features.client.steps import Came, Lost, Reply, Send, Wait
from tests.waiting import until

from .scripted import HANG_UP, Ask, Asked, Says, Scripted, computed, customer, overloaded, problem

SEND = Send("POST", "/", b"{}")
OK = Reply(200, {}, b"{}")
BUSY = Reply(503, {}, b"")
GONE = Lost("no connection", again=True)
CUSTOMERS = [customer("a", 1.0)]


class Clock:
    """Seconds that pass by waiting alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def waits(*came: Came, tries: int = 5, seconds: float = 120.0, chance: float = 0.0, takes: float = 0.0) -> list[float]:
    """The pauses of a conversation in which these things come of each try."""
    clock = Clock()
    steps = asked(SEND, Patience(tries, seconds, clock, lambda: chance), "http://x")
    found: list[float] = []
    script = list(came)
    step = next(steps)
    try:
        while True:
            if isinstance(step, Wait):
                found.append(step.seconds)
                clock.now += step.seconds
                step = steps.send(None)
            else:
                clock.now += takes
                step = steps.send(script.pop(0))
    except StopIteration:
        return found


@pytest.mark.parametrize("status", [200, 400, 401, 404, 413, 422, 500, 504])
def test_an_answer_is_an_answer(status: int) -> None:
    assert waits(Reply(status, {}, b"")) == []


def test_pauses_double_and_half_of_each_is_chance() -> None:
    assert waits(BUSY, GONE, Reply(429, {}, b""), Reply(502, {}, b""), OK) == [0.25, 0.5, 1.0, 2.0]
    assert waits(BUSY, GONE, BUSY, BUSY, OK, chance=1.0) == [0.5, 1.0, 2.0, 4.0]
    assert max(waits(*[BUSY] * 20, OK, tries=21, seconds=1e9, chance=1.0)) == 30.0


def test_tries_and_time_are_bounded() -> None:
    with pytest.raises(ServiceUnavailable, match=r"\(tried 3 times in 0\.8 s\)"):
        waits(BUSY, BUSY, BUSY, tries=3)
    with pytest.raises(ServiceUnavailable, match="tried 2 times"):
        waits(GONE, GONE, seconds=20.0, takes=10.0)
    with pytest.raises(ServiceUnavailable) as caught:
        waits(GONE, tries=1)
    assert str(caught.value) == "http://x: no connection"
    assert waits(GONE, OK, seconds=0.3) == [0.25]


def test_what_another_try_would_not_mend_is_not_tried_again() -> None:
    with pytest.raises(ServiceUnavailable, match="no answer within 3 s"):
        waits(Lost("no answer within 3 s", again=False))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 24 Apr 2025 10:00:30 GMT", 30.0),
        ("Thursday, 24-Apr-25 10:00:30 GMT", 30.0),
        ("Thu, 24 Apr 2025 12:00:30 +0200", 30.0),
        ("Thu, 24 Apr 2025 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("1.5", None),
        ("9" * 50, None),
        ("", None),
        ("Thu, 99 Apr 2025 99:00:30 GMT", None),
    ],
)
def test_retry_after(header: str, seconds: float | None) -> None:
    reply = Reply(503, {"retry-after": header, "date": "Thu, 24 Apr 2025 10:00:00 GMT"}, b"")
    assert retry_after(reply) == seconds


def test_a_date_without_the_services_own_is_compared_with_ours() -> None:
    def asks(then: str) -> Reply:
        return Reply(503, {"retry-after": then}, b"")

    assert retry_after(asks("Thu, 24 Apr 2025 10:00:30 GMT"), lambda: datetime(2025, 4, 24, 10, tzinfo=UTC)) == 30.0
    assert retry_after(asks("Thu, 24 Apr 2025 10:00:30 GMT")) == 0.0
    assert (retry_after(asks("Wed, 24 Apr 2999 10:00:30 GMT")) or 0) > 0
    assert retry_after(Reply(503, {}, b"")) is None


def test_what_it_asks_for_is_the_least_that_is_waited() -> None:
    busy = Reply(429, {"retry-after": "7"}, b"")
    assert waits(busy, OK, chance=0.5) == [7.25]
    with pytest.raises(ServiceUnavailable) as caught:
        waits(Reply(429, {"retry-after": "3600"}, b'{"title":"Too many requests","detail":"Enough."}'))
    error = caught.value
    said = "http://x answers 429 Too many requests: Enough; it asks to be tried again after 3600 s"
    assert (str(error), error.status, error.retry_after) == (said, 429, 3600.0)


# -- over a socket ---------------------------------------------------------------------------------------------


def test_it_goes_on_after_every_kind_of_trouble(
    scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float]
) -> None:
    server = scripted(
        overloaded(),
        overloaded("2", status=429),
        HANG_UP,
        Says(200, b'{"customers":[', drop=5),
        Says(502, b"<html>bad gateway</html>"),
    )
    answer = ask(server.url, CUSTOMERS, "2025-04-24", client={"tries": 6})
    assert answer["customers"][0]["features"]["purchase_total"] == 1.0
    assert len(server.asked) == 6
    assert len({request.body for request in server.asked}) == 1
    assert len(no_waiting) == 5
    assert 2.0 <= no_waiting[1] <= 2.5
    assert all(0 < seconds <= 8 for seconds in no_waiting)


def test_retry_after_is_waited_for_before_the_next_try(
    scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float]
) -> None:
    waited: list[list[float]] = []

    def then(asked: Asked) -> Says:
        waited.append(no_waiting.copy())
        return computed(asked)

    ask(scripted(overloaded("1"), then).url, CUSTOMERS, "2025-04-24")
    [[seconds]] = waited
    assert 1.0 <= seconds <= 1.5


def test_clients_wait_with_the_sleep_of_their_kind() -> None:
    """It is what ``no_waiting`` replaces."""
    kinds = [(module.sleep.__module__, module.sleep.__name__) for module in (threaded, asynchronous)]
    assert kinds == [("time", "sleep"), ("anyio", "sleep")]


def test_it_gives_up_with_what_was_said_last(
    scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float]
) -> None:
    server = scripted()
    server.always = lambda _: overloaded("1")
    with pytest.raises(ServiceUnavailable) as caught:
        ask(server.url, CUSTOMERS, client={"tries": 3})
    error = caught.value
    assert len(server.asked) == 3
    assert (error.status, error.type, error.retry_after) == (503, "urn:customer-features:problem:overloaded", 1.0)
    assert f"{server.url} answers 503 overloaded: No; it asks to be tried again after 1 s (tried 3 times" in str(error)
    with pytest.raises(ServiceUnavailable):
        ask(server.url, CUSTOMERS, client={"patience": 0.5})
    assert len(server.asked) == 4


def test_nobody_is_there(ask: Ask, no_waiting: list[float]) -> None:
    with Scripted() as server:
        url = server.url
    with pytest.raises(ServiceUnavailable, match=r"no connection: .*refused.* \(tried 2 times in") as caught:
        ask(url, CUSTOMERS, client={"tries": 2})
    assert caught.value.status is None
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_answer_that_does_not_come_is_not_asked_for_twice(
    scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float]
) -> None:
    told = threading.Event()
    server = scripted(Says(200, b"{}", once=told))
    # A connection may take longer than that on a slow machine: that is tried again.
    patient = {"timeout": 0.3, "tries": 1000}
    try:
        with pytest.raises(ServiceUnavailable, match=r"no answer within 0\.3 s; send less at a time, or raise timeout"):
            ask(server.url, CUSTOMERS, client=patient)
        until(lambda: server.asked, "the arrival of the request")
        assert len(server.asked) == 1
    finally:
        told.set()


def test_what_is_no_answer_is_told_once(scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float]) -> None:
    def moved(asked: Asked) -> Says:
        return Says(308, b"", {"Location": "http://elsewhere.example/"})

    html = Says(200, b"<html>hello</html>", {"Content-Type": "text/html"})
    other = Says(200, b'{"customers":[{"customer_id":"z","features":{}}]}')
    failed = Says(500, problem(500, "internal-error", id="4711"))
    server = scripted(moved, html, other, failed)
    for said in (
        "answers 308: it leads on to another address; give that one as base_url",
        "answers 200, but the body is not the contract's answer .Content-Type text/html.; is it the service's address",
        "answers 200, but the customers are not those that were asked about",
        r"answers 500 internal-error: No\. \(id 4711\)",
    ):
        with pytest.raises(ServiceError, match=said) as caught:
            ask(server.url, CUSTOMERS)
        assert not isinstance(caught.value, ServiceUnavailable)
    assert len(server.asked) == 4
    assert no_waiting == []


def test_health(scripted: Callable[..., Scripted]) -> None:
    ok, busy = Says(200, {"status": "ok"}), overloaded("1")
    server = scripted(ok, busy, Says(404, b""), HANG_UP)
    with customer_features.Client(server.url, "id", "a-secret") as client:
        assert client.health() == {"status": "ok"}
        with pytest.raises(ServiceUnavailable):
            client.health()
        with pytest.raises(customer_features.InvalidRequest):
            client.health()
        with pytest.raises(ServiceUnavailable, match="the connection broke"):
            client.health()
    server.script.append(ok)

    async def asked() -> Any:
        async with customer_features.AsyncClient(server.url, "id", "a-secret") as client:
            return await client.health()

    assert asyncio.run(asked()) == {"status": "ok"}
    assert [request.path for request in server.asked] == ["/health"] * 5
    assert all("x-secret" not in request.headers for request in server.asked)
