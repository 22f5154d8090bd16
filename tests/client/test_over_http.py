"""The clients against the real service over a socket, and against one that breaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

import customer_features
from customer_features import FaultyRequest, InvalidRequest, ServiceUnavailable, Unauthorized
from customer_features.definition.options import current_day
from tests.conftest import EXAMPLE
from tests.service.harness import Running, start

from .scripted import HANG_UP, Ask, Asked, Says, Scripted, computed, customer, overloaded, problem


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
    assert today == current_day("Pacific/Kiritimati")


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


def test_one_client_for_many(trial: Running) -> None:
    def customers(number: int) -> list[dict[str, Any]]:
        return [customer(f"{number}-{place}", number + 1.0) for place in range(5)]

    async def gathered() -> list[Any]:
        async with customer_features.AsyncClient(trial.url, max_customers=2) as client:
            return await asyncio.gather(*(client.customer_features(customers(n), "2025-04-24") for n in range(8)))

    with customer_features.Client(trial.url, max_customers=2) as client, ThreadPoolExecutor(4) as pool:
        threads = list(pool.map(lambda n: client.customer_features(customers(n), "2025-04-24"), range(8)))
    assert threads == asyncio.run(gathered())
    for number, answer in enumerate(threads):
        assert [one["customer_id"] for one in answer["customers"]] == [f"{number}-{place}" for place in range(5)]
        assert {one["features"]["purchase_total"] for one in answer["customers"]} == {number + 1.0}


def test_a_call_that_is_cancelled_ends(scripted: Callable[..., Scripted], monkeypatch: pytest.MonkeyPatch) -> None:
    server = scripted()
    server.always = lambda _: overloaded("30")

    async def cancelled() -> None:
        waits = asyncio.Event()

        async def sleep(seconds: float) -> None:
            waits.set()
            await asyncio.Event().wait()

        monkeypatch.setattr("customer_features.client.asynchronous.sleep", sleep)
        async with customer_features.AsyncClient(server.url) as client:
            call = asyncio.create_task(client.customer_features([customer("a", 1.0)]))
            await waits.wait()
            call.cancel()
            await call

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "count", [pytest.param(25_000, marks=pytest.mark.slow), pytest.param(100_000, marks=pytest.mark.thorough)]
)
def test_more_customers_than_a_request_takes(count: int, server: Running) -> None:
    customers = [customer(f"c{n}", n / 100, n / 7) for n in range(count)]
    document = {"today": "2025-04-24", "customers": customers}
    with customer_features.Client(server.url, **credentials(server)) as client:
        answer = client.customer_features(customers, "2025-04-24")
    assert answer == json.loads(customer_features.answer(json.dumps(document).encode()))
