"""Long work over HTTP: a body is taken with 202 and computed when its turn comes; its tenant asks how far it is.

``Prefer: respond-async`` (RFC 7240) on the contract's route makes a job; it lives at ``Location``, its answer below.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from litestar.types import HTTPScope, Receive

from customer_features.engines.rows import Caps, answer
from customer_features.errors import InvalidRequest
from customer_features.service import content, problems, spool, tables
from customer_features.service.aside import Aside
from customer_features.service.computing import Computing
from customer_features.service.content import JSON
from customer_features.service.encodings import Unpacker
from customer_features.service.jobs import ATTEMPTS, CANCELLED, DONE, FAILED, JOBS, PROGRESS, Job, Jobs
from customer_features.service.limits import Limits
from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused
from customer_features.service.replies import FileReply, Reply
from customer_features.service.settings import Settings
from customer_features.service.tables import Answered, Asked

LOOK = 0.5
"""Seconds between two looks at the queue, and between two signs of life of who works."""
SWEEP = 60.0
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class JobRoute:
    """Taking jobs, telling of them and working on them, in one worker."""

    def __init__(self, settings: Settings, limits: Limits, jobs: Jobs) -> None:
        self.jobs = jobs
        self._settings = settings
        self._limits = limits
        self._computing = Computing()
        self._store = Aside("queue of jobs")
        self._name = Jobs.new_id()
        self._stopping = asyncio.Event()
        self._at: Job | None = None
        self._working: asyncio.Task[None] | None = None

    # -- asking --------------------------------------------------------------------------------------------

    async def accept(
        self,
        scope: HTTPScope,
        receive: Receive,
        kind: str,
        unpacker: Unpacker,
        parameters: Sequence[tuple[str, str]],
        tenant: str,
    ) -> Reply:
        """Take a body and put it into the queue: 202. Raises Refused."""
        if kind == JSON:
            asked = Asked(JSON, JSON, timezone=self._settings.timezone)
        else:
            accept = content.best_match(scope, content.ANSWERS)
            asked = tables.parse(parameters, kind, accept, self._settings.timezone)
        key = _idempotency_key(scope)
        job_id = Jobs.new_id()
        folder = self.jobs.folder(job_id)
        taken = False
        try:
            folder.mkdir(mode=0o700)
            encoded = msgspec.json.encode(asked)
            digest = hashlib.sha256(encoded)
            pieces = self._limits.pieces(receive, content.declared_length(scope), unpacker, table=kind != JSON)
            await spool.write(_hashed(pieces, digest), folder / tables.BODY)
            job = await self._store.run(self.jobs.add, job_id, tenant, encoded, digest.hexdigest(), key)
            if job is None:
                raise Refused("overloaded", "This tenant has too many jobs that wait; ask again when some are done.")
            if job.digest != digest.hexdigest():
                raise Refused(
                    "idempotency-key-reused", "This Idempotency-Key was used before, with another body or options."
                )
            taken = job.id == job_id
            place = f"{JOBS}/{job.id}"
            headers = ((b"location", place.encode()), (b"preference-applied", b"respond-async"))
            return Reply(202, self._described(job), headers=headers)
        except OSError as error:
            raise spool.unkept(error) from error
        finally:
            if not taken:
                shutil.rmtree(folder, ignore_errors=True)

    async def tell(self, job_id: str, tenant: str) -> Reply:
        """How far a job is. Raises Refused (404, 503)."""
        job = await self._job(job_id, tenant)
        more = () if job.ended_on is not None else ((b"retry-after", b"1"),)
        return Reply(200, self._described(job), headers=more)

    async def result(self, job_id: str, tenant: str) -> FileReply | Reply:
        """A job's answer, or the problem that it ended with. Raises Refused (404, 409, 503)."""
        job = await self._job(job_id, tenant)
        if job.status == FAILED:
            problem: dict[str, Any] = msgspec.json.decode(job.outcome or b"{}")
            return problems.reply_with(problem["status"], problem, f"{JOBS}/{job_id}/result")
        if job.status != DONE:
            raise Refused("not-finished", f"The job is {job.status}; ask {JOBS}/{job_id} how far it is.")
        answered = msgspec.json.decode(job.outcome or b"", type=Answered)
        return answered.reply(self.jobs.folder(job_id) / Path(answered.path).name)

    async def cancel(self, job_id: str, tenant: str) -> Reply:
        """Forget a job. Raises Refused (404, 503)."""
        if not await self._store.run(self.jobs.cancel, job_id, tenant):
            raise _unknown()
        return Reply(204, b"")

    async def _job(self, job_id: str, tenant: str) -> Job:
        job = await self._store.run(self.jobs.get, job_id, tenant)
        if job is None:
            raise _unknown()
        return job

    def _described(self, job: Job) -> bytes:
        described: dict[str, Any] = {
            "id": job.id,
            "status": job.status,
            "progress": job.progress,
            "created_on": _time(job.created_on),
        }
        if job.ended_on is not None:
            described["ended_on"] = _time(job.ended_on)
            described["kept_until"] = _time(job.ended_on + self.jobs.keep)
        if job.status == DONE:
            described["result"] = f"{JOBS}/{job.id}/result"
        if job.status == FAILED:
            described["problem"] = msgspec.json.decode(job.outcome or b"{}")
        return msgspec.json.encode(described)

    # -- working -------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin to work on jobs."""
        self._working = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Stop: the job that is being worked on goes back into the queue."""
        self._stopping.set()
        if self._at is not None:
            self._mark(self._at)
        if self._working is not None:
            await self._working
        self._computing.close()
        self._store.close()
        self.jobs.close()

    async def _work(self) -> None:
        swept = -SWEEP
        while not self._stopping.is_set():
            try:
                job = await self._store.run(self.jobs.claim, self._name)
                if job is not None:
                    self._at = job
                    await self._do(job)
                    self._at = None
                    continue
                if time.monotonic() - swept > SWEEP:
                    swept = time.monotonic()
                    await asyncio.to_thread(self.jobs.sweep)  # which has files to remove too
            except Refused:  # the queue cannot be used now, which the log says already
                self._at = None
            except Exception:  # whatever became of one job, the next one is worked on
                LOGGER.exception("working on a job failed")
            await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), LOOK)

    async def _do(self, job: Job) -> None:
        if not self.jobs.folder(job.id).exists():
            return  # cancelled when its row could not be deleted
        if job.attempts > ATTEMPTS:
            lost = Refused("internal-error", "The computation was lost several times; nothing was kept.")
            await self._end(job, FAILED, lost.reply(f"{JOBS}/{job.id}").body)
            return
        folder = self.jobs.folder(job.id)
        seconds, memory = self._settings.job_timeout, f"{self._settings.table_memory}B"
        caps = Caps(self._settings.max_customers, self._settings.max_transactions)
        work = asyncio.ensure_future(self._computing.run(_computed, str(folder), job.asked, seconds, memory, caps))
        wanted = True
        while not (await asyncio.wait({work}, timeout=LOOK))[0]:
            wanted = wanted and await self._renew(job)
            if not wanted or self._stopping.is_set():
                self._mark(job)
        try:
            await self._end(job, DONE, msgspec.json.encode(work.result()))
        except InvalidRequest as refusal:
            document = {**refusal.problem, "instance": f"{JOBS}/{job.id}"}
            await self._end(job, FAILED, msgspec.json.encode(document))
        except Refused as refused:
            if self._stopping.is_set():
                (folder / CANCELLED).unlink(missing_ok=True)
                await self._store.run(self.jobs.release, job.id, self._name)
            elif not wanted:
                shutil.rmtree(folder, ignore_errors=True)
            elif refused.name == "overloaded" and refused.detail != spool.FULL:  # which trying at once does not mend
                await self._store.run(self.jobs.release, job.id, self._name, again=True)
            else:
                await self._end(job, FAILED, refused.reply(f"{JOBS}/{job.id}").body)
        except Exception as error:
            LOGGER.error("a job failed", exc_info=error)
            await self._end(job, FAILED, problems.internal_error(job.id, f"{JOBS}/{job.id}").body)

    async def _renew(self, job: Job) -> bool:
        """Whether a job is still this worker's to work on; while the queue cannot be used, it is."""
        try:
            return await self._store.run(self.jobs.renew, job.id, self._name, _progress(self.jobs.folder(job.id)))
        except Refused:
            return True

    async def _end(self, job: Job, status: str, outcome: bytes) -> None:
        """Note what a job has come to, as soon as the queue can be used."""
        while True:
            try:
                await self._store.run(self.jobs.end, job.id, self._name, status, outcome)
                break
            except Refused:
                if self._stopping.is_set():
                    return  # another worker finds the claim gone silent
                await self._pause()
        (self.jobs.folder(job.id) / tables.BODY).unlink(missing_ok=True)  # it has served

    def _mark(self, job: Job) -> None:
        with suppress(OSError):
            (self.jobs.folder(job.id) / CANCELLED).touch()


