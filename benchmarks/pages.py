"""The recorded results in the pages: regions of docs/performance.md and README.md, and the chart.

A region begins with ``<!-- made by make bench: NAME -->`` and ends with ``<!-- end of NAME -->``; what stands between
is made from the JSON, the rest of a page is written by hand.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from benchmarks import chart, results
from benchmarks.results import FOLDER, Contest, Results, Run, Standing

ROOT = Path(__file__).parents[1]
PERFORMANCE = ROOT / "docs" / "performance.md"
README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "pictures" / "performance.svg"
RECORDED = ("bench.json", "bench-large.json")
REGION = re.compile(r"(<!-- made by make bench: ([\w-]+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)

IN_README = ("json", "json-compiled", "bulk", "small", "csv", "as-of", "push-down", "spark", "http")
"""Groups of contests that stand in the README."""


def recorded() -> Results:
    """Both files of results as one."""
    whole = Results()
    for name in RECORDED:
        one = results.load(FOLDER / name)
        for group, contests in one.contests.items():
            whole.merge(group, contests, one.runs[one.measured_in[group]])
    return whole


def write() -> list[Path]:
    """Write both pages and the chart; the paths of what was written."""
    found = recorded()
    for page in (PERFORMANCE, README):
        page.write_text(filled(page.read_text("utf-8"), found), "utf-8")
    PICTURE.write_text(chart.svg(found), "utf-8")
    return [PERFORMANCE, README, PICTURE]


def filled(text: str, found: Results) -> str:
    """A page's text with its regions made from the results."""
    return REGION.sub(lambda region: f"{region[1]}\n{made(region[2], found)}\n\n{region[3]}", text)


def made(name: str, found: Results) -> str:
    """What stands in the region of that name: ``readme``, ``chart``, ``machine``, or a group's table."""
    if name == "readme":
        return readme(found)
    if name == "chart":
        return f"![{chart.ALTERNATIVE}](pictures/{PICTURE.name})\n\n{chart.words(found)}"
    if name == "machine":
        return "\n".join(run_said(made, found) for made in sorted(found.runs))
    if name not in found.contests:
        return f"Not measured yet: `python -m benchmarks --only {name} --record`."
    return group(found.contests[name])


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def group(contests: list[Contest]) -> str:
    """A table of all contenders of a group's contests."""
    unit = contests[0].unit.partition(",")[0].removeprefix("s").strip()
    seconds = f"Seconds {unit}".strip()
    head = [
        "Contest",
        "Contender",
        "Time, ours / it",
        "Middle half",
        seconds,
        "CPU seconds",
        "Peak MB",
        "Wrong vectors",
    ]
    rows = [
        [titled(contest) if place == 0 else "", standing.name, *numbers(standing), wrong(standing, contest)]
        for contest in contests
        for place, standing in enumerate(contest.standings)
    ]
    kept = [place for place, name in enumerate(head) if place < 4 or any(row[place] for row in rows)]
    made = table([head[place] for place in kept], [[row[place] for place in kept] for row in rows])
    figures = "\n".join(line for contest in contests for line in figures_of(contest))
    return f"{made}\n\n{figures}" if figures else made


def titled(contest: Contest) -> str:
    return f"{contest.title}, {contest.state}" if contest.state == "cold" else contest.title


def numbers(one: Standing) -> list[str]:
    """Ratio and spread, and medians of seconds, processor time and memory."""
    ratio = one.ratio
    spread = ["", ""] if ratio is None else [f"{ratio.median:.2f}", f"{ratio.low:.2f} to {ratio.high:.2f}"]
    return [
        *spread,
        plain(statistics.median(one.seconds)),
        "" if one.cpu is None else plain(one.cpu),
        "" if one.peak is None else f"{one.peak / 1e6:,.0f}",
    ]


def plain(value: float) -> str:
    """Three digits that count, never with an exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    digits = 2 - (
        len(f"{value:.0f}") - 1 if value >= 1 else next(d for d in range(-1, -9, -1) if value >= 10.0**d or d == -8)
    )
    return f"{value:.{digits}f}"


def wrong(one: Standing, contest: Contest) -> str:
    """How many of a contender's vectors are wrong."""
    if one.wrong is None:
        return ""
    return f"{one.wrong:,} of {contest.vectors:,}" if one.wrong and contest.vectors else f"{one.wrong:,}"


def figures_of(contest: Contest) -> Iterator[str]:
    """What else was measured of a contest, a line of a list each."""
    if any(one.figures for one in contest.standings):
        yield f"- {titled(contest)}: " + "; ".join(
            f"{one.name}: p50 {one.figures['p50_ms']:.3g} ms, p99 {one.figures['p99_ms']:.3g} ms"
            f" (p99 / p50 {one.figures['p99_ms'] / one.figures['p50_ms']:.1f})"
            + (f" at {one.figures['share']:.0%} of its full load" if "share" in one.figures else "")
            for one in contest.standings
        )


def readme(found: Results) -> str:
    """The README's table of ratios."""
    head = ["Contest", "Peer", "Time, ours / peer", "Peak memory, ours / peer", "Peer's vectors that are wrong"]
    rows = [
        [
            contest.title if place == 0 else "",
            said(other),
            ratio(other),
            memory(contest.ours, other),
            wrong(other, contest),
        ]
        for name in IN_README
        for contest in chart.shown(found, name)
        for place, other in enumerate(contest.others)
    ]
    return table(head, rows) if rows else "Nothing is recorded yet: `make bench`."


def said(one: Standing) -> str:
    """A contender, and what it does not do."""
    return f"{one.name} ({one.note})" if one.role == "limit" and one.note else one.name


def ratio(one: Standing) -> str:
    return "" if one.ratio is None else f"{one.ratio.median:.2f}"


def memory(ours: Standing, other: Standing) -> str:
    """Peak memory of ours as a multiple of the other's."""
    return f"{ours.peak / other.peak:.2f}" if ours.peak and other.peak else ""


def run_said(made: str, found: Results) -> str:
    """Which groups a run measured, where, and with what."""
    run: Run = found.runs[made]
    groups = ", ".join(f"`{name}`" for name, at in sorted(found.measured_in.items()) if at == made)
    machine = "; ".join(f"{name} {value}" for name, value in sorted(run.machine.items()))
    versions = ", ".join(f"{name} {value}" for name, value in sorted(run.versions.items()))
    load = ", ".join(map(str, run.load_average))
    return f"- {groups}: {made}, load average at the start {load}; {machine}; {versions}."
