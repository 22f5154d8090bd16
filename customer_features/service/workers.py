"""The server's workers: how they start, are replaced and stop.

A worker that serves is never given up for one that may not start. The server first checks what a worker needs, and it
tells the old worker to leave only when the new one takes requests. A worker that dies is replaced while the others
serve on. If its replacement fails as well, the server waits before each further attempt.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from granian.net import SocketSpec  # type: ignore[attr-defined]
from granian.server.mp import MPServer, WorkerProcess

from customer_features.errors import UsageError
from customer_features.service.log import LOGGER
from customer_features.service.retiring import PATIENCE, RETIRED, UP, new_life

DRAINING, STOP = 1, 2
"""The values that the server shares with its workers: it is about to stop, and they must stop now."""

STARTS = 60.0
"""Seconds within which a worker must be up."""

LOOP = 5.0
"""A worker that dies within so many seconds after it replaced a dead one counts as one that cannot start."""

PAUSES = (1, 2, 4, 8, 15, 30)
"""Seconds between two attempts to replace a dead worker."""

LOOK = 0.02


@dataclass
class _Down:
    """A worker that died: how often its replacement failed, and when the next attempt is due."""

    failed: int = 0
    due: float = 0.0

    def put_off(self) -> None:
        """Count a failed attempt and set the time of the next."""
        self.due = time.monotonic() + PAUSES[min(self.failed, len(PAUSES) - 1)]
        self.failed += 1


class Workers(MPServer):
    """The HTTP server, whose workers are replaced without losing a request.

    ``drain`` is the pause before the stop, during which ``/ready`` answers 503. ``check`` raises UsageError when a
    worker could not start.
    """

    pause = staticmethod(time.sleep)
    _ssp: Any
    _shd: Any
    _sso: Any

    def __init__(self, drain: float, stopping: Any, check: Callable[[], None] = lambda: None, **options: Any) -> None:
        super().__init__(**options)
        self._drain = drain
        self._stopping = stopping
        self._check = check
        self._lives: dict[WorkerProcess, Any] = {}
        self._listeners: dict[int, tuple[Any, socket.socket]] = {}
        self._down: dict[int, _Down] = {}
        self._revived: dict[int, float] = {}
        self._leaving: list[WorkerProcess] = []

    # -- stopping ------------------------------------------------------------------------------------------

    def signal_handler_interrupt(self, *arguments: Any, **more: Any) -> None:
        self._stopping.value = DRAINING
        super().signal_handler_interrupt(*arguments, **more)  # type: ignore[no-untyped-call]

    def shutdown(self, exit_code: int = 0) -> None:
        if self.interrupt_signal and self._drain:
            self.pause(self._drain)
        self._stopping.value = STOP
        self.wrks.extend(self._leaving)
        super().shutdown(exit_code)  # type: ignore[no-untyped-call]

    # -- starting ------------------------------------------------------------------------------------------

    def _init_shared_socket(self) -> None:
        """Open no shared socket on Linux, where each worker has a socket of its own.

        The server keeps that socket open, so connections that wait in it outlive the worker and go to its successor.
        """
        if sys.platform == "linux":
            self._ssp = self._shd = self._sso = None
        else:
            super()._init_shared_socket()  # type: ignore[no-untyped-call]

    def _drop_shared_socket(self) -> None:
        for idx in list(self._listeners):
            self._unlisten(idx)
        super()._drop_shared_socket()  # type: ignore[no-untyped-call]

    def _unlisten(self, idx: int) -> None:
        """Close the socket of a worker without a successor; the kernel then sends its connections to the others."""
        if (listener := self._listeners.pop(idx, None)) is not None:
            listener[1].close()

    def _spawn_worker(  # type: ignore[override]
        self, idx: int, target: Any, callback_loader: Any
    ) -> WorkerProcess:
        life, own = new_life(), None
        if sys.platform == "linux":
            if idx not in self._listeners:
                # The holder never closes its socket; the other object does.
                opened = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
                self._listeners[idx] = opened, socket.socket(fileno=opened.get_fd())
            self._shd, listener = self._listeners[idx]
            own = listener.fileno()
        worker = super()._spawn_worker(idx, target, partial(callback_loader, life, own))
        self._lives[worker] = life
        return worker

    def _started(self, idx: int, spawn_target: Any, target_loader: Any) -> WorkerProcess | None:
        """Start a worker and wait until it takes requests; None when it fails."""
        worker = self._spawn_worker(idx, spawn_target, target_loader)
        worker.interrupt_by_parent = True  # its end is not reported until it serves
        worker.start()  # type: ignore[no-untyped-call]
        ends = time.monotonic() + STARTS
        while worker.is_alive() and self._lives[worker].value != UP:  # type: ignore[no-untyped-call]
            if self.interrupt_signal:
                self._leaving.append(worker)
                return None
            if time.monotonic() > ends:
                worker.kill()  # type: ignore[no-untyped-call]
                break
            time.sleep(LOOK)
        if self._lives[worker].value != UP:
            del self._lives[worker]
            return None
        worker.interrupt_by_parent = False
        if not worker.is_alive():  # type: ignore[no-untyped-call]
            self.interrupt_children.append(idx)
            self.main_loop_interrupt.set()
        return worker

    def _can_start(self, event: str) -> bool:
        """Check what a worker needs; log ``event`` with the reason when something is missing."""
        try:
            self._check()
        except UsageError as error:
            LOGGER.error(event, extra={"fields": {"reason": str(error)}})
        except Exception:
            LOGGER.exception(event)
        else:
            return True
        return False

    # -- replacing -----------------------------------------------------------------------------------------

    def _serve_loop(self, spawn_target: Any, target_loader: Any) -> None:
        while not self.interrupt_signal:
            due = [down.due for down in self._down.values()]
            self.main_loop_interrupt.wait(max(min(due) - time.monotonic(), 0) if due else None)
            self.main_loop_interrupt.clear()
            if self.reload_signal:
                self.reload_signal = False
                if self._can_start("reload refused; the workers serve on"):
                    serving = [idx for idx in range(self.workers) if idx not in self._down]
                    self._respawn_workers(serving, spawn_target, target_loader)
            self._note_deaths()
            if not self._revive(spawn_target, target_loader):
                return

    def _respawn_workers(self, workers: Iterable[int], spawn_target: Any, target_loader: Any, delay: float = 0) -> None:
        for idx in workers:
            worker = self._started(idx, spawn_target, target_loader)
            if self.interrupt_signal:
                return
            if worker is None:
                LOGGER.error("a new worker did not start; the old ones serve on")
                return
            old, self.wrks[idx] = self.wrks[idx], worker
            self._see_off(old)

    def _see_off(self, old: WorkerProcess) -> None:
        """Tell a worker to leave, and kill it if it does not leave in time."""

        def outlive() -> None:
            old.join(PATIENCE + (self.workers_kill_timeout or 0))  # type: ignore[no-untyped-call]
            if old.is_alive():  # type: ignore[no-untyped-call]
                old.kill()  # type: ignore[no-untyped-call]
            # Only now, because the freed memory is given to the next worker's life.
            del self._lives[old]
            with suppress(ValueError):  # the server stops meanwhile
                self._leaving.remove(old)

        old.interrupt_by_parent = True
        self._lives[old].value = RETIRED
        self._leaving.append(old)
        threading.Thread(target=outlive, daemon=True).start()

    def _note_deaths(self) -> None:
        while self.interrupt_children:
            idx = self.interrupt_children.pop()
            self._lives.pop(self.wrks[idx], None)
            down = self._down.setdefault(idx, _Down())
            if time.monotonic() - self._revived.get(idx, -LOOP) < LOOP:
                down.put_off()
                self._unlisten(idx)

    def _revive(self, spawn_target: Any, target_loader: Any) -> bool:
        """Replace the dead workers that are due; False when no worker is left and none can be started."""
        for idx, down in list(self._down.items()):
            if self.interrupt_signal:
                return True
            if down.due > time.monotonic():
                continue
            worker = None
            if self._can_start("a dead worker cannot be replaced yet"):
                worker = self._started(idx, spawn_target, target_loader)
            if worker is None:
                down.put_off()
                self._unlisten(idx)
            else:
                self.wrks[idx], self._revived[idx] = worker, time.monotonic()
                del self._down[idx]
        alive = any(one.is_alive() for one in self.wrks)  # type: ignore[no-untyped-call]
        if alive or self.interrupt_signal or not all(down.failed for down in self._down.values()):
            return True
        LOGGER.error("no worker is left")
        self.interrupt_children.extend(self._down)  # so that the exit code is 1
        return False
