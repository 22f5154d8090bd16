"""The spool: a folder for each request whose body lies on the disk, gone once it is answered."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

from customer_features.errors import UsageError
from customer_features.service.problems import Refused

FOLDER = "spool"
HELD = 16
"""So many bodies may lie in one worker's spool."""


class Spool:
    """The spool of one worker, under the data folder."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / FOLDER
        self._lying = 0
        sweep(data_dir)  # this worker may be here because another was killed

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for one request, which nobody else may read. Raises Refused (503) where there are too many."""
        if self._lying >= HELD:
            raise Refused("overloaded", "Too many large bodies are being received or computed; try again.", close=True)
        self._lying += 1
        try:
            try:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                place = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=self._root))
            except OSError as error:
                raise Refused("overloaded", "The body cannot be kept now; try again.", close=True) from error
            try:
                yield place
            finally:
                shutil.rmtree(place, ignore_errors=True)
        finally:
            self._lying -= 1


async def write(pieces: AsyncIterator[bytes], path: Path) -> None:
    """A body into a file, off the event loop. Raises OSError where there is no room."""
    loop = asyncio.get_running_loop()
    waiting: list[bytes] = []
    size = 0
    with path.open("xb") as file:
        async for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size >= _ENOUGH:
                await loop.run_in_executor(None, file.writelines, waiting)
                waiting, size = [], 0
        await loop.run_in_executor(None, file.writelines, waiting)


_ENOUGH = 1 << 20
"""Bytes that are worth a hop to another thread."""


def sweep(data_dir: Path) -> None:
    """Remove what requests of a killed server left. Raises UsageError where the spool cannot be written to."""
    root = data_dir / FOLDER
    if not root.exists():
        return
    if not os.access(root, os.W_OK | os.X_OK):
        raise UsageError(f"{root}: cannot be written to, and bodies that are tables lie there")
    for left in root.iterdir():
        pid = left.name.partition("-")[0]
        if not (pid.isdigit() and _alive(int(pid))):
            shutil.rmtree(left, ignore_errors=True)


def _alive(pid: int) -> bool:
    """Whether a process of that number is there: of another server over the same folder, perhaps."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
