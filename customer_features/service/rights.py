"""Rights of the data folder and of what lies in it: others on this machine must not read secrets nor replace them.

Rights of the file's group pass, because Kubernetes gives them to a volume's ``fsGroup``.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from customer_features.errors import UsageError

_OTHERS_WRITE, _OTHERS_ANY = 0o002, 0o007


def check(path: Path) -> None:
    """Refuse a folder that others may write to, and a file that others may use at all.

    Raises UsageError with the command that mends it, and OSError where the path cannot be looked at.
    """
    if os.name != "posix":
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if path.is_dir():
        if mode & _OTHERS_WRITE:
            raise UsageError(f"others may write to the folder {path} (mode {mode:04o}): run {mending(path)}")
    elif mode & _OTHERS_ANY:
        raise UsageError(f"others may read or write {path} (mode {mode:04o}): run {mending(path)}")


def mending(path: Path) -> str:
    """The command that takes a path's rights from everybody but its owner."""
    return f"chmod {'700' if path.is_dir() else '600'} {shlex.quote(str(path))}"
