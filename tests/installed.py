"""Programs that some tests need, installed from Debian's packages where they are missing and can be."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def installed(program: str, package: str, why: str) -> str:
    """The path of a program; CI never goes without, elsewhere a test that cannot have it is skipped."""
    with (Path(tempfile.gettempdir()) / "customer-features-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the other worker may be installing it
        found = shutil.which(program)
        if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
            for arguments in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
                subprocess.run(["apt-get", *arguments], check=False, capture_output=True, timeout=600)
            found = shutil.which(program)
    if found is None:
        missing(f"{program}, {why}, is missing and could not be installed: apt-get install {package}")
    return str(found)


def missing(reason: str) -> None:
    """Fail in CI, which skips nothing; skip elsewhere and say why."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
