"""kill -9 at random moments: the target is old or new, and the next run takes away what was left."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import child_environment
from tests.reliability.conftest import Target, run

pytestmark = pytest.mark.slow

QUICK = [range(0, 10), range(10, 20)]
ALL = [range(start, start + 25) for start in range(20, 220, 25)]


def is_probe(path: Path) -> bool:
    """Whether it is the file of four bytes by which Python's tempfile finds out that it may write to a folder."""
    return path.is_file() and path.read_bytes() in (b"", b"blat")


def scratch_of(target: Target) -> Path:
    return target.folder.parent / "scratch"


def build_and_kill(target: Target, version: int, seed: int) -> tuple[bool, bool]:
    """Kill a run: every other seed anywhere in it, the others about the time of publication.

    What the run reads and spills for a while lies in a folder of the target's own here. Returns whether the
    run was killed at all, and whether that was while it published.
    """
    chance = random.Random(seed)
    before = set(target.leftovers())
    process = subprocess.Popen(
        target.batch.command(version, target.out),
        env=child_environment(TMPDIR=str(scratch_of(target))),
        stderr=subprocess.DEVNULL,
    )
    if seed % 2:
        time.sleep(chance.uniform(0, target.batch.seconds))
    else:
        while process.poll() is None and set(target.leftovers()) <= before:
            time.sleep(0.0005)
        time.sleep(chance.uniform(0, 0.03))
    process.kill()
    killed = process.wait() == -signal.SIGKILL
    return killed, killed and not set(target.leftovers()) <= before


def survive(target: Target, seeds: range) -> None:
    scratch_of(target).mkdir()
    hits = []
    for seed in seeds:
        hits.append(build_and_kill(target, seed // 2 % 2, seed))
        target.state()  # or it fails
    killed, publishing = map(sum, zip(*hits, strict=True))
    assert killed >= len(seeds) // 2
    assert publishing >= len(seeds) // 8  # half of the seeds aim at it, on a machine that may be busy
    version = seeds[0] // 5 % 2
    ran = run(target.batch.command(version, target.out), TMPDIR=str(scratch_of(target)))
    assert ran.returncode == 0, ran.stderr
    assert target.state() == version
    assert target.leftovers() == []
    assert [path for path in scratch_of(target).iterdir() if not is_probe(path)] == []


@pytest.mark.parametrize("seeds", QUICK, ids=str)
def test_kill_at_any_moment(seeds: range, target: Target) -> None:
    survive(target, seeds)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", ALL, ids=str)
def test_kill_at_any_moment_200_times(seeds: range, target: Target) -> None:
    survive(target, seeds)
