"""Quotas: what a tenant may send and a peer may fail, alone and across workers."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from customer_features.errors import InvalidOption, UsageError
from customer_features.service import secret
from customer_features.service.access import quotas
from customer_features.service.access.quotas import Quotas, Standing, parse_quota
from customer_features.service.settings import Settings
from tests.installed import installed
from tests.service.harness import Local, Running, command, new_key, problem
from tests.waiting import until


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of the module's own."""
    program = installed("redis-server")
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("redis")
    with subprocess.Popen(
        [program, "--port", str(port), "--save", "", "--bind", "127.0.0.1", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    ) as process:

        def answers() -> bool:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                return False
            return True

        until(answers, "Redis's answer")
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


class Clock:
    """Time that passes when the test says so."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    time = monotonic = __call__


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of quotas that are counted in memory."""
    made = Clock()
    for module in ("limits.storage.memory", "limits.strategies", "customer_features.service.access.quotas"):
        monkeypatch.setattr(f"{module}.time", made)
    return made


@pytest.mark.parametrize("text", ["600/minute", "10 per 2 seconds", "1/day", " 5 / hour "])
def test_quotas_as_people_write_them(text: str) -> None:
    assert parse_quota("rate-limit", text) is not None
    assert parse_quota("rate-limit", "none") is None


@pytest.mark.parametrize(
    "text", ["", "600", "0/minute", "-1/minute", "5/fortnight", "many", "1.5/second", "5/minute;9/hour"]
)
def test_what_is_no_quota(text: str) -> None:
    with pytest.raises(InvalidOption, match=r"rate-limit: .* is not a quota; give for example 600/minute"):
        parse_quota("rate-limit", text)


def _told(reply_headers: object) -> tuple[int, int, int, int]:
    """Quota, window, what is left of it, and the seconds until it is whole."""
    policy = re.fullmatch(r'"default";q=(\d+);w=(\d+)', reply_headers["ratelimit-policy"])  # type: ignore[index]
    left = re.fullmatch(r'"default";r=(\d+);t=(\d+)', reply_headers["ratelimit"])  # type: ignore[index]
    assert policy
    assert left
    return int(policy[1]), int(policy[2]), int(left[1]), int(left[2])


def test_req_15_headers_tell_the_quota(local: Callable[..., Local], clock: Clock) -> None:
    server = local("--rate-limit", "3/hour", key=True)
    left = []
    for body, status in ((b"{", 400), (b"{}", 422)):
        reply = server.post(body)
        assert reply.status_code == status  # what is refused counts as well
        left.append(_told(reply.headers))
    reply = server.post()
    assert reply.status_code == 200
    left.append(_told(reply.headers))
    assert [(quota, window, remaining) for quota, window, remaining, _ in left] == [(3, 3600, r) for r in (2, 1, 0)]
    reply = server.post()
    document = problem(reply, 429, "too-many-requests")
    wait = int(reply.headers["retry-after"])
    assert wait >= _told(reply.headers)[3] > 0
    assert f"in {wait} seconds" in document["detail"]
    server.headers = new_key(server.folder, "another")
    assert server.post().status_code == 200


def test_without_a_quota_nothing_is_said_of_one(server: Running) -> None:
    assert not {"ratelimit", "ratelimit-policy", "retry-after"} & set(server.post().headers)


def test_req_16_failed_logins_have_a_bucket_of_their_own(local: Callable[..., Local], clock: Clock) -> None:
    server = local("--rate-limit", "5/hour", "--failed-logins", "4/hour", key=True)
    wrong = {"X_Secret": secret.make()}
    unknown = {"X_Customer_Api_Id": str(uuid.uuid4())}
    for headers in (wrong, unknown, {"X_Secret": "short"}, {"X_Secret": ""}):
        assert server.post(**headers).status_code == 401
    for headers in (wrong, unknown):
        reply = server.post(**headers)
        problem(reply, 429, "too-many-requests")
        assert int(reply.headers["retry-after"]) >= 1
    # The tenant whose id was tried is none the poorer, and is served from the same address.
    assert [server.post().status_code for _ in range(6)] == [200] * 5 + [429]


def test_req_16_the_bucket_is_a_peers(clock: Clock) -> None:
    async def fail() -> list[bool]:
        worker = Quotas(Settings(failed_logins="2/hour", rate_limit="1/hour"))
        peers = ["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.2"]
        over = [(await worker.failed_login(peer)).over for peer in peers]
        assert not (await worker.request("10.0.0.1")).over
        return over

    assert asyncio.run(fail()) == [False, False, False, True, False]


def test_memory_is_swept_now_and_then_by_no_thread_a_hit(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    counted = Quotas(Settings(rate_limit="5/second", auth=False), ticks=clock)
    storage = counted._limiter.storage
    assert isinstance(storage, quotas._Memory)
    storage.timer._timer.join()  # the sweep with which the library begins
    begun: list[threading.Thread] = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (begun.append(thread), start(thread))[1])

    def hit(who: str, times: int) -> list[str]:
        """Whose hits are counted still once the sweeps are over that these began."""
        for _ in range(times):
            asyncio.run(counted.request(who))
        for thread in begun:
            thread.join()
        return [name for name in ("somebody", "another") if any(name in key for key in storage.storage)]

    assert hit("somebody", 50) == ["somebody"]
    assert len(begun) == 0  # of the library's own accord it would be one for nearly each of them
    clock.now += quotas.SWEEP_EVERY
    hit("somebody", 50)
    assert len(begun) == 1
    assert len(storage.storage) == 1  # what was counted of the window before has expired
    # Of whom nobody asks again nothing is kept: somebody else's hit sweeps.
    clock.now += quotas.SWEEP_EVERY
    assert hit("another", 50) == ["another"]
    assert len(begun) == 2


def test_req_14_workers_count_together(started: Callable[..., Running], redis: str) -> None:
    server = started("--workers", "2", "--rate-limit", "10/hour", "--redis", redis, key=True)
    statuses = [server.post().status_code for _ in range(25)]  # each over a connection of its own
    assert statuses == [200] * 10 + [429] * 15
    pids = set(re.findall(r'"pid":(\d+)', server.log.read_text()))
    assert len(pids) in (0, 2)


def test_req_14_a_second_server_counts_with_the_first(redis: str) -> None:
    async def both() -> list[bool]:
        tenant = str(uuid.uuid4())
        servers = [Quotas(Settings(rate_limit="5/hour", redis=redis)) for _ in range(2)]
        return [(await servers[turn % 2].request(tenant)).over for turn in range(8)]

    assert asyncio.run(both()) == [False] * 5 + [True] * 3


def test_a_lost_store_stops_nobody(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    async def ask(passed: float) -> list[Standing]:
        worker = Quotas(Settings(rate_limit="1/hour", redis="redis://127.0.0.1:9/0"), ticks=clock)
        standing = []
        for _ in range(3):
            standing.append(await worker.request("t"))
            clock.now += passed
        return standing

    assert asyncio.run(ask(quotas.COMPLAIN_EVERY / 3)) == [Standing()] * 3
    complaint = "quotas not counted: their store cannot be reached"
    assert [record.getMessage() for record in caplog.records] == [complaint]  # once, not a line a request
    caplog.clear()
    asyncio.run(ask(quotas.COMPLAIN_EVERY / 2))
    assert [record.getMessage() for record in caplog.records] == [complaint] * 2


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (Settings(rate_limit="5/minute", workers=2), "--rate-limit with 2 workers needs --redis"),
        (Settings(redis="http://x"), "redis: the address must begin with redis:// or rediss://"),
        (Settings(redis="redis://:secret@127.0.0.1:9/0"), r"no Redis answers at redis://127.0.0.1:9/0 \(--redis\)"),
        (Settings(failed_logins="5"), "failed-logins: '5' is not a quota"),
    ],
)
def test_what_cannot_be_counted_is_said_at_the_start(settings: Settings, says: str) -> None:
    with pytest.raises(UsageError, match=says) as refused:
        quotas.check(settings)
    assert "secret" not in str(refused.value)


def test_the_command_says_so(tmp_path: Path) -> None:
    ran = command(tmp_path, "serve", "--port", "0", "--workers", "2", "--rate-limit", "5/minute")
    assert ran.returncode == 2
    assert "--redis" in ran.stderr
    assert "Traceback" not in ran.stderr
