"""The queue of long work: one SQLite file that all workers share, and a folder for each job's body and answer.

A worker claims a job, says every second that it still works on it, and whoever finds a claim gone silent takes the job
over: so a restart, or a worker that was killed, loses none. Times are seconds since 1970.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from customer_features.errors import UsageError
from customer_features.service.bodies import rooms
from customer_features.service.bodies.rooms import Rooms
from customer_features.service.settings import TENANT_DISK

JOBS = "/api/v1/ai/customer_features/jobs"
"""The path below which each job lives."""
JOB = re.compile(rf"{re.escape(JOBS)}/([0-9a-f-]{{36}})(/result)?")
FILE, FOLDER = "jobs.sqlite", "jobs"
SILENT = 10.0
"""Seconds after which a claim that nobody renewed is free again."""
ATTEMPTS = 3
"""So often a job is begun before it counts as one that takes its worker down with it."""
ARRIVES = 60.0
"""Seconds beyond those that a body may take to arrive, after which its worker was killed."""
BUSY = 1.0
"""Seconds that a call waits for another process that has locked the queue."""

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
_VERSION = 2
_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, status TEXT NOT NULL, asked BLOB NOT NULL, digest TEXT NOT NULL,
    idempotency_key TEXT, created_on REAL NOT NULL, ended_on REAL, claimed_by TEXT, renewed_on REAL,
    attempts INTEGER NOT NULL DEFAULT 0, progress REAL NOT NULL DEFAULT 0, outcome BLOB
) WITHOUT ROWID;
CREATE UNIQUE INDEX one_key_of_tenant ON jobs (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX by_status ON jobs (status, created_on)
"""
_SERVED = "CREATE TABLE served (tenant TEXT PRIMARY KEY, turn INTEGER NOT NULL) WITHOUT ROWID"
"""Whose job was begun when: numbers that grow, whatever becomes of the jobs."""
_NEXT = """
WITH busy AS (
    SELECT tenant, COUNT(*) AS running FROM jobs WHERE status = 'running' AND renewed_on >= :silent GROUP BY tenant
)
SELECT id, tenant FROM jobs LEFT JOIN served USING (tenant) LEFT JOIN busy USING (tenant)
WHERE (status = 'queued' OR (status = 'running' AND renewed_on < :silent)) AND COALESCE(running, 0) < :most
ORDER BY COALESCE(running, 0), COALESCE(turn, 0), created_on, id LIMIT 1
"""
"""The job whose turn it is: of the tenant with the fewest that run, and of these of the one served least lately."""
_COLUMNS = "id, tenant, status, asked, digest, created_on, ended_on, attempts, progress, outcome"


_PREFER = re.compile(r"(?:^|[,;])\s*respond-async\s*(?:[,;]|$)", re.IGNORECASE)


def wanted(preferences: list[str]) -> bool:
    """Whether a client with these Prefer values (RFC 7240) would rather not wait for its answer."""
    return any(map(_PREFER.search, preferences))


def route_of(path: str) -> str | None:
    """What a job's path is called where paths are counted; None for another path."""
    job = JOB.fullmatch(path)
    return f"{JOBS}/{{job_id}}{job[2] or ''}" if job else None


@dataclass(frozen=True, slots=True)
class Job:
    """One job. ``asked`` and ``outcome`` are JSON: what is to be done, and a problem document or the answer's kind."""

    id: str
    tenant: str
    status: str
    asked: bytes
    digest: str
    created_on: float
    ended_on: float | None
    attempts: int
    progress: float
    outcome: bytes | None


