"""Run contests, print the ratios, and with ``--record`` keep them: ``python -m benchmarks --help``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module

import click
import pytest

from benchmarks import machine, results
from benchmarks.results import FOLDER, Contest
from benchmarks.scale import Scale
from benchmarks.terminal import print_contest, print_run

FILES = {"standard": FOLDER / "bench.json", "large": FOLDER / "bench-large.json"}
GROUPS = {
    "json": ("standard", "benchmarks.json_bodies", "run"),
    "json-compiled": ("standard", "benchmarks.compiled", "run"),
    "bulk": ("standard", "benchmarks.bulk", "run"),
    "small": ("standard", "benchmarks.bulk", "run_small"),
    "csv": ("standard", "benchmarks.bulk", "run_csv"),
    "as-of": ("standard", "benchmarks.as_of", "run"),
    "push-down": ("standard", "benchmarks.push_down", "run"),
    "http": ("standard", "benchmarks.http_requests", "run"),
    "spark": ("standard", "benchmarks.spark", "run"),
    "http-large": ("large", "benchmarks.http_requests", "run_large"),
    "width": ("large", "benchmarks.large", "width"),
    "skew": ("large", "benchmarks.large", "skew"),
    "growth": ("large", "benchmarks.large", "growth"),
}
"""Each group of contests: the file that it is recorded in, and the function that runs it."""


def named(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str]:
    """The groups of ``--only``."""
    names = [name.strip() for name in value.split(",")] if value is not None else []
    for name in names:
        if name not in GROUPS:
            raise click.BadParameter(f"there is no contest '{name}'; there are: {', '.join(GROUPS)}")
    return names


@click.command()
@click.option("--only", callback=named, metavar="NAME,...", help=f"Some contests alone: {', '.join(GROUPS)}.")
@click.option("--large", is_flag=True, help="The contests that take longest, instead of the others.")
@click.option("--record", is_flag=True, help="Keep the results, and write them into the pages.")
@click.option("--quick", is_flag=True, help="Small sizes and two rounds, to try whether all works; never recorded.")
@click.option("--pages", is_flag=True, help="Measure nothing: write the recorded results into the pages.")
def main(only: list[str], large: bool, record: bool, quick: bool, pages: bool) -> None:
    """Ratios against peers, side by side in one run; every result is checked before its time counts."""
    if quick and (record or pages):
        raise click.UsageError("--quick is never recorded: its sizes say nothing")
    if only and large:
        raise click.UsageError("--only names contests of either kind; leave --large away")
    if not pages:
        wanted = only or [name for name, (kind, _, _) in GROUPS.items() if kind == ("large" if large else "standard")]
        measure(wanted, Scale(quick), record)
    if pages or record:
        from benchmarks.pages import write

        for path in write():
            click.echo(f"written: {path}")


def measure(wanted: list[str], scale: Scale, record: bool) -> None:
    """Run groups of contests; each is recorded as soon as it has ended."""
    run = machine.run()
    print_run(run)
    for name in wanted:
        kind, module, function = GROUPS[name]
        began = time.monotonic()
        contests: Callable[[Scale], Iterator[Contest]] = getattr(import_module(module), function)
        held = []
        try:
            for one in contests(scale):
                print_contest(one)
                held.append(one)
        except pytest.skip.Exception as reason:
            print(f"left out: {name}: {reason}", file=sys.stderr, flush=True)
            continue
        print(f"{name}: {time.monotonic() - began:.0f} s\n", file=sys.stderr, flush=True)
        if record and held:
            recorded = results.load(FILES[kind])
            recorded.merge(name, held, run)
            results.save(recorded, FILES[kind])


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
