"""What is recorded of a contest, and the files that hold it: ``bench.json`` and ``bench-large.json`` in ``results/``.

A ratio is ours divided by the other within a round, where both ran within moments of each other, in the same mood of
things. Of a contest's rounds the median of these is told, and the middle half of them as the spread.
"""

from __future__ import annotations

import statistics
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "results"


class Ratio(msgspec.Struct, frozen=True):
    """The median of the ratios of a contest's rounds, and the ends of their middle half."""

    median: float
    low: float
    high: float


class Standing(msgspec.Struct, frozen=True, omit_defaults=True):
    """One contender's measurements, a number a round."""

    name: str
    seconds: list[float]
    role: str = "peer"
    """``ours``, ``peer``, or ``limit``: does only a part of the work, or less of it."""
    cpu_seconds: list[float] = []
    """User and system time, of child processes too."""
    peak_bytes: list[int] = []
    """The most that the process held in memory (resident set)."""
    wrong: int | None = None
    """How many of its vectors differ in a bit from the exact ones; None where it gives none."""
    rows: int | None = None
    """Rows of its own input, where contenders have different ones: then times are compared row by row."""
    note: str = ""
    figures: dict[str, float] = {}
    """More that was measured, by name (latencies in milliseconds)."""
    ratio: Ratio | None = None
    """Time of ours as a multiple of this one's; None for ours itself."""

    @property
    def peak(self) -> float | None:
        return statistics.median(self.peak_bytes) if self.peak_bytes else None

    @property
    def cpu(self) -> float | None:
        return statistics.median(self.cpu_seconds) if self.cpu_seconds else None


class Contest(msgspec.Struct, frozen=True, omit_defaults=True):
    """Contenders at the same work, in turns; the first is ours."""

    title: str
    standings: list[Standing]
    state: str = ""
    """``warm`` or ``cold``: whether the input lay in the memory of the operating system."""
    vectors: int | None = None
    """How many vectors a right result holds."""
    unit: str = "s"
    """What ``seconds`` are of: ``s`` a run, or ``s a request``."""

    @property
    def ours(self) -> Standing:
        return self.standings[0]

    @property
    def others(self) -> list[Standing]:
        return self.standings[1:]


class Run(msgspec.Struct, frozen=True):
    """Where and when contests were measured."""

    made: str
    machine: dict[str, str]
    versions: dict[str, str]
    load_average: list[float]
    """Of the last 1, 5 and 15 minutes, at the start."""


class Results(msgspec.Struct):
    """A file of results: contests by group, and the run that each group was measured in."""

    runs: dict[str, Run] = {}
    measured_in: dict[str, str] = {}
    contests: dict[str, list[Contest]] = {}

    def merge(self, group: str, contests: list[Contest], run: Run) -> None:
        """Put a group's contests in the place of those that were there; runs that nothing names are dropped."""
        self.contests[group] = contests
        self.measured_in[group] = run.made
        self.runs[run.made] = run
        self.runs = {made: one for made, one in self.runs.items() if made in self.measured_in.values()}


def contest(
    title: str, standings: list[Standing], state: str = "", vectors: int | None = None, unit: str = "s"
) -> Contest:
    """A contest with the ratios of its standings."""
    ours, *others = standings
    rated = [msgspec.structs.replace(other, ratio=ratio(ours, other)) for other in others]
    return Contest(title, [ours, *rated], state, vectors, unit)


def ratio(ours: Standing, other: Standing) -> Ratio:
    """Time of ours as a multiple of the other's, round by round; for each row where their inputs differ in size."""
    scale = 1.0 if ours.rows is None or other.rows is None else other.rows / ours.rows
    each = sorted(scale * mine / its for mine, its in zip(ours.seconds, other.seconds, strict=True))
    quarter = len(each) // 4
    return Ratio(statistics.median(each), each[quarter], each[-1 - quarter])


def load(path: Path) -> Results:
    """A file of results; empty ones where there is none."""
    return msgspec.json.decode(path.read_bytes(), type=Results) if path.exists() else Results()


def save(results: Results, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    whole = msgspec.json.format(msgspec.json.encode(results, order="deterministic"), indent=1)
    made = path.with_suffix(".part")
    made.write_bytes(whole + b"\n")
    made.replace(path)
