"""A disk that is full, for the output or for what is spilled: a sentence, and the old files stand."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from tests.conftest import TODAY, csv_text
from tests.reliability.conftest import OLD, Batch, Mount, Target, run


@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
def test_a_disk_too_small_for_the_output(suffix: str, batch: Batch, small_disk: Mount, tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text(csv_text(*(f"customer-{place},1,2025-04-20,{place}.37,p" for place in range(20_000))))
    folder, limited = small_disk("published", 96 * 1024)
    for name, body in batch.wholes[OLD].items():
        (folder / name).write_bytes(body)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    out = folder / f"f.{suffix}"
    ran = run([*limited, sys.executable, "-m", "customer_features", "build", str(source), "--out", str(out)])
    assert ran.returncode == 2, ran.stderr
    assert "cannot be written" in ran.stderr
    assert "nothing was published" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.fixture(scope="module")
def many_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSV file of 1.5 million rows, more than 64 MB once they are read."""
    path = tmp_path_factory.mktemp("many") / "t.csv"
    duckdb.sql(
        "SELECT 'customer-' || (i * 7919 % 500000) AS customer_id, 'order-' || i AS transaction_id,"
        " DATE '2025-04-20' - (i % 300)::INTEGER AS date, (i % 10000) / 100 AS amount,"
        " 'product-' || (i * 31 % 9999) AS product_id FROM range(1500000) t(i)"
    ).write_csv(str(path))
    return path


@pytest.mark.parametrize("limited", [False, True], ids=["disk", "file"])
def test_a_disk_too_small_for_what_is_spilled(
    limited: bool, many_rows: Path, target: Target, small_disk: Mount
) -> None:
    """The engine sees a full disk before it writes; a file that may not grow fails as it is written."""
    spill, before = small_disk("spill", 4 * 2**20, limited)
    command = [sys.executable, "-m", "customer_features", "build", str(many_rows), "--out", str(target.out)]
    ran = run([*before, *command, "--today", TODAY, "--memory-limit", "64MB"], TMPDIR=str(spill))
    assert ran.returncode == 2, ran.stderr
    assert "raise --memory-limit or free disk space" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert target.state() == OLD
    assert target.leftovers() == []
    assert list(spill.iterdir()) == []