def _computed(folder: str, asked: bytes, seconds: float, memory: str, caps: Caps) -> Answered:
    """Runs in another process: the answer to a body of whatever kind, as a file beside it."""
    what = msgspec.json.decode(asked, type=Asked)
    if what.media_type != JSON:
        return tables.compute(folder, what, seconds=seconds, memory=memory, threads=1, watched=True)
    place = Path(folder) / "answer.json"
    with spool.answering():
        spool.keep(answer((Path(folder) / tables.BODY).read_bytes(), timezone=what.timezone, caps=caps), place)
    return Answered(str(place), JSON, 0, "")


async def _hashed(pieces: AsyncIterator[bytes], digest: Any) -> AsyncIterator[bytes]:
    async for piece in pieces:
        digest.update(piece)
        yield piece


def _progress(folder: Path) -> float:
    try:
        return min(max(float((folder / PROGRESS).read_text()), 0.0), 1.0)
    except (OSError, ValueError):
        return 0.0


def _idempotency_key(scope: HTTPScope) -> str | None:
    """The Idempotency-Key, if any. Raises Refused (400)."""
    found = content.header_values(scope, b"idempotency-key")
    if not found:
        return None
    if len(found) > 1 or not _KEY.fullmatch(found[0]):
        raise Refused("bad-request", "Idempotency-Key must be one value of 1 to 200 visible characters.", close=True)
    return found[0]


def _unknown() -> Refused:
    """The same for a job that never was, was forgotten, or is another tenant's."""
    return Refused("not-found", "There is no such job.")


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
