"""kill -9 at any moment: the target is old or new, and the next run takes away what was left.

Nothing changes on the disk but by system calls. So a moment is a call that changes something in the target's folder
or in the folder for temporary files, or locks it: strace kills the run as it makes the call.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.conftest import PUBLISHING, Target, Traced, run

CHANGING = f"?mkdir,mkdirat,?rmdir,flock,{PUBLISHING}"
KILLS, SERIES = 200, 20
"""So many kills are spread over the moments of a run, in so many series. A series goes through the whole of a run."""
IN_CI = range(0, SERIES, 5)


def is_probe(path: Path) -> bool:
    """Whether it is the file of four bytes by which Python's tempfile finds out that it may write to a folder."""
    return path.is_file() and path.read_bytes() in (b"", b"blat")


@pytest.mark.parametrize(
    "series",
    [pytest.param(one, marks=pytest.mark.slow if one in IN_CI else pytest.mark.thorough) for one in range(SERIES)],
)
def test_kill_at_any_moment(series: int, traced: Traced, target: Target) -> None:
    """Each run of a series finds what the killed one before it left; the last one is left alone."""
    scratch = target.folder.parent / "scratch"
    scratch.mkdir()
    ran, calls = traced(trace=CHANGING, within=target.folder.parent, TMPDIR=str(scratch))
    assert ran.code == 0, ran.err
    moments = [call for call in calls if call.file != "err"]
    target.put_old()
    killed = publishing = 0
    for place in range(series, KILLS, SERIES):
        version, moment = place // SERIES % 2, moments[place * len(moments) // KILLS]
        before = set(target.leftovers())
        ran, _ = traced(
            f"{moment.name}:signal=KILL:when={moment.number}",
            arguments=target.batch.arguments(version, target.out),
            trace=moment.name,
            TMPDIR=str(scratch),
        )
        # A run that finds no manifest, or whose other threads take over some calls, makes fewer of them.
        assert ran.code in (-9, 0), moment
        killed += ran.code == -9
        publishing += ran.code == -9 and not set(target.leftovers()) <= before
        assert target.state() in ((0, 1, None) if ran.code else (version,)), moment
    assert killed >= 8
    assert publishing >= 3
    built = run(target.batch.command(series % 2, target.out), TMPDIR=str(scratch))
    assert built.returncode == 0, built.stderr
    assert target.state() == series % 2
    assert target.leftovers() == []
    assert [path for path in scratch.iterdir() if not is_probe(path)] == []
