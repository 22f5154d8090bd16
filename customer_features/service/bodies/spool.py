"""The spool: a folder for each request whose body lies on the disk, gone once it is answered."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from customer_features.errors import OutputError, UsageError
from customer_features.service.problems import Refused

FOLDER = "spool"
FULL = "The disk that bodies and answers wait on is full; try again."
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Spool:
    """The spool of one worker, under the data folder. How much may lie there, the shares of the requests say."""

    def __init__(self, data_dir: Path) -> None:
        self._root = data_dir / FOLDER
        sweep(data_dir)  # this worker may be here because another was killed

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A folder for one request, which nobody else may read. Raises Refused (503) where there is no room for it."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            place = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=self._root))
        except OSError as error:
            raise unkept(error) from error
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


async def _enough(size: int) -> None:
    """There is room for whatever comes."""


async def write(pieces: AsyncIterator[bytes], path: Path, room: Callable[[int], Awaitable[None]] = _enough) -> int:
    """Write a body into a file, off the event loop; how many bytes it holds.

    ``room`` is asked for room for so many bytes in all, before they are written. Raises OSError where the disk is full,
    and what ``room`` raises.
    """
    loop = asyncio.get_running_loop()
    waiting: list[bytes] = []
    total = written = 0
    with path.open("xb") as file:
        async for piece in pieces:
            waiting.append(piece)
            total += len(piece)
            if total - written >= _ENOUGH:
                await room(total)
                await loop.run_in_executor(None, file.writelines, waiting)
                waiting, written = [], total
        await room(total)
        await loop.run_in_executor(None, file.writelines, waiting)
    return total


def unkept(error: OSError) -> Refused:
    """The refusal of a body that cannot be written down; its connection is of no more use."""
    detail = FULL if _is_full(error) else "The body cannot be kept now; try again."
    return Refused("overloaded", detail, close=True)


@contextmanager
def answering() -> Iterator[None]:
    """While an answer is written: a full disk is as much a reason to ask again as where a body finds no room."""
    try:
        yield
    except (OSError, OutputError) as error:
        if _is_full(error):
            raise Refused("overloaded", FULL) from None
        raise


def _is_full(error: Exception) -> bool:
    """Whether a disk is full, or a file may not grow; of what an engine or a publisher met, their words alone tell."""
    return getattr(error, "errno", None) in _NO_ROOM or any(os.strerror(one) in str(error) for one in _NO_ROOM)


def keep(answer: bytes, path: Path) -> None:
    """Write an answer. Raises OSError, and leaves nothing then: a job's folder stays."""
    try:
        path.write_bytes(answer)
    except OSError:
        path.unlink(missing_ok=True)
        raise


_ENOUGH = 256 * 1024
"""Bytes that are worth a hop to another thread; a body that is slow to come keeps fewer than these in memory."""


def sweep(data_dir: Path) -> None:
    """Remove what requests of a killed server left. Raises UsageError where the spool cannot be written to."""
    root = data_dir / FOLDER
    if not root.exists():
        return
    if not os.access(root, os.W_OK | os.X_OK):
        raise UsageError(f"{root}: cannot be written to, and bodies that are tables lie there")
    for left in root.iterdir():
        pid = left.name.partition("-")[0]
        if not (pid.isdigit() and alive(int(pid))):
            shutil.rmtree(left, ignore_errors=True)


def alive(pid: int) -> bool:
    """Whether a process of that number is there: of another server over the same folder, perhaps."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
