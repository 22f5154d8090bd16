"""The least that can be done over HTTP: an ASGI function under Granian that hands the body to the kernel and back.

No authentication, no limits, no timeouts, no log, no headers beyond the type: what a service costs beside this is the
price of being one. A limit rather than a peer.
"""

from __future__ import annotations

from typing import Any

from customer_features import answer


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    pieces = []
    more = True
    while more:
        message = await receive()
        pieces.append(message["body"])
        more = message["more_body"]
    body = answer(b"".join(pieces))
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
