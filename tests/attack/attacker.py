"""The tenant that attacks: its requests, its bare connections, and what of their answers was not planned."""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.attack.oracle import JSON, Answer, attacker_fault
from tests.service.harness import COMMAND, ROUTE, Running

HOST = "127.0.0.2"
"""The attacker's address: another one than the bystander's, whom a limit by address must not meet."""
PATIENCE = 30.0
"""Seconds within which every request of the attacker is answered or its connection ended: its own computation, and
those of three others before it."""
OPTIONS = ("--failed-logins", "none", "--explorer", "--table-memory", "128MiB")
"""Of every server under attack; a process that computes may hold a gigabyte with these."""
ACCEPTED = 3.0
"""Seconds to wait for a connection."""
KEPT = 4
AUTHORITY = "authority.pem"
"""The file in a server's folder by which its certificate is trusted, where it has one."""


class Attacker:
    """One attack's requests over a server. ``figures`` are told in the attack's line, ``faults`` fail it."""

    def __init__(self, server: Running, luck: random.Random, context: ssl.SSLContext | bool = True) -> None:
        self.server = server
        self.luck = luck
        self.answers: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        self.texts: list[str] = []
        self.figures: list[str] = []
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=16)
        transport = httpx.AsyncHTTPTransport(verify=context, local_address=HOST, limits=limits)
        self._client = httpx.AsyncClient(transport=transport, timeout=PATIENCE)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def expect(self, holds: object, otherwise: str) -> None:
        """Note a fault of this attack's own unless something holds."""
        if not holds:
            self.fault("broken promise", otherwise)

    def fault(self, kind: str, text: str) -> None:
        """Note a fault."""
        self.faults[kind] += 1
        if len(self.texts) < KEPT:
            self.texts.append(f"{kind}: {text}")

    async def ask(self, method: str, path: str, body: bytes = b"", *, judged: bool = True, **headers: str) -> Answer:
        """One request with the attacker's credentials, judged by the rule for whatever an attacker sends."""
        given = self.server.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {name: value for name, value in given.items() if value}
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._client.request(method, self.server.url + path, content=body or None, headers=sent)
            found = Answer(reply.status_code, reply.content, dict(reply.headers), time.perf_counter() - begun)
        except (httpx.HTTPError, TimeoutError) as error:
            found = Answer(0, f"{type(error).__name__} {error}".encode(), seconds=time.perf_counter() - begun)
        if judged:
            self.judge(found, f"{method} {path[:80]}")
        return found

    def judge(self, found: Answer, asked: str) -> None:
        """Count an answer, and note it where no attacker should get it."""
        self.answers[found.status] += 1
        if fault := attacker_fault(found):
            self.fault(fault, f"{asked}: {found}")

    async def post(
        self, body: bytes, kind: str = JSON, query: str = "", *, coding: str = "", judged: bool = True, **headers: str
    ) -> Answer:
        """A body to the contract's route."""
        given = {"Content-Type": kind, "Content-Encoding": coding, **headers}
        return await self.ask("POST", f"{ROUTE}{query and '?'}{query}", body, judged=judged, **given)

    async def page(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """A request of the explorer's page."""
        return await self.ask(method, path, body, X_Explorer="1", **headers)

    def head(self, length: int, kind: str = JSON, path: str = ROUTE, method: str = "POST", **headers: str) -> bytes:
        """The head of a request that is written to a bare connection."""
        given = {"Host": "x", "Content-Type": kind, "Content-Length": str(length), **self.server.headers}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items() if value), "", ""]
        return "\r\n".join(lines).encode()

    @asynccontextmanager
    async def connection(
        self,
        sent: bytes = b"",
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection that has sent some bytes; it is closed without a word."""
        opened = asyncio.open_connection("127.0.0.1", self.server.port, local_addr=(HOST, 0))
        reader, writer = await asyncio.wait_for(opened, ACCEPTED)
        try:
            writer.write(sent)
            yield reader, writer
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()


def _none(folder: Path) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack. ``name``: the finding that it stands for; ``part``: what ``PART=`` selects it by.

    ``prepare`` makes files in the server's folder and returns further options. ``settles``: whether the server must be
    at rest soon afterwards. ``quick``: whether CI runs it too.
    """

    name: str
    part: str
    tells: str
    run: Callable[[Attacker], Awaitable[None]]
    prepare: Callable[[Path], tuple[str, ...]] = _none
    command: list[str] = field(default_factory=lambda: COMMAND)
    settles: bool = True
    watched: bool = True
    """Whether a bystander asks meanwhile."""
    without: frozenset[str] = frozenset()
    """What the bystander does not ask for, since this attack is about refusing just that."""
    tls: bool = False
    longest: float = 120.0
    """Seconds after which the attack is broken off, which is a fault."""
    quick: bool = False


async def paused(seconds: float) -> None:
    """Let others work meanwhile: here alone an attack waits for no event."""
    await asyncio.sleep(seconds)


def gathered(*works: Awaitable[Any]) -> Awaitable[list[Any]]:
    """Several requests at a time."""
    return asyncio.gather(*works)
