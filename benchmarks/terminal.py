"""The results of a contest as a table on the terminal."""

from __future__ import annotations

import statistics

from rich.console import Console
from rich.table import Table

from benchmarks.results import Contest, Run, Standing

_console = Console(width=None if Console().is_terminal else 130, highlight=False)


def print_run(run: Run) -> None:
    """The machine, the load and the versions."""
    _console.print(f"{run.made}; load average {', '.join(map(str, run.load_average))}")
    _console.print("; ".join(f"{name} {value}" for name, value in run.machine.items()))
    _console.print(", ".join(f"{name} {value}" for name, value in run.versions.items()))
    _console.print(
        "Ratios below 1: ours is faster, or smaller. Medians of alternating rounds, and their middle half.\n"
    )


def print_contest(contest: Contest) -> None:
    """A line a contender."""
    state = f", {contest.state}" if contest.state else ""
    table = Table(title=f"{contest.title}{state}", title_justify="left", title_style="bold", box=None)
    for name in ("contender", "ours / it", "middle half", contest.unit, "CPU s", "peak MB", "wrong vectors"):
        table.add_column(name.replace("[", r"\["), justify="left" if name == "contender" else "right")
    for one in contest.standings:
        table.add_row(one.name, *numbers(one), wrong(one, contest.vectors))
    _console.print(table)
    for one in contest.standings:
        if one.figures:
            _console.print(f"  {one.name}: " + ", ".join(f"{name} {value:.4g}" for name, value in one.figures.items()))
    _console.print()


def numbers(one: Standing) -> list[str]:
    """Ratio and spread, and medians of seconds, processor time and memory."""
    ratio = (
        ["", ""] if one.ratio is None else [f"{one.ratio.median:.2f}", f"{one.ratio.low:.2f} to {one.ratio.high:.2f}"]
    )
    return [
        *ratio,
        f"{statistics.median(one.seconds):.3g}",
        "" if one.cpu is None else f"{one.cpu:.3g}",
        "" if one.peak is None else f"{one.peak / 1e6:,.0f}",
    ]


def wrong(one: Standing, vectors: int | None) -> str:
    """How many of a contender's vectors are wrong, of how many."""
    if one.wrong is None:
        return "" if one.role == "ours" else "gives none" if one.role == "limit" else ""
    return f"{one.wrong:,}" if vectors is None or not one.wrong else f"{one.wrong:,} of {vectors:,}"
