"""``make soak``: ends with 1 where an answer is wrong or unplanned, memory grows, or a file stays in the spool."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import signal
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from customer_features.service import secret
from tests.agreement import oracle
from tests.service.harness import Running, cli, start
from tests.soak.requests import Asked, made
from tests.waiting import until_async

KILL_EVERY, ROTATE_EVERY, WATCH_EVERY = 2_000, 1_500, 100
"""After so many requests a worker is killed, the secret is rotated, and the memory is looked at."""
CONNECTIONS = 8
WAIT = 600.0
"""Seconds to wait for an answer: just a server that hangs needs more."""
PLANNED = {503}
"""A computation that was lost with its process, or a full queue: told as such, with Retry-After."""


@dataclass
class Soak:
    """What was seen so far."""

    server: Running
    requests: int
    luck: random.Random
    revoked: dict[str, str]
    asked: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    broken: int = 0
    killed: int = 0
    rotations: int = 0
    memory: list[int] = field(default_factory=list)

    def headers(self, asked: Asked) -> dict[str, str]:
        live = self.server.headers
        wrong = {**live, "X-Secret": secret.make()}
        return {"live": live, "revoked": self.revoked, "wrong": wrong, "none": {}}[asked.credentials] | asked.headers

    async def ask(self, client: httpx.AsyncClient) -> None:
        """One connection's requests, until none are left, and what befalls the server meanwhile."""
        while self.asked < self.requests:
            self.asked += 1
            await self.disturb(self.asked)
            asked = made(self.luck)
            try:
                reply = await client.request(
                    asked.method, self.server.url + asked.path, content=asked.body, headers=self.headers(asked)
                )
            except httpx.TransportError:
                self.broken += 1  # its worker was killed: an error, and never half an answer
                continue
            self.judge(asked, reply)

    def judge(self, asked: Asked, reply: httpx.Response) -> None:
        self.seen[f"{asked.kind}: {reply.status_code}"] += 1
        if reply.status_code not in asked.statuses:
            if reply.status_code in PLANNED and "retry-after" in reply.headers:
                return
            self.wrong.append(
                f"{asked.kind}: {reply.status_code}, expected {sorted(asked.statuses)}: {reply.text[:300]}"
            )
        elif reply.status_code == 200 and asked.vectors is not None:
            found = {
                str(one["customer_id"]): tuple(one["features"][name] for name in oracle.NAMES)
                for one in reply.json()["customers"]
            }
            if found != asked.vectors:
                self.wrong.append(f"{asked.kind}: a vector differs: {asked.body[:300]!r}")

    async def disturb(self, number: int) -> None:
        """Before some of the requests: kill a worker, rotate the secret, look at the memory of the oldest worker."""
        if number % WATCH_EVERY == 0 and (pids := workers(self.server)):
            self.memory.append(resident(pids[0]))
        # Always one that is younger than the oldest, whose memory is watched.
        if number % KILL_EVERY == 0 and (young := workers(self.server)[1:]):
            os.kill(self.luck.choice(young), signal.SIGKILL)
            self.killed += 1
        if number % ROTATE_EVERY == 0:
            # The old secret lives on until all know the new one, and what was asked with it is answered.
            name = ("keys", "rotate", "tests", "--overlap", "10m", "--json")
            said = await asyncio.to_thread(cli, self.server.folder, *name)
            self.server.headers = {**self.server.headers, "X-Secret": json.loads(said.stdout)["secret"]}
            self.rotations += 1


def workers(server: Running) -> list[int]:
    """The server's workers, the oldest first: children that answer, not what computes for them."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    found = [int(pid) for pid in children if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return sorted(found, key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]))


def resident(pid: int) -> int:
    """Bytes that a process holds in memory."""
    match = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(match[1]) * 1024 if match else 0


async def soak(requests: int, seed: int) -> int:
    with tempfile.TemporaryDirectory(prefix="customer-features-soak-") as name:
        folder = Path(name) / "data"
        server = start(folder, "--workers", "2", "--log-level", "warning", "--failed-logins", "100000/minute", key=True)
        try:
            gone = json.loads(cli(folder, "keys", "create", "gone", "--json").stdout)
            cli(folder, "keys", "revoke", "gone")
            revoked = {"X-Customer-Api-Id": gone["api_id"], "X-Secret": gone["secret"]}
            run = Soak(server, requests, random.Random(seed), revoked)
            async with httpx.AsyncClient(timeout=WAIT, limits=httpx.Limits(max_connections=CONNECTIONS)) as client:
                await asyncio.gather(*(run.ask(client) for _ in range(CONNECTIONS)))
            spool = folder / "spool"

            async def emptied() -> bool:
                return not any(spool.glob("*"))

            with suppress(AssertionError):
                await until_async(emptied, "that the spool is empty")
            lying = [path.name for path in spool.glob("*")]
            code = server.stop()
        finally:
            server.kill()
        return told(run, lying, code, server.log.read_text())


def told(run: Soak, lying: list[str], code: int, log: str) -> int:
    """Print what was seen; 1 where it is not what it must be."""
    for what, count in sorted(run.seen.items()):
        print(f"{count:8}  {what}")
    unplanned = [what for what in run.seen if re.search(r": 5\d\d$", what) and int(what[-3:]) not in PLANNED]
    quarter = len(run.memory) // 4
    second, last = (
        statistics.median(part or [1]) for part in (run.memory[quarter : 2 * quarter], run.memory[-quarter:])
    )
    internal = log.count('"event":"internal error"')
    print(
        f"\nmemory of the oldest worker {second / 2**20:.1f} MiB in the second quarter,"
        f" {last / 2**20:.1f} MiB in the last: {last / second:.3f}"
    )
    for line in run.wrong[:20]:
        print(f"WRONG: {line}")
    failures = {
        "wrong answers": len(run.wrong),
        "unplanned 5xx": len(unplanned),
        "internal errors in the log": internal,
        "files left in the spool": len(lying),
        "exit code of the server": code,
        "memory grew by more than 5%": int(last > 1.05 * second),
        # Each kill breaks what was in flight, and nothing else does.
        "broken connections beyond the killed": int(run.broken > 2 * CONNECTIONS * (run.killed + 1)),
        "no worker was killed": int(run.killed == 0 and run.requests >= 2 * KILL_EVERY),
        "no secret was rotated": int(run.rotations == 0 and run.requests >= ROTATE_EVERY),
    }
    print("; ".join(f"{what}: {count}" for what, count in failures.items()))
    print(
        f"{run.asked:,} requests, {run.broken:,} of them broken off by {run.killed} killed workers;"
        f" {run.rotations} rotations; {sum(map(bool, failures.values())) or 'no'} failures"
    )
    return int(any(failures.values()))


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(None if arguments is None else list(arguments))
    return asyncio.run(soak(given.requests, given.seed))


if __name__ == "__main__":
    sys.exit(main())
