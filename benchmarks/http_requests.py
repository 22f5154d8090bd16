"""HTTP over a real socket: requests of 100 customers, one worker each, eight connections, keep-alive.

Ours authenticates every request; the peer does not. The load comes from this one process, so it weighs on
both alike and can only bring their ratio closer to 1.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from benchmarks.data import answer_vectors, differing, document, document_vectors
from benchmarks.harness import Contender, Row, contest

ROUTE = "/api/v1/ai/customer_features"
CONNECTIONS = 8
REQUESTS = 400


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
        for _ in range(200):
            try:
                httpx.get(url)
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def load(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Send ``REQUESTS`` requests over ``CONNECTIONS`` raw connections; the last answer's body."""
    head = "".join(f"{name}: {value}\r\n" for name, value in {**headers, "Content-Type": "application/json"}.items())
    address = httpx.URL(url)
    request = (
        f"POST {ROUTE} HTTP/1.1\r\nHost: {address.host}\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    )

    async def connection(count: int) -> bytes:
        reader, writer = await asyncio.open_connection(address.host, address.port, limit=1 << 22)
        answer = b""
        for _ in range(count):
            writer.write(request)
            received = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not received.startswith(b"http/1.1 200"):
                raise SystemExit(f"{url}: {received.decode()}")
            length = int(received.split(b"content-length:")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
        writer.close()
        return answer

    async def everyone() -> bytes:
        return (await asyncio.gather(*(connection(REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS))))[-1]

    return asyncio.run(everyone())


def run() -> list[Row]:
    body = document(100)
    exact = document_vectors(body)

    def wrong(found: bytes) -> int:
        return differing(answer_vectors(found), exact)

    with tempfile.TemporaryDirectory() as folder:
        data = {"CUSTOMER_FEATURES_DATA_DIR": folder}
        made = subprocess.run(
            [sys.executable, "-m", "customer_features", "keys", "create", "benchmark", "--json"],
            env={**os.environ, **data},
            check=True,
            capture_output=True,
        )
        key = json.loads(made.stdout)
        credentials = {"X-Customer-Api-Id": key["api_id"], "X-Secret": key["secret"]}
        mine, theirs = free_port(), free_port()
        peer = ["uvicorn", "benchmarks.peers.fastapi_app:app", "--port", str(theirs), "--log-level", "warning"]
        with (
            serving(["customer_features", "serve", "--port", str(mine)], mine, **data) as ours,
            serving(peer, theirs) as fastapi,
        ):
            return contest(
                "HTTP, 100 customers a request",
                Contender("ours", lambda: load(ours, body, credentials), wrong),
                [Contender("FastAPI + pydantic, uvicorn", lambda: load(fastapi, body, {}), wrong)],
                rounds=9,
            )
