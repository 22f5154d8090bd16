"""What some tests need beside Python packages: they only look for it, and `make tools` brings it (tools/needed.py)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tools.needed import ENVIRONMENTS, TOOLS


def installed(name: str) -> str:
    """The path of a program or header of ``TOOLS``; a test that lacks it fails in CI, and is skipped elsewhere."""
    tool = TOOLS[name]
    found = tool.path()
    if found is None:
        missing(f"{name}, {tool.why}, is missing: run `make tools`")
    return str(found)


def prepared(name: str) -> Path:
    """The folder of an environment of ``ENVIRONMENTS``; a test that lacks it fails in CI, and is skipped elsewhere."""
    made = ENVIRONMENTS[name]
    if not made.ready():
        missing(f"the environment {name} is missing or out of date ({made.why}): run `make tools`")
    return made.folder


def missing(reason: str) -> None:
    """Fail in CI, which skips nothing; skip elsewhere and say why."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
