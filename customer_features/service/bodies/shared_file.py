"""A file that a worker hands to the process that computes: a large body, and then the answer in the body's place.

Bytes that are handed through a pipe instead are copied several times while the event loop stands still.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from customer_features.service.bodies.spool import Spool, unkept

_NAME = "body"


@dataclass(frozen=True, slots=True)
class Place:
    """Where another process finds the file, and the inode by which it knows that it is still that one."""

    path: str
    inode: int


class Handed:
    """A file of one request; where there are no files in memory, one in a folder of the spool."""

    def __init__(self, spool: Spool | None) -> None:
        """Raises Refused (503) where there is no room for one more."""
        self._folder = ExitStack()
        self._on_disk = spool is not None
        try:
            if spool is None:
                self._descriptor = _in_memory()
                path = f"/proc/{os.getpid()}/fd/{self._descriptor}"
            else:
                path = str(self._folder.enter_context(spool.folder()) / _NAME)
                self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._folder.close()
            raise unkept(error) from error
        self.place = Place(path, os.fstat(self._descriptor).st_ino)

    def write(self, piece: bytes | memoryview) -> None:
        """Append a piece. Raises Refused (503) where there is no room for it."""
        try:
            write(self._descriptor, piece)
        except OSError as error:
            raise unkept(error) from error

    def read(self, start: int, size: int) -> bytes:
        """At most ``size`` bytes from ``start`` on."""
        return os.pread(self._descriptor, size, start)

    def close(self) -> None:
        """Give the file up, also while the other process has it open: then it is gone when that is done."""
        if self._on_disk:
            os.close(self._descriptor)
            self._folder.close()
            return
        try:
            # On a thread: to give tens of megabytes back to the system takes it milliseconds.
            asyncio.get_running_loop().run_in_executor(None, os.close, self._descriptor)
        except RuntimeError:  # the loop has ended
            os.close(self._descriptor)


@contextmanager
def opened(place: Place) -> Iterator[int]:
    """The file in the other process, to read and write. Raises OSError where it was given up meanwhile."""
    descriptor = os.open(place.path, os.O_RDWR | os.O_CLOEXEC)
    try:
        # The worker may have closed it, and a file of another request may have got its number.
        if os.fstat(descriptor).st_ino != place.inode:
            raise FileNotFoundError("the body was given up before it was computed")
        yield descriptor
    finally:
        os.close(descriptor)


def write(descriptor: int, content: bytes | memoryview) -> None:
    """All of the content, however little the system takes at a time."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


@cache
def in_memory() -> bool:
    """Whether this system has files in memory that a child of this process can open."""
    try:
        descriptor = _in_memory()
    except (AttributeError, OSError):
        return False
    try:
        # They are the system administrator's where a process of the same user may not look into this one.
        return Path(f"/proc/{os.getpid()}/fd/{descriptor}").lstat().st_uid == os.geteuid()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _in_memory() -> int:
    return os.memfd_create(_NAME)
