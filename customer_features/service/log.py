"""Log lines: one JSON object a line on standard error, with nothing in it that a caller chose freely.

A line holds no header, no query, no body and no path but the routes' own; an exception is written as its
type and the places it passed, because its message may quote the data it met.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

import msgspec

from customer_features.service.lines import Lines
from customer_features.service.request_id import CURRENT

LOGGER = logging.getLogger("customer_features.service")

_encode = msgspec.json.Encoder().encode


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object; its ``fields`` attribute adds to it. JSON escapes CR and LF."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = _line(record.created, record.levelno, record.getMessage(), getattr(record, "fields", {}))
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = described(record.exc_info[1])
        return _encode(line).decode()


def write(level: int, event: str, fields: Mapping[str, object]) -> None:
    """A line of ``LOGGER``, past the module's record: to make one takes as long as to compute a small answer."""
    handler = LOGGER.handlers[0] if LOGGER.handlers else None
    if isinstance(handler, Lines):
        handler.put(_encode(_line(time.time(), level, event, fields)))
    else:
        LOGGER.log(level, event, extra={"fields": fields})


def watch_losses(told: Callable[[int], None]) -> None:
    """Have ``told`` called with the number of lines that this process lost, each time that writing goes on."""
    for handler in LOGGER.handlers:
        if isinstance(handler, Lines):
            handler.watch = told


def _lost(count: int) -> bytes:
    return _encode(_line(time.time(), logging.WARNING, "log lines were lost", {"lines": count}))


def _line(moment: float, level: int, event: str, fields: Mapping[str, object]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "time": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds"),
        "level": logging.getLevelName(level).lower(),
        "event": event,
    }
    # Called where the line is written, so this is the request that wrote it.
    if (request := CURRENT.get()) != "-":
        line["request_id"] = request
    line.update(fields)
    return line


def described(error: BaseException) -> dict[str, Any]:
    """An exception without its message: its type, and file, line and function of each frame."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "type": type(error).__qualname__,
        "frames": [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames],
    }


def leave_out_what_no_line_holds() -> None:
    """Spare the logging module what it finds out for each record and no line says (see "Optimization" in its HOWTO)."""
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def configuration(level: str) -> dict[str, Any]:
    """``logging.config.dictConfig`` for the server and its workers, the HTTP server's own lines included."""
    quiet = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonLines}},
        "handlers": {"stderr": {"()": Lines, "told": _lost, "formatter": "json"}},
        "loggers": {
            LOGGER.name: {**quiet, "level": level.upper()},
            "_granian": {**quiet, "level": "WARNING"},
            "granian.access": {**quiet, "level": "WARNING"},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
