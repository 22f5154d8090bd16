"""On a terminal there is a progress bar; elsewhere there is none."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet

from tests.conftest import TODAY, child_environment


def purchases(folder: Path, rows: int) -> Path:
    path = folder / "t.parquet"
    numbers = range(rows)
    pyarrow.parquet.write_table(
        pa.table(
            {
                "customer_id": pa.array([number % 50_000 for number in numbers]),
                "transaction_id": pa.array(numbers),
                "date": pa.array(["2025-04-20"] * rows),
                "amount": pa.array([number / 100 for number in numbers]),
                "product_id": pa.array([number % 1009 for number in numbers]),
            }
        ),
        path,
    )
    return path


def test_a_bar_that_only_moves_forward(tmp_path: Path) -> None:
    source, out = purchases(tmp_path, 600_000), tmp_path / "out.parquet"
    command = [sys.executable, "-m", "customer_features", "build", str(source), "--out", str(out), "--today", TODAY]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stderr=theirs, env=child_environment(TERM="xterm"))
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        seen += chunk
    assert process.wait(timeout=60) == 0
    percents = [int(percent) for percent in re.findall(rb"(\d+)%", seen.split(b"Rows:")[0])]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    quiet = subprocess.run(command, capture_output=True, text=True, check=True, env=child_environment(TERM="xterm"))
    assert "%" not in quiet.stderr
