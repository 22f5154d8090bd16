"""The credential store: tenants and their secrets' digests in one SQLite file.

A tenant is a version-4 UUID with a label; its secrets come and go. Several workers and the command line
use the store at once: readers do not wait for writers (WAL), writers wait their turn, and every change is one
transaction, so that a process killed in the middle leaves the old state or the new one.
"""

from __future__ import annotations

import hmac
import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from customer_features.errors import UsageError, did_you_mean
from customer_features.service import secret
from customer_features.service.access import layout, pepper, rights
from customer_features.service.access.key import Key, NewKey, key_of
from customer_features.service.access.layout import NOBODY

FILE = "credentials.sqlite"
DAY = 86400
LIFETIME = 90 * DAY
OVERLAP = DAY
TOUCH_EVERY = 60
"""Seconds between two notes of a key's last use: a write for each request would be a queue of writers."""

KEPT = 90 * DAY
"""Seconds for which a dead secret is still listed: one past its overlap, and those of a revoked tenant."""

WAIT = 5.0
"""Seconds that the opening of the store and a write wait for another process."""

READ_WAIT = 50
"""Milliseconds that a look-up waits: the event loop waits with it."""

_KEYS = """SELECT number, api_id, label, digest, not_before, expires_on, last_used_on, revoked_on,
    number < MAX(number) OVER (PARTITION BY api_id) FROM secrets JOIN tenants USING (api_id)
    WHERE api_id <> ? ORDER BY number"""

_DEAD = (
    "DELETE FROM secrets WHERE place IS NULL AND expires_on < :before",
    "DELETE FROM secrets WHERE api_id IN (SELECT api_id FROM tenants WHERE revoked_on < :before AND api_id <> :nobody)",
    "DELETE FROM tenants WHERE revoked_on < :before AND api_id <> :nobody",
)


