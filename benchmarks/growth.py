"""How time and memory grow: 1, 10 and 100 million rows, 20 a customer, inside a memory limit of 2 GB.

Run it with ``make bench-large``; its data take about 3 GB of disk.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.files import Process, exact_vectors, purchases, wrong_vectors

SIZES = (1_000_000, 10_000_000, 100_000_000)
LIMIT = "2GB"
LIMIT_BYTES = 2e9
ROUNDS = 3


def main() -> None:
    """Time per row as a multiple of that at the size before, and peak memory as a share of the limit."""
    contenders = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for rows in SIZES:
            source = purchases(folder, rows, customers=rows // 20, products=50_000)
            ours = Process(f"{rows:,}", "benchmarks.ours", "build", (LIMIT,))
            contenders.append((rows, source, ours))
            out = folder / "out.parquet"
            ours.run(source, out)
            one_in = max(1, rows // 10_000_000)
            wrong = wrong_vectors(_some(out, folder, one_in), exact_vectors(source, one_in))
            if wrong:
                raise SystemExit(f"{rows:,} rows: {wrong} vectors are wrong; no time counts")
            ours.seconds.clear()
        for _ in range(ROUNDS):
            for _, source, ours in contenders:
                ours.run(source, folder / "out.parquet")
    print(f"{'rows':>12}  {'time per row / that of the size before':>38}  {'peak memory / limit of ' + LIMIT:>28}")
    before = None
    for rows, _, ours in contenders:
        each = statistics.median(ours.seconds) / rows
        grown = "" if before is None else f"{each / before:.2f}"
        print(f"{rows:>12,}  {grown:>38}  {max(ours.peak_bytes) / LIMIT_BYTES:>28.2f}")
        before = each


def _some(out: Path, folder: Path, one_in: int) -> Path:
    """A published file's vectors of one customer in ``one_in``."""
    path = folder / "some.parquet"
    frame = pl.scan_parquet(out)
    if one_in > 1:
        frame = frame.filter(pl.col("customer_id").str.slice(1).cast(pl.Int64) % one_in == 0)
    frame.collect().write_parquet(path)
    return path


if __name__ == "__main__":
    main()
