"""Jobs by tenant: whose turn it is, how many of one run, and how much of the disk they hold."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from customer_features.service.bodies import jobs as module
from customer_features.service.bodies.jobs import Jobs
from customer_features.service.bodies.rooms import LEAST, STEP, WAITING
from customer_features.service.problems import Refused
from tests.service.bodies.test_jobs import Clock, put


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue(folder: Path, clock: Clock, **more: int) -> Jobs:
    return Jobs(folder, keep=100, clock=clock, **more)


def held(jobs: Jobs, tenant: str = "t") -> int:
    with jobs._writing() as connection:
        return int(connection.execute("SELECT SUM(bytes) FROM rooms WHERE tenant = ?", (tenant,)).fetchone()[0] or 0)


def come(jobs: Jobs, clock: Clock, tenants: str) -> None:
    """A job of each tenant, a second after the one before."""
    for tenant in tenants:
        clock.now += 1
        put(jobs, tenant)


def served(jobs: Jobs, worker: str = "w") -> str:
    """Whose job is claimed next; it is done at once."""
    job = jobs.claim(worker)
    assert job is not None
    jobs.end(job.id, worker, "done", b"{}")
    return job.tenant


# -- turns -------------------------------------------------------------------------------------------------


def test_req_29_a_hundred_jobs_of_one_do_not_stand_before_another_s_first(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock)
    come(jobs, clock, "a" * WAITING + "bcb")
    assert [served(jobs) for _ in range(6)] == ["a", "b", "c", "a", "b", "a"]


def test_who_was_served_lately_waits_though_its_jobs_are_forgotten(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock)
    come(jobs, clock, "aaab")
    job = jobs.claim("w")
    assert job is not None
    assert job.tenant == "a"
    jobs.end(job.id, "w", "done", b"{}")
    jobs.cancel(job.id, "a")
    assert [served(jobs) for _ in range(3)] == ["b", "a", "a"]


@pytest.mark.parametrize("seed", range(3))
def test_no_tenant_is_served_twice_while_another_waits(tmp_path: Path, clock: Clock, seed: int) -> None:
    luck, jobs = random.Random(seed), queue(tmp_path, clock)
    waiting = Counter[str]()
    for _ in range(40):
        tenant = luck.choice("aaaabc")
        put(jobs, tenant)
        waiting[tenant] += 1
    since: dict[str, set[str]] = {}
    for _ in range(40):
        tenant = served(jobs)
        waiting[tenant] -= 1
        # Since a tenant's last turn, all others that wait have had theirs.
        others = {one for one, count in waiting.items() if count and one != tenant}
        assert others <= since.get(tenant, others)
        since = {one: came | {tenant} for one, came in since.items()} | {tenant: set()}
    assert jobs.claim("w") is None


def test_so_many_of_a_tenant_run_at_a_time(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock, running=2)
    come(jobs, clock, "aaaab")
    claimed = [jobs.claim(worker) for worker in "wxyz"]
    assert [job and job.tenant for job in claimed] == ["a", "b", "a", None]
    first = claimed[0]
    assert first is not None
    jobs.end(first.id, "w", "done", b"{}")
    again = jobs.claim("z")
    assert again is not None
    assert again.tenant == "a"
    # One whose worker went silent runs no more, and is free itself.
    clock.now += module.SILENT + 1
    taken = [jobs.claim(worker) for worker in "mnop"]
    assert sorted(job.tenant for job in taken if job) == ["a", "a", "b"]


# -- room --------------------------------------------------------------------------------------------------


def test_room_is_taken_as_bytes_come(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock, disk=4 * STEP)
    rooms = jobs.rooms
    rooms.open("1", "t")
    assert held(jobs) == STEP
    rooms.grow("1", "t", 3 * STEP)
    rooms.open("2", "t")
    assert held(jobs) == 4 * STEP
    for ask in (lambda: rooms.open("3", "t"), lambda: rooms.grow("2", "t", 2 * STEP)):
        with pytest.raises(Refused) as refused:
            ask()
        assert refused.value.name == "job-storage-full"
        assert refused.value.reply("/").status == 503
    assert held(jobs) == 4 * STEP
    rooms.open("3", "another")
    rooms.settle("1", "t", 10)
    assert held(jobs) == LEAST + STEP
    rooms.close("1")
    rooms.close("2")
    assert held(jobs) == 0


def test_an_answer_that_is_kept_holds_room_until_it_is_forgotten(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock, disk=4 * STEP)
    made = []
    for size in (STEP, 2 * STEP):
        made.append(put(jobs))
        jobs.rooms.settle(made[-1], "t", size)
        jobs.claim("w")
        jobs.end(made[-1], "w", "done", b"{}")
    jobs.rooms.open("3", "t")
    with pytest.raises(Refused) as refused:
        jobs.rooms.grow("3", "t", 2 * STEP)
    # It says what to delete, the largest first.
    assert f"the largest: {made[1]}, {made[0]}." in refused.value.detail
    jobs.cancel(made[0], "t")
    jobs.rooms.grow("3", "t", 2 * STEP)
    jobs.rooms.close("3")
    clock.now += 101
    jobs.sweep()
    assert held(jobs) == 0


def test_a_job_that_failed_holds_the_least(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock)
    job_id = put(jobs)
    jobs.rooms.settle(job_id, "t", 5 * STEP)
    jobs.claim("w")
    jobs.end(job_id, "w", "failed", b"{}")
    assert held(jobs) == LEAST


def test_bodies_that_arrive_count_as_jobs(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock)
    for number in range(WAITING - 1):
        jobs.rooms.open(str(number), "t")
    job_id = Jobs.new_id()
    jobs.folder(job_id).mkdir()
    assert jobs.add(job_id, "t", b"{}", "d", "key") is not None
    with pytest.raises(Refused) as refused:
        jobs.rooms.open("more", "t")
    assert (refused.value.name, refused.value.reply("/").status) == ("too-many-requests", 429)
    jobs.rooms.open("more", "another")
    jobs.rooms.open("again", "t", "key")  # which will be the job that is there


def test_the_room_of_a_body_whose_worker_was_killed_is_given_back(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock, arrives=70)
    jobs.rooms.open("1", "t")
    jobs.folder("1").mkdir()
    clock.now += 69
    jobs.sweep()
    assert held(jobs) == STEP
    clock.now += 2
    jobs.sweep()
    assert held(jobs) == 0


def test_a_queue_of_the_version_before_knows_what_lies_there(tmp_path: Path, clock: Clock) -> None:
    jobs = queue(tmp_path, clock)
    job_id = put(jobs)
    (jobs.folder(job_id) / "body").write_bytes(b"x" * 3 * LEAST)
    with jobs._writing() as connection:
        for statement in ("DROP TABLE rooms", "DROP TABLE served", "PRAGMA user_version = 1"):
            connection.execute(statement)
    jobs.close()
    again = queue(tmp_path, clock)
    assert held(again) == 3 * LEAST
    assert served(again) == "t"
    again.close()
    with sqlite3.connect(tmp_path / module.FILE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (module._VERSION,)
    connection.close()
