"""docs/moving.md: what it says of the contract, of the service's limits and of the published client is so."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest
from echointel import EchoIntelClient
from echointel.endpoints import Endpoints

import customer_features
from customer_features.errors import InvalidRequest
from customer_features.service.settings import Settings
from tests.conftest import EXAMPLE, EXAMPLE_VECTORS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "moving.md").read_text("utf-8")


def test_the_contracts_answer_is_the_one_it_prints() -> None:
    answer = json.loads((ROOT / "examples" / "contract_answer.json").read_text("utf-8"))
    assert {one["customer_id"]: tuple(one["features"].values()) for one in answer["customers"]} == EXAMPLE_VECTORS


def test_the_limits_are_those_of_the_service() -> None:
    limits = Settings()
    assert f"{limits.max_body >> 20} MiB, {limits.max_customers:,} customers and a minute" in PAGE
    assert limits.request_timeout == 60


def test_what_is_said_of_the_published_client() -> None:
    with EchoIntelClient(base_url="http://127.0.0.1:1") as client:
        assert f"gives up after {client.timeout} seconds" in PAGE
        assert client.retry_attempts == 3
    assert "tries three times" in PAGE
    assert f"`{Endpoints.CUSTOMER_FEATURES}`, where the published client libraries post to" in PAGE
    assert f"ask `GET {Endpoints.HEALTH}`" in PAGE
    assert "ECHOINTEL_API_URL" in inspect.getsource(EchoIntelClient.__init__)


def test_a_customer_that_is_sent_twice() -> None:
    """Said in a sentence and shown in no block."""
    assert "A `customer_id` that is sent twice is a fault." in PAGE
    twice = json.dumps({**EXAMPLE, "customers": EXAMPLE["customers"] * 2}).encode()
    with pytest.raises(InvalidRequest) as caught:
        customer_features.answer(twice)
    assert caught.value.status == 422
    assert list(caught.value.problem["errors"]) == ["customers[2].customer_id", "customers[3].customer_id"]
