"""Rooms: what jobs hold of their tenant's disk, counted in the queue's own file, for all workers.

Room is taken step by step before bytes are written, and never for what was announced. A body that still arrives has a
room too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from customer_features.service import problems
from customer_features.service.problems import Refused

WAITING = 100
"""So many jobs of one tenant may arrive, wait or run."""

STEP = 1024 * 1024
"""Bytes of room that a body takes at a time."""

LEAST = 16 * 1024
"""Bytes that a kept job counts for, however small its answer: its folder, and its rows in the queue."""

SCHEMA = """
CREATE TABLE rooms (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, bytes INTEGER NOT NULL, taken_on REAL NOT NULL, arrives INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX rooms_of_tenant ON rooms (tenant, bytes);
CREATE INDEX rooms_of_bodies ON rooms (tenant) WHERE arrives
"""
"""A room ``arrives`` as long as its body does, and there is no job yet."""

Writing = Callable[[], AbstractContextManager[sqlite3.Connection]]


class Rooms:
    """The rooms of all tenants, each of which may hold ``most`` bytes. ``writing`` begins a transaction."""

    def __init__(self, writing: Writing, most: int, clock: Callable[[], float]) -> None:
        self._writing = writing
        self._most = most
        self._clock = clock

    def open(self, job_id: str, tenant: str, key: str | None = None) -> None:
        """Take the first step of room for a body. A job that ``key`` names already counts for no other.

        Raises Refused where the tenant has too many jobs (429) or no room (503).
        """
        with self._writing() as connection:
            known = connection.execute(
                "SELECT COUNT(*) FROM jobs WHERE tenant = ? AND idempotency_key = ?", (tenant, key)
            ).fetchone()[0]
            (jobs,) = connection.execute(
                "SELECT (SELECT COUNT(*) FROM jobs WHERE tenant = :tenant AND status IN ('queued', 'running'))"
                " + (SELECT COUNT(*) FROM rooms WHERE tenant = :tenant AND arrives)",
                {"tenant": tenant},
            ).fetchone()
            if jobs >= WAITING and not known:
                raise too_many()
            self._take(connection, job_id, tenant, STEP)

    def grow(self, job_id: str, tenant: str, size: int) -> None:
        """Have room for so many bytes in all. Raises Refused (503) where the tenant has none."""
        with self._writing() as connection:
            self._take(connection, job_id, tenant, size)

    def settle(self, job_id: str, tenant: str, size: int) -> None:
        """Hold what is kept of a job now. Raises Refused (503) where the tenant has no room for it."""
        with self._writing() as connection:
            self._take(connection, job_id, tenant, max(size, LEAST))

    def close(self, job_id: str) -> None:
        """Give a room back."""
        with self._writing() as connection:
            forget(connection, job_id)

    def _take(self, connection: sqlite3.Connection, job_id: str, tenant: str, size: int) -> None:
        (others,) = connection.execute(
            "SELECT COALESCE(SUM(bytes), 0) FROM rooms WHERE tenant = ? AND id <> ?", (tenant, job_id)
        ).fetchone()
        if others + size > self._most:
            raise self._full(connection, tenant)
        connection.execute(
            "INSERT INTO rooms VALUES (:id, :tenant, :size, :now, NOT EXISTS (SELECT 1 FROM jobs WHERE id = :id))"
            " ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes",
            {"id": job_id, "tenant": tenant, "size": size, "now": self._clock()},
        )

    def _full(self, connection: sqlite3.Connection, tenant: str) -> Refused:
        largest = connection.execute(
            "SELECT id FROM rooms JOIN jobs USING (id, tenant) WHERE tenant = ? AND status IN ('done', 'failed')"
            " ORDER BY bytes DESC, id LIMIT 3",
            (tenant,),
        ).fetchall()
        listed = ", ".join(one for (one,) in largest)
        hint = f"Delete what you have fetched; the largest: {listed}." if listed else "Wait until some are done."
        detail = f"All jobs of a tenant may hold {self._most:,} bytes of disk, and there is no room for more. {hint}"
        return Refused("job-storage-full", detail, close=True)


def too_many() -> Refused:
    """The refusal of one more job."""
    return problems.over_share(f"{WAITING} jobs of this tenant are not done; ask again when some are.")


def prepare(connection: sqlite3.Connection, folder: Callable[[str], Path]) -> None:
    """Make the table, with what lies in the folders of jobs that are there already."""
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    for job_id, tenant, made in connection.execute("SELECT id, tenant, created_on FROM jobs").fetchall():
        size = sum(file.stat().st_size for file in folder(job_id).glob("*") if file.is_file())
        connection.execute("INSERT INTO rooms VALUES (?, ?, ?, ?, FALSE)", (job_id, tenant, max(size, LEAST), made))


def arrived(connection: sqlite3.Connection, job_id: str) -> None:
    """Note within a transaction that a body has become a job."""
    connection.execute("UPDATE rooms SET arrives = FALSE WHERE id = ?", (job_id,))


def forget(connection: sqlite3.Connection, job_id: str) -> None:
    """Give a job's room back within a transaction."""
    connection.execute("DELETE FROM rooms WHERE id = ?", (job_id,))


def empty(connection: sqlite3.Connection, job_id: str) -> None:
    """Hold the least for a job of which nothing is kept but its problem, within a transaction."""
    connection.execute("UPDATE rooms SET bytes = ? WHERE id = ?", (LEAST, job_id))


def sweep(connection: sqlite3.Connection, since: float) -> set[str]:
    """Give back the rooms of jobs that are gone, and of bodies that began to arrive before a time.

    The jobs that have one still.
    """
    gone = "(arrives AND taken_on < ?) OR (NOT arrives AND id NOT IN (SELECT id FROM jobs))"
    connection.execute(f"DELETE FROM rooms WHERE {gone}", (since,))  # noqa: S608
    return {str(row[0]) for row in connection.execute("SELECT id FROM rooms")}
