"""Fail when ours has become slower beside its peers than what is recorded: ``make guard``, ``make guard-record``.

Each contest is repeated ``REPEATS`` times, every time in a process of its own, the contests in turns. It fails when the
lower bound of the shift of its ratio (see ``shift``) lies above ``MARGIN``, and lies there again when the contest is
measured once more: the ratio is worse by more than the noise of both samples *and* by more than what another day does
to it. With nothing but noise, however it is spread, the bound lies above no shift at all in at most ``ALPHA`` of the
samples, and twice against one recorded sample in 4.5 of 100,000 (counted over 4 million orders drawn at random): a
guard of five contests raises a false alarm in fewer than 3 of 10,000 runs, and the margin makes it rarer still.

Ratios outlive a change of machine, but not unharmed: another cache, clock or number of cores moves the two of a
contest differently. Elsewhere than where it was recorded, or with other versions of Python or a peer, the margin is
``ELSEWHERE``, and ``make guard-record`` makes it sharp again.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import msgspec

from benchmarks import machine
from benchmarks.guarded import CONTESTS, prepare
from benchmarks.results import FOLDER
from benchmarks.shift import shift

RECORDED = FOLDER / "guard.json"
ROOT = Path(__file__).parents[1]
REPEATS = 15
ALPHA = 1e-3
MARGIN = 1.10
ELSEWHERE = 1.30
PEERS = ("duckdb", "orjson", "pydantic")

Sample = Callable[[str, int], list[float]]
"""Repeats of a contest: its name and how many, as logarithms of ours / peer."""


class Recorded(msgspec.Struct):
    """What the guard compares with: where it was measured, and the logarithms of each contest's repeats."""

    made: str
    place: dict[str, str]
    load_average: list[float]
    repeats: dict[str, list[float]]


class Judgement(msgspec.Struct, frozen=True):
    """One contest: the recorded ratio and today's, their quotient, and the least that it is."""

    name: str
    recorded: float
    now: float
    worse: float
    at_least: float
    failed: bool

    def __str__(self) -> str:
        return (
            f"{self.name:<14} ours / peer {self.now:.3f}, recorded {self.recorded:.3f}: {self.worse:.2f} times,"
            f" at least {self.at_least:.2f}{'  FAILED' if self.failed else ''}"
        )


def here() -> dict[str, str]:
    """What moves a ratio: the processor, how many cores, and the versions."""
    found = machine.machine()
    versions = {name: version for name, version in machine.versions().items() if name in PEERS}
    return {name: found[name] for name in ("processor", "architecture", "cores", "python")} | versions


def judge(name: str, recorded: list[float], now: list[float], margin: float) -> Judgement:
    """Compare two samples of a contest's ratio."""
    worse, at_least = (math.exp(value) for value in shift(recorded, now, ALPHA))
    medians = (math.exp(statistics.median(sample)) for sample in (recorded, now))
    return Judgement(name, *medians, worse, at_least, at_least > margin)


def sampler(folder: Path, slower: float = 1) -> Sample:
    """Repeats in processes of their own, over inputs that are made in the folder."""
    prepare(folder)

    def sample(name: str, count: int) -> list[float]:
        return [_repeat(name, folder, slower) for _ in range(count)]

    return sample


def _repeat(name: str, folder: Path, slower: float) -> float:
    command = [sys.executable, "-m", "benchmarks.guarded", name, str(folder), str(slower)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    if ran.returncode:
        raise SystemExit(f"{name}: ended with {ran.returncode}\n{ran.stderr[-2000:]}")
    return float(ran.stdout.split()[-1])


def samples(names: Iterable[str], sample: Sample, repeats: int = REPEATS) -> dict[str, list[float]]:
    """The repeats of all contests, in turns: a burst of other work then falls on all of them."""
    found: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, held in found.items():
            held += sample(name, 1)
    return found


def guard(recorded: dict[str, list[float]], sample: Sample, margin: float, repeats: int = REPEATS) -> list[Judgement]:
    """Judge every contest; one that fails is measured once more, and that counts."""
    first = samples(recorded, sample, repeats)
    judgements = []
    for name, now in first.items():
        judgement = judge(name, recorded[name], now, margin)
        if judgement.failed:
            click.echo(f"{judgement}; once more")
            judgement = judge(name, recorded[name], sample(name, repeats), margin)
        click.echo(str(judgement))
        judgements.append(judgement)
    return judgements


def read() -> Recorded:
    """What is recorded."""
    if not RECORDED.exists():
        raise click.UsageError("nothing is recorded yet to compare with: make guard-record")
    return msgspec.json.decode(RECORDED.read_bytes(), type=Recorded)


@click.command()
@click.option("--record", is_flag=True, help="Record the ratios instead of comparing with them.")
@click.option("--plant", type=click.FloatRange(min=1), default=1, metavar="TIMES", help="Slow ours down, as a trial.")
def main(record: bool, plant: float) -> None:
    """Compare small contests' ratios with the recorded ones; exits with 1 where one has become worse."""
    if record and plant != 1:
        raise click.UsageError("a planted slowdown is not to be recorded")
    run = machine.run()
    with tempfile.TemporaryDirectory(prefix="customer-features-guard-") as name:
        if record:
            found = samples(CONTESTS, sampler(Path(name)))
            _keep(Recorded(run.made, here(), run.load_average, found))
            return
        recorded = read()
        unknown = recorded.repeats.keys() ^ CONTESTS.keys()
        if unknown:
            raise click.UsageError(f"other contests are recorded ({', '.join(sorted(unknown))}): make guard-record")
        judgements = guard(recorded.repeats, sampler(Path(name), plant), _margin(recorded.place))
    failed = [one.name for one in judgements if one.failed]
    if failed:
        click.echo(f"slower than recorded, beside the peer: {', '.join(failed)}", err=True)
        sys.exit(1)


def _margin(place: dict[str, str]) -> float:
    """How much worse a ratio may be here, and why, said."""
    other = [
        f"{name} {here().get(name, 'none')}, not {value}" for name, value in place.items() if here().get(name) != value
    ]
    margin = ELSEWHERE if other else MARGIN
    if other:
        click.echo(f"Recorded elsewhere ({'; '.join(other)}): make guard-record makes the guard sharp here.")
    click.echo(
        f"A contest fails when its ratio is worse than recorded by more than {margin - 1:.0%}, noise left aside."
    )
    return margin


def _keep(recorded: Recorded) -> None:
    for name, repeats in recorded.repeats.items():
        low, middle, high = (math.exp(value) for value in statistics.quantiles(repeats, n=4))
        click.echo(f"{name:<14} ours / peer {middle:.3f}, middle half {low:.3f} to {high:.3f}")
    whole = msgspec.json.format(msgspec.json.encode(recorded), indent=1)
    RECORDED.parent.mkdir(exist_ok=True)
    RECORDED.write_bytes(whole + b"\n")
    click.echo(f"written: {RECORDED}")


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.guard")
