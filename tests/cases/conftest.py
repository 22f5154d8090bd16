"""The door that a case goes through, and how many of a case's values go through a slow one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from .value_doors import Door, Some, door_of

EVERY = {"clickhouse": 3, "spark": 6}
"""A run costs a second through Spark, half a second through ClickHouse, and a tenth through the other doors."""


@pytest.fixture
def door(request: Any, tmp_path: Path) -> Door:
    """The door that the test is parametrized with."""
    return door_of(request.param, tmp_path, request)


@pytest.fixture
def some(request: Any) -> Some:
    """Select the values to try: all of them, but every third through ClickHouse and every sixth through Spark.

    ``make thorough`` tries all of them through every door.
    """
    every = 1 if os.environ.get("THOROUGH") else EVERY.get(request.node.callspec.params["door"], 1)

    def share(values: Iterable[Any]) -> list[Any]:
        return list(values)[::every]

    return share
