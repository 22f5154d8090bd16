"""Shares over HTTP: what one tenant holds, unfinished or kept, refuses no other; dates and vectors are counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard

from customer_features.service import app
from customer_features.service.bodies import receiving, table_route
from customer_features.service.bodies.computing import LARGE_BODY
from customer_features.service.bodies.job_route import JobRoute
from customer_features.service.bodies.jobs import Job, Jobs
from customer_features.service.bodies.receiving import Limits
from customer_features.service.bodies.rooms import STEP
from customer_features.service.bodies.tables import Answered, Asked, compute, parse
from customer_features.service.content import CSV
from customer_features.service.problems import Refused
from customer_features.service.settings import MAX_BODY, MAX_DATES, Settings
from tests.service.bodies.test_jobs import ended, put, submit
from tests.service.bodies.test_tables import TODAY, table, written

from .harness import EXAMPLE, ROUTE, Local, new_key, problem, serving
from .virtual import passing

ROWS = written(table(), CSV)


class Visitor:
    """A tenant of an application in this event loop: requests whose bodies need not end, and are not cut short."""

    def __init__(self, application: Any, headers: dict[str, str]) -> None:
        self._app = application
        self._headers = headers
        self.open: list[asyncio.Task[Any]] = []

    async def ask(self, body: bytes, *, ends: bool = True, takes: bool = True, **headers: str) -> tuple[int, bytes]:
        """The status and body of an answer; one that is not taken is waited for without end."""
        given = {"content-type": "application/json", **self._headers}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http", "method": "POST", "path": ROUTE, "query_string": b"today=2025-04-24" * (
                given["content-type"] == CSV), "client": None,
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        }  # fmt: skip
        pieces = [{"type": "http.request", "body": body, "more_body": not ends}]
        said: list[Any] = []

        async def receive() -> Any:
            if not pieces:
                await asyncio.Event().wait()
            return pieces.pop()

        async def send(message: Any) -> None:
            if not takes:
                await asyncio.Event().wait()
            said.append(message)

        await self._app(scope, receive, send)
        return said[0]["status"], b"".join(one.get("body", b"") for one in said[1:])

    async def leave_open(self, count: int, body: bytes, *, takes: bool = True, **headers: str) -> None:
        """So many requests whose bodies stop, or whose answers nobody takes."""
        for _ in range(count):
            asked = self.ask(body, ends=not takes, takes=takes, **headers)
            self.open.append(asyncio.create_task(asked))
        for _ in range(1000):
            await passing(0)

    async def leave(self) -> None:
        for one in self.open:
            one.cancel()
        for one in self.open:
            with suppress(asyncio.CancelledError):
                await one


@pytest.fixture(autouse=True)
def no_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused here sends no more, and nobody waits for that."""
    monkeypatch.setattr(receiving, "LINGER_SECONDS", 0)


@pytest.fixture
def keys(tmp_path: Path) -> list[dict[str, str]]:
    return [new_key(tmp_path, name) for name in ("loud", "quiet")]


def visited(folder: Path, keys: list[dict[str, str]], story: Callable[[Visitor, Visitor], Any]) -> None:
    """What becomes of two tenants of one worker."""

    async def all_of_it() -> None:
        application: Any = app.build(Settings(data_dir=folder))
        async with serving(application):
            loud, quiet = (Visitor(application, headers) for headers in keys)
            try:
                await story(loud, quiet)
            finally:
                await loud.leave()

    asyncio.run(all_of_it())


