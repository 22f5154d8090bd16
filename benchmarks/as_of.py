"""Twelve monthly as-of dates with a window of twelve months, against one as-of date: the same 10 million rows.

One date is no peer but a limit: it does a twelfth of what is asked.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.bulk import ROWS
from benchmarks.files import Process, process_contest, purchases
from benchmarks.harness import Row

DATES = 12


def run() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = purchases(folder, ROWS, customers=ROWS // 20, products=5_000)
        return process_contest(
            f"{DATES} as-of dates, {ROWS // 1_000_000} million rows",
            [
                Process("ours", "benchmarks.ours", "months", (str(DATES),)),
                Process("ours at one date", "benchmarks.ours", "build"),
                Process("ours at one date, the same window", "benchmarks.ours", "months", ("1",)),
            ],
            source,
            folder,
            None,
            rounds=5,
        )
