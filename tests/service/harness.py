"""Real servers in processes of their own, and what talks to them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from customer_features.service.contract import EXAMPLE_REQUEST

COMMAND = [sys.executable, "-m", "customer_features"]
ROUTE = "/api/v1/ai/customer_features"
ALIAS = "/api/customer_features"
EXAMPLE = json.dumps(EXAMPLE_REQUEST).encode()


def environment(folder: Path) -> dict[str, str]:
    """The environment of a child process: its own store, no settings of the person's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUSTOMER_FEATURES_")}
    return {**kept, "CUSTOMER_FEATURES_DATA_DIR": str(folder)}


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One run of the command line."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@dataclass
class Running:
    """A server in a process of its own."""

    folder: Path
    process: subprocess.Popen[str]
    log: Path
    url: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def metrics_url(self) -> str:
        """Where the server says that its metrics are."""
        found = re.search(r"^Metrics on (http://\S+)$", self.log.read_text(), re.MULTILINE)
        assert found is not None
        return found[1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def post(self, body: bytes = EXAMPLE, path: str = ROUTE, **headers: str) -> httpx.Response:
        """POST a body with credentials and a content type, unless a header is given as empty."""
        given = {"Content-Type": "application/json", **self.headers}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in given.items() if value}
        return httpx.post(self.url + path, content=body, headers=sent, timeout=20)

    def head(self, length: int | None = None, path: str = ROUTE, **headers: str) -> bytes:
        """The head of a raw request to the route, without the empty line that ends it."""
        lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join(lines).encode() + b"\r\n"

    def raw(self, *pieces: bytes, timeout: float = 10) -> bytes:
        """Everything the server says to these bytes until it closes the connection."""
        said = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:
                pass
            while piece := connection.recv(65536):
                said += piece
        return said

    def log_lines(self) -> list[str]:
        """The log's lines once every request that was answered has its own: a line follows its answer."""
        health = '"path":"/health"'
        before = self.log.read_text().count(health)
        assert httpx.get(f"{self.url}/health", timeout=20).status_code == 200
        ends = time.monotonic() + 10
        while (text := self.log.read_text()).count(health) == before:
            assert time.monotonic() < ends, text
            time.sleep(0.01)
        return [line for line in text.splitlines() if health not in line]

    def kill(self) -> None:
        """Stop it and its workers at once, if that is still needed."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=10)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


def start(folder: Path, *options: str, key: bool = False, command: list[str] = COMMAND) -> Running:
    """Start a server on a free port and wait until it says where it listens."""
    headers = {}
    if key:
        made = json.loads(cli(folder, "keys", "create", "tests", "--json").stdout)
        headers = {"X-Customer-Api-Id": made["api_id"], "X-Secret": made["secret"]}
    folder.mkdir(exist_ok=True)
    log = folder / "server.log"
    with log.open("w") as sink:
        process = subprocess.Popen(
            [*command, "serve", "--port", "0", *options],
            env=environment(folder),
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            # A group of its own, so that workers can be stopped with their server.
            start_new_session=True,
        )
    ends = time.monotonic() + 20
    while not (match := re.search(r"^Listening on (https?://\S+)$", log.read_text(), re.MULTILINE)):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < ends, log.read_text()
        time.sleep(0.02)
    return Running(folder, process, log, match[1], headers)


def problem(reply: httpx.Response, status: int, name: str, path: str = ROUTE) -> dict[str, Any]:
    """The problem document of a reply, its shape checked."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert_common_headers(reply)
    document: dict[str, Any] = reply.json()
    assert document["type"] == f"urn:customer-features:problem:{name}"
    assert document["status"] == status
    assert document["instance"] == path
    assert document["title"]
    assert document["detail"].endswith(".")
    return document


def assert_common_headers(reply: httpx.Response) -> None:
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert reply.headers["server"] == "customer-features"
