"""Little memory: a large run finishes, with the bytes that it has with much, or says what it needs."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import pytest

from customer_features.verifying import verify
from tests.conftest import TODAY
from tests.reliability.conftest import run

ROWS = 6_000_000


@pytest.fixture(scope="module", params=["parquet", "csv"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("source") / f"t.{request.param}"
    duckdb.sql(
        "COPY (SELECT 'c' || (i * 7919 % 600000) AS customer_id, i AS transaction_id,"
        " DATE '2025-04-20' - (i % 300)::INTEGER AS date, (i % 10000) / 100 AS amount,"
        f" 'p' || (i * 31 % 9999) AS product_id FROM range({ROWS}) t(i)) TO '{path}'"
    )
    return path


@pytest.mark.slow
def test_64_mb_for_six_million_rows(source: Path, tmp_path: Path) -> None:
    written = {}
    for memory in ("64MB", "256MB", "2GB"):
        out = tmp_path / memory / "f.parquet"
        out.parent.mkdir()
        command = [sys.executable, "-m", "customer_features", "build", str(source), "--out", str(out)]
        ran = run([*command, "--today", TODAY, "--memory-limit", memory])
        assert "Traceback" not in ran.stderr
        if ran.returncode == 2 and memory != "2GB":
            assert "raise --memory-limit" in ran.stderr
            assert list(out.parent.iterdir()) == []
            continue
        assert ran.returncode == 0, ran.stderr
        assert verify(out)["rows"] == {"in": ROWS, "used": ROWS, "excluded": 0, "quarantined": 0}
        written[memory] = out.read_bytes()
    assert len(set(written.values())) == 1
