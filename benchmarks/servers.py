"""Servers in processes of their own, and wrk, which puts them under load.

The load comes from the same machine, so it weighs on all alike and can only bring their ratios closer to 1.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.installed import installed

ROUTE = "/api/v1/ai/customer_features"

_SCRIPT = """
wrk.method = "POST"
local file = io.open(os.getenv("BENCHMARK_BODY"), "rb")
wrk.body = file:read("*a")
file:close()
for line in io.lines(os.getenv("BENCHMARK_HEADERS")) do
  local name, value = line:match("([^:]+): (.*)")
  wrk.headers[name] = value
end
local pause = tonumber(os.getenv("BENCHMARK_PAUSE") or "0")
if pause > 0 then
  math.randomseed(os.time())
  -- Exponential pauses between an answer and the next request, as arrivals that know nothing of each other have.
  function delay() return math.floor(-pause * math.log(1 - math.random()) + 0.5) end
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the load: requests a second, milliseconds of the median and of the slowest in a hundred, and the
    processor time that the server took for a request, in seconds."""

    rate: float
    median: float
    p99: float
    cpu: float


@dataclass(slots=True)
class Server:
    """A server under load."""

    name: str
    url: str
    process: psutil.Process
    headers: dict[str, str] = field(default_factory=dict)
    runs: list[Measured] = field(default_factory=list)

    def everyone(self) -> list[psutil.Process]:
        """The server's processes."""
        return [self.process, *self.process.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all of them."""
        return sum(times.user + times.system for times in (one.cpu_times() for one in self.everyone()))

    def memory(self) -> int:
        """Bytes that they hold now; what they share is counted in each."""
        return sum(one.memory_info().rss for one in self.everyone())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, **environment: str) -> Iterator[tuple[str, psutil.Process]]:
    """A server as a process of its own, from when it answers until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(400):
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        else:
            raise SystemExit(f"no answer from {url}: {' '.join(command)}")
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def servers(folder: Path) -> Iterator[list[Server]]:
    """Ours first, with a key and a quota that nobody reaches, then the peers."""
    data = {"CUSTOMER_FEATURES_DATA_DIR": str(folder)}
    made = subprocess.run(
        [sys.executable, "-m", "customer_features", "keys", "create", "benchmark", "--json"],
        env={**os.environ, **data},
        check=True,
        capture_output=True,
    )
    key = json.loads(made.stdout)
    credentials = {"X-Customer-Api-Id": key["api_id"], "X-Secret": key["secret"]}
    mine, uvicorn, bare = free_port(), free_port(), free_port()
    ours = ["customer_features", "serve", "--port", str(mine), "--rate-limit", "100000000/minute"]
    fastapi = ["uvicorn", "benchmarks.peers.fastapi_app:app", "--port", str(uvicorn), "--log-level", "warning"]
    asgi = ["granian", "--interface", "asgi", "--port", str(bare), "--no-access-log", "benchmarks.peers.bare_asgi:app"]
    with serving(ours, mine, **data) as a, serving(fastapi, uvicorn) as b, serving(asgi, bare) as c:
        yield [
            Server("ours", *a, credentials),
            Server("FastAPI and Pydantic, uvicorn", *b),
            Server("bare ASGI, Granian", *c),
        ]


def command(
    server: Server, body: Path, connections: int, seconds: float, pause: float = 0
) -> tuple[list[str], dict[str, str]]:
    """How wrk is run, and the environment that its script reads; ``pause``: milliseconds, see ``load``."""
    headers = body.with_suffix(f".{server.name.split()[0]}.headers")
    lines = {**server.headers, "Content-Type": "application/json"}.items()
    headers.write_text("".join(f"{name}: {value}\n" for name, value in lines))
    script = body.parent / "post.lua"
    script.write_text(_SCRIPT)
    wrk = installed("wrk")
    words = [wrk, "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s", "-s", str(script)]
    environment = {"BENCHMARK_BODY": str(body), "BENCHMARK_HEADERS": str(headers), "BENCHMARK_PAUSE": f"{pause}"}
    return [*words, server.url + ROUTE], {**os.environ, **environment}


def load(server: Server, body: Path, connections: int, seconds: float, pause: float = 0) -> Measured:
    """One run of the load. Ends the benchmark where anything but 200 comes back.

    ``pause``: the mean of the pauses that each connection makes between an answer and its next request, in
    milliseconds; none by default.
    """
    words, environment = command(server, body, connections, seconds, pause)
    used = server.cpu_seconds()
    said = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    used = server.cpu_seconds() - used
    result = next(line for line in said.splitlines() if line.startswith("RESULT"))
    requests, spent, median, p99, errors = map(int, result.split()[1:])
    if errors or not requests:
        raise SystemExit(f"{server.name}: {errors} errors in {requests} requests under load\n{said}")
    return Measured(requests / spent * 1e6, median / 1000, p99 / 1000, used / requests)