class CredentialStore:
    """The store in ``folder``, which is made (0700, files 0600) when it is not there.

    ``clock`` gives seconds since 1970. Raises UsageError where the store or its pepper cannot be used.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self.clock = clock
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            rights.check(folder)
            # SQLite gives its side files the rights of the main one, so that one is made first.
            os.close(os.open(folder / FILE, os.O_RDWR | os.O_CREAT, 0o600))
            self._reader = self._connect()
            self.pepper = self._prepare()
            rights.check(folder / FILE)
            self._reader.execute(f"PRAGMA busy_timeout = {READ_WAIT}")
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"the credential store in {folder} cannot be used ({error});"
                " set CUSTOMER_FEATURES_DATA_DIR to a folder of your own"
            ) from None

    def close(self) -> None:
        """Close the store's files."""
        self._reader.close()

    def create(self, label: str, *, lifetime: float = LIFETIME, not_before: float | None = None) -> NewKey:
        """A new tenant with its first secret. Raises UsageError where the label is taken or unfit."""
        label = _checked_label(label)
        api_id = str(uuid.uuid4())
        with self._writing() as connection:
            try:
                connection.execute("INSERT INTO tenants VALUES (?, ?, ?, NULL)", (api_id, label, self.clock()))
            except sqlite3.IntegrityError:
                raise UsageError(
                    f"there is a key '{label}' already; rotate it, revoke it, or choose another name"
                ) from None
            return self._add_secret(connection, api_id, label, lifetime, not_before)

    def rotate(self, name: str, *, overlap: float = OVERLAP, lifetime: float = LIFETIME) -> NewKey:
        """A new secret for a tenant; the one before it lives ``overlap`` seconds more, older ones die now."""
        with self._writing() as connection:
            api_id, label = self._find(connection, name)
            now = self.clock()
            live = connection.execute(
                "SELECT number FROM secrets WHERE api_id = ? AND expires_on > ? ORDER BY number DESC", (api_id, now)
            ).fetchall()
            for place, (number,) in enumerate(live):
                end = now + overlap if place == 0 else now
                connection.execute("UPDATE secrets SET expires_on = MIN(expires_on, ?) WHERE number = ?", (end, number))
            return self._add_secret(connection, api_id, label, lifetime, None)

    def revoke(self, name: str) -> tuple[str, str]:
        """Void every secret of a tenant at once; its api id and label."""
        with self._writing() as connection:
            api_id, label = self._find(connection, name)
            connection.execute("UPDATE tenants SET revoked_on = ? WHERE api_id = ?", (self.clock(), api_id))
            self._purge(connection)
        return api_id, label

    def all_keys(self) -> list[Key]:
        """Every key, the oldest first; those dead for longer than ``KEPT`` are gone with the next change."""
        return [key_of(row) for row in self._reader.execute(_KEYS, (NOBODY,))]

    def keys_near(self, api_id: str) -> list[Key]:
        """As many keys for every id: those of the tenant come first, and others' fill up.

        Look at the ``api_id`` of what comes back. Raises sqlite3.Error.
        """
        rows = self._reader.execute(layout.KEYS_FROM, (layout.place_of(api_id, self.pepper),)).fetchall()
        return [key_of(row) for row in rows]

    def touch(self, number: int) -> None:
        """Note that a key was used now, at most once in ``TOUCH_EVERY`` seconds."""
        now = self.clock()
        with self._writing() as connection:
            connection.execute(
                "UPDATE secrets SET last_used_on = ?1"
                " WHERE number = ?2 AND (last_used_on IS NULL OR last_used_on <= ?1 - ?3)",
                (now, number, TOUCH_EVERY),
            )

    def check(self) -> None:
        """Read the store from its file. Raises sqlite3.Error where that fails."""
        if not (self.folder / FILE).exists():
            raise sqlite3.OperationalError("the store's file is gone")
        self._reader.execute("SELECT COUNT(*) FROM tenants").fetchone()

    def _connect(self) -> sqlite3.Connection:
        # One thread at a time uses a connection here; SQLite itself is told so by its own locks.
        connection = sqlite3.connect(self.folder / FILE, timeout=WAIT, isolation_level=None, check_same_thread=False)
        connection.text_factory = _text
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction on a connection of its own: all of it happens, or nothing."""
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        finally:
            # Closing takes back what was not committed.
            connection.close()

    def _prepare(self) -> bytes:
        """Bring the tables up to this version; the pepper, which must be the one the keys were made with.

        A store of this version is only read, so that a worker starts also while somebody writes.
        """
        if _version(self._reader) == layout.VERSION:
            return self._checked_pepper(self._reader)
        with self._writing() as connection:
            if _version(connection) > layout.VERSION:
                raise UsageError(f"{self.folder / FILE} was made by a newer customer-features: upgrade this one")
            if _version(connection) == 0:
                layout.create(connection, _pepper_check(pepper.load(self.folder)))
            key = self._checked_pepper(connection)
            # Between two looks another process may have done it.
            if _version(connection) < layout.VERSION:
                layout.add_places(connection, key, self.clock())
        return key

    def _checked_pepper(self, connection: sqlite3.Connection) -> bytes:
        key = pepper.load(self.folder, create=False)
        (expected,) = connection.execute("SELECT pepper_check FROM store").fetchone()
        if not hmac.compare_digest(_pepper_check(key), expected):
            raise UsageError(
                "the pepper is not the one that the keys in this folder were made with: restore the file"
                f" {pepper.FILE}, or set {pepper.VARIABLE} as it was"
            )
        return key

    def _add_secret(
        self, connection: sqlite3.Connection, api_id: str, label: str, lifetime: float, not_before: float | None
    ) -> NewKey:
        now = self.clock()
        starts = now if not_before is None else not_before
        plain = secret.make()
        connection.execute(
            "INSERT INTO secrets (api_id, digest, created_on, not_before, expires_on) VALUES (?, ?, ?, ?, ?)",
            (api_id, secret.digest(plain, self.pepper), now, starts, starts + lifetime),
        )
        layout.put_in_place(connection, api_id, self.pepper, now)
        self._purge(connection)
        return NewKey(api_id, plain, label, starts + lifetime)

    def _purge(self, connection: sqlite3.Connection) -> None:
        """Forget what has been dead for long."""
        for statement in _DEAD:
            connection.execute(statement, {"before": self.clock() - KEPT, "nobody": NOBODY})

    def _find(self, connection: sqlite3.Connection, name: str) -> tuple[str, str]:
        """The live tenant of that label or api id. Raises UsageError."""
        rows = connection.execute(
            "SELECT api_id, label, revoked_on FROM tenants WHERE api_id <> ?", (NOBODY,)
        ).fetchall()
        for api_id, label, revoked_on in rows:
            if revoked_on is None and (name.lower() == api_id or name == label):
                return api_id, label
        if any(name.lower() == api_id or name == label for api_id, label, _ in rows):
            raise UsageError(f"the key '{name}' is revoked; make a new one with: customer-features keys create")
        hint = did_you_mean(name, [label for _, label, revoked_on in rows if revoked_on is None])
        raise UsageError(f"there is no key '{name}'{hint}; see: customer-features keys list")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _pepper_check(key: bytes) -> bytes:
    return hmac.digest(key, b"customer-features pepper check", sha256)


def _text(content: bytes) -> str:
    """Text of the store; damaged text is no reason to fail."""
    return content.decode(errors="replace")


def _checked_label(label: str) -> str:
    label = label.strip()
    if not 1 <= len(label) <= 100 or not label.isprintable():
        raise UsageError("a key's name is 1 to 100 printable characters, for example 'etl-nightly'")
    try:
        uuid.UUID(label)
    except ValueError:
        return label
    raise UsageError("a key's name must not look like an api id; choose a word, for example 'etl-nightly'")
