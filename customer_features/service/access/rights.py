"""Rights of the data folder and its files: other users of this machine must neither read secrets nor replace them.

Rights of a file's group are accepted, because Kubernetes grants them to a volume's ``fsGroup``; so is a folder with the
sticky bit, such as a mounted tmpfs, in which others can replace nothing.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from customer_features.errors import UsageError

_OTHERS_WRITE, _OTHERS_ANY = 0o002, 0o007


def check(path: Path) -> None:
    """Refuse a folder that others may write to, and a file that others may read or write.

    Raises UsageError with the command that mends it, and OSError when the path cannot be examined.
    """
    if os.name != "posix":
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if path.is_dir():
        if mode & _OTHERS_WRITE and not mode & stat.S_ISVTX:
            raise UsageError(f"others may write to the folder {path} (mode {mode:04o}): run {mending(path)}")
    elif mode & _OTHERS_ANY:
        raise UsageError(f"others may read or write {path} (mode {mode:04o}): run {mending(path)}")


def mending(path: Path) -> str:
    """Return the command that leaves a path to its owner alone."""
    return f"chmod {'700' if path.is_dir() else '600'} {shlex.quote(str(path))}"
