"""Long work: taken, told of, computed once, kept for its tenant alone, and not lost when the server is."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from customer_features.errors import UsageError
from customer_features.service.bodies import jobs as module
from customer_features.service.bodies import rooms
from customer_features.service.bodies.jobs import CANCELLED, JOBS, Jobs, wanted
from customer_features.service.content import CSV, PARQUET
from tests.service.bodies.test_tables import TODAY, table, written
from tests.service.harness import EXAMPLE, ROUTE, STOPS, Running, new_key, paused, problem, start
from tests.waiting import until


def submit(server: Running, body: bytes = EXAMPLE, kind: str = "application/json", query: str = "", **more: str) -> Any:
    headers = {**server.headers, "Content-Type": kind, "Prefer": "respond-async", **more}
    return server.request("POST", f"{ROUTE}{query}", content=body, headers=headers)


def get(server: Running, path: str, **headers: str) -> httpx.Response:
    return server.get(path, headers={**server.headers, **headers})


def ended(server: Running, place: str) -> dict[str, Any]:
    """A job once it is done or has failed."""

    def told() -> dict[str, Any] | None:
        reply = get(server, place)
        assert reply.status_code == 200, reply.text
        job: dict[str, Any] = reply.json()
        if job["status"] in ("done", "failed"):
            return job
        assert reply.headers["retry-after"] == "1"
        assert job["status"] in ("queued", "running")
        assert 0 <= job["progress"] <= 1
        return None

    job = until(told, "the job's end")
    assert job is not None
    return job


def running(server: Running, place: str) -> None:
    """Wait until a job is being computed: by a process that is paused, or it would be done too soon."""

    def runs() -> bool:
        status = get(server, place).json()["status"]
        assert status in ("queued", "running")
        return status == "running"

    until(runs, "the job's start")


def test_a_job_answers_as_the_request_would(server: Running) -> None:
    begun = server.mark()
    reply = submit(server)
    assert reply.status_code == 202, reply.text
    assert reply.headers["preference-applied"] == "respond-async"
    place = reply.headers["location"]
    assert place == f"{JOBS}/{reply.json()['id']}"
    job = ended(server, place)
    assert (job["status"], job["progress"]) == ("done", 1.0)
    assert job["kept_until"] > job["ended_on"] >= job["created_on"]
    answer = get(server, job["result"])
    assert (answer.status_code, answer.content) == (200, server.post().content)
    # The log names the route, and no id.
    told = "\n".join(server.log_lines(begun))
    assert f'"path":"{JOBS}/{{job_id}}"' in told
    assert f'"path":"{JOBS}/{{job_id}}/result"' in told
    assert place not in told


def test_a_table_as_a_job(server: Running) -> None:
    body = written(table(), PARQUET)
    place = submit(server, body, PARQUET, f"?today={TODAY}&grain=line", Accept=CSV).headers["location"]
    answer = get(server, ended(server, place)["result"])
    headers = {**server.headers, "Content-Type": PARQUET, "Accept": CSV}
    direct = server.request("POST", f"{ROUTE}?today={TODAY}&grain=line", content=body, headers=headers)
    assert answer.headers["content-type"] == CSV
    assert answer.content == direct.content
    assert direct.status_code == 200


@pytest.mark.parametrize(
    ("body", "kind", "status", "name"),
    [
        (b"{}", "application/json", 422, "faulty-request"),
        (b"{", "application/json", 400, "malformed-json"),
        (b"garbage", PARQUET, 400, "malformed-table"),
        (written(table(), CSV).replace(b"520.55", b"-1"), CSV, 422, "faulty-request"),
    ],
)
def test_a_job_that_fails_keeps_its_problem(server: Running, body: bytes, kind: str, status: int, name: str) -> None:
    place = submit(server, body, kind, "" if kind == "application/json" else f"?today={TODAY}").headers["location"]
    job = ended(server, place)
    assert job["status"] == "failed"
    assert job["problem"]["status"] == status
    document = problem(get(server, f"{place}/result"), status, name, f"{place}/result")
    assert document["detail"] == job["problem"]["detail"]
    assert "result" not in job


def test_what_can_be_refused_at_once_is(server: Running) -> None:
    problem(submit(server, b"x", CSV, "?grain=lin"), 422, "faulty-request")
    problem(submit(server, EXAMPLE, "text/plain"), 415, "unsupported-media-type")
    problem(submit(server, EXAMPLE, **{"Idempotency-Key": "x" * 201}), 400, "bad-request")
    problem(submit(server, EXAMPLE, **{"X-Secret": "wrong"}), 401, "unauthorized")


def test_a_job_is_its_tenants_alone(server: Running) -> None:
    place = submit(server).headers["location"]
    ended(server, place)
    theirs = new_key(server.folder, f"other {uuid.uuid4()}")
    unknown = f"{JOBS}/{uuid.uuid4()}"
    expected = None
    for path in (place, unknown):
        document = problem(get(server, path, **theirs), 404, "not-found", path)
        document.pop("instance")
        assert expected in (None, document)  # another's job is as good as none
        expected = document
        problem(get(server, f"{path}/result", **theirs), 404, "not-found", f"{path}/result")
        refused = server.request("DELETE", path, headers={**server.headers, **theirs})
        problem(refused, 404, "not-found", path)
    assert get(server, place).status_code == 200
    problem(get(server, place, **{"X-Secret": ""}), 401, "unauthorized", place)


def test_a_job_is_forgotten_on_request(server: Running) -> None:
    place = submit(server).headers["location"]
    ended(server, place)
    reply = server.request("DELETE", place, headers=server.headers)
    assert (reply.status_code, reply.content) == (204, b"")
    problem(get(server, place), 404, "not-found", place)
    problem(get(server, f"{place}/result"), 404, "not-found", f"{place}/result")


def test_the_same_key_is_the_same_job(server: Running) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    places = {submit(server, **key).headers["location"] for _ in range(3)}
    assert len(places) == 1
    problem(submit(server, EXAMPLE + b" ", **key), 422, "idempotency-key-reused")
    ended(server, places.pop())
    again = submit(server, **key)
    assert again.status_code == 202
    assert again.json()["status"] == "done"


def test_methods(server: Running) -> None:
    place = submit(server).headers["location"]
    reply = server.request("PUT", place, headers=server.headers)
    problem(reply, 405, "method-not-allowed", place)
    assert reply.headers["allow"] == "GET, DELETE"


PLACE = f"?today={TODAY}"
ROWS = written(table(), CSV)
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes under /proc")


def computing(server: Running) -> list[int]:
    """The server's processes that compute, that for jobs among them."""
    assert ended(server, submit(server).headers["location"])["status"] == "done"
    return server.computing()


