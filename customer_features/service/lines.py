"""Log lines are written by a thread, so that a standard error that nobody reads never delays a request.

Lines wait in memory up to a limit. Lines beyond it are lost and counted; the count is logged, and added to a metric,
once writing goes on. ``logging.handlers.QueueListener`` counts nothing, and makes a system call for each line.
"""

from __future__ import annotations

import logging
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import util

LIMIT = 1 << 20
"""Bytes that wait to be written, in each process."""

GATHER = 0.01
"""Seconds in which lines are gathered, so that many of them cost one write and one turn of the thread."""

FLUSH = 2.0
"""Seconds that a stop waits for the last lines to be written."""

PIECE = getattr(select, "PIPE_BUF", 512)
"""Bytes of one write: a pipe takes so many whole, whatever other processes write to it."""


class Lines(logging.Handler):
    """A handler that writes to a file descriptor.

    ``told`` makes the line that says how many lines were lost; ``watch`` is called with their number.
    """

    def __init__(self, descriptor: int = 2, told: Callable[[int], bytes] | None = None) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._told = told or (lambda count: b"%d log lines were lost" % count)
        self.watch: Callable[[int], None] = lambda count: None
        self._waiting: deque[bytes] = deque()
        self._size = self._lost = 0
        self._guard = threading.Lock()
        self._wake, self._written = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        # A worker ends without running what atexit holds.
        util.Finalize(None, self.flush, exitpriority=0)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record's line."""
        try:
            self.put(self.format(record).encode(errors="backslashreplace"))
        except Exception:
            self.handleError(record)

    def put(self, line: bytes) -> None:
        """Queue a line, given without its line feed. Never waits for a reader."""
        with self._guard:
            if self._size + len(line) > LIMIT:
                self._lost += 1
                return
            self._waiting.append(line)
            self._size += len(line)
            self._written.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="log", daemon=True)
                self._thread.start()
        self._wake.set()

    def flush(self) -> None:
        """Wait until all lines are written, ``FLUSH`` seconds at most."""
        # After a fork the thread is the parent's alone, and so are the lines that wait.
        if self._thread is not None and self._thread.is_alive():
            self._written.wait(FLUSH)

    def _write(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(GATHER)
            self._wake.clear()
            while piece := self._next():
                self._put_out(piece)
            with self._guard:
                if not self._waiting:
                    self._written.set()

    def _next(self) -> bytes:
        """Take the lines of the next write from the queue; empty when none wait."""
        with self._guard:
            taken: list[bytes] = []
            size = 0
            if self._lost and self._size == 0:
                taken.append(self._told(self._lost))
                self.watch(self._lost)
                self._lost = 0
            while self._waiting and (not taken or size + len(self._waiting[0]) < PIECE):
                line = self._waiting.popleft()
                self._size -= len(line)
                taken.append(line)
                size += len(line) + 1
        return b"".join([line + b"\n" for line in taken])

    def _put_out(self, piece: bytes) -> None:
        """Write all of it, however long that takes; it is lost when the reader has closed the pipe."""
        with suppress(OSError):
            while piece:
                try:
                    piece = piece[os.write(self._descriptor, piece) :]
                except BlockingIOError:  # another process made the descriptor non-blocking
                    select.select((), (self._descriptor,), ())
