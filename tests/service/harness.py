"""Servers for the tests: real ones in processes of their own, the application in this process, and what talks to them.

A real one is for what is about sockets, processes and signals; start it once for all tests with the same options
(the fixture ``shared``) unless a test stops it or needs a store of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from abc import abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from customer_features.cli import run
from customer_features.service import app, server
from customer_features.service.bodies.slow_readers import patient
from customer_features.service.documents.contract import EXAMPLE_REQUEST
from customer_features.service.log import LOGGER, JsonLines
from customer_features.service.settings import Settings
from tests.waiting import BOUND, until

COMMAND = [sys.executable, "-m", "customer_features"]
ROUTE = "/api/v1/ai/customer_features"
ALIAS, EARLIER = "/api/customer_features", "/api/customer-features"
EXAMPLE = json.dumps(EXAMPLE_REQUEST).encode()
STOPS = 60.0
"""Seconds for a server to stop. It kills its workers after ten more than this (see GRACE), so one that has stopped by
then has waited for nothing."""

# A client makes its TLS context once, which takes longer than a request; and each request is a connection of its own.
CLIENT = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0), timeout=60)


def environment(folder: Path) -> dict[str, str]:
    """The environment of a child process: its own store, no settings of the person's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CUSTOMER_FEATURES_")}
    return {**kept, "CUSTOMER_FEATURES_DATA_DIR": str(folder)}