class Jobs:
    """The queue under a data folder. Raises UsageError where it cannot be used."""

    def __init__(
        self,
        data_dir: Path,
        *,
        keep: float,
        disk: int = TENANT_DISK,
        running: int = sys.maxsize,
        arrives: float = ARRIVES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``keep``: seconds that an answer is kept; ``disk``: bytes of one tenant; ``running``: jobs of one tenant that
        run at a time; ``arrives``: seconds in which a body has arrived or never will.
        """
        self._root = data_dir / FOLDER
        self._file = data_dir / FILE
        self.keep = keep
        self._running = running
        self._arrives = arrives
        self._clock = clock
        self.rooms = Rooms(self._writing, disk, clock)
        # Threads take turns over one connection.
        self._lock = threading.Lock()
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(self._file, timeout=BUSY, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"{self._file}: the queue of long work cannot be used: {error}") from None

    def _prepare(self) -> None:
        with self._writing() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";"):
                    connection.execute(statement)
            if version in (0, 1):
                connection.execute(_SERVED)
                rooms.prepare(connection, self.folder)
                connection.execute(f"PRAGMA user_version = {_VERSION}")
            elif version != _VERSION:
                raise UsageError(f"{self._file}: was made by another version ({version}); this one knows {_VERSION}")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it already
                    self._connection.execute("ROLLBACK")
                raise

    # -- for those who ask ---------------------------------------------------------------------------------

    @staticmethod
    def new_id() -> str:
        """An id that nobody can guess."""
        return str(uuid.uuid4())

    def folder(self, job_id: str) -> Path:
        """Where a job's body and answer lie."""
        return self._root / job_id

    def add(self, job_id: str, tenant: str, asked: bytes, digest: str, key: str | None) -> Job | None:
        """Put a job into the queue, whose body lies in its folder; None where the tenant has too many.

        Of an idempotency key that was used before, the job is returned that was made then.
        """
        with self._writing() as connection:
            if key is not None:
                found = self._select(connection, "tenant = ? AND idempotency_key = ?", tenant, key)
                if found is not None and self.folder(found.id).exists():
                    return found
                if found is not None:
                    _forget(connection, found.id)
            (waiting,) = connection.execute(
                "SELECT COUNT(*) FROM jobs WHERE tenant = ? AND status IN (?, ?)", (tenant, QUEUED, RUNNING)
            ).fetchone()
            if waiting >= rooms.WAITING:
                return None
            connection.execute(
                "INSERT INTO jobs (id, tenant, status, asked, digest, idempotency_key, created_on)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job_id, tenant, QUEUED, asked, digest, key, self._clock()),
            )
            rooms.arrived(connection, job_id)
            return self._select(connection, "id = ?", job_id)

    def get(self, job_id: str, tenant: str) -> Job | None:
        """A tenant's job; None where there is none, or it is another's. A job without its folder is gone."""
        with self._lock:
            found = self._select(self._connection, "id = ? AND tenant = ?", job_id, tenant)
        return found if found is not None and self.folder(job_id).exists() else None

    def cancel(self, job_id: str, tenant: str) -> bool:
        """Forget a tenant's job, whatever it is at; whether there was one. Who works on it will notice."""
        job = self.get(job_id, tenant)
        if job is None:
            return False
        # The files go first: on a full disk they are the room that the deletion needs.
        self._remove(job)
        try:
            with self._writing() as connection:
                _forget(connection, job_id)
        except sqlite3.OperationalError:
            # No room still, or a lock: without its folder the job is gone, and the row goes with the next sweep.
            shutil.rmtree(self.folder(job_id), ignore_errors=True)
        return True

    # -- for those who work --------------------------------------------------------------------------------

    def claim(self, worker: str) -> Job | None:
        """The job whose turn it is, by tenants, or whose worker went silent; None where there is none."""
        now = self._clock()
        given = {"silent": now - SILENT, "most": self._running}
        with self._lock:
            if self._connection.execute(_NEXT, given).fetchone() is None:
                return None  # found without asking for the right to write, as every worker looks twice a second
        with self._writing() as connection:
            found = connection.execute(_NEXT, given).fetchone()
            if found is None:
                return None
            job_id, tenant = found
            connection.execute(
                "INSERT OR REPLACE INTO served SELECT ?, COALESCE(MAX(turn), 0) + 1 FROM served", (tenant,)
            )
            connection.execute(
                "UPDATE jobs SET status = ?, claimed_by = ?, renewed_on = ?, attempts = attempts + 1, progress = 0"
                " WHERE id = ?",
                (RUNNING, worker, now, job_id),
            )
            return self._select(connection, "id = ?", job_id)

    def renew(self, job_id: str, worker: str, progress: float) -> bool:
        """Say that a worker still works on a job; whether it is still this worker's."""
        if not self.folder(job_id).exists():
            return False
        with self._writing() as connection:
            return bool(
                connection.execute(
                    "UPDATE jobs SET renewed_on = ?, progress = ? WHERE id = ? AND claimed_by = ? AND status = ?",
                    (self._clock(), progress, job_id, worker, RUNNING),
                ).rowcount
            )

    def release(self, job_id: str, worker: str, *, again: bool = False) -> None:
        """Give a job back to the queue; unless it is tried ``again`` after a failure, the attempt does not count."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE jobs SET status = ?, claimed_by = NULL, attempts = attempts - ?"
                " WHERE id = ? AND claimed_by = ? AND status = ?",
                (QUEUED, int(not again), job_id, worker, RUNNING),
            )

    def end(self, job_id: str, worker: str, status: str, outcome: bytes) -> None:
        """A job is done, or has failed."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE jobs SET status = ?, outcome = ?, ended_on = ?, progress = ? WHERE id = ? AND claimed_by = ?",
                (status, outcome, self._clock(), float(status == DONE), job_id, worker),
            )
            if status == FAILED:
                rooms.empty(connection, job_id)

    def sweep(self) -> None:
        """Forget jobs that were kept long enough or have no folder, and folders that belong to none."""
        now = self._clock()
        with self._writing() as connection:
            connection.execute("DELETE FROM jobs WHERE ended_on < ?", (now - self.keep,))
            every = [str(row[0]) for row in connection.execute("SELECT id FROM jobs")]
            gone = [(one,) for one in every if not self.folder(one).exists()]
            connection.executemany("DELETE FROM jobs WHERE id = ?", gone)
            connection.execute("DELETE FROM served WHERE tenant NOT IN (SELECT tenant FROM jobs)")
            known = rooms.sweep(connection, now - self._arrives)
            known |= {str(row[0]) for row in connection.execute("SELECT id FROM jobs")}
        last = now - min(self.keep, self._arrives)
        for place in self._root.iterdir():
            # Who works on a job that is gone may still be about to notice.
            if place.name not in known and place.stat().st_mtime < last:
                shutil.rmtree(place, ignore_errors=True)
        for place in list(self._root.iterdir()):
            if place.name not in known and (place / CANCELLED).exists():
                shutil.rmtree(place, ignore_errors=True)

    def _remove(self, job: Job) -> None:
        """Remove what lies in a job's folder, and tell who works on it that nobody wants it any more."""
        folder = self.folder(job.id)
        told = False
        if job.status == RUNNING:
            with suppress(OSError):  # no room for it: the folder's absence says so
                (folder / CANCELLED).touch()
                told = True
        if not told:
            shutil.rmtree(folder, ignore_errors=True)
            return
        for file in folder.iterdir():
            if file.name != CANCELLED and file.is_file():
                file.unlink(missing_ok=True)

    @staticmethod
    def _select(connection: sqlite3.Connection, where: str, *values: object) -> Job | None:
        # The conditions are this module's own words; the values are bound.
        sql = f"SELECT {_COLUMNS} FROM jobs WHERE {where}"  # noqa: S608
        row = connection.execute(sql, values).fetchone()
        return None if row is None else Job(*row)


def _forget(connection: sqlite3.Connection, job_id: str) -> None:
    connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
    rooms.forget(connection, job_id)


CANCELLED = "cancelled"
"""The name of a file that tells the process which computes to stop."""
PROGRESS = "progress"
"""The name of the file in which that process says how far it is."""
