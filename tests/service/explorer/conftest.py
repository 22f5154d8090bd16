"""One server with the explorer for all of these tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.service.explorer.page import Page
from tests.service.harness import Running


@pytest.fixture(scope="session")
def explorer(shared: Callable[..., Running]) -> Running:
    """A server whose explorer asks for no credentials."""
    return shared("--no-auth", "--explorer")


@pytest.fixture
def page(explorer: Running) -> Page:
    return Page(explorer)
