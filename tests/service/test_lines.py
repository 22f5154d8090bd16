"""Log lines that nobody reads: they hold nothing up, wait up to a limit, and are counted beyond it."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from customer_features.service import lines, log
from customer_features.service.lines import Lines
from customer_features.service.log import LOGGER, JsonLines
from tests.waiting import BOUND, until

from .harness import COMMAND, EXAMPLE, ROUTE, STOPS, environment

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """A pipe's two ends; that which is read comes first."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


def full(writing: int) -> bytes:
    """Fill a pipe to its last byte."""
    os.set_blocking(writing, False)
    filling = b""
    with suppress(BlockingIOError):
        while True:
            filling += b"x" * os.write(writing, b"x")
    os.set_blocking(writing, True)
    return filling


class Reading:
    """Reads a pipe on a thread."""

    def __init__(self, end: int) -> None:
        self.said = b""
        self._end = end
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(OSError):
            while piece := os.read(self._end, 65536):
                self.said += piece


def test_lines_come_out_in_their_order(pipe: Pipe) -> None:
    handler, reading = Lines(pipe[1]), Reading(pipe[0])
    for n in range(1000):
        handler.put(b"line %d" % n)
    handler.flush()
    until(lambda: reading.said.endswith(b"line 999\n"), "the last line")
    assert reading.said == b"".join(b"line %d\n" % n for n in range(1000))


def test_req_31_a_pipe_that_nobody_reads_holds_nothing_up(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LIMIT", 1000)
    monkeypatch.setattr(lines, "FLUSH", 0.01)
    filling, told = full(pipe[1]), list[int]()
    handler = Lines(pipe[1])
    handler.watch = told.append
    handler.put(b"first")
    until(lambda: not handler._waiting, "the write that waits")
    for n in range(150):
        handler.put(b"%010d" % n)
    handler.flush()  # which gives up, as at a stop
    assert told == []
    reading = Reading(pipe[0])
    until(lambda: b"lost" in reading.said, "the count of what was lost")
    kept = [b"%010d" % n for n in range(100)]
    assert reading.said.removeprefix(filling).splitlines() == [b"first", *kept, b"50 log lines were lost"]
    assert told == [50]
    handler.put(b"again")
    until(lambda: reading.said.endswith(b"again\n"), "what comes later")


def test_a_reader_that_went_away_stops_nothing(pipe: Pipe) -> None:
    handler = Lines(pipe[1])
    os.close(pipe[0])
    handler.put(b"one")
    handler.flush()
    handler.put(b"two")
    handler.flush()
    assert not handler._waiting


def test_a_pipe_that_another_process_made_non_blocking(pipe: Pipe) -> None:
    filling = full(pipe[1])
    os.set_blocking(pipe[1], False)
    handler = Lines(pipe[1])
    handler.put(b"x" * 5000)
    reading = Reading(pipe[0])
    until(lambda: len(reading.said) > len(filling) + 5000, "the line")
    assert reading.said == filling + b"x" * 5000 + b"\n"


def test_every_logger_of_the_service_writes_so() -> None:
    configured = log.configuration("info")
    (handler,) = configured["handlers"].values()
    assert handler["()"] is Lines
    assert {name for one in configured["loggers"].values() for name in one["handlers"]} == set(configured["handlers"])
    assert configured["root"]["handlers"] == [*configured["handlers"]]
    lost = json.loads(handler["told"](7))
    assert (lost["level"], lost["event"], lost["lines"]) == ("warning", "log lines were lost", 7)


def test_a_record_and_a_line_look_alike(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    handler, reading = Lines(pipe[1]), Reading(pipe[0])
    handler.setFormatter(JsonLines())
    monkeypatch.setattr(LOGGER, "handlers", [handler])
    monkeypatch.setattr(LOGGER, "propagate", False)
    log.write(logging.WARNING, "said", {"n": 1})
    LOGGER.warning("said", extra={"fields": {"n": 1}})
    until(lambda: reading.said.count(b"\n") == 2, "both lines")
    one, other = ({**json.loads(line), "time": ""} for line in reading.said.splitlines())
    assert one == other


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="stops by a signal")
def test_req_31_a_server_whose_log_nobody_reads_serves_on(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--no-auth", "--port", "0"],
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        try:
            said = process.stderr.readline().decode()
            assert said.startswith("Listening on http://")
            with httpx.Client(base_url=said.split()[-1], timeout=BOUND) as client:
                headers = {"Content-Type": "application/json"}
                # A pipe holds 64 KiB, which is some 300 lines.
                statuses = {client.post(ROUTE, content=EXAMPLE, headers=headers).status_code for _ in range(1000)}
                assert (statuses, client.get("/health").status_code) == ({200}, 200)
            process.send_signal(signal.SIGTERM)
            assert process.wait(STOPS) == 0
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
