"""A list in pieces is answered as one request is: shown for any list without sockets, then against the real service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import customer_features
from customer_features import FaultyRequest, InvalidRequest, ServiceError, ServiceUnavailable, Unauthorized
from customer_features.client.conversation import Terms, about
from customer_features.client.lists import ListedCustomers
from customer_features.client.retrying import Patience
from customer_features.client.steps import Conversation, Reply, Send
from tests.conftest import EXAMPLE
from tests.service.harness import Running, start

from .scripted import HANG_UP, Ask, Asked, Says, Scripted, computed, customer, overloaded, problem


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


@settings(max_examples=150, deadline=None)
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
    assert today == customer_features.options.current_day(timezone).isoformat()  # type: ignore[attr-defined]
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


# -- the real service, over a socket ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of another timezone than UTC, without credentials and with a cap that is soon reached."""
    running = start(
        tmp_path_factory.mktemp("trial"), "--no-auth", "--max-body", "20kB", "--timezone", "Pacific/Kiritimati"
    )
    yield running
    running.kill()


def credentials(server: Running) -> dict[str, str]:
    return {"api_id": server.headers["X-Customer-Api-Id"], "secret": server.headers["X-Secret"]}


def test_the_example(server: Running, ask: Ask) -> None:
    answer = ask(server.url, EXAMPLE["customers"], EXAMPLE["today"], client=credentials(server))
    assert answer == json.loads(customer_features.answer(json.dumps(EXAMPLE).encode()))
    by_one = {**credentials(server), "max_customers": 1}
    assert ask(server.url, iter(EXAMPLE["customers"]), EXAMPLE["today"], client=by_one) == answer
    assert ask(server.url, [], client=credentials(server)) == {"customers": []}


def test_credentials_that_do_not_serve(server: Running, ask: Ask) -> None:
    wrong = {**credentials(server), "secret": "cfs_" + "x" * 60}
    for client in ({}, wrong):
        with pytest.raises(Unauthorized) as caught:
            ask(server.url, EXAMPLE["customers"], client=client)
        assert (caught.value.status, caught.value.type) == (401, "urn:customer-features:problem:unauthorized")


def test_the_services_cap_is_found_out(trial: Running, ask: Ask) -> None:
    customers = [customer(f"c{n}", *[n + 0.005] * 5, day="2025-01-01") for n in range(300)]
    answer = ask(trial.url, customers)
    today = date(2025, 1, 1) + timedelta(days=answer["customers"][0]["features"]["recency_days"])
    document = {"today": today.isoformat(), "customers": customers}
    assert answer["customers"] == json.loads(customer_features.answer(json.dumps(document).encode()))["customers"]
    assert today == customer_features.options.current_day("Pacific/Kiritimati")  # type: ignore[attr-defined]


def large(count: int) -> list[dict[str, Any]]:
    """Customers of about two kilobytes each."""
    return [customer(f"c{n}", *[n + 0.005] * 25) for n in range(count)]


def test_a_cap_far_below_what_is_sent(small: Running, ask: Ask) -> None:
    """The service hangs up on what is still being sent, and its 413 may be lost on the way."""
    answer = ask(small.url, large(2000), "2025-04-24", client={"max_bytes": 10**9})
    assert [one["customer_id"] for one in answer["customers"]] == [f"c{n}" for n in range(2000)]


def test_what_breaks_connections_is_halved(
    scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float]
) -> None:
    def frail(asked: Asked) -> Says:
        return HANG_UP if len(asked.body) > 70_000 else computed(asked)

    server = scripted()
    server.always = frail
    answer = ask(server.url, large(100), "2025-04-24")
    assert len(answer["customers"]) == 100
    assert [len(request.body) > 70_000 for request in server.asked] == [True] * 4 + [False] * 4
    # One that is small is not at fault: it is tried as any other.
    server.always = lambda _: HANG_UP
    with pytest.raises(ServiceUnavailable, match=r"the connection broke before an answer was there \(tried 5 times"):
        ask(server.url, large(2), "2025-04-24")


def test_faults_of_all_pieces_by_their_place(trial: Running, ask: Ask) -> None:
    customers = [customer(f"c{n}", 1.0) for n in range(50)]
    customers[7]["transactions"][0]["amount"] = -1
    customers[33]["loyalty_score"] = 1.5
    customers[49]["transactions"] = []
    with pytest.raises(FaultyRequest) as caught:
        ask(trial.url, customers, client={"max_customers": 10})
    error = caught.value
    assert list(error.errors) == [
        "customers[7].transactions[0].amount",
        "customers[33].loyalty_score",
        "customers[49].transactions",
    ]
    assert (error.status, error.fault_count) == (422, 3)
    assert error.type == "urn:customer-features:problem:faulty-request"
    assert str(error).splitlines()[0] == "422 Faulty request: The request has 3 faults. Nothing was computed."
    assert "  customers[7].transactions[0].amount: amount -1 is negative" in str(error)


def test_a_service_that_stops_midway(scripted: Callable[..., Scripted], ask: Ask, no_waiting: list[float]) -> None:
    server = scripted(computed, computed)
    server.always = lambda _: overloaded()
    customers = [customer(f"c{n}", 1.0) for n in range(5)]
    with pytest.raises(ServiceUnavailable):
        ask(server.url, customers, "2025-04-24", client={"max_customers": 1, "tries": 2})
    assert [len(request.document["customers"]) for request in server.asked] == [1, 1, 1, 1]


def test_an_error_that_is_none_of_the_services(scripted: Callable[..., Scripted], ask: Ask) -> None:
    def odd(asked: Asked) -> Says:
        return Says(422, {"detail": [{"loc": ["body"], "msg": "field required"}]})

    def uncounted(asked: Asked) -> Says:
        return Says(422, problem(422, "faulty-request", errors={"$": ["No.", "Never."]}, fault_count="many"))

    with pytest.raises(FaultyRequest) as faulty:
        ask(scripted(uncounted).url, [customer("a", 1.0)])
    assert faulty.value.fault_count == 2
    with pytest.raises(InvalidRequest) as caught:
        ask(scripted(odd).url, [customer("a", 1.0)])
    assert not isinstance(caught.value, FaultyRequest)
    assert "field required" in str(caught.value)
    assert caught.value.errors == {}


@pytest.mark.slow
def test_a_hundred_thousand_customers(server: Running) -> None:
    customers = [customer(f"c{n}", n / 100, n / 7) for n in range(100_000)]
    document = {"today": "2025-04-24", "customers": customers}
    with customer_features.Client(server.url, **credentials(server)) as client:
        answer = client.customer_features(customers, "2025-04-24")
    assert answer == json.loads(customer_features.answer(json.dumps(document).encode()))
