"""A reply as bytes: status, headers, body; the same few headers on every one of them."""

from __future__ import annotations

from dataclasses import dataclass

from litestar.types import HTTPResponseBodyEvent, HTTPResponseStartEvent, Send

JSON = b"application/json"
PROBLEM = b"application/problem+json"

Headers = tuple[tuple[bytes, bytes], ...]

COMMON: Headers = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    # Said here, because the server below would otherwise name itself.
    (b"server", b"customer-features"),
)
CLOSE: Headers = ((b"connection", b"close"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply; ``headers`` stand beside the common ones."""

    status: int
    body: bytes
    media_type: bytes = JSON
    headers: Headers = ()

    def start(self) -> HTTPResponseStartEvent:
        """The ASGI message that opens the reply."""
        return {
            "type": "http.response.start",
            "status": self.status,
            "headers": [
                (b"content-type", self.media_type),
                (b"content-length", b"%d" % len(self.body)),
                *self.headers,
                *COMMON,
            ],
        }

    async def send(self, send: Send) -> None:
        """Send the whole of it."""
        await send(self.start())
        await send(body_event(self.body, more=False))


def body_event(body: bytes, *, more: bool) -> HTTPResponseBodyEvent:
    """An ASGI message with a piece of a body."""
    return {"type": "http.response.body", "body": body, "more_body": more}