def test_req_29_unfinished_packed_bodies_of_one_refuse_no_other(tmp_path: Path, keys: list[dict[str, str]]) -> None:
    """A few thousand bytes stand for 32 MiB each, and the end of each is held back."""
    packed = zstandard.ZstdCompressor(level=3, write_content_size=False).compress(b" " * (MAX_BODY - 1))

    async def story(loud: Visitor, quiet: Visitor) -> None:
        await loud.leave_open(6, packed[:-1], content_encoding="zstd")
        assert sum(not one.done() for one in loud.open) == 2
        assert {one.result()[0] for one in loud.open if one.done()} == {429}
        assert (await quiet.ask(EXAMPLE))[0] == 200
        assert (await quiet.ask(EXAMPLE.ljust(2 * LARGE_BODY)))[0] == 200
        assert (await loud.ask(EXAMPLE))[0] == 200

    visited(tmp_path, keys, story)


def test_req_29_small_bodies_that_stop_refuse_no_other_s(tmp_path: Path, keys: list[dict[str, str]]) -> None:
    async def story(loud: Visitor, quiet: Visitor) -> None:
        await loud.leave_open(1100, b"x")
        assert sum(not one.done() for one in loud.open) == 1023
        assert (await loud.ask(EXAMPLE))[0] == 429
        assert (await quiet.ask(EXAMPLE))[0] == 200

    visited(tmp_path, keys, story)


