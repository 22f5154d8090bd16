"""Running the application: a free port, workers, and a stop that loses no request."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.sharedctypes import RawValue
from typing import Any

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from litestar.types import ASGIApp

from customer_features.service import app, crowding, needs
from customer_features.service.bodies.slow_readers import limit_silence, patient
from customer_features.service.listening import bind, url_of
from customer_features.service.log import configuration, leave_out_what_no_line_holds
from customer_features.service.retiring import RETIRED, announced, retire
from customer_features.service.settings import Settings
from customer_features.service.sockets import keep_only, listens
from customer_features.service.telemetry.exposition import exposed
from customer_features.service.workers import STOP, Workers

HEADER_TIMEOUT = 15
"""Seconds that a request's head may take to arrive."""

MAX_HEAD = 64 * 1024
"""Bytes that a request's head may hold."""

CONNECTIONS = 8192
"""Connections that one worker serves at a time; more wait to be accepted."""

HEARD = 3
"""Seconds after the stop signal within which a worker stops listening, unless the signal was lost."""

GRACE = 10
"""Seconds beyond the request timeout after which a stopping worker is killed."""


def run(settings: Settings, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, finish what is in flight, and return.

    ``announce`` is told where the service listens, in a sentence, once it takes connections. Raises UsageError
    where these settings cannot serve, for example because the port is in use.
    """
    address = settings.checked_address()
    _allow_connections()
    if sys.platform == "linux":
        multiprocessing.set_start_method("fork", force=True)  # by which workers inherit their sockets
    with _reserved(address, settings.port) as port, exposed(settings, announce):
        url = url_of(address, port, "https" if settings.tls else "http")
        cert, key = settings.tls or (None, None)
        threading.Thread(target=_announce_when_up, args=(address, port, url, announce), daemon=True).start()
        stopping = RawValue("b", 0)  # shared with the workers, however they are started
        Workers(
            settings.drain,
            stopping,
            partial(needs.check, settings),
            target="customer-features",
            address=address,
            port=port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            http=HTTPModes.http1,
            websockets=False,
            backpressure=CONNECTIONS,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT * 1000, max_buffer_size=MAX_HEAD),
            ssl_cert=cert,
            ssl_key=key,
            ssl_protocol_min=SSLProtocols.tls12,
            log_level=LogLevels.warning,
            log_dictconfig=configuration(settings.log_level),
            respawn_failed_workers=True,
            workers_kill_timeout=int(settings.request_timeout) + GRACE,
        ).serve(target_loader=partial(_load, settings, stopping, port), wrap_loader=False)


def _allow_connections() -> None:
    """Raise the limit of open files as far as it may be: each connection is one, and 1,024 is a common default."""
    if sys.platform != "win32":
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = CONNECTIONS + 1024
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def _load(settings: Settings, stopping: Any, port: int, life: Any, own: int | None) -> ASGIApp:
    """A worker's application; called in the worker, whose ``own`` socket is one of those that it inherits."""
    if own is not None:
        keep_only(own, port)
    # A forked worker still has its parent's handlers, which would swallow a signal to stop.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    if stopping.value:
        sys.exit(0)
    leave_out_what_no_line_holds()
    busy: set[crowding.Peer] = set()
    for work, arguments in (
        (_stop_with_parent, (os.getppid(), stopping, port)),
        (limit_silence, (port, settings.request_timeout)),
        (crowding.watch, (port, settings.peer_connections, busy, settings.trusted_proxies)),
        (retire, (life, port)),
    ):
        threading.Thread(target=work, args=arguments, daemon=True).start()
    application = app.build(
        settings,
        draining=lambda: bool(stopping.value),
        leaving=lambda: life.value == RETIRED or bool(stopping.value),
    )
    built = announced(patient(application, settings.request_timeout, settings.min_rate, busy), life)
    # What is there by now stays: to look through it for garbage would make every request wait for tens of milliseconds.
    gc.collect()
    gc.freeze()
    return built


def _stop_with_parent(parent: int, stopping: Any, port: int, sleep: Callable[[float], None] = time.sleep) -> None:
    """Stop this worker when its parent was killed, or when the parent's signal to stop was lost.

    The event loop (uvloop) loses a signal that arrives while the loop does not run, for example just after a worker has
    started. A worker that received the signal no longer listens. The signal is repeated once only: a third one
    deadlocks the server library.
    """
    while os.getppid() == parent and stopping.value != STOP:
        sleep(1)
    if stopping.value != STOP:
        os.kill(os.getpid(), signal.SIGTERM)
    sleep(HEARD)
    if listens(port):
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def _reserved(address: str, port: int) -> Iterator[int]:
    """A port that nobody else listens on, and that nobody else gets while the workers come and go.

    The workers share a port (SO_REUSEPORT), which would let two servers share one unknowingly too; so the
    port is first tried without. Raises UsageError where it is taken or not to be had.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bind(probe, address, port, "--port")
    with socket.socket(family) as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sys.platform == "linux":
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bind(held, address, port, "--port")
        chosen: int = held.getsockname()[1]
        if sys.platform != "linux":
            # Elsewhere the server opens one socket for all its workers, which this one would bar.
            held.close()
        yield chosen


def _announce_when_up(address: str, port: int, url: str, announce: Callable[[str], None]) -> None:
    """Tell the address once a worker accepts connections there."""
    for _ in range(1500):
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            announce(f"Listening on {url}")
            return
