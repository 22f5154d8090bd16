"""The tables of the credential store, and the migration of earlier versions.

Version 2 gives three secrets of each tenant a *place*: a digest of the api id under the pepper, and one byte. A look-up
reads the three rows from a place on. So it reads as much for a tenant with twenty rotations as for an id that nobody
has, and the rows that follow an unknown id say nothing about ids near it. Other secrets are dead and have no place.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
from hashlib import sha256

from customer_features.service.access.key import DIGEST

VERSION = 2
KEYS_READ = 3
"""Keys that a look-up reads, and that a tenant has in place at most: two that may live, and the last that died, so that
the log tells a secret that was replaced from one that never was."""

NOBODY = "00000000-0000-0000-0000-000000000000"
"""The tenant of the last places, so that rows follow every place; no version-4 UUID, so nobody can ask for it."""

_FIRST = """
CREATE TABLE store (pepper_check BLOB NOT NULL);
CREATE TABLE tenants (
    api_id TEXT PRIMARY KEY, label TEXT NOT NULL, created_on REAL NOT NULL, revoked_on REAL
) WITHOUT ROWID;
CREATE UNIQUE INDEX one_live_label ON tenants (label) WHERE revoked_on IS NULL;
CREATE TABLE secrets (
    number INTEGER PRIMARY KEY, api_id TEXT NOT NULL REFERENCES tenants, digest BLOB NOT NULL,
    created_on REAL NOT NULL, not_before REAL NOT NULL, expires_on REAL NOT NULL, last_used_on REAL
);
CREATE INDEX secrets_of_tenant ON secrets (api_id)
"""
_PLACES = """
ALTER TABLE secrets ADD COLUMN place BLOB;
CREATE UNIQUE INDEX secrets_by_place ON secrets (place) WHERE place IS NOT NULL
"""
KEYS_FROM = f"""SELECT number, secrets.api_id, label, digest, not_before, expires_on, last_used_on, revoked_on, 0
    FROM secrets INDEXED BY secrets_by_place CROSS JOIN tenants ON tenants.api_id = secrets.api_id
    WHERE place >= ? ORDER BY place LIMIT {KEYS_READ}"""  # noqa: S608
"""The keys from a place on."""


def create(connection: sqlite3.Connection, pepper_check: bytes) -> None:
    """Make the tables of the first version."""
    for statement in _FIRST.split(";"):
        connection.execute(statement)
    connection.execute("INSERT INTO store VALUES (?)", (pepper_check,))


def add_places(connection: sqlite3.Connection, pepper: bytes, now: float) -> None:
    """Bring a store of version 1 up to version 2; the caller's transaction makes that all or nothing."""
    for statement in _PLACES.split(";"):
        connection.execute(statement)
    for (api_id,) in connection.execute("SELECT api_id FROM tenants").fetchall():
        put_in_place(connection, api_id, pepper, now)
    connection.execute("INSERT INTO tenants VALUES (?, 'nobody', 0, 0)", (NOBODY,))
    connection.executemany(
        "INSERT INTO secrets (api_id, digest, created_on, not_before, expires_on, place) VALUES (?, ?, 0, 0, 0, ?)",
        [
            (NOBODY, secrets.token_bytes(DIGEST), b"\xff" * DIGEST + bytes([256 - KEYS_READ + n]))
            for n in range(KEYS_READ)
        ],
    )
    connection.execute(f"PRAGMA user_version = {VERSION}")


def place_of(api_id: str, pepper: bytes) -> bytes:
    """Where the keys of an api id begin, if it has any."""
    return hmac.digest(pepper, b"customer-features place " + api_id.encode(), sha256)


def put_in_place(connection: sqlite3.Connection, api_id: str, pepper: bytes, now: float) -> None:
    """Give the secrets of a tenant that count their places, and take them from the others.

    Those that live count first: a rotation leaves two alive at most, and they need not be the two newest.
    """
    connection.execute("UPDATE secrets SET place = NULL WHERE api_id = ?", (api_id,))
    counted = connection.execute(
        "SELECT number FROM secrets WHERE api_id = ? ORDER BY expires_on > ? DESC, number DESC LIMIT ?",
        (api_id, now, KEYS_READ),
    ).fetchall()
    begin = place_of(api_id, pepper)
    for n, (number,) in enumerate(counted):
        connection.execute("UPDATE secrets SET place = ? WHERE number = ?", (begin + bytes([n]), number))
