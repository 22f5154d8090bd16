"""What a request may cost: bytes, seconds, and a place in the queue for large ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from litestar.types import Receive

from customer_features.service.problems import Refused
from customer_features.service.settings import Settings

LARGE_BODY = 256 * 1024
"""A body above this is computed on a thread, so that the small ones go on being answered meanwhile."""

QUEUE = 16
"""So many large bodies may be computed or wait for it in one worker."""

BODIES_HELD = 4
"""A worker holds at most as many bytes of bodies as this many of the largest."""

LINGER_BYTES = 64 * 1024 * 1024
LINGER_SECONDS = 2.0


class Limits:
    """The limits of one worker, and what is in use of them."""

    def __init__(self, settings: Settings) -> None:
        self.max_body = settings.max_body
        self.request_timeout = settings.request_timeout
        self._held = 0
        self._large = 0
        self.watch: Callable[[int], None] = lambda waiting: None
        # One thread: the work is Python's, so a second one would only take turns with the first.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="large-body")

    def close(self) -> None:
        """Let the thread end once its work is done."""
        self._thread.shutdown(wait=True)

    @contextmanager
    def holding(self) -> Iterator[list[int]]:
        """Account for a body's bytes; what is added to the list's one number is given back at the end."""
        share = [0]
        try:
            yield share
        finally:
            self._held -= share[0]

    async def read(self, receive: Receive, declared: int | None, share: list[int]) -> bytes:
        """The request's body as it arrived. Raises Refused (400, 408, 413, 503)."""
        if declared is not None and declared > self.max_body:
            raise self._too_large(f"{declared} bytes were announced")
        try:
            async with asyncio.timeout(self.request_timeout):
                return await self._read(receive, share)
        except TimeoutError:
            raise Refused(
                "request-timeout",
                f"The body did not arrive within {self.request_timeout:g} seconds.",
                close=True,
            ) from None

    async def _read(self, receive: Receive, share: list[int]) -> bytes:
        pieces: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise Refused("bad-request", "The body broke off, or its chunks are malformed.", close=True)
            piece = message["body"]
            pieces.append(piece)
            share[0] += len(piece)
            self._held += len(piece)
            if share[0] > self.max_body:
                raise self._too_large("more was received")
            if self._held > BODIES_HELD * self.max_body:
                raise Refused("overloaded", "Too many large bodies are being received; try again.", close=True)
            if not message["more_body"]:
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def compute(self, work: Callable[[bytes], bytes], body: bytes) -> bytes:
        """``work(body)``, on a thread where the body is large. Raises Refused (503)."""
        if len(body) <= LARGE_BODY:
            return work(body)
        if self._large >= QUEUE:
            raise Refused("overloaded", "Too many large bodies are waiting to be computed; try again.")
        self._large += 1
        self.watch(self._large)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, body)
        finally:
            self._large -= 1
            self.watch(self._large)

    def _too_large(self, found: str) -> Refused:
        return Refused(
            "body-too-large",
            f"The body may hold {self.max_body} bytes; {found}. Send the customers in several requests.",
            close=True,
        )


async def linger(receive: Receive) -> None:
    """Read on for a while what a refused client is still sending.

    A connection closed with unread bytes is reset, and the reset can overtake the answer.
    """
    read = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while read <= LINGER_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                read += len(message["body"])
    except TimeoutError:
        return
