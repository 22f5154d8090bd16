"""Two writers on one target: one wins whole, and neither takes the other's temporary files for leftovers."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.conftest import child_environment
from tests.reliability.conftest import NEW, OLD, Target
from tests.waiting import until


def start(target: Target, version: int, *before: str) -> subprocess.Popen[str]:
    command = [*before, *target.batch.command(version, target.out)]
    return subprocess.Popen(command, env=child_environment(), stderr=subprocess.PIPE, text=True)


def finish(*processes: subprocess.Popen[str]) -> None:
    for process in processes:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err


def wait_for_locks(*processes: subprocess.Popen[str]) -> None:
    """Wait until all of the processes stand still because another holds a lock."""

    def waiting() -> set[int]:
        held_up = re.findall(r"^\d+: +-> FLOCK +\S+ +\S+ +(\d+)", Path("/proc/locks").read_text(), re.MULTILINE)
        return set(map(int, held_up))

    until(lambda: waiting() >= {process.pid for process in processes}, "that all wait for a lock")


def paused(strace: str, tmp_path: Path, calls: str) -> tuple[str, ...]:
    """The start of a command that stands still after its first such system call, until :func:`wake`."""
    stop = f"inject={calls}:signal=SIGSTOP:when=1"
    return (strace, "-f", "-o", str(tmp_path / "calls"), "-e", f"trace={calls}", "-e", stop)


def wake(traced: subprocess.Popen[str]) -> None:
    """Let go on what stands still under strace."""
    for child in Path(f"/proc/{traced.pid}/task/{traced.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGCONT)


@pytest.mark.slow
def test_one_that_pauses_between_its_names_is_waited_for(strace: str, target: Target, tmp_path: Path) -> None:
    """The first run stands still after its first rename: the second waits, and then replaces all three files."""
    aside = target.folder / "f.parquet.quarantine.parquet"
    slow = start(target, NEW, *paused(strace, tmp_path, "?rename,?renameat,?renameat2"))
    until(lambda: aside.read_bytes() != target.batch.wholes[OLD][aside.name], "the first rename")
    quick = start(target, OLD)
    wait_for_locks(quick)
    assert slow.poll() is quick.poll() is None
    assert target.state() is None
    wake(slow)
    finish(slow, quick)
    assert target.state() == OLD
    assert target.leftovers() == []


@pytest.mark.slow
def test_one_that_pauses_while_it_writes_keeps_its_files(strace: str, target: Target, tmp_path: Path) -> None:
    """The first run stands still with its temporary files written: the second publishes meanwhile."""
    slow = start(target, NEW, *paused(strace, tmp_path, "fsync"))
    until(lambda: len(target.leftovers()) == 3, "three temporary files")
    waiting = target.leftovers()
    finish(start(target, OLD))
    assert target.state() == OLD
    assert sorted(target.leftovers()) == sorted(waiting)
    assert slow.poll() is None
    wake(slow)
    finish(slow)
    assert target.state() == NEW
    assert target.leftovers() == []


@pytest.mark.parametrize(
    "time",
    [pytest.param(0, marks=pytest.mark.slow), *(pytest.param(time, marks=pytest.mark.thorough) for time in (1, 2))],
)
def test_eight_writers_at_once(time: int, target: Target) -> None:
    """All eight stand before the lock on the folder when it is let go."""
    folder = os.open(target.folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        writers = [start(target, place % 2) for place in range(8)]
        wait_for_locks(*writers)
    finally:
        os.close(folder)
    finish(*writers)
    assert target.state() in (OLD, NEW)
    assert target.leftovers() == []
