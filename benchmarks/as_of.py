"""Monthly as-of dates with a window of twelve months each: against one date, and against peers at many.

One date is no peer but a limit: it does a small part of what is asked.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.environment import featuretools_python
from benchmarks.files import exact_at, months, purchases
from benchmarks.processes import Process, process_contest
from benchmarks.results import Contest
from benchmarks.scale import Scale, said

DATES = 24
ROWS = 5_000_000
JOINED_ROWS = 1_000_000
TINY = 20_000


def ours(dates: int = DATES) -> Process:
    return Process("ours", "benchmarks.ours", "months", (str(dates),))


def run(scale: Scale) -> Iterator[Contest]:
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        folder = Path(name)
        yield from _against_one_date(scale, folder)
        yield from _against_sql(scale, folder)
        yield from _against_featuretools(scale, folder)


def _against_one_date(scale: Scale, folder: Path) -> Iterator[Contest]:
    rows = scale.rows(ROWS)
    source = purchases(folder, rows, customers=rows // 20, products=5_000)
    one = Process("ours at one date", "benchmarks.ours", "build", limit=True, columns=())
    windowed = Process("ours at one date, the same window", "benchmarks.ours", "months", ("1",), limit=True, columns=())
    title = f"{DATES} as-of dates with a window, {said(rows)}"
    exact = exact_at(source, months(DATES))
    yield from process_contest(title, [ours(), one, windowed], source, folder, exact, scale.rounds(3))


def _against_sql(scale: Scale, folder: Path) -> Iterator[Contest]:
    rows = scale.rows(JOINED_ROWS)
    source = purchases(folder, rows, customers=rows // 20, products=5_000)
    peers = [
        Process("DuckDB SQL, join with the dates", "benchmarks.peers.as_of_sql", "joined", (str(DATES),)),
        Process("DuckDB SQL, a query a date", "benchmarks.peers.as_of_sql", "each", (str(DATES),)),
    ]
    title = f"{DATES} as-of dates with a window, {said(rows)}"
    exact = exact_at(source, months(DATES))
    yield from process_contest(title, [ours(), *peers], source, folder, exact, scale.rounds(3))


def _against_featuretools(scale: Scale, folder: Path) -> Iterator[Contest]:
    python = featuretools_python()
    if python is None:
        return
    rows = scale.rows(TINY)
    source = purchases(folder, rows, customers=rows // 20, products=5_000)
    peer = Process(
        "featuretools, cutoff times", "benchmarks.peers.featuretools_dfs", "months", (str(DATES),), python=python
    )
    title = f"{DATES} as-of dates with a window, {said(rows)}"
    exact = exact_at(source, months(DATES))
    yield from process_contest(title, [ours(), peer], source, folder, exact, scale.rounds(3))
