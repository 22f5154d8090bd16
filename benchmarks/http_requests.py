"""HTTP over a real socket, under wrk: requests a second and latencies, one worker each, keep-alive.

Ours authenticates every request and holds every limit, a quota among them; the peers do neither. The load comes from
the same machine, so it weighs on all alike and can only bring their ratios closer to 1.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.data import answer_vectors, differing, document, document_vectors
from benchmarks.harness import Row, row
from customer_features.service.contract import EXAMPLE_REQUEST
from tests.installed import installed

ROUTE = "/api/v1/ai/customer_features"
ROUNDS = 5
SECONDS = 4

_SCRIPT = """
wrk.method = "POST"
local file = io.open(os.getenv("BENCHMARK_BODY"), "rb")
wrk.body = file:read("*a")
file:close()
for line in io.lines(os.getenv("BENCHMARK_HEADERS")) do
  local name, value = line:match("([^:]+): (.*)")
  wrk.headers[name] = value
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of the load: requests a second, and milliseconds of the median and of the slowest in a hundred."""

    rate: float
    median: float
    p99: float


@dataclass(slots=True)
class Server:
    """A server under load."""

    name: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    runs: list[Measured] = field(default_factory=list)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, **environment: str) -> Iterator[str]:
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
        yield url
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
            Server("ours", a, credentials),
            Server("FastAPI + pydantic, uvicorn", b),
            Server("bare ASGI, Granian", c),
        ]


def command(server: Server, body: Path, connections: int, seconds: float) -> tuple[list[str], dict[str, str]]:
    """How wrk is run, and the environment that its script reads."""
    headers = body.with_suffix(f".{server.name.split()[0]}.headers")
    lines = {**server.headers, "Content-Type": "application/json"}.items()
    headers.write_text("".join(f"{name}: {value}\n" for name, value in lines))
    script = body.parent / "post.lua"
    script.write_text(_SCRIPT)
    wrk = installed("wrk", "wrk", "which makes the load")
    words = [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "60s", "-s", str(script)]
    environment = {"BENCHMARK_BODY": str(body), "BENCHMARK_HEADERS": str(headers)}
    return [*words, server.url + ROUTE], {**os.environ, **environment}


def load(server: Server, body: Path, connections: int, seconds: float = SECONDS) -> Measured:
    """One run of the load. Ends the benchmark where anything but 200 comes back."""
    words, environment = command(server, body, connections, seconds)
    said = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    result = next(line for line in said.splitlines() if line.startswith("RESULT"))
    requests, spent, median, p99, errors = map(int, result.split()[1:])
    if errors:
        raise SystemExit(f"{server.name}: {errors} errors under load\n{said}")
    return Measured(requests / spent * 1e6, median / 1000, p99 / 1000)


def check(server: Server, body: bytes) -> int:
    """How many vectors of the server's answer are wrong."""
    headers = {**server.headers, "Content-Type": "application/json"}
    reply = httpx.post(server.url + ROUTE, content=body, headers=headers, timeout=60)
    reply.raise_for_status()
    return differing(answer_vectors(reply.content), document_vectors(body))


def bodies() -> dict[str, tuple[bytes, int]]:
    """The bodies, and over how many connections each is sent."""
    return {
        "the contract's example": (json.dumps(EXAMPLE_REQUEST).encode(), 8),
        "100 customers": (document(100), 8),
        "1 MB": (document(980), 4),
        "25 MB": (document(24_500), 1),
    }


def measured(everyone: list[Server], body: Path, connections: int) -> dict[str, int]:
    """Put all servers under load in turn; how many vectors of each are wrong."""
    content = body.read_bytes()
    # The example has no oracle of its own here; the service's tests hold its values.
    wrong = {server.name: check(server, content) if len(content) > 10_000 else 0 for server in everyone}
    for server in everyone:
        load(server, body, connections, 1)
        server.runs.clear()
    seconds = SECONDS if len(content) < 10**7 else 3 * SECONDS
    for turn in range(ROUNDS):
        for server in everyone[turn % 3 :] + everyone[: turn % 3]:
            server.runs.append(load(server, body, connections, seconds))
    return wrong


def run() -> list[Row]:
    """Seconds a request of ours as a multiple of each peer's."""
    rows = []
    with tempfile.TemporaryDirectory() as name, servers(Path(name)) as everyone:
        for title, (content, connections) in list(bodies().items())[:3]:
            body = Path(name) / "body.json"
            body.write_bytes(content)
            wrong = measured(everyone, body, connections)
            ours, *others = everyone
            times = {server.name: [1 / one.rate for one in server.runs] for server in everyone}
            rows += [
                row(f"HTTP, {title}", other.name, times[ours.name], times[other.name], wrong[other.name])
                for other in others
            ]
    return rows


def main() -> None:
    """Print rates and latencies, and what large bodies do to small ones."""
    print(f"{'body':<24} {'server':<28} {'rate, ours/peer':>15} {'spread':>14} {'wrong':>6}  p50 ms  p99 ms  p99/p50")
    with tempfile.TemporaryDirectory() as name, servers(Path(name)) as everyone:
        for title, (content, connections) in bodies().items():
            body = Path(name) / "body.json"
            body.write_bytes(content)
            wrong = measured(everyone, body, connections)
            for server in everyone:
                ratios = sorted(a.rate / b.rate for a, b in zip(everyone[0].runs, server.runs, strict=True))
                median, p99 = (statistics.median(getattr(one, of) for one in server.runs) for of in ("median", "p99"))
                print(
                    f"{title:<24} {server.name:<28} {statistics.median(ratios):>15.2f}"
                    f" {ratios[0]:>6.2f} to {ratios[-1]:.2f} {wrong[server.name]:>6} {median:>7.2f} {p99:>7.2f}"
                    f" {p99 / median:>7.1f}",
                    flush=True,
                )
        beside(Path(name), everyone[0])


def beside(folder: Path, ours: Server) -> None:
    """The contract's example alone, and while bodies of 25 MB come one after the other."""
    small, large = folder / "small.json", folder / "large.json"
    small.write_bytes(json.dumps(EXAMPLE_REQUEST).encode())
    large.write_bytes(document(24_500))
    ratios = []
    for _ in range(ROUNDS):
        idle = load(ours, small, 1)
        words, environment = command(ours, large, 1, 3 * SECONDS)
        with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL) as flow:
            time.sleep(1)
            busy = load(ours, small, 1, 2 * SECONDS)
            flow.wait()
        ratios.append(busy.p99 / idle.p99)
        print(
            f"the example beside 25 MB: p99 {busy.p99:.2f} ms, idle {idle.p99:.2f} ms, {ratios[-1]:.1f} times;"
            f" p50 {busy.median:.2f} ms, idle {idle.median:.2f} ms"
        )
    print(f"median of the ratios: {statistics.median(ratios):.1f}")


if __name__ == "__main__":
    main()
