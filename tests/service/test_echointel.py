"""The published client library of this API family, as it is installed from its package, against the service.

It posts to ``/api/customer_features`` without credentials; with the two headers set on its own httpx client it is
served where they are asked for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import pytest
from echointel import AsyncEchoIntelClient, EchoIntelClient
from echointel.exceptions import (
    EchoIntelAuthenticationException,
    EchoIntelException,
    EchoIntelValidationException,
)
from echointel.responses import BuildFeaturesResponse

import customer_features
from customer_features.service.documents.contract import EXAMPLE_REQUEST

from .harness import Running

Call = Callable[..., Any]
"""``call(server, method, *arguments, credentials=False)``: one call of a method of the library's client."""


def threaded(server: Running, method: str, *arguments: Any, credentials: bool = False) -> Any:
    with EchoIntelClient(base_url=server.url, retry_attempts=1) as client:
        if credentials:
            client._client.headers.update(server.headers)
        return getattr(client, method)(*arguments)


def asynchronous(server: Running, method: str, *arguments: Any, credentials: bool = False) -> Any:
    async def called() -> Any:
        async with AsyncEchoIntelClient(base_url=server.url, retry_attempts=1) as client:
            if credentials:
                client._client.headers.update(server.headers)
            return await getattr(client, method)(*arguments)

    return asyncio.run(called())


@pytest.fixture(params=[threaded, asynchronous], ids=["sync", "async"])
def call(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Call:
    for name in ("ECHOINTEL_API_URL", "ECHOINTEL_CUSTOMER_API_ID", "ECHOINTEL_SECRET", "ECHOINTEL_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    called: Call = request.param
    return called


ANSWER = json.loads(customer_features.answer(json.dumps(EXAMPLE_REQUEST).encode()))


def faulty() -> dict[str, Any]:
    customers = json.loads(json.dumps(EXAMPLE_REQUEST["customers"]))
    customers[1]["transactions"][0]["amount"] = -1
    customers[1]["transactions"][1]["date"] = "2024-02-30"
    return {**EXAMPLE_REQUEST, "customers": customers}


def test_it_is_the_published_package() -> None:
    assert version("echointel") == "1.0.0"


def test_the_example_without_credentials(trial: Running, call: Call) -> None:
    answer = call(trial, "customer_features", EXAMPLE_REQUEST)
    assert answer == ANSWER
    read = BuildFeaturesResponse.from_dict(answer)
    assert [customer.features["avg_ticket"] for customer in read.customers] == [459.48, 97.95]


def test_the_example_with_credentials_on_its_own_client(server: Running, call: Call) -> None:
    assert call(server, "customer_features", EXAMPLE_REQUEST, credentials=True) == ANSWER


def test_options_beyond_the_contract_and_warnings_pass_through(trial: Running, call: Call) -> None:
    twice = {"transaction_id": "T", "date": "2025-04-01", "amount": 2, "product_id": "P"}
    request = {"today": "2025-04-24", "customers": [{"customer_id": "C", "transactions": [twice, twice]}]}
    answer = call(trial, "customer_features", request)
    assert answer["customers"][0]["features"]["visit_frequency"] == 2.0
    assert {warning["name"] for warning in answer["warnings"]} >= {"duplicate_row"}
    answer = call(trial, "customer_features", {**request, "grain": "line"})
    assert answer["customers"][0]["features"]["visit_frequency"] == 1.0


def test_health(trial: Running, server: Running, call: Call) -> None:
    assert call(trial, "health") == {"status": "ok"}
    assert call(server, "health") == {"status": "ok"}


def test_faults_reach_it_by_path(trial: Running, call: Call) -> None:
    with pytest.raises(EchoIntelValidationException) as caught:
        call(trial, "customer_features", faulty())
    error = caught.value
    assert error.message == "The request has 2 faults. Nothing was computed."
    assert set(error.get_errors()) == {"customers[1].transactions[0].amount", "customers[1].transactions[1].date"}
    assert "amount -1" in (error.get_first_error("customers[1].transactions[0].amount") or "")
    assert str(error).endswith("(2 validation error(s))")
    assert error.context["fault_count"] == 2


def test_without_credentials_where_they_are_asked_for(server: Running, call: Call) -> None:
    with pytest.raises(EchoIntelAuthenticationException) as caught:
        call(server, "customer_features", EXAMPLE_REQUEST)
    assert caught.value.status_code == 401
    assert "X-Customer-Api-Id" in caught.value.message


def test_what_is_refused_otherwise_is_a_sentence(small: Running, trial: Running, call: Call) -> None:
    with pytest.raises(EchoIntelException) as caught:
        call(small, "customer_features", {**EXAMPLE_REQUEST, "padding": "x" * 100_000})
    assert caught.value.status_code == 413
    assert "The body may hold 100000 bytes" in caught.value.message
    with pytest.raises(EchoIntelException) as caught:
        call(trial, "customer_rfm", EXAMPLE_REQUEST)  # another route of the family
    assert caught.value.status_code == 404
    assert "the service answers POST" in caught.value.message
    # The library sends no body for an empty document.
    with pytest.raises(EchoIntelException) as caught:
        call(trial, "customer_features", {})
    assert caught.value.status_code == 400
    assert "must be a JSON object" in caught.value.message


def test_a_large_body_is_computed(trial: Running, call: Call) -> None:
    rows = [
        {"transaction_id": f"T{n}", "date": "2025-04-01", "amount": n + 0.005, "product_id": f"P{n % 7}"}
        for n in range(50)
    ]
    customers = [{"customer_id": f"C{n}", "transactions": rows} for n in range(200)]
    request = {"today": "2025-04-24", "customers": customers}
    answer = call(trial, "customer_features", request)
    assert answer == json.loads(customer_features.answer(json.dumps(request).encode()))


def test_its_retries_end_in_the_same_error(trial: Running) -> None:
    with EchoIntelClient(base_url=trial.url, retry_attempts=3, retry_delay=0.001) as client:
        with pytest.raises(EchoIntelValidationException):
            client.customer_features(faulty())
        assert client.customer_features(EXAMPLE_REQUEST) == ANSWER
