"""Servers for the tests: shared ones by their options, ones of a test's own, and the application in this process."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from customer_features.service import secret
from customer_features.service.access.authentication import API_ID, SECRET
from customer_features.service.access.credentials import DAY, CredentialStore

from .harness import POOL, Local, Running, start


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """A real server by its options, the same for all tests that ask for these. They neither stop it nor fill it up."""

    def of(*options: str, key: bool = False) -> Running:
        return POOL.get(lambda: tmp_path_factory.mktemp("shared"), *options, key=key)

    yield of
    POOL.close()


@pytest.fixture(scope="session")
def server(shared: Callable[..., Running]) -> Running:
    """The server as it is by default, with a key."""
    return shared(key=True)


@pytest.fixture(scope="session")
def trial(shared: Callable[..., Running]) -> Running:
    """A server without credentials, as for a local trial."""
    return shared("--no-auth")


@pytest.fixture(scope="session")
def small(shared: Callable[..., Running]) -> Running:
    """A server without credentials, with a small body cap and little patience."""
    return shared("--no-auth", "--max-body", "100kB", "--request-timeout", "1s")


@pytest.fixture(scope="session")
def impatient(shared: Callable[..., Running]) -> Running:
    """A server without credentials and with little patience."""
    return shared("--no-auth", "--request-timeout", "1s")


@pytest.fixture(scope="session")
def counting(shared: Callable[..., Running]) -> Running:
    """A server with a key that counts what it does."""
    return shared("--metrics-port", "0", key=True)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start servers of a test's own; they are gone after it."""
    running: list[Running] = []

    def begin(*options: str, key: bool = False) -> Running:
        running.append(start(tmp_path / f"data{len(running)}", *options, key=key))
        return running[-1]

    yield begin
    for server in running:
        server.kill()


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Callable[..., Local]]:
    """Make applications of a test's own in this process, by the options of ``serve``; they are gone after it."""
    made: list[Local] = []

    def make(*options: str, key: bool = False) -> Local:
        folder = tmp_path / f"local{len(made)}"
        folder.mkdir()
        made.append(Local(folder, *options, key=key))
        return made[-1]

    yield make
    for one in reversed(made):
        one.stop()


Headers = dict[bytes, list[bytes]]
Refusals = tuple[CredentialStore, dict[str, Callable[[], Headers]]]


@contextmanager
def refusals_at(begun: float, folder: Path) -> Iterator[Refusals]:
    """A store at that time, and for each kind of refusal what makes the headers of such a request."""
    moment = [begun - 2 * DAY]
    store = CredentialStore(folder, clock=lambda: moment[0])
    live, old, revoked = (store.create(name) for name in ("live", "old", "revoked"))
    early = store.create("early", not_before=begun + 100 * DAY, lifetime=200 * DAY)
    store.revoke("revoked")
    expired = store.create("expired", lifetime=DAY)
    moment[0] = begun
    yield (
        store,
        {
            "unknown": lambda: _headers(str(uuid.uuid4()), secret.make()),
            "wrong": lambda: _headers(live.api_id, secret.make()),
            "wrong for another": lambda: _headers(old.api_id, live.secret),
            "expired": lambda: _headers(expired.api_id, expired.secret),
            "revoked": lambda: _headers(revoked.api_id, revoked.secret),
            "not yet valid": lambda: _headers(early.api_id, early.secret),
        },
    )
    store.close()


def _headers(api_id: str, plain: str) -> Headers:
    return {API_ID: [api_id.encode()], SECRET: [plain.encode()]}
