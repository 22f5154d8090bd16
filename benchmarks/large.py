"""How time and memory grow, and what the shape of the data does to them: against ours over even data.

Growth: 1, 10 and 100 million rows, 20 a customer, inside a memory limit of 2 GB, row by row against the size before.
Its data take about 3 GB of disk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import polars as pl

from benchmarks.files import MOST_HAVE_ONE, ONE_HOLDS_A_TENTH, exact_vectors, purchases, wide
from benchmarks.harness import held, in_turns
from benchmarks.judging import judged
from benchmarks.processes import Process, process_contest
from benchmarks.results import Contest, contest
from benchmarks.scale import Scale, said

SIZES = (1_000_000, 10_000_000, 100_000_000)
LIMIT = "2GB"
SKEW_ROWS = 10_000_000
WIDE_ROWS = 3_000_000
WIDE_COLUMNS = 200
ROUNDS = 3
CHECKED = 10_000_000
"""Of larger files, the vectors of a part of the customers are checked."""


def growth(scale: Scale) -> Iterator[Contest]:
    """Seconds a row at each size against the size before; all sizes in turns."""
    everyone = []
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        folder = Path(name)
        for size in SIZES:
            rows = scale.rows(size)
            source = purchases(folder, rows, customers=rows // 20, products=50_000)
            one = Process(f"ours, {said(rows)}", "benchmarks.ours", "build", (LIMIT,), source=source, rows=rows)
            _checked(one, source, folder, rows)
            everyone.append(one)
        in_turns(everyone, scale.rounds(ROUNDS), lambda one: one.run(one.source, folder / "out.parquet"))
    for smaller, larger in pairwise(everyone):
        title = f"Growth, memory limit {LIMIT}, a row: {larger.name.removeprefix('ours, ')}"
        limit = smaller.standing(ours=False)
        yield contest(title, [larger.standing(ours=True), limit], "warm")


def skew(scale: Scale) -> Iterator[Contest]:
    """The same number of rows and customers, unevenly spread, and many more products, against the even spread."""
    rows = scale.rows(SKEW_ROWS)
    customers = rows // 20
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        folder = Path(name)
        even = purchases(folder, rows, customers, products=5_000)
        for title, customer, products in (
            ("one customer has a tenth of all rows", ONE_HOLDS_A_TENTH, 5_000),
            ("nine customers in ten have one row", MOST_HAVE_ONE, 5_000),
            ("a million products instead of 5,000", None, scale.rows(1_000_000)),
        ):
            skewed = (
                purchases(folder, rows, customers, products, customer, "skewed")
                if customer
                else purchases(folder, rows, customers, products, name="skewed")
            )
            yield from _against(f"Skew, {said(rows)}: {title}", skewed, "ours, spread evenly", even, folder, scale)


def width(scale: Scale) -> Iterator[Contest]:
    """A file of 200 columns against one of the five that are read."""
    rows = scale.rows(WIDE_ROWS)
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name:
        folder = Path(name)
        narrow = purchases(folder, rows, rows // 20, products=5_000)
        broad = wide(folder, rows, rows // 20, 5_000, WIDE_COLUMNS)
        title = f"Width, {said(rows)}: a Parquet file of {WIDE_COLUMNS} columns"
        yield from _against(title, broad, "ours, the five columns alone", narrow, folder, scale)


def _against(title: str, source: Path, name: str, even: Path, folder: Path, scale: Scale) -> list[Contest]:
    everyone = [
        Process("ours", "benchmarks.ours", "build"),
        Process(name, "benchmarks.ours", "build", limit=True, source=even),
    ]
    return process_contest(title, everyone, source, folder, exact_vectors(source), scale.rounds(5))


def _checked(one: Process, source: Path, folder: Path, rows: int) -> None:
    """Run it once, and check its vectors, those of one customer in some where there are many."""
    out = folder / "out.parquet"
    one.run(source, out)
    one_in = max(1, rows // CHECKED)
    found = pl.scan_parquet(out)
    if one_in > 1:
        found = found.filter(pl.col("customer_id").str.slice(1).cast(pl.Int64) % one_in == 0)
    one.wrong = held(one.name, one.name, judged(found.collect(), exact_vectors(source, one_in)), ours=True)
    one.reset()
