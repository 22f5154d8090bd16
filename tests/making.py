"""What `make` makes, as tests ask for it: made by the environment at hand, into which nothing is installed."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT


def make(target: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `make TARGET`, which does nothing where the target is newer than its sources."""
    (folder / "build").mkdir(exist_ok=True)
    with (folder / "build" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another worker may be making it
        return subprocess.run(
            ["make", target, f"VENV={sys.prefix}", f"--old-file={sys.prefix}/.dev"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


def wheel() -> Path:
    """The wheel of `make wheel`, compiled where there is a compiler."""
    made = make("wheel")
    assert made.returncode == 0, made.stdout + made.stderr
    (found,) = (ROOT / "dist").glob("*.whl")
    return found
