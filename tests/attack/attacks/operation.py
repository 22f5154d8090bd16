"""What befalls a service that runs: renewals, files that are gone or locked, logs that nobody reads, odd requests."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import trustme

from customer_features.service.content import CSV, JSON
from tests.attack.attacker import AUTHORITY, Attack, Attacker, paused
from tests.attack.generators import downloads, jobs
from tests.attack.oracle import EXAMPLE
from tests.service.harness import ROUTE, Running, children, command, new_key, settings_of
from tests.service.test_refusal_times import right_guesses

PART = "operation"
ROWS = jobs.csv(2)
RENEWAL = 4.0
"""Seconds in which a server has replaced its workers, or has given up."""


def certified(folder: Path) -> tuple[str, ...]:
    """A certificate of the server's own, beside the authority that the bystander trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / AUTHORITY)
    made = authority.issue_cert("127.0.0.1")
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    made.private_key_pem.write_to_path(folder / "key.pem")
    return "--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem"), "--workers", "2"


async def _serves(attacker: Attacker, when: str) -> None:
    found = [await attacker.post(EXAMPLE.sent) for _ in range(10)]
    held = all(one.status == 200 and one.body == EXAMPLE.body for one in found)
    attacker.expect(held, f"{when}: {found[-1]}")
    attacker.expect(attacker.server.process.poll() is None, f"{when}: the server has ended")


