"""What ``customer-features doctor`` says of the service's stores: whether they are whole and can be written."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from customer_features.cli.findings import OK, PROBLEM, Check
from customer_features.errors import UsageError
from customer_features.service.access import credentials, pepper
from customer_features.service.access.key import key_of
from customer_features.service.access.layout import NOBODY
from customer_features.service.bodies import jobs
from customer_features.system import machine
from customer_features.system.extras import OURS

ROOM = 16 << 20
"""Bytes that a disk must have for the stores to be written to."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_WAIT = 1.0
_KEYS = """SELECT number, api_id, label, digest, not_before, expires_on, last_used_on, revoked_on, 0
    FROM secrets JOIN tenants USING (api_id) WHERE api_id <> ?"""


def examined(folder: Path) -> Iterator[Check]:
    """A line for each store that is there, and for the disk that they are on where it is full."""
    keys, queue = folder / credentials.FILE, folder / jobs.FILE
    if keys.exists():
        backup = f"stop the service and restore a backup of {folder}"
        found = _wrong("credential store", keys, backup, "customer-features keys backup makes one")
        yield found or _key_rows(keys) or _pepper(folder)
    if queue.exists():
        aside = "the service makes a new one at its start; jobs that wait, and answers not fetched, are lost"
        mend = f"mv {shlex.quote(str(queue))} {shlex.quote(str(queue) + '.damaged')}"
        yield _wrong("queue of jobs", queue, aside, mend) or Check("queue of jobs", OK, str(queue), "it is whole")
    if folder.exists() and (free := machine.disk(folder).free) < ROOM:
        means = "keys are not noted or changed, and jobs are refused: make room there, for example by DELETE of jobs"
        yield Check("data disk", PROBLEM, f"{free} bytes free in {folder}", means)


def _wrong(name: str, path: Path, damaged: str, mend: str) -> Check | None:
    """What keeps a store from serving, if anything does."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=_WAIT)) as connection:
            connection.isolation_level = None
            (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY:
            means = "another process has locked it; the service answers 503 meanwhile: end that process"
            return Check(name, PROBLEM, f"{path} is locked", means, f"fuser {shlex.quote(str(path))}")
        said = str(error)
    if said == "ok":
        return None
    return Check(name, PROBLEM, f"{path}: {said}", f"it is damaged or cannot be written: {damaged}", mend)


def _key_rows(path: Path) -> Check | None:
    """The keys whose rows hold values of wrong types; None where all can be used."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda content: content.decode(errors="replace")
        try:
            rows = [key_of(row) for row in connection.execute(_KEYS, (NOBODY,))]
        except sqlite3.Error as error:
            return Check("credential store", PROBLEM, f"{path}: {error}", "it lacks a table or a column: restore it")
    unsound = [f"{key.label} ({key.api_id})" for key in rows if not key.sound]
    if not unsound:
        return None
    found = f"values of wrong types in the rows of {', '.join(sorted(set(unsound)))}"
    name = next(key.label for key in rows if not key.sound)
    return Check(
        "credential store", PROBLEM, found, "these keys do not serve", f"{OURS} keys rotate {shlex.quote(name)}"
    )


def _pepper(folder: Path) -> Check:
    """Whether the store has the pepper that its keys were made with."""
    try:
        pepper.load(folder, create=False)
    except (UsageError, OSError) as error:
        return Check("credential store", PROBLEM, str(error), "without its pepper no worker starts")
    return Check("credential store", OK, str(folder / credentials.FILE), "it is whole, and its pepper is there")
