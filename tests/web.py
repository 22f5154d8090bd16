"""Web servers for tests: what all of them are, and one, with TLS or without, whose pages misbehave on demand."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass
class Page:
    """What stands at a path, and how it is answered for.

    ``before`` is called with the number of the request (from 0) and may change the page, or return a status to answer
    with. ``drop``: after so many bytes of the body of a request by number the connection breaks. ``framing``: how the
    end of an answer is told: ``length``, ``chunked`` or ``close``.
    """

    body: bytes
    etag: str | None = '"1"'
    modified: str | None = None
    ranges: bool = True
    framing: str = "length"
    headers: dict[str, str] = field(default_factory=dict)
    redirect: str | None = None
    login: tuple[str, str] | None = None
    before: Callable[[int, Page], int | None] = lambda number, page: None
    drop: Callable[[int], int | None] = lambda number: None
    asked: list[dict[str, str]] = field(default_factory=list)


class Server(ThreadingHTTPServer):
    """A server on a port of its own, for the time of a ``with`` block."""

    daemon_threads = True

    def __init__(self, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class Handler(BaseHTTPRequestHandler):
    """What answers there, without a word on standard error."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def hang_up(self) -> None:
        """End the connection, whatever was promised."""
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True


class Web(Server):
    """Pages by path (with query); ``context`` makes it speak TLS."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__(_Pages)
        self.pages: dict[str, Page] = {}
        self.scheme = "http"
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"

    def put(self, path: str, page: Page, login: str = "") -> str:
        """Put a page at a path; its address."""
        self.pages[path] = page
        return f"{self.scheme}://{login}127.0.0.1:{self.server_address[1]}{path}"


class _Pages(Handler):
    server: Web

    def do_GET(self) -> None:
        page = self.server.pages.get(self.path)
        if page is None:
            return self.answer(404, b"")
        number = len(page.asked)
        page.asked.append(dict(self.headers))
        if page.login and self.headers.get("Authorization") != (
            "Basic " + b64encode(":".join(page.login).encode()).decode()
        ):
            return self.answer(401, b"")
        status = page.before(number, page)
        if status is not None:
            return self.answer(status, b"not the object")
        if page.redirect is not None:
            return self.answer(302, b"", {"Location": page.redirect})
        headers = dict(page.headers)
        headers |= {"ETag": page.etag} if page.etag else {}
        headers |= {"Last-Modified": page.modified} if page.modified else {}
        given = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        if given and page.ranges and (condition is None or condition in (page.etag, page.modified)):
            start, end = int(given[1]), min(int(given[2]) + 1, len(page.body))
            if start >= len(page.body):
                return self.answer(416, b"", {**headers, "Content-Range": f"bytes */{len(page.body)}"})
            headers.setdefault("Content-Range", f"bytes {start}-{end - 1}/{len(page.body)}")
            return self.answer(206, page.body[start:end], headers, page.drop(number))
        return self.answer(200, page.body, headers, page.drop(number), page.framing)

    def answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        drop: int | None = None,
        framing: str = "length",
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if framing == "length":
            self.send_header("Content-Length", str(len(body)))
        elif framing == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        else:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body if drop is None else body[:drop])
        if drop is not None:
            self.hang_up()
