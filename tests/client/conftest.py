"""Servers of the service's own tests, and what answers by a script."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.service.conftest import server, shared, small, started, trial

from .scripted import BOTH, Ask, Asked, Says, Scripted

__all__ = ["server", "shared", "small", "started", "trial"]


@pytest.fixture(autouse=True)
def no_settings_of_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("CUSTOMER_FEATURES_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(params=list(BOTH))
def ask(request: pytest.FixtureRequest) -> Ask:
    """One call of either client."""
    return BOTH[request.param]


@pytest.fixture
def scripted() -> Iterator[Callable[..., Scripted]]:
    """Servers that answer by a script; they are gone after the test."""
    with ExitStack() as stack:

        def begin(*script: Says | Callable[[Asked], Says]) -> Scripted:
            return stack.enter_context(Scripted(*script))

        yield begin


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that clients would have waited."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("customer_features.client.threaded.sleep", waited.append)
    monkeypatch.setattr("customer_features.client.asynchronous.sleep", sleep)
    return waited