def cli(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One run of the command line in a process of its own."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


def command(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """One run of the command line in this process, which takes no time to start. It must not get as far as to serve."""
    served: list[object] = []
    with _settings(folder, variables) as patched:
        patched.setattr(server.Workers, "serve", lambda *_, **__: served.append(arguments))
        done = _run(arguments)
    assert served == []
    assert "fault of customer-features itself" not in done.stderr, done.stderr
    return done


def settings_of(folder: Path, *options: str) -> tuple[Settings, str]:
    """What the command ``serve`` makes of its options, checked as it checks them, and what it says of them."""
    found: list[Settings] = []
    with _settings(folder, {}) as patched:
        patched.setattr(server, "run", lambda settings, announce: found.append(settings))
        done = _run(("serve", "--port", "0", *options))
    assert done.returncode == 0, done.stderr
    return found[0], done.stderr


@contextmanager
def _settings(folder: Path, variables: dict[str, str]) -> Iterator[pytest.MonkeyPatch]:
    """A folder's environment in this process, whose signal handlers are its own again afterwards."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("CUSTOMER_FEATURES_")]:
            patched.delenv(name)
        for name, value in {"CUSTOMER_FEATURES_DATA_DIR": str(folder), **variables}.items():
            patched.setenv(name, value)
        yield patched
    for number, handler in before.items():
        signal.signal(number, handler)


def _run(arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with redirect_stdout(out), redirect_stderr(err):
        code = run([*arguments])
    said = [stream.buffer.getvalue().decode() for stream in (out, err)]  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(arguments, code, *said)


def new_key(folder: Path, label: str) -> dict[str, str]:
    """A new key's headers."""
    made = json.loads(command(folder, "keys", "create", label, "--json").stdout)
    return {"X-Customer-Api-Id": made["api_id"], "X-Secret": made["secret"]}


class Server:
    """What answers requests, and who asks it. ``headers`` are the credentials of its key, if it has one."""

    def __init__(self, folder: Path, headers: dict[str, str]) -> None:
        self.folder = folder
        self.headers = headers

    @abstractmethod
    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        """One request as it is given."""

    @abstractmethod
    def log_text(self) -> str:
        """All that it logged so far."""

    @abstractmethod
    def log_lines(self, since: int = 0) -> list[str]:
        """The log's lines since a mark, once every request that was answered has its own: a line follows its answer."""

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET as it is given."""
        return self.request("GET", path, **more)

    def post(self, body: bytes = EXAMPLE, path: str = ROUTE, **headers: str) -> httpx.Response:
        """POST a body with credentials and a content type, unless a header is given as empty."""
        given = {"Content-Type": "application/json", **self.headers}
        given.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent = {name: value for name, value in given.items() if value}
        return self.request("POST", path, content=body, headers=sent)

    def line(self, reply: httpx.Response) -> dict[str, Any]:
        """The log's line of an answer's request; in a shared server's log others may stand beside it."""
        own = f'"request_id":"{reply.headers["x-request-id"]}"'
        (found,) = [line for line in self.log_lines() if own in line]
        described: dict[str, Any] = json.loads(found)
        return described

    def mark(self) -> int:
        """The end of the log so far."""
        self.log_lines()
        return len(self.log_text())


class Running(Server):
    """A server in a process of its own."""

    def __init__(
        self, folder: Path, process: subprocess.Popen[str], log: Path, url: str, headers: dict[str, str]
    ) -> None:
        super().__init__(folder, headers)
        self.process = process
        self.log = log
        self.url = url
        self._answered: Counter[str] = Counter()
        self._logged = 0

    @property
    def metrics_url(self) -> str:
        """Where the server says that its metrics are."""
        found = re.search(r"^Metrics on (http://\S+)$", self.log.read_text(), re.MULTILINE)
        assert found is not None
        return found[1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        reply = CLIENT.request(method, self.url + path, **more)
        if (given := reply.headers.get("x-request-id")) is not None:
            self._answered[given] += 1
        return reply

    def head(self, length: int | None = None, path: str = ROUTE, **headers: str) -> bytes:
        """The head of a raw request to the route, without the empty line that ends it."""
        lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        return "\r\n".join(lines).encode() + b"\r\n"

    def connect(self, *, receives: int | None = None) -> socket.socket:
        """A connection; one that ``receives`` so many bytes takes little of an answer at a time."""
        connection = socket.socket()
        if receives is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receives)
        connection.settimeout(BOUND)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def raw(self, *pieces: bytes) -> bytes:
        """Everything the server says to these bytes until it closes the connection."""
        with self.connect() as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except OSError:
                pass
            return rest(connection)

    def log_text(self) -> str:
        return self.log.read_text()

    def log_lines(self, since: int = 0) -> list[str]:
        def written() -> bool:
            text = self.log_text()[self._logged :]
            return all(text.count(f'"request_id":"{one}"') >= times for one, times in self._answered.items())

        until(written, self.log_text)
        self._answered.clear()
        self._logged = len(self.log_text())
        return [line for line in self.log_text()[since : self._logged].splitlines() if '"path":"/health"' not in line]

    def workers(self) -> list[int]:
        """The processes that answer."""
        return children(self.process.pid)

    def computing(self) -> list[int]:
        """The processes beside the workers that compute what is large."""
        return [
            one
            for worker in self.workers()
            for one in children(worker)
            if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()
        ]

    def serves(self) -> bool:
        """Whether it answers a request; it cannot be reached as long as there is no worker."""
        try:
            return self.post().status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Stop it and its workers at once, if that is still needed."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=BOUND)
        until(lambda: not living(self.process.pid), "the end of the server's workers")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOPS)


def start(folder: Path, *options: str, key: bool = False, command: list[str] = COMMAND) -> Running:
    """Start a server on a free port and wait until it says where it listens."""
    folder.mkdir(exist_ok=True)
    headers = new_key(folder, "tests") if key else {}
    log, temporary = folder / "server.log", folder / "tmp"
    temporary.mkdir(exist_ok=True)
    with log.open("w") as sink:
        process = subprocess.Popen(
            [*command, "serve", "--port", "0", *options],
            env={**environment(folder), "TMPDIR": str(temporary)},
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            # A group of its own, so that workers can be stopped with their server.
            start_new_session=True,
        )

    def listening() -> re.Match[str] | None:
        assert process.poll() is None, log.read_text()
        return re.search(r"^Listening on (https?://\S+)$", log.read_text(), re.MULTILINE)

    match = until(listening, lambda: f"{log.read_text()}: a line that says where it listens")
    assert match is not None
    return Running(folder, process, log, match[1], headers)


class Pool:
    """Real servers by their options: each is started when it is first asked for, and stopped in the end."""

    def __init__(self) -> None:
        self._running: dict[tuple[bool, tuple[str, ...]], Running] = {}

    def get(self, folder: Callable[[], Path], *options: str, key: bool = False) -> Running:
        if (key, options) not in self._running:
            self._running[key, options] = start(folder(), *options, key=key)
        return self._running[key, options]

    def close(self) -> None:
        running = [*self._running.values()]
        self._running.clear()
        try:
            for one in running:
                one.process.send_signal(signal.SIGTERM)
            assert [one.process.wait(STOPS) for one in running] == [0] * len(running)
        finally:
            for one in running:
                one.kill()


POOL = Pool()
"""The servers that the tests of one process share, whatever folder they stand in."""


class Local(Server):
    """The application that one worker serves, in this process and without a socket; its event loop has a thread.

    ``said`` is what the command says before it serves.
    """

    url = "http://127.0.0.1"

    def __init__(self, folder: Path, *options: str, key: bool = False) -> None:
        super().__init__(folder, new_key(folder, "tests") if key else {})
        self._settings, self.said = settings_of(folder, *options)
        self._log = io.StringIO()
        self._handler = logging.StreamHandler(self._log)
        self._handler.setFormatter(JsonLines())
        self._level = LOGGER.level
        LOGGER.addHandler(self._handler)
        LOGGER.setLevel(self._settings.log_level.upper())
        self._begun = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()
        assert self._begun.wait(BOUND)
        assert self._thread.is_alive(), "the application did not start"

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        try:
            settings = self._settings
            application: Any = patient(app.build(settings), settings.request_timeout, settings.min_rate)
            transport = httpx.ASGITransport(application, raise_app_exceptions=False)
            async with serving(application), httpx.AsyncClient(transport=transport, base_url=self.url) as self._client:
                self._begun.set()
                await self._stopping.wait()
        finally:
            self._begun.set()

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        asked = self._client.request(method, path, **more)
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(BOUND)

    def log_text(self) -> str:
        return self._log.getvalue()

    def log_lines(self, since: int = 0) -> list[str]:
        return self.log_text()[since:].splitlines()

    def stop(self) -> None:
        """End it, if that is still needed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(BOUND)
        LOGGER.removeHandler(self._handler)
        LOGGER.setLevel(self._level)  # not the attribute: what was asked of it before is remembered


@asynccontextmanager
async def serving(application: Any) -> AsyncIterator[None]:
    """Tell an application of its start and its end, as a server does."""
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    says: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    lives = asyncio.create_task(application(scope, told.get, says.put))
    await told.put({"type": "lifespan.startup"})
    assert (await says.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        assert (await says.get())["type"] == "lifespan.shutdown.complete"
        await lives


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """A database that another connection writes to meanwhile."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def rest(connection: socket.socket) -> bytes:
    """All that comes until the connection ends, however it does."""
    said = b""
    with suppress(ConnectionError):
        while piece := connection.recv(1 << 20):
            said += piece
    return said


def children(process: int) -> list[int]:
    """The processes that a process started, in whichever of its threads."""
    found: list[int] = []
    for listed in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(OSError):  # the thread has ended meanwhile
            found += map(int, listed.read_text().split())
    return found


def living(group: int) -> list[int]:
    """The processes of a group that have not ended; none where there is no /proc to look under."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, of, *_ = stat.read_text().rpartition(")")[2].split()
            if int(of) == group and state not in "ZX":
                found.append(int(stat.parent.name))
    return found


@contextmanager
def paused(processes: list[int]) -> Iterator[None]:
    """Processes that do nothing meanwhile."""
    for process in processes:
        os.kill(process, signal.SIGSTOP)
        stat = Path(f"/proc/{process}/stat")
        until(lambda stat=stat: stat.read_text().rpartition(")")[2].split()[0] == "T", "the process's pause")  # type: ignore[misc]
    try:
        yield
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)


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