def test_req_29_tables_that_stop_refuse_no_other_s(
    tmp_path: Path, keys: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(self: Any, work: Any, *, seconds: float, tenant: str) -> Any:
        raise Refused("timed-out", "It was begun.")

    monkeypatch.setattr(table_route.Computing, "run", run)

    async def story(loud: Visitor, quiet: Visitor) -> None:
        await loud.leave_open(40, b"c", content_type=CSV)
        assert not any(one.done() for one in loud.open)
        status, answer = await quiet.ask(ROWS, content_type=CSV)
        assert (status, b"It was begun." in answer) == (503, True)

    visited(tmp_path, keys, story)
    assert not list((tmp_path / "spool").iterdir())


def test_small_tables_and_large_ones_wait_in_lines_of_their_own(
    tmp_path: Path, keys: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[tuple[int, int, str]] = []

    async def run(self: Any, work: Any, *, seconds: float, tenant: str) -> Any:
        lines.append((id(self), (Path(work.args[0]) / "body").stat().st_size, tenant))
        raise Refused("overloaded", "Not now.")

    monkeypatch.setattr(table_route.Computing, "run", run)

    async def story(loud: Visitor, quiet: Visitor) -> None:
        for visitor in (loud, quiet):
            for size in (LARGE_BODY, LARGE_BODY + 1):
                assert (await visitor.ask(b"x" * size, content_type=CSV))[0] == 503

    visited(tmp_path, keys, story)
    assert [size for _, size, _ in lines] == [LARGE_BODY, LARGE_BODY + 1] * 2
    assert [line for line, _, _ in lines] == [lines[0][0], lines[1][0]] * 2
    assert lines[0][0] != lines[1][0]
    assert [tenant for _, _, tenant in lines] == [key["X-Customer-Api-Id"] for key in keys for _ in range(2)]


# -- jobs --------------------------------------------------------------------------------------------------


def test_req_27_the_disk_of_jobs_is_a_tenants_own(local: Callable[..., Local]) -> None:
    server = local("--tenant-disk", f"{2 * STEP}B", key=True)
    place = submit(server).headers["location"]
    assert ended(server, place)["status"] == "done"
    large = EXAMPLE.ljust(2 * STEP)
    refused = problem(submit(server, large), 503, "job-storage-full")
    assert place.rpartition("/")[2] in refused["detail"]
    assert len(list((server.folder / "jobs").iterdir())) == 1
    other = new_key(server.folder, "other")
    assert submit(server, large, **other).status_code == 202
    assert server.request("DELETE", place, headers=server.headers).status_code == 204
    assert submit(server, large).status_code == 202


@pytest.mark.parametrize("size", [STEP, STEP + 1])
def test_req_27_an_answer_that_finds_no_room_is_the_job_s_problem(tmp_path: Path, size: int) -> None:
    async def work() -> Job | None:
        settings = Settings(data_dir=tmp_path)
        jobs = Jobs(tmp_path, keep=100, disk=STEP)
        route = JobRoute(settings, Limits(settings), jobs)

        async def run(work: Any, folder: str, *given: Any, seconds: float, tenant: str) -> Answered:
            assert tenant == "t"
            for name in ("answer.csv", "answer.csv.manifest.json"):
                (Path(folder) / name).write_bytes(b"x" * size)
            return Answered(f"{folder}/answer.csv", CSV, 1, "")

        route._computing.run = run  # type: ignore[method-assign, assignment]
        job_id = put(jobs)
        jobs.rooms.settle(job_id, "t", 1)
        job = jobs.claim(route._name)
        assert job is not None
        await route._do(job)
        return jobs.get(job_id, "t")

    job = asyncio.run(work())
    assert job is not None
    left = [file.name for file in (tmp_path / "jobs" / job.id).iterdir()]
    if size == STEP:
        assert (job.status, "answer.csv" in left) == ("done", True)
    else:
        assert (job.status, left) == ("failed", [])
        assert b"problem:job-storage-full" in (job.outcome or b"")


# -- dates and vectors -------------------------------------------------------------------------------------


def days(count: int) -> list[tuple[str, str]]:
    return [
        ("today", f"{2000 + number // 336}-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}") for number in range(count)
    ]


def asked(dates: int, **more: int) -> Asked:
    return parse(days(dates), CSV, CSV, "UTC", **more)


def test_req_27_dates_are_counted() -> None:
    assert len(asked(MAX_DATES).options["as_of"]) == MAX_DATES
    for dates, more in ((MAX_DATES + 1, {}), (3600, {}), (4, {"max_dates": 3})):
        with pytest.raises(Refused) as refused:
            asked(dates, **more)
        assert refused.value.name == "faulty-request"
        allowed = more.get("max_dates", MAX_DATES)
        assert refused.value.more["errors"] == {"today": [f"is given {dates} times; {allowed} dates are allowed"]}


@pytest.mark.parametrize(("dates", "name"), [(1, "1 date"), (5, "5 dates")])
def test_req_27_customers_times_dates_are_counted(tmp_path: Path, dates: int, name: str) -> None:
    rows = b"customer_id,transaction_id,date,amount,product_id\na,t,2000-01-01,1,p\nb,t,2000-01-01,1,p\n"
    (tmp_path / "body").write_bytes(rows)
    given: dict[str, Any] = {"memory": "512MB", "threads": 1}
    with pytest.raises(Refused) as refused:
        compute(str(tmp_path), asked(dates), **given, vectors=2 * dates - 1)
    assert refused.value.name == "body-too-large"
    assert f"2 customers at {name} make {2 * dates}" in refused.value.detail
    assert compute(str(tmp_path), asked(dates), **given, vectors=2 * dates).customers == 2


def test_req_27_both_doors_of_tables_are_told_of_them(
    local: Callable[..., Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    async def run(self: Any, work: Any, *given: Any, seconds: float, tenant: str) -> Any:
        told.append(given[-1] if given else work.keywords["vectors"])
        raise Refused("body-too-large", "Too many.")

    monkeypatch.setattr(table_route.Computing, "run", run)
    server = local("--no-auth", "--max-dates", "1", "--max-vectors", "7")
    headers = {"Content-Type": CSV}
    for more in ({}, {"Prefer": "respond-async"}):
        path = f"{ROUTE}?today=2025-04-24&today=2025-04-23"
        problem(server.request("POST", path, content=ROWS, headers=headers | more), 422, "faulty-request")
    problem(server.request("POST", f"{ROUTE}?today={TODAY}", content=ROWS, headers=headers), 413, "body-too-large")
    job = ended(server, submit(server, ROWS, CSV, f"?today={TODAY}").headers["location"])
    assert job["problem"]["status"] == 413
    assert told == [7, 7]
