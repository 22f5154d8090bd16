"""What visitors look at: a folder for each dataset, found by an id that nobody can guess, and gone after a while.

The folder is all there is to a dataset, so that any worker can answer for it.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

import msgspec

from customer_features.service.bodies.spool import alive
from customer_features.service.problems import Refused, over_share

FOLDER = "explorer"
KEEP = 3600.0
"""Seconds that a dataset lives after it was last looked at."""
HELD, TENANT_HELD = 32, 8
"""So many datasets may lie there at once, and of one tenant where there are several."""
TENANT_FILES = 2
"""All datasets of one tenant may hold as many bytes as this many of the largest files, where there are several."""
_STEP = 16 * 1024 * 1024
"""Bytes of a file after which it is looked again how many there are."""
BODY, META, STATE = "body", "meta.json", "state.json"

ID = re.compile(r"[A-Za-z0-9_-]{32}")
_NAME = 120
"""Characters of a file's name that are kept."""


class Meta(msgspec.Struct):
    """What a dataset is: its name as the visitor's file is called, whose it is, and where its rows are.

    ``source``: a path or an address that the person who started the explorer gave; None for an upload.
    """

    name: str
    owner: str
    source: str | None = None


class State(msgspec.Struct):
    """What is being done with a dataset, or was done last.

    ``work``: which step; ``running``: it has not ended; ``error``: why it failed, in a sentence; ``worker``: the
    process that waits for it.
    """

    work: str = ""
    running: bool = False
    error: str = ""
    worker: int = 0


@dataclass(frozen=True, slots=True)
class Dataset:
    """One dataset."""

    id: str
    folder: Path
    meta: Meta

    @property
    def state(self) -> State:
        """What becomes of it now."""
        try:
            found = msgspec.json.decode((self.folder / STATE).read_bytes(), type=State)
        except (OSError, msgspec.DecodeError):
            return State()
        if found.running and not alive(found.worker):
            return State(found.work, error="The computation was lost; try again.")
        return found

    def say(self, state: State) -> None:
        """Keep what becomes of it, whole or not at all."""
        draft = self.folder / f"{STATE}.{secrets.token_hex(4)}"
        draft.write_bytes(msgspec.json.encode(state))
        draft.replace(self.folder / STATE)


class Datasets:
    """The datasets of one server, under a folder of its own."""

    def __init__(
        self,
        data_dir: Path,
        keep: float = KEEP,
        clock: Callable[[], float] = time.time,
        *,
        each: int | None = None,
        disk: int | None = None,
    ) -> None:
        """``each``: datasets of one tenant, ``disk``: bytes of all of them; None for as many as there may be."""
        self._root = data_dir / FOLDER
        self.keep = keep
        self._clock = clock
        self._each = each
        self._disk = disk

    def create(self, name: str, owner: str, source: str | None = None) -> Dataset:
        """A new one, still without rows. Raises Refused where the owner (429) or all of them (503) have too many."""
        self.sweep()
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._each is not None and len(self._of(owner)) >= self._each:
            raise over_share(f"{self._each} datasets are open, as many as one tenant may have; close one of them.")
        if len(list(self._root.iterdir())) >= HELD:
            raise Refused("overloaded", "Too many datasets are being looked at; try again later.")
        made = secrets.token_urlsafe(24)
        folder = self._root / made
        folder.mkdir(mode=0o700)
        meta = Meta(shown_name(name), owner, source)
        (folder / META).write_bytes(msgspec.json.encode(meta))
        os.utime(folder / META, (self._clock(), self._clock()))
        return Dataset(made, folder, meta)

    def get(self, wanted: str, owner: str) -> Dataset:
        """The one with that id, which lives on from now. Raises Refused (404) where there is none, or another's."""
        folder = self.folder(wanted)
        try:
            meta = msgspec.json.decode((folder / META).read_bytes(), type=Meta)
            if meta.owner != owner:
                raise FileNotFoundError
            os.utime(folder / META, (self._clock(), self._clock()))
        except (OSError, msgspec.DecodeError):
            raise _gone() from None
        return Dataset(wanted, folder, meta)

    def room(self, owner: str) -> Callable[[int], Awaitable[None]]:
        """What is told how large a file has become, and raises Refused (429) where the owner's hold too many bytes."""
        looked = -_STEP

        async def check(size: int) -> None:
            nonlocal looked
            if self._disk is None or size - looked < _STEP:
                return
            looked = size
            held = await asyncio.to_thread(lambda: sum(map(_size, self._of(owner))))
            if held > self._disk:
                raise over_share(f"All datasets of a tenant may hold {self._disk:,} bytes; close one of them.")

        return check

    def _of(self, owner: str) -> list[Path]:
        """The folders of an owner's datasets."""
        found = []
        for folder in self._root.iterdir():
            with suppress(OSError, msgspec.DecodeError):  # somebody else is just making or deleting it
                if msgspec.json.decode((folder / META).read_bytes(), type=Meta).owner == owner:
                    found.append(folder)
        return found

    def folder(self, wanted: str) -> Path:
        """Where a dataset with that id lies, if there is one. Raises Refused (404) for what is no id."""
        if not ID.fullmatch(wanted):
            raise _gone()
        return self._root / wanted

    def remove(self, dataset: Dataset) -> None:
        """Delete a dataset with all that was made of it."""
        shutil.rmtree(dataset.folder, ignore_errors=True)

    def sweep(self) -> None:
        """Delete those that nobody has looked at for too long."""
        if not self._root.is_dir():
            return
        for folder in self._root.iterdir():
            meta = folder / META
            try:
                looked = (meta if meta.exists() else folder).stat().st_mtime
            except OSError:
                continue  # somebody else has just deleted it
            if self._clock() - looked > self.keep:
                shutil.rmtree(folder, ignore_errors=True)


def _size(folder: Path) -> int:
    """Bytes of the files in a folder, and below."""
    size = 0
    for file in folder.rglob("*"):
        with suppress(OSError):  # it has just been deleted
            found = file.stat()
            size += found.st_size if S_ISREG(found.st_mode) else 0
    return size


def _gone() -> Refused:
    return Refused("not-found", "This dataset is not here (any more): give the file again.")


def shown_name(name: str) -> str:
    """A file's name as it is shown: its last part, without what no name should hold. It is never a path of ours."""
    last = re.split(r"[/\\]", name)[-1]
    plain = "".join(letter for letter in last if letter.isprintable()).strip(". ")
    return plain[-_NAME:] or "rows"
