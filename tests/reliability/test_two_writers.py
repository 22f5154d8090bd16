"""Two writers on one target: one wins whole, and neither takes the other's temporary files for leftovers."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import child_environment
from tests.reliability.conftest import NEW, OLD, Target


def start(target: Target, version: int, *before: str) -> subprocess.Popen[str]:
    command = [*before, *target.batch.command(version, target.out)]
    return subprocess.Popen(command, env=child_environment(), stderr=subprocess.PIPE, text=True)


def finish(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err


def wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(6000):
        if happened():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come to that in a minute")


def paused(strace: str, tmp_path: Path, calls: str) -> tuple[str, ...]:
    """The start of a command that stands still after its first such system call, until :func:`wake`."""
    stop = f"inject={calls}:signal=SIGSTOP:when=1"
    return (strace, "-f", "-o", str(tmp_path / "calls"), "-e", f"trace={calls}", "-e", stop)


def wake(traced: subprocess.Popen[str]) -> None:
    """Let go on what stands still under strace."""
    for child in Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGCONT)


def test_one_that_pauses_between_its_names_is_waited_for(strace: str, target: Target, tmp_path: Path) -> None:
    """The first run stands still after its first rename: the second waits, and then replaces all three files."""
    aside = target.folder / "f.parquet.quarantine.parquet"
    slow = start(target, NEW, *paused(strace, tmp_path, "?rename,?renameat,?renameat2"))
    wait_until(lambda: aside.read_bytes() != target.batch.wholes[OLD][aside.name])
    quick = start(target, OLD)
    time.sleep(1.5)
    assert slow.poll() is quick.poll() is None
    assert target.state() is None
    wake(slow)
    finish(slow, quick)
    assert target.state() == OLD
    assert target.leftovers() == []


def test_one_that_pauses_while_it_writes_keeps_its_files(strace: str, target: Target, tmp_path: Path) -> None:
    """The first run stands still with its temporary files written: the second publishes meanwhile."""
    slow = start(target, NEW, *paused(strace, tmp_path, "fsync"))
    wait_until(lambda: len(target.leftovers()) == 3)
    waiting = target.leftovers()
    finish(start(target, OLD))
    assert target.state() == OLD
    assert sorted(target.leftovers()) == sorted(waiting)
    assert slow.poll() is None
    wake(slow)
    finish(slow)
    assert target.state() == NEW
    assert target.leftovers() == []


@pytest.mark.slow
def test_eight_writers_at_once(target: Target) -> None:
    for _ in range(3):
        finish(*[start(target, place % 2) for place in range(8)])
        assert target.state() in (OLD, NEW)
        assert target.leftovers() == []