@linux
@pytest.mark.slow
def test_req_28_a_running_job_is_cancelled(trial: Running) -> None:
    with paused(computing(trial)):
        place = submit(trial, ROWS, CSV, PLACE).headers["location"]
        running(trial, place)
        assert trial.request("DELETE", place).status_code == 204
        folder = trial.folder / "jobs" / place.rpartition("/")[2]
        # Its process is ended, be it ever so busy.
        until(lambda: not folder.exists(), "the end of the job's folder")
    # And the next one gets its turn.
    assert ended(trial, submit(trial).headers["location"])["status"] == "done"


@linux
@pytest.mark.slow
def test_jobs_survive_a_server_that_is_killed(started: Callable[..., Running]) -> None:
    server = started("--no-auth")
    with paused(computing(server)):
        places = [submit(server, ROWS, CSV, PLACE, Accept=CSV).headers["location"] for _ in range(2)]
        running(server, places[0])
        server.kill()
    with sqlite3.connect(server.folder / module.FILE) as connection:
        # So long nobody has said that he works on it.
        connection.execute("UPDATE jobs SET renewed_on = renewed_on - ?", (module.SILENT,))
    connection.close()
    again = start(server.folder, "--no-auth")
    try:
        results = [get(again, ended(again, place)["result"]).content for place in places]
        headers = {"Content-Type": CSV, "Accept": CSV}
        direct = again.request("POST", f"{ROUTE}{PLACE}", content=ROWS, headers=headers)
        assert direct.status_code == 200
        assert results == [direct.content] * 2
    finally:
        again.kill()


@linux
@pytest.mark.slow
def test_a_server_that_stops_gives_its_job_back(started: Callable[..., Running]) -> None:
    server = started("--no-auth")
    with paused(computing(server)):
        place = submit(server, ROWS, CSV, PLACE).headers["location"]
        running(server, place)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(STOPS) == 0  # its process is ended, be it ever so busy
    with sqlite3.connect(server.folder / module.FILE) as connection:
        left = connection.execute("SELECT status, claimed_by, attempts FROM jobs WHERE outcome IS NULL").fetchall()
    connection.close()
    assert left == [("queued", None, 0)]
    again = start(server.folder, "--no-auth")
    try:
        assert ended(again, place)["status"] == "done"
    finally:
        again.kill()


