"""Long work over HTTP: a body is taken with 202 and computed when its turn comes; its tenant asks how far it is.

``Prefer: respond-async`` (RFC 7240) on the contract's route makes a job; it lives at ``Location``, its answer below.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any

import msgspec
from litestar.types import HTTPScope, Receive

from customer_features.engines.rows.engine import Caps, answer
from customer_features.errors import InvalidRequest
from customer_features.service import content, problems
from customer_features.service.aside import Aside
from customer_features.service.bodies import spool, tables
from customer_features.service.bodies.computing import Computing
from customer_features.service.bodies.encodings import Unpacker
from customer_features.service.bodies.jobs import ATTEMPTS, DONE, FAILED, JOBS, PROGRESS, Job, Jobs
from customer_features.service.bodies.receiving import Limits
from customer_features.service.bodies.rooms import STEP, Rooms, too_many
from customer_features.service.bodies.tables import Answered, Asked
from customer_features.service.content import JSON
from customer_features.service.log import LOGGER
from customer_features.service.problems import Refused
from customer_features.service.replies import FileReply, Reply
from customer_features.service.settings import Settings

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
        self._computing = Computing(settings.memory_of_process, tables.__name__)
        self._store = Aside("queue of jobs")
        self._name = Jobs.new_id()
        self._stopping = asyncio.Event()
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
            asked = tables.parse(parameters, kind, accept, self._settings.timezone, self._settings.max_dates)
        key = _idempotency_key(scope)
        job_id = Jobs.new_id()
        folder, rooms = self.jobs.folder(job_id), self.jobs.rooms
        taken = False
        # The body goes to the disk, which has its own account; here is held what the request itself costs.
        with self._limits.holding(tenant):
            await self._store.run(rooms.open, job_id, tenant, key)
            try:
                folder.mkdir(mode=0o700)
                encoded = msgspec.json.encode(asked)
                digest = hashlib.sha256(encoded)
                pieces = self._limits.pieces(receive, content.declared_length(scope), unpacker, table=kind != JSON)
                room = _Room(self._store, rooms, job_id, tenant)
                size = await spool.write(_hashed(pieces, digest), folder / tables.BODY, room)
                await self._store.run(rooms.settle, job_id, tenant, size)
                job = await self._store.run(self.jobs.add, job_id, tenant, encoded, digest.hexdigest(), key)
                if job is None:
                    raise too_many()
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
                    with suppress(Refused):  # the sweep gives the room back
                        await self._store.run(rooms.close, job_id)

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
                    await self._do(job)
                    continue
                if time.monotonic() - swept > SWEEP:
                    swept = time.monotonic()
                    await asyncio.to_thread(self.jobs.sweep)  # which has files to remove too
            except Refused:
                pass  # the queue cannot be used now, which the log says already
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
        memory = f"{self._settings.table_memory}B"
        caps = Caps(self._settings.max_customers, self._settings.max_transactions)
        given = (str(folder), job.asked, memory, caps, self._settings.max_vectors)
        beside = self._computing.run(_computed, *given, seconds=self._settings.job_timeout, tenant=job.tenant)
        work = asyncio.ensure_future(beside)
        stopping = asyncio.ensure_future(self._stopping.wait())
        wanted = True
        while wanted and not work.done() and not stopping.done():
            await asyncio.wait({work, stopping}, timeout=LOOK, return_when=asyncio.FIRST_COMPLETED)
            wanted = work.done() or await self._renew(job)
        stopping.cancel()
        work.cancel()
        await asyncio.wait({work})
        shutil.rmtree(folder / tables.SPILL, ignore_errors=True)  # a process that was ended leaves it
        try:
            await self._done(job, work.result())
        except asyncio.CancelledError:
            if wanted:
                await self._store.run(self.jobs.release, job.id, self._name)
            else:
                shutil.rmtree(folder, ignore_errors=True)
        except InvalidRequest as refusal:
            document = {**refusal.problem, "instance": f"{JOBS}/{job.id}"}
            await self._end(job, FAILED, msgspec.json.encode(document))
        except Refused as refused:
            if refused.name == "overloaded" and refused.detail != spool.FULL:  # which trying at once does not mend
                await self._store.run(self.jobs.release, job.id, self._name, again=True)
            else:
                await self._end(job, FAILED, refused.reply(f"{JOBS}/{job.id}").body)
        except Exception as error:
            LOGGER.error("a job failed", exc_info=error)
            await self._end(job, FAILED, problems.internal_error(job.id, f"{JOBS}/{job.id}").body)

    async def _done(self, job: Job, answered: Answered) -> None:
        """Keep an answer. Raises Refused (503), and keeps none, where the tenant has no room for it."""
        size = Path(answered.path).stat().st_size
        if await self._noted(self.jobs.rooms.settle, job.id, job.tenant, size):
            await self._end(job, DONE, msgspec.json.encode(answered))

    async def _renew(self, job: Job) -> bool:
        """Whether a job is still this worker's to work on; while the queue cannot be used, it is."""
        try:
            return await self._store.run(self.jobs.renew, job.id, self._name, _progress(self.jobs.folder(job.id)))
        except Refused:
            return True

    async def _end(self, job: Job, status: str, outcome: bytes) -> None:
        if not await self._noted(self.jobs.end, job.id, self._name, status, outcome):
            return
        folder = self.jobs.folder(job.id)
        # The body has served, and of a job that failed nothing is kept that was begun.
        for file in [folder / tables.BODY] if status == DONE else list(folder.glob("*")):
            file.unlink(missing_ok=True)

    async def _noted(self, call: Callable[..., None], *arguments: Any) -> bool:
        """Note what has become of a job, as soon as the queue can be used.

        False where the worker stops first: another finds the claim gone silent. Raises Refused as ``call`` does.
        """
        while True:
            try:
                await self._store.run(call, *arguments)
                return True
            except Refused as refused:
                if refused.name != "overloaded":
                    raise
                if self._stopping.is_set():
                    return False
                await self._pause()


def _computed(folder: str, asked: bytes, memory: str, caps: Caps, vectors: int) -> Answered:
    """Runs in another process: the answer to a body of whatever kind, as a file beside it."""
    what = msgspec.json.decode(asked, type=Asked)
    if what.media_type != JSON:
        return tables.compute(folder, what, memory=memory, threads=1, vectors=vectors, telling_progress=True)
    place = Path(folder) / "answer.json"
    with spool.answering():
        spool.keep(answer((Path(folder) / tables.BODY).read_bytes(), timezone=what.timezone, caps=caps), place)
    return Answered(str(place), JSON, 0, "")


class _Room:
    """The room of a body that arrives, taken a step ahead of its bytes."""

    def __init__(self, store: Aside, rooms: Rooms, job_id: str, tenant: str) -> None:
        self._store = store
        self._rooms = rooms
        self._whose = job_id, tenant
        self._size = STEP  # taken when it was opened

    async def __call__(self, size: int) -> None:
        """Have room for so many bytes in all. Raises Refused (503)."""
        if size > self._size:
            self._size = ceil(size / STEP) * STEP
            await self._store.run(self._rooms.grow, *self._whose, self._size)


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
