"""The sources and the tables of the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli, csv_text
from tests.database import Database
from tests.targets.harness import BAD, GOOD, built


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*GOOD))
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.csv"
    path.write_text(csv_text(*GOOD, *BAD))
    return path


@pytest.fixture
def older(source: Path, database: Database, cli: Cli) -> Path:
    """Tables of an earlier run, and a source that gives others."""
    source.write_text(csv_text(*GOOD[:100], "old,1,2052-01-01,1,p"))
    built(cli, source, database.table("f"))
    newer = source.with_name("newer.csv")
    newer.write_text(csv_text(*GOOD, *BAD))
    return newer
