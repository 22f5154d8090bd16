"""Peers that are slow or silent: they open connections, send or read little, and stay."""

from __future__ import annotations

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tests.attack.attacker import ACCEPTED, HOST, Attacker, paused
from tests.attack.oracle import Answer

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def silent(attacker: Attacker, sent: Sequence[bytes]) -> AsyncIterator[list[Connection]]:
    """A connection for each of these beginnings, none of which says anything more; fewer where no more are accepted."""
    async with AsyncExitStack() as stack:
        opened: list[Connection] = []
        with suppress(OSError, TimeoutError):
            for begun in sent:
                opened.append(await stack.enter_async_context(attacker.connection(begun)))
        yield opened


@asynccontextmanager
async def crowd(attacker: Attacker, count: int, sent: bytes) -> AsyncIterator[int]:
    """So many connections at a time that have sent this much; how many there are.

    They are opened without an event loop, which is too slow for it: the first would be ended before the last came.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, count + 1000), hard), hard))
    opened: list[socket.socket] = []

    def fill() -> None:
        with suppress(OSError):
            for _ in range(count):
                address = ("127.0.0.1", attacker.server.port)
                opened.append(socket.create_connection(address, ACCEPTED, source_address=(HOST, 0)))
                with suppress(ConnectionError):  # it is ended already
                    opened[-1].sendall(sent)

    try:
        await asyncio.to_thread(fill)
        yield len(opened)
    finally:
        for one in opened:
            one.close()


async def ended(connection: Connection, most: float) -> bool:
    """Whether the server ends a connection within so many seconds, whatever it says before."""
    try:
        async with asyncio.timeout(most):
            while await connection[0].read(1 << 16):
                pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


async def answer(connection: Connection, most: float) -> Answer:
    """The answer on a bare connection, without its headers: status 0 where none came in time."""
    try:
        async with asyncio.timeout(most):
            line = await connection[0].readline()
            return Answer(int(line.split()[1]) if line else 0, line)
    except (OSError, TimeoutError) as error:
        return Answer(0, type(error).__name__.encode())


async def trickled(connection: Connection, body: bytes, pause: float) -> None:
    """Send a body byte by byte, for as long as the server takes it."""
    with suppress(OSError):
        for byte in body:
            connection[1].write(bytes([byte]))
            await connection[1].drain()
            if connection[0].at_eof() or connection[1].is_closing():
                return
            await paused(pause)


async def sipped(connection: Connection, size: int, pause: float) -> int:
    """Read an answer in small pieces, for as long as it comes; the bytes that came."""
    taken = 0
    with suppress(OSError):
        while piece := await connection[0].read(size):
            taken += len(piece)
            await paused(pause)
    return taken
