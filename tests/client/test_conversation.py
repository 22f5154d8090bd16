"""A list in pieces is answered as one request is: shown for any list, without sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import customer_features
from customer_features import FaultyRequest, InvalidRequest, ServiceError
from customer_features.client.conversation import Terms, about
from customer_features.client.lists import ListedCustomers
from customer_features.client.retrying import Patience
from customer_features.client.steps import Conversation, Reply, Send
from customer_features.definition.options import current_day
from tests.conftest import examples

from .scripted import customer, problem


class InProcess:
    """The service without sockets, with a cap on bodies; in the timezone of the first or the last day on earth."""

    def __init__(self, cap: int = 10**9, timezone: str = "UTC") -> None:
        self.cap = cap
        self.timezone = timezone
        self.bodies: list[bytes] = []

    def answers(self, send: Send) -> Reply:
        assert send.body is not None
        if len(send.body) > self.cap:
            return Reply(413, {}, json.dumps(problem(413, "body-too-large")).encode())
        self.bodies.append(send.body)
        try:
            return Reply(200, {}, customer_features.answer(send.body, timezone=self.timezone))
        except InvalidRequest as refused:
            return Reply(refused.status, {}, json.dumps(refused.problem).encode())

    def run(self, steps: Conversation[Any]) -> Any:
        step = next(steps)
        while True:
            assert isinstance(step, Send)
            try:
                step = steps.send(self.answers(step))
            except StopIteration as end:
                return end.value


def asked(
    service: InProcess,
    customers: list[Any],
    max_bytes: int,
    max_customers: int,
    told: Callable[[int], None],
    **keys: Any,
) -> Any:
    terms = Terms("http://x", max_bytes, max_customers, Patience(1, 0))
    return service.run(about(ListedCustomers(customers), keys, terms, told))


def outcome(work: Callable[[], Any]) -> Any:
    """The vectors and the warnings of single customers, or the problem document."""
    try:
        answer = work()
    except InvalidRequest as refused:
        return refused.status, refused.problem
    warnings = [one for one in answer.get("warnings", []) if one["customer_id"] is not None]
    return answer["customers"], warnings


IDS = st.text("abé☃'\"\\[]0.", min_size=1, max_size=4)
TRANSACTIONS = st.fixed_dictionaries(
    {
        "transaction_id": IDS,
        "date": st.one_of(
            st.dates(date(2024, 1, 1), date(2025, 5, 1)).map(date.isoformat), st.sampled_from(["2025-02-30", "x", None])
        ),
        "amount": st.one_of(
            st.floats(0, 1e6), st.sampled_from([0, 1, 0.00005, 1e11, 1e12, -1, -0.5, None, "7", True, float("inf")])
        ),
        "product_id": st.one_of(IDS, st.none()),
    }
)
CLEAN = st.fixed_dictionaries(
    {
        "transaction_id": IDS,
        "date": st.dates(date(2024, 1, 1), date(2025, 5, 1)).map(date.isoformat),
        "amount": st.floats(0, 1e6),
        "product_id": IDS,
    }
)


def people(transactions: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[Any]]:
    one = st.fixed_dictionaries(
        {"customer_id": IDS, "transactions": st.lists(transactions, min_size=1, max_size=4)},
        optional={"loyalty_score": st.one_of(st.floats(0, 1), st.none())},
    )
    return st.lists(one, max_size=most, unique_by=lambda one: one["customer_id"])


KEYS = st.fixed_dictionaries(
    {"today": st.sampled_from(["2025-04-24", "2025-05-01"])},
    optional={
        "grain": st.sampled_from(["line", "repeated_total"]),
        "future": st.just("exclude"),
        "returns": st.just("net"),
        "window": st.sampled_from(["3 months", "10 days"]),
    },
)


@settings(max_examples=examples(150), deadline=None)
@given(
    customers=st.one_of(people(CLEAN, 12), people(TRANSACTIONS, 8)),
    keys=KEYS,
    max_bytes=st.integers(1, 3000),
    max_customers=st.integers(1, 8),
    cap=st.integers(0, 3000),
)
def test_pieces_are_answered_as_one_request(
    customers: list[Any], keys: dict[str, Any], max_bytes: int, max_customers: int, cap: int
) -> None:
    alone = 200 + max((len(json.dumps(one)) for one in customers), default=0)
    one = outcome(lambda: asked(InProcess(), customers, 10**9, 10**9, lambda _: None, **keys))
    told: list[int] = []
    service = InProcess(max(cap, alone))
    several = outcome(lambda: asked(service, customers, max_bytes, max_customers, told.append, **keys))
    assert several == one
    assert told == sorted(set(told)) or not customers
    assert told[-1] == len(customers)
    assert {json.loads(body).get("today") for body in service.bodies} == {keys["today"]}


@pytest.mark.parametrize("timezone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
@pytest.mark.parametrize("cap", [10**9, 700])
def test_without_a_date_all_pieces_have_the_services_own(timezone: str, cap: int) -> None:
    customers = [customer(f"c{n}", 1.0, day="2025-01-01") for n in range(9)]
    # Where the first request was meant to hold all of them and was too large, too.
    service, whole = InProcess(cap, timezone), InProcess(timezone=timezone)
    most = 4 if cap > 700 else 100
    answer = asked(service, customers, 10**6, most, lambda _: None, grain="line")
    assert answer == asked(whole, customers, 10**6, 100, lambda _: None, grain="line")
    assert "today" not in json.loads(whole.bodies[0])
    probe, *rest = [json.loads(body) for body in service.bodies]
    assert len(probe["customers"]) == 1
    assert set(probe) == {"customers"}
    (today,) = {one["today"] for one in rest}
    assert today == current_day(timezone).isoformat()
    assert len(rest) >= 2


def test_a_service_that_does_not_say_what_day_it_is() -> None:
    class Odd(InProcess):
        def answers(self, send: Send) -> Reply:
            return Reply(200, {}, b'{"customers":[{"customer_id":"1","features":{}}]}')

    with pytest.raises(ServiceError, match="http://x does not say what day it is; give today"):
        asked(Odd(), [customer("a", 1.0), customer("b", 1.0)], 10**6, 1, lambda _: None)


def test_a_customer_twice_is_refused_before_anything_is_sent() -> None:
    customers = [customer("a", 1.0), customer("b", 1.0), customer("a", 2.0)]
    service = InProcess()
    with pytest.raises(FaultyRequest) as caught:
        asked(service, customers, 10**6, 1, lambda _: None)
    assert service.bodies == []
    # One request: the service sees it, and says the same.
    with pytest.raises(FaultyRequest) as by_service:
        asked(service, customers, 10**6, 10, lambda _: None)
    assert len(service.bodies) == 1
    assert caught.value.problem == by_service.value.problem


def test_once_a_hundred_faults_are_listed_nothing_more_is_sent() -> None:
    customers = [customer(f"c{n}", -1.0, -2.0) for n in range(500)]
    service = InProcess()
    with pytest.raises(FaultyRequest) as caught:
        asked(service, customers, 10**6, 60, lambda _: None, today="2025-04-24")
    assert len(service.bodies) == 1
    assert (len(caught.value.errors), caught.value.fault_count) == (100, 120)
    assert "at least 120 faults; the first 100 are listed" in str(caught.value)


def test_one_customer_that_is_too_large_is_named() -> None:
    customers = [customer("a", 1.0), customer("b", *[1.0] * 50), customer("c", 1.0)]
    with pytest.raises(
        InvalidRequest, match=r"413 body-too-large: customers\[1\] alone takes \d{4} bytes\. No\."
    ) as caught:
        asked(InProcess(700), customers, 10**6, 10, lambda _: None, today="2025-04-24")
    assert not isinstance(caught.value, FaultyRequest)
