"""Stores that are locked, full or damaged: 503 for what needs them, and everything else goes on."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from customer_features.service import aside
from customer_features.service.aside import Aside
from customer_features.service.bodies import jobs
from customer_features.service.bodies.jobs import CANCELLED, FILE, JOBS, Jobs
from customer_features.service.problems import Refused
from tests.service.bodies.test_jobs import ended, put, submit
from tests.waiting import until

from .harness import EXAMPLE, ROUTE, Local, locked, problem

NOWHERE = f"{JOBS}/00000000-0000-4000-8000-000000000000"


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    monkeypatch.setattr(jobs, "BUSY", 0.0)
    return Jobs(tmp_path, keep=100)


def test_req_31_a_locked_queue_is_503_and_the_rest_goes_on(
    local: Callable[..., Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BUSY", 0.05)
    server = local("--no-auth")
    place = submit(server, EXAMPLE).headers["location"]  # type: ignore[arg-type]
    assert ended(server, place)["status"] == "done"  # type: ignore[arg-type]
    with locked(server.folder / FILE):
        refused = submit(server, EXAMPLE)  # type: ignore[arg-type]
        assert problem(refused, 503, "overloaded")["detail"] == "The queue of jobs cannot be used now; try again."
        assert refused.headers["retry-after"] == "1"
        assert server.get("/health").status_code == 200
        assert server.post().status_code == 200
        # What is only read is answered, and a job that nobody wants is gone.
        assert server.get(place).json()["status"] == "done"
        assert server.request("DELETE", place).status_code == 204
        assert server.get(place).status_code == 404
    assert not list((server.folder / "jobs").iterdir())
    assert ended(server, submit(server, EXAMPLE).headers["location"])["status"] == "done"  # type: ignore[arg-type]


def test_a_damaged_queue_is_503(local: Callable[..., Local]) -> None:
    server = local("--no-auth")
    with closing(sqlite3.connect(server.folder / FILE)) as other:
        other.execute("DROP TABLE jobs")
    for reply in (submit(server, EXAMPLE), server.get(NOWHERE), server.request("DELETE", NOWHERE)):  # type: ignore[arg-type]
        assert reply.status_code == 503
    assert server.post().status_code == 200
    assert server.log_text().count('"event":"store not usable"') == 1  # a line a request would bury the rest


def failing(monkeypatch: pytest.MonkeyPatch, queue: Jobs, statement: str) -> None:
    """A disk that is full: a statement that begins so finds no room."""
    real = queue._connection

    class Full:
        in_transaction = property(lambda self: real.in_transaction)

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if sql.startswith(statement):
                raise sqlite3.OperationalError("database or disk is full")
            return real.execute(sql, *values)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "_connection", Full())


@pytest.mark.parametrize("statement", ["BEGIN", "DELETE", "COMMIT"])
@pytest.mark.parametrize("claimed", [False, True])
def test_a_job_can_be_removed_from_a_full_disk(
    queue: Jobs, monkeypatch: pytest.MonkeyPatch, statement: str, claimed: bool
) -> None:
    job_id = put(queue)
    (queue.folder(job_id) / "body").write_text("rows")
    if claimed:
        queue.claim("a")
    with monkeypatch.context() as patched:
        failing(patched, queue, statement)
        assert queue.cancel(job_id, "t")
        assert not queue.folder(job_id).exists()
        assert queue.get(job_id, "t") is None
        assert not queue.cancel(job_id, "t")
        assert not queue.renew(job_id, "a", 0.5)  # a finds out
    put(queue)  # the connection is of use again
    queue.sweep()
    assert queue._connection.execute("SELECT COUNT(*) FROM jobs WHERE id = ?", (job_id,)).fetchone() == (0,)


def test_no_room_for_a_mark_is_no_reason_to_keep_the_files(queue: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = put(queue)
    queue.claim("a")
    touched = Path.touch

    def touch(path: Path) -> None:
        if path.name == CANCELLED:
            raise OSError(28, "No space left on device")
        touched(path)

    monkeypatch.setattr(Path, "touch", touch)
    assert queue.cancel(job_id, "t")
    assert not queue.folder(job_id).exists()


def test_a_key_of_a_job_whose_row_stayed_is_free(queue: Jobs) -> None:
    first = Jobs.new_id()
    queue.folder(first).mkdir()
    assert queue.add(first, "t", b"{}", "d", "key") is not None
    shutil.rmtree(queue.folder(first))
    second = Jobs.new_id()
    queue.folder(second).mkdir()
    added = queue.add(second, "t", b"{}", "d", "key")
    assert added is not None
    assert added.id == second


def test_a_call_that_takes_too_long_is_refused_and_those_behind_it_are_dropped() -> None:
    free, made = threading.Event(), list[int]()

    async def work() -> None:
        store = Aside("store", patience=0.01)
        replies = await asyncio.gather(store.run(free.wait), store.run(made.append, 1), return_exceptions=True)
        assert [type(reply) for reply in replies] == [Refused, Refused]
        free.set()
        store.close()

    asyncio.run(work())
    assert made == []


def test_what_nobody_waits_for_is_left_out_where_too_much_of_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "LATER", 3)
    free, made = threading.Event(), list[int]()
    store = Aside("store")
    store.later(free.wait)
    until(lambda: store._waiting == 0, "the first call's beginning")
    for n in range(5):
        store.later(made.append, n)
    free.set()
    until(lambda: len(made) == 3, "the calls that had room")
    store.later(made.append, 5)
    until(lambda: len(made) == 4, "a later one")
    store.close()
    assert made == [0, 1, 2, 5]


def test_the_note_of_a_keys_use_waits_for_no_request(local: Callable[..., Local]) -> None:
    server = local(key=True)
    with locked(server.folder / "credentials.sqlite"):
        assert [server.post().status_code for _ in range(3)] == [200] * 3
        assert server.get("/ready").status_code == 200
        assert server.request("POST", ROUTE, content=EXAMPLE).status_code == 401
