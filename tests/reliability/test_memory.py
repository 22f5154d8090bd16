"""Little memory: a large run finishes, with the bytes that it has with much, or says what it needs."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from customer_features.targets.manifest import verify
from tests.conftest import TODAY
from tests.reliability.conftest import run


def source(folder: Path, kind: str, rows: int, customers: int) -> Path:
    path = folder / f"t.{kind}"
    duckdb.sql(
        f"COPY (SELECT 'c' || (i * 7919 % {customers}) AS customer_id, i AS transaction_id,"
        " DATE '2025-04-20' - (i % 300)::INTEGER AS date, (i % 10000) / 100 AS amount,"
        f" 'p' || (i * 31 % 9999) AS product_id FROM range({rows}) t(i)) TO '{path}'"
    )
    return path


@pytest.mark.parametrize(
    ("rows", "customers", "memories"),
    [
        pytest.param(600_000, 400_000, ("64MB", "2GB"), marks=pytest.mark.slow),
        pytest.param(6_000_000, 600_000, ("64MB", "256MB", "2GB"), marks=pytest.mark.thorough),
    ],
)
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_64_mb_for_many_rows(kind: str, rows: int, customers: int, memories: tuple[str, ...], tmp_path: Path) -> None:
    out = tmp_path / "f.parquet"
    command = [sys.executable, "-m", "customer_features", "build", str(source(tmp_path, kind, rows, customers))]
    command += ["--out", str(out), "--today", TODAY]
    ran = run([*command, "--memory-limit", "64MB", "--spill-limit", "4MB"])
    assert ran.returncode == 2, "so few rows fit in 64 MB, and prove nothing"
    assert "raise --memory-limit" in ran.stderr
    written = {}
    for memory in memories:
        ran = run([*command, "--memory-limit", memory])
        assert "Traceback" not in ran.stderr
        if ran.returncode == 2 and memory != "2GB":
            assert "raise --memory-limit" in ran.stderr
            assert not out.exists()
            continue
        assert ran.returncode == 0, ran.stderr
        assert verify(out)["rows"] == {"in": rows, "used": rows, "excluded": 0, "excluded_by": {}, "quarantined": 0}
        written[memory] = out.read_bytes()
        out.unlink()
    assert len(set(written.values())) == 1