# -- the queue itself --------------------------------------------------------------------------------------


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Jobs:
    return Jobs(tmp_path, keep=100, clock=clock)


def put(queue: Jobs, tenant: str = "t") -> str:
    job_id = Jobs.new_id()
    queue.folder(job_id).mkdir()
    assert queue.add(job_id, tenant, b"{}", "d", None) is not None
    return job_id


def test_jobs_are_claimed_in_turn_and_once(queue: Jobs, clock: Clock) -> None:
    first = put(queue)
    clock.now += 1
    second = put(queue)
    claimed = [queue.claim(worker) for worker in "abc"]
    assert [job and job.id for job in claimed] == [first, second, None]
    queue.end(first, "b", "done", b"{}")  # not b's
    assert queue.get(first, "t").status == "running"  # type: ignore[union-attr]
    queue.end(first, "a", "done", b"{}")
    assert queue.get(first, "t").status == "done"  # type: ignore[union-attr]


def test_threads_take_turns(queue: Jobs) -> None:
    """The event loop adds and asks while a thread claims; each job is claimed once."""

    def work(worker: str) -> list[str]:
        claimed = []
        while len(claimed) < 200 and (len(done) < 2 * 150):
            job = queue.claim(worker)
            if job is not None:
                claimed.append(job.id)
                queue.end(job.id, worker, "done", b"{}")
                done.append(job.id)
        return claimed

    done: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        working = [pool.submit(work, worker) for worker in "ab"]
        added = []
        for place in range(300):
            added.append(put(queue, f"t{place}"))
            assert queue.get(added[-1], f"t{place}") is not None
    assert sorted(one for future in working for one in future.result()) == sorted(added)


def test_a_silent_worker_loses_its_job(queue: Jobs, clock: Clock) -> None:
    job_id = put(queue)
    queue.claim("a")
    clock.now += module.SILENT - 1
    assert queue.renew(job_id, "a", 0.5)
    clock.now += module.SILENT - 1
    assert queue.claim("b") is None
    clock.now += 2
    taken = queue.claim("b")
    assert taken is not None
    assert taken.attempts == 2
    assert not queue.renew(job_id, "a", 0.9)  # a finds out


def test_a_job_given_back_loses_no_attempt(queue: Jobs) -> None:
    put(queue)
    for _ in range(5):
        job = queue.claim("a")
        assert job is not None
        assert job.attempts == 1
        queue.release(job.id, "a")
    queue.claim("a")
    queue.release(job.id, "a", again=True)
    assert queue.claim("a").attempts == 2  # type: ignore[union-attr]


def test_answers_are_kept_as_long_as_is_said(queue: Jobs, clock: Clock) -> None:
    job_id = put(queue)
    queue.claim("a")
    queue.end(job_id, "a", "done", b"{}")
    os.utime(queue.folder(job_id), (clock.now, clock.now))
    clock.now += 99
    queue.sweep()
    assert queue.get(job_id, "t") is not None
    clock.now += 2
    queue.sweep()
    assert queue.get(job_id, "t") is None
    assert not queue.folder(job_id).exists()


def test_a_cancelled_job_tells_who_works_on_it(queue: Jobs) -> None:
    job_id = put(queue)
    (queue.folder(job_id) / "body").write_text("rows")
    queue.claim("a")
    assert not queue.cancel(job_id, "other")
    assert queue.cancel(job_id, "t")
    assert not queue.renew(job_id, "a", 0.1)
    assert [path.name for path in queue.folder(job_id).iterdir()] == [CANCELLED]
    queue.sweep()
    assert not queue.folder(job_id).exists()


def test_a_tenant_may_have_so_many(queue: Jobs) -> None:
    for _ in range(rooms.WAITING):
        put(queue)
    assert queue.add(Jobs.new_id(), "t", b"{}", "d", None) is None
    put(queue, "another")


def test_a_queue_that_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / module.FILE).write_text("not a database, but long enough to look at: " * 50)
    with pytest.raises(UsageError, match=r"jobs.sqlite: the queue of long work cannot be used"):
        Jobs(tmp_path, keep=1)


@pytest.mark.parametrize(
    ("values", "asks"),
    [
        ([], False),
        (["respond-async"], True),
        (["Respond-Async, wait=10"], True),
        (["wait=10; foo, respond-async"], True),
        (["return=minimal", "respond-async"], True),
        (["respond-asynchronously"], False),
        (["no-respond-async"], False),
    ],
)
def test_preferences(values: list[str], asks: bool) -> None:
    assert wanted(values) is asks
