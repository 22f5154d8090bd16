"""The queue of long work: one SQLite file that all workers share, and a folder for each job's body and answer.

A worker claims a job, says every second that it still works on it, and whoever finds a claim gone silent takes the job
over: so a restart, or a worker that was killed, loses none. Times are seconds since 1970.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from customer_features.errors import UsageError

JOBS = "/api/v1/ai/customer_features/jobs"
"""The path below which each job lives."""
JOB = re.compile(rf"{re.escape(JOBS)}/([0-9a-f-]{{36}})(/result)?")
FILE, FOLDER = "jobs.sqlite", "jobs"
SILENT = 10.0
"""Seconds after which a claim that nobody renewed is free again."""
ATTEMPTS = 3
"""So often a job is begun before it counts as one that takes its worker down with it."""
BUSY = 1.0
"""Seconds that a call waits for another process that has locked the queue."""
WAITING = 100
"""So many jobs of one tenant may wait or run."""

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, status TEXT NOT NULL, asked BLOB NOT NULL, digest TEXT NOT NULL,
    idempotency_key TEXT, created_on REAL NOT NULL, ended_on REAL, claimed_by TEXT, renewed_on REAL,
    attempts INTEGER NOT NULL DEFAULT 0, progress REAL NOT NULL DEFAULT 0, outcome BLOB
) WITHOUT ROWID;
CREATE UNIQUE INDEX one_key_of_tenant ON jobs (tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX by_status ON jobs (status, created_on);
"""
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

    def __init__(self, data_dir: Path, *, keep: float, clock: Callable[[], float] = time.time) -> None:
        self._root = data_dir / FOLDER
        self._file = data_dir / FILE
        self.keep = keep
        self._clock = clock
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
                    connection.execute("DELETE FROM jobs WHERE id = ?", (found.id,))
            (waiting,) = connection.execute(
                "SELECT COUNT(*) FROM jobs WHERE tenant = ? AND status IN (?, ?)", (tenant, QUEUED, RUNNING)
            ).fetchone()
            if waiting >= WAITING:
                return None
            connection.execute(
                "INSERT INTO jobs (id, tenant, status, asked, digest, idempotency_key, created_on)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job_id, tenant, QUEUED, asked, digest, key, self._clock()),
            )
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
                connection.execute("DELETE FROM jobs WHERE id = ?", (job_id,))
        except sqlite3.OperationalError:
            # No room still, or a lock: without its folder the job is gone, and the row goes with the next sweep.
            shutil.rmtree(self.folder(job_id), ignore_errors=True)
        return True

    # -- for those who work --------------------------------------------------------------------------------

    def claim(self, worker: str) -> Job | None:
        """The job that has waited longest, or whose worker went silent; None where there is none."""
        now = self._clock()
        free = (
            "status = ? OR (status = ? AND renewed_on < ?) ORDER BY created_on LIMIT 1",
            QUEUED,
            RUNNING,
            now - SILENT,
        )
        with self._lock:
            if self._select(self._connection, *free) is None:
                return None  # found without asking for the right to write, as every worker looks twice a second
        with self._writing() as connection:
            found = self._select(connection, *free)
            if found is None:
                return None
            connection.execute(
                "UPDATE jobs SET status = ?, claimed_by = ?, renewed_on = ?, attempts = attempts + 1, progress = 0"
                " WHERE id = ?",
                (RUNNING, worker, now, found.id),
            )
            return self._select(connection, "id = ?", found.id)

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

    def sweep(self) -> None:
        """Forget jobs that were kept long enough or have no folder, and folders that belong to none."""
        last = self._clock() - self.keep
        with self._writing() as connection:
            connection.execute("DELETE FROM jobs WHERE ended_on < ?", (last,))
            every = [str(row[0]) for row in connection.execute("SELECT id FROM jobs")]
            gone = [(one,) for one in every if not self.folder(one).exists()]
            connection.executemany("DELETE FROM jobs WHERE id = ?", gone)
            known = {str(row[0]) for row in connection.execute("SELECT id FROM jobs")}
        for place in self._root.iterdir():
            # A folder is made before its job is known: a body may still be arriving.
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


CANCELLED = "cancelled"
"""The name of a file that tells the process which computes to stop."""
PROGRESS = "progress"
"""The name of the file in which that process says how far it is."""
