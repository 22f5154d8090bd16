"""Servers for the tests: two for the whole session, and as many more as a test asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .harness import Running, start


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


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server as it is by default, with a key."""
    running = start(tmp_path_factory.mktemp("server"), key=True)
    yield running
    try:
        assert running.stop() == 0
    finally:
        running.kill()


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server without credentials, with a small body cap and little patience."""
    running = start(tmp_path_factory.mktemp("small"), "--no-auth", "--max-body", "100kB", "--request-timeout", "1s")
    yield running
    try:
        assert running.stop() == 0
    finally:
        running.kill()
