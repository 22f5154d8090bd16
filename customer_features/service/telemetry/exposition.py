"""``GET /metrics`` on a listener of its own, in the server's process: it answers also when every worker is busy.

The workers leave their numbers in files, which are added up when someone asks. A worker's death takes its gauges
with it (nothing of it is in flight any more) and leaves its counters (what it did has been done).
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_features.service import listening
from customer_features.service.log import LOGGER
from customer_features.service.replies import COMMON
from customer_features.service.settings import Settings, resolve
from customer_features.system import temporary

if TYPE_CHECKING:
    from prometheus_client import Metric

PATH = "/metrics"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PATIENCE = 5
"""Seconds that one who asks may be silent."""
_COLLECTING = threading.Lock()


@contextmanager
def exposed(settings: Settings, announce: Callable[[str], None]) -> Iterator[None]:
    """Answer ``/metrics`` meanwhile, if the settings ask for it; to be entered before the workers start.

    Raises UsageError where the port cannot be had.
    """
    if settings.metrics_port is None:
        yield
        return
    address = resolve(settings.metrics_host, settings.metrics_port, "metrics-host")[0]
    before = os.environ.get(VARIABLE)
    with temporary.scratch() as folder, _listener(address, settings.metrics_port, folder) as server:
        # The workers inherit it, and prometheus_client reads it once, when it is imported.
        os.environ[VARIABLE] = str(folder)
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        announce(f"Metrics on {listening.url_of(address, server.server_address[1])}{PATH}")
        try:
            yield
        finally:
            server.shutdown()
            if before is None:
                del os.environ[VARIABLE]
            else:
                os.environ[VARIABLE] = before


def collected(folder: Path) -> tuple[bytes, str]:
    """All workers' metrics as text, and its media type."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_LATEST
    from prometheus_client.multiprocess import mark_process_dead

    # One at a time: of two that find the same dead worker, the second would find its files gone.
    with _COLLECTING:
        for number in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*_*.db")}:
            if not _lives(number):
                mark_process_dead(number, str(folder))  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        registry.register(_Workers(folder))
        return generate_latest(registry), CONTENT_TYPE_LATEST


class _Workers:
    """The workers' files, added up. One that has no byte yet is passed over: its worker has only just begun, or was
    killed at that very moment, and ``prometheus_client`` cannot read it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        from prometheus_client.multiprocess import MultiProcessCollector

        files = [str(path) for path in self._folder.glob("*.db") if path.stat().st_size]
        return MultiProcessCollector.merge(files)  # type: ignore[no-untyped-call, no-any-return]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


class _Server(ThreadingHTTPServer):
    """The listener; what goes wrong with one who asks is nobody else's matter."""

    daemon_threads = True
    folder: Path

    def handle_error(self, request: Any, client_address: Any) -> None:
        LOGGER.warning("metrics not delivered")


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE
    server: _Server

    def do_GET(self) -> None:
        if self.path.partition("?")[0] == PATH:
            try:
                body, media_type = collected(self.server.folder)
                self._reply(200, body, media_type)
            except Exception:
                LOGGER.exception("metrics not collected")
                self._reply(500, b"The metrics could not be collected; the log knows why.\n", "text/plain")
        else:
            self._reply(404, b"There is nothing here but /metrics.\n", "text/plain")

    def _reply(self, status: int, body: bytes, media_type: str) -> None:
        self.send_response_only(status)
        for name, value in (("content-type", media_type), ("content-length", str(len(body)))):
            self.send_header(name, value)
        for header, text in COMMON:
            self.send_header(header.decode(), text.decode())
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: a scrape every few seconds is no news."""


@contextmanager
def _listener(address: str, port: int, folder: Path) -> Iterator[_Server]:
    server = _Server((address, port), _Handler, bind_and_activate=False)
    server.folder = folder
    server.socket.close()
    server.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server.socket = socket.socket(server.address_family)
    try:
        server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(server.socket, address, port, "--metrics-port")
        server.server_address = server.socket.getsockname()
        server.server_activate()
        yield server
    finally:
        server.server_close()
