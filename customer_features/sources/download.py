"""A remote object into a local file, piece by piece: resumed when a connection breaks, whole or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn, Protocol

from customer_features.errors import SourceError
from customer_features.sources.parts import File

PIECE = 1 << 23
"""Bytes that are asked for at once: small enough that a change of the object is seen soon."""
PAUSES = (0.5, 1.0, 2.0)
"""Seconds before each further try; after the last one it is given up."""


class Dropped(Exception):
    """The answer broke off, or the server is overloaded: what came so far stays, and another try may help.

    ``restart``: the server cannot go on in the middle, so the next try begins at the first byte.
    """

    def __init__(self, reason: str, *, restart: bool = False) -> None:
        super().__init__(reason)
        self.restart = restart


class Remote(Protocol):
    """An object on a server. ``total`` is its bytes, None until the server has said them."""

    total: int | None

    def piece(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop`` or earlier; all of them where the server knows no ranges.

        Raises Dropped where another try may help, and SourceError where none would.
        """
        ...


def copied(remote: Remote, path: Path, name: str, origin: str) -> File:
    """The object as a file, reported as ``name``; ``origin`` tells it from every other object.

    Raises SourceError: it cannot be read, it changes meanwhile, it comes in part, or the disk is full.
    """
    done, failed = 0, 0
    try:
        with path.open("xb") as file:
            while remote.total is None or done < remote.total:
                before = done
                try:
                    for chunk in remote.piece(done, done + PIECE):
                        file.write(chunk)
                        done += len(chunk)
                    if done == before and remote.total != done:
                        raise Dropped("the answer was empty")
                    failed = 0
                except Dropped as dropped:
                    if failed == len(PAUSES):
                        _give_up(name, done, remote.total, failed + 1, str(dropped))
                    time.sleep(PAUSES[failed])
                    failed += 1
                    done = _restarted(file, done) if dropped.restart else done
    except OSError as error:
        raise SourceError(
            f"{name}: cannot be kept in {path.parent}: {error.strerror or error}; name another disk with --spill-dir"
        ) from None
    if done != remote.total:
        raise SourceError(f"{name}: {done:,} bytes came where {remote.total:,} were announced; run again")
    return File.of(path, name, origin)


def changed(name: str, first: int | None, now: int | None) -> SourceError:
    """What is said of an object that is another one than it was when the run began to read it."""
    sizes = f"{_counted(first)} at first, {_counted(now)} now"
    return SourceError(f"{name}: changed while it was read: {sizes}; nothing was published, run again")


def _counted(size: int | None) -> str:
    return "an unknown number of bytes" if size is None else f"{size:,} bytes"


def _restarted(file: BinaryIO, done: int) -> int:
    if done:
        file.seek(0)
        file.truncate()
    return 0


def _give_up(name: str, done: int, total: int | None, tries: int, reason: str) -> NoReturn:
    if not done:
        raise SourceError(f"{name}: cannot be read: {reason} (tried {tries} times)")
    of = "" if total is None else f" of {total:,}"
    raise SourceError(f"{name}: broke off after {done:,}{of} bytes: {reason} (tried {tries} times); run again")