async def broken_certificate(attacker: Attacker) -> None:
    """A renewal that went wrong: the workers that serve must go on, however often it is tried."""
    (attacker.server.folder / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nnothing\n")
    for _ in range(2):
        attacker.server.process.send_signal(signal.SIGHUP)
        await paused(RENEWAL)
        await _serves(attacker, "after SIGHUP with a broken certificate")


def two_workers(folder: Path) -> tuple[str, ...]:
    return "--workers", "2"


async def lost_pepper(attacker: Attacker) -> None:
    """The pepper is gone, then a worker; the other one serves on through both, and through SIGHUP."""
    server = attacker.server
    (server.folder / "pepper").rename(server.folder / "elsewhere")
    server.process.send_signal(signal.SIGHUP)
    await paused(RENEWAL)
    await _serves(attacker, "after SIGHUP without a pepper")
    os.kill(_workers(server)[-1], signal.SIGKILL)
    await paused(2 * RENEWAL)
    await _serves(attacker, "without a pepper after a worker was killed")
    (server.folder / "elsewhere").rename(server.folder / "pepper")


def _workers(server: Running) -> list[int]:
    return [one for one in children(server.process.pid) if b"resource_tracker" not in _command_line(one)]


def _command_line(process: int) -> bytes:
    return Path(f"/proc/{process}/cmdline").read_bytes()


async def renewed(attacker: Attacker) -> None:
    for _ in range(4):
        attacker.server.process.send_signal(signal.SIGHUP)
        await paused(RENEWAL)


async def locked(attacker: Attacker) -> None:
    """The queue of jobs is locked by somebody else for longer than anybody would wait."""
    with sqlite3.connect(attacker.server.folder / "jobs.sqlite", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE jobs SET progress = progress")
        with suppress(TimeoutError):
            async with asyncio.timeout(12):
                while True:
                    await attacker.post(ROWS, CSV, "today=2025-04-24", Prefer="respond-async")
                    await attacker.ask("GET", f"{ROUTE}/jobs/{uuid.uuid4()}")
                    await attacker.ask("DELETE", f"{ROUTE}/jobs/{uuid.uuid4()}")
        other.execute("ROLLBACK")
    other.close()
    status = await jobs.ended(attacker, await jobs.submitted(attacker, jobs.csv(1)), 15)
    attacker.expect(status == "done", f"a job after the lock was released: {status}")


async def full(attacker: Attacker) -> None:
    """No file may grow: a job can still be removed, which is how room is made."""
    place = await jobs.submitted(attacker, jobs.csv(5_000))
    await jobs.ended(attacker, place, 15)
    folder = attacker.server.folder / "jobs" / place.rpartition("/")[2]
    attacker.expect(folder.exists(), "the job left no folder to remove")
    workers = [psutil.Process(one) for one in _workers(attacker.server)]
    before = [one.rlimit(psutil.RLIMIT_FSIZE) for one in workers]
    for one, (_, hard) in zip(workers, before, strict=True):
        one.rlimit(psutil.RLIMIT_FSIZE, (1, hard))
    (found,) = await jobs.removed(attacker, [place])
    attacker.figures.append(f"DELETE got {found.status}")
    attacker.expect(not folder.exists(), f"the job's files are still there: {found}")
    for one, limits in zip(workers, before, strict=True):
        one.rlimit(psutil.RLIMIT_FSIZE, limits)
    await _serves(attacker, "after the disk was full")


DEAF = """
import os, pathlib, subprocess, sys, threading
deaf = pathlib.Path(os.environ["CUSTOMER_FEATURES_DATA_DIR"]) / "deaf"
served = subprocess.Popen([sys.executable, "-m", "customer_features", *sys.argv[1:]], stderr=subprocess.PIPE)
for line in served.stderr:
    os.write(2, line)
    while deaf.exists():
        threading.Event().wait(0.05)
"""
"""Starts the server and reads its standard error, but for the time that a file stands in its folder."""


async def deaf_reader(attacker: Attacker) -> None:
    """Standard error is a pipe that nobody reads: lines are lost, requests are not."""
    deaf = attacker.server.folder / "deaf"
    deaf.touch()
    for _ in range(1_000):
        if (await attacker.post(EXAMPLE.sent)).status != 200:
            break
    deaf.unlink()
    await _serves(attacker, "once somebody reads again")


def _asked(server: Running, api_id: str, secret: str) -> int:
    """Nanoseconds of a refusal over a connection of its own."""
    lines = (f"POST {ROUTE} HTTP/1.1", "Host: x", f"X-Customer-Api-Id: {api_id}", f"X-Secret: {secret}")
    head = "\r\n".join((*lines, "Content-Length: 0", "", "")).encode()
    with server.connect() as peer:
        begun = time.perf_counter_ns()
        peer.sendall(head)
        assert peer.recv(16).startswith(b"HTTP/1.1 401")
        return time.perf_counter_ns() - begun


def _beside(api_id: str, by: int) -> str:
    return str(uuid.UUID(int=uuid.UUID(api_id).int + by))


GROUP = 24
"""Times of one kind from which an attacker who asks again and again guesses once: a busy machine blurs fewer."""


def _lows(times: list[int]) -> list[int]:
    """The fifth of each group of times."""
    return [sorted(times[begins : begins + GROUP])[4] for begins in range(0, len(times) - GROUP + 1, GROUP)]


async def told_by_time(attacker: Attacker) -> None:
    """Whether the time of one refusal tells a known tenant from an unknown one, or an id below it from one above it."""
    server = attacker.server
    for label in ("one", "two", "three"):
        new_key(server.folder, label)
    own = server.headers
    for _ in range(20):
        done = command(server.folder, "keys", "rotate", "tests", "--overlap", "60s", "--json")
        attacker.expect(done.returncode == 0, done.stderr)
    wrong = new_key(server.folder, "wrong")["X-Secret"]
    mine = own["X-Customer-Api-Id"]
    kinds: dict[str, Callable[[], str]] = {
        "wrong secret": lambda: mine,
        "unknown tenant": lambda: str(uuid.uuid4()),
        "just below": lambda: _beside(mine, -1),
        "just above": lambda: _beside(mine, 1),
    }
    order = [name for name in kinds for _ in range(2_400)]
    attacker.luck.shuffle(order)
    spent: dict[str, list[int]] = {name: [] for name in kinds}

    def measure() -> None:
        for name in order:
            spent[name].append(_asked(server, kinds[name](), wrong))

    await asyncio.to_thread(measure)
    for one, other in (("wrong secret", "unknown tenant"), ("just below", "just above")):
        single, many = (100 * right_guesses(*map(of, (spent[one], spent[other]))) for of in (list, _lows))
        attacker.figures.append(
            f"{one} or {other}: {single:.0f} of 100 guesses right, {many:.0f} from {GROUP} times each"
        )
        attacker.expect(single < 60 and many < 65, f"{one} or {other} is told by its time")


async def odd_requests(attacker: Attacker) -> None:
    server = attacker.server
    for quality in ("inf", "1e999", "nan", "-1", "2", "", "1;q=0", "0x1", "9" * 400):
        await attacker.post(ROWS, CSV, "today=2025-04-24", Accept=f"*/*;q={quality}")
        await attacker.post(EXAMPLE.sent, Accept=f"*/*;q={quality}, text/csv;q={quality}")
    for accept, kind in ((f"{JSON};q=0, {CSV}", CSV), (f"{CSV};q=0, {JSON}", JSON)):
        found = await attacker.post(ROWS, CSV, "today=2025-04-24", Accept=accept)
        got = found.headers.get("content-type", "")
        attacker.expect(got.startswith(kind), f"Accept: {accept} was answered as {got}")
    secret = server.headers["X-Secret"]
    for part in (secret, secret[4:], secret[:40], secret[10:50], secret[::-1]):
        found = await attacker.post(EXAMPLE.sent, X_Request_Id=part)
        attacker.expect(part == secret[::-1] or part not in str(dict(found.headers)), "a part of a secret is echoed")
        attacker.expect(part == secret[::-1] or part not in server.log_text(), "a part of a secret is logged")
    found = await attacker.ask("POST", "/api/customer-features", EXAMPLE.sent, **{"Content-Type": JSON})
    attacker.expect((found.status, found.body) == (200, EXAMPLE.body), f"/api/customer-features: {found}")
    dataset = await downloads.built(attacker, jobs.csv(3), "rows.csv")
    for query in ("desc=maybe", "first=x", "first=-1", "first=1e9", "sort=nothing", "search=" + "x" * 5_000):
        found = await attacker.page("GET", f"/explorer/d/{dataset}/customers?{query}")
        attacker.expect(b"Host header" not in found.body, f"?{query[:20]} is blamed on the Host header")


async def damaged_store(attacker: Attacker) -> None:
    """Rows of the store in which a value is of another type: that key is refused, and no other."""
    server = attacker.server
    for column, value in (("expires_on", "'never'"), ("not_before", "x'00'"), ("digest", "7"), ("digest", "'text'")):
        other = new_key(server.folder, f"{column} {value}")
        with sqlite3.connect(server.folder / "credentials.sqlite") as store:
            where = f"api_id = '{other['X-Customer-Api-Id']}'"
            store.execute(f"UPDATE secrets SET {column} = {value} WHERE {where}")
        store.close()
        named = {name.replace("-", "_"): text for name, text in other.items()}
        found = await attacker.post(EXAMPLE.sent, **named)
        attacker.expect(found.status == 401, f"a key whose {column} is {value}: {found}")
    await _serves(attacker, "with damaged rows in the store")


def _at_the_start(folder: Path) -> str:
    """What ``serve`` says before it serves, or instead."""
    try:
        return settings_of(folder)[1]
    except AssertionError as refused:
        return str(refused)


async def loose_files(attacker: Attacker) -> None:
    """A pepper and a folder that others may read or change are told of at the start, or refused."""
    folder = attacker.server.folder
    for path, mode in ((folder / "pepper", 0o644), (folder, 0o777)):
        before = path.stat().st_mode
        path.chmod(mode)
        said = _at_the_start(folder)
        path.chmod(before)
        told = (line for line in said.splitlines() if str(path) in line)
        attacker.expect(any(f"{mode:o}" in line or "other" in line for line in told), f"mode {mode:o} of {path.name}")


ATTACKS = (
    Attack("E1", PART, "SIGHUP with a broken certificate", broken_certificate, prepare=certified, tls=True),
    Attack(
        "E1 gone", PART, "SIGHUP without a pepper, and a worker lost", lost_pepper, prepare=two_workers, watched=False
    ),
    Attack("E2", PART, "SIGHUP under load", renewed, prepare=two_workers),
    Attack("E3", PART, "a locked queue of jobs", locked, without=frozenset({"job"})),
    Attack(
        "E3 full",
        PART,
        "a job removed while no file may grow",
        full,
        without=frozenset({"job", "table", "large", "dataset"}),
    ),
    Attack("E4", PART, "a log that nobody reads", deaf_reader, command=[sys.executable, "-c", DEAF]),
    Attack("E5", PART, "refusals told apart by their time", told_by_time, watched=False),
    Attack("E6", PART, "odd Accept, request ids, paths and parameters", odd_requests, quick=True),
    Attack("E6 rows", PART, "values of other types in the store of keys", damaged_store, quick=True),
    Attack("E6 modes", PART, "a pepper and a folder that others may change", loose_files, watched=False, settles=False),
)
