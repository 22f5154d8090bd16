"""Contests in which each contender works in a process of its own, from a file to a file.

Of each run are kept its seconds (imports and a first time on a tiny file not counted), the processor time of the
process and all its children, and the most memory that they held. *Cold* means that the input's pages were dropped from
the operating system's cache before every run (``posix_fadvise`` with ``POSIX_FADV_DONTNEED``), so that it comes from
the disk; the libraries stay warm.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from benchmarks.files import purchases, purchases_csv
from benchmarks.harness import held, in_turns
from benchmarks.judging import FEATURES, Verdict, judged
from benchmarks.results import Contest, Standing, contest

ROOT = Path(__file__).parents[1]


@dataclass(slots=True)
class Process:
    """A contender: the function that does its work, given a source, an output and further arguments."""

    name: str
    module: str
    function: str = "run"
    arguments: tuple[str, ...] = ()
    limit: bool = False
    """Does only a part of the work, or less of it: no peer, but what a peer cannot go below."""
    columns: tuple[str, ...] = FEATURES
    """The features that it gives; none for what gives no vectors."""
    source: Path | None = None
    """Its own input, where it is not the contest's."""
    rows: int | None = None
    """The rows of its own input, where times are compared row by row."""
    cold: bool = True
    """Whether it takes part where the input is cold, too."""
    needs: tuple[str, ...] = ()
    """Packages and programs without which it is left out, and the reason told."""
    python: str = sys.executable
    note: str = ""
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)
    wrong: int | None = None

    def missing(self) -> list[str]:
        """What it needs and this machine lacks."""
        return [name for name in self.needs if find_spec(name) is None and shutil.which(name) is None]

    def run(self, source: Path, out: Path, cold: bool = False) -> None:
        """Do the work once; keep its seconds, processor time and peak memory."""
        given = self.source or source
        if cold:
            drop_from_cache(given)
        remove(out)
        remove(out.with_name(f"{out.name}.tiny.parquet"))
        tiny = tiny_source(out.parent, given.suffix)
        command = [self.python, "-m", "benchmarks.child", self.module, self.function, str(tiny), str(given), str(out)]
        ran = subprocess.run([*command, *self.arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise SystemExit(f"{self.name}: ended with {ran.returncode}\n{ran.stderr[-2000:]}")
        measured = json.loads(ran.stdout.splitlines()[-1])
        self.seconds.append(measured["seconds"])
        self.cpu_seconds.append(measured["cpu_seconds"])
        self.peak_bytes.append(measured["peak_bytes"])

    def reset(self) -> None:
        """Forget what was measured, so that another contest starts with none of it."""
        self.seconds, self.cpu_seconds, self.peak_bytes = [], [], []

    def standing(self, ours: bool) -> Standing:
        """What is recorded of it."""
        return Standing(
            self.name,
            self.seconds,
            role="ours" if ours else "limit" if self.limit else "peer",
            cpu_seconds=self.cpu_seconds,
            peak_bytes=self.peak_bytes,
            wrong=self.wrong,
            rows=self.rows,
            note=self.note,
        )


def tiny_source(folder: Path, suffix: str) -> Path:
    """A file like the contest's of a hundred rows, on which a process does its work once before that is measured."""
    make = purchases_csv if suffix == ".csv" else purchases
    path = folder / f"purchases_100{suffix}"
    return path if path.exists() else make(folder, 100, customers=5, products=5)


def drop_from_cache(path: Path) -> None:
    """Have the operating system forget a file's pages; written back first, since pages that are not are kept."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def remove(out: Path) -> None:
    """Leave nothing of the run before, in whose place a contender that did no work would be judged."""
    if out.is_dir():
        shutil.rmtree(out)
    out.unlink(missing_ok=True)


def vectors_of(out: Path) -> pl.DataFrame:
    """A published file, or a folder of parts as Spark leaves it."""
    return pl.read_parquet(out / "*.parquet" if out.is_dir() else out)


def present(everyone: list[Process]) -> list[Process]:
    """Those that can run here; of the others is said why not."""
    for one in everyone:
        if one.missing():
            print(f"left out: {one.name}, which needs {', '.join(one.missing())}", file=sys.stderr, flush=True)
    return [one for one in everyone if not one.missing()]


def checked(title: str, everyone: list[Process], source: Path, folder: Path, exact: pl.DataFrame | None) -> None:
    """Run each once, which warms up, and judge its result."""
    for place, one in enumerate(everyone):
        out = folder / "out.parquet"
        one.run(source, out)
        if exact is not None and one.columns and one.source is None:
            found: Verdict = judged(vectors_of(out), exact, one.columns)
            one.wrong = held(title, one.name, found, ours=place == 0)
        one.reset()


def process_contest(
    title: str,
    everyone: list[Process],
    source: Path,
    folder: Path,
    exact: pl.DataFrame | None,
    rounds: int,
    cold_rounds: int = 0,
) -> list[Contest]:
    """Run all in turn after one round that checks results, warm and, ``cold_rounds`` times, cold; ours is the first."""
    everyone = present(everyone)
    checked(title, everyone, source, folder, exact)
    contests = []
    for state, count in (("warm", rounds), ("cold", cold_rounds)):
        if not count:
            continue
        cold = state == "cold"
        those = [one for one in everyone if one.cold or not cold]
        for one in those:
            one.reset()
        in_turns(those, count, lambda one, cold=cold: one.run(source, folder / "out.parquet", cold))
        standings = [one.standing(ours=place == 0) for place, one in enumerate(those)]
        contests.append(contest(title, standings, state, None if exact is None else exact.height))
    return contests
