"""Twelve monthly as-of dates with a window of twelve months, against one such date: the same 2 million rows.

One date is no peer but a limit: it does a twelfth of what is asked.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

from benchmarks.bulk import ROWS, build
from benchmarks.data import TODAY, purchases
from benchmarks.harness import Contender, Row, contest
from customer_features.options import Options, every


def at(days: list[date]) -> Options:
    """The options of ``--every month --window '12 months' --future exclude``."""
    return Options.parse(as_of=days, window="12 months", future="exclude", on_fault="quarantine")


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, _ = purchases(ROWS, folder)
        dates = every("month", date(TODAY.year - 1, 2, 1), TODAY)
        return contest(
            f"{len(dates)} as-of dates, {ROWS // 1_000_000} million rows",
            Contender("ours", lambda: build(source, folder / "twelve.parquet", at(dates)), None),
            [Contender("ours at one of them", lambda: build(source, folder / "one.parquet", at(dates[-1:])), None)],
            rounds=5,
        )
