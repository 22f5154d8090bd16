"""A copy of the credentials, made while services run: a folder that can take the place of the data folder."""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from customer_features.errors import UsageError
from customer_features.service.access import pepper
from customer_features.service.access.credentials import FILE


def write(folder: Path, target: Path) -> bool:
    """Copy the store in ``folder`` to a new folder ``target``; whether the pepper is in it (else it is a variable).

    The copy is one moment's state, whatever is written meanwhile, and appears whole or not at all. Raises
    UsageError where it cannot be made.
    """
    if target.exists():
        raise UsageError(f"'{target}' exists already; name a folder that does not, for example one with today's date")
    draft = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        draft.mkdir(mode=0o700)
        try:
            _copy(folder / FILE, draft / FILE)
            inside = pepper.VARIABLE not in os.environ
            if inside:
                _write(draft / pepper.FILE, (folder / pepper.FILE).read_bytes())
            _to_disk(draft)
            draft.rename(target)
            _to_disk(target.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(f"the backup '{target}' cannot be written: {reason}") from None
    return inside


def _copy(source: Path, target: Path) -> None:
    _write(target, b"")
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as read,
        closing(sqlite3.connect(target)) as written,
    ):
        read.backup(written)
        # One file, without the side files of a store in use.
        written.execute("PRAGMA journal_mode = DELETE")
        (found,) = written.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(f"the store is damaged: {found}")
    _to_disk(target)


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
