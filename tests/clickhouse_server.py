"""ClickHouse's HTTP interface as far as clickhouse-connect needs it, over the ClickHouse that runs in this process."""

from __future__ import annotations

import gzip
import re
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from tests.warehouses import clickhouse_session

_INSERT = re.compile(rb"INSERT INTO (\S+)(?: \([^)]*\))? FORMAT (\w+)\n?", re.IGNORECASE)


_ONE = threading.Lock()
"""One statement after the other, as the session needs."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    sessions: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        self._reply(b"Ok.\n")

    def do_POST(self) -> None:
        given = {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.sessions.add(given.get("session_id", ""))
        sql = given.get("query", "").encode() + (b"\n" if "query" in given else b"") + body
        try:
            with _ONE:
                answer = _answer(sql)
            self._reply(answer)
        except Exception as error:
            code = re.search(r"Code: (\d+)", str(error))
            self._reply(str(error).encode(), 500, code[1] if code else "0")

    def _reply(self, body: bytes, status: int = 200, code: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Summary", "{}")
        if code is not None:
            self.send_header("X-ClickHouse-Exception-Code", code)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given: Any) -> None:
        pass


def _answer(sql: bytes) -> bytes:
    if inserted := _INSERT.match(sql):
        with tempfile.NamedTemporaryFile(suffix=".rows") as file:
            Path(file.name).write_bytes(sql[inserted.end() :])
            target, kind = inserted[1].decode(), inserted[2].decode()
            clickhouse_session().query(f"INSERT INTO {target} SELECT * FROM file('{file.name}', '{kind}')")
        return b""
    text = sql.decode()
    asked = re.search(r"\s*FORMAT\s+(\w+)\s*$", text)
    found = clickhouse_session().query(text[: asked.start()] if asked else text, asked[1] if asked else "TabSeparated")
    return bytes(found.bytes() or b"") if hasattr(found, "bytes") else b""


@contextmanager
def serving() -> Iterator[int]:
    """The port of such a server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)  # connections are kept open
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
