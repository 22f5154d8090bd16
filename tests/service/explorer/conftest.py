"""One server with the explorer for all of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.service.explorer.page import Page
from tests.service.harness import Running, start


@pytest.fixture(scope="session")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server whose explorer asks for no credentials."""
    running = start(tmp_path_factory.mktemp("explorer"), "--no-auth", "--explorer")
    yield running
    try:
        assert running.stop() == 0
    finally:
        running.kill()


@pytest.fixture
def page(explorer: Running) -> Page:
    return Page(explorer.url)
