"""On a terminal there is a progress bar; elsewhere there is none."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.conftest import TODAY, child, child_environment, csv_text
from tests.waiting import BOUND


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


def on_a_terminal(*words: object, columns: int = 80, **environment: str) -> str:
    """What ``build`` writes to standard error where that is a terminal of so many columns."""
    command = [sys.executable, "-m", "customer_features", "build", *map(str, words)]
    if "--today" not in words and "--every" not in words:
        command += ["--today", TODAY]
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(command, stderr=theirs, env=child_environment(**{"TERM": "xterm", **environment}))
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
    os.close(ours)
    assert process.wait(timeout=BOUND) == 0, seen
    return seen.decode()


def test_a_bar(tmp_path: Path) -> None:
    source, out = purchases(tmp_path, 100_000), tmp_path / "out.parquet"
    seen = on_a_terminal(source, "--out", out)
    bar = seen.split("Recognised:")[0]
    percents = [int(percent) for percent in re.findall(r"(\d+)%", bar)]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    # The footer tells how many rows there are; at the end nothing is left to wait for.
    last = re.split(r"[\r\n]+", bar.strip())[-1]
    assert re.search(r"100% .*[\d.,]+( million)? rows/s", last)
    assert "left" not in last
    plain = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", bar)
    assert max(map(len, re.split(r"[\r\n]+", plain))) < 80


def test_the_speed_of_text_is_in_bytes(tmp_path: Path) -> None:
    source = tmp_path / "t.csv"
    source.write_text(csv_text(*(f"c{place % 999},{place},2025-04-20,1.5,p" for place in range(100_000))))
    seen = on_a_terminal(source, "--out", tmp_path / "f.csv")
    assert re.search(r"100% .*[\d.,]+ MB/s", seen)
    assert "rows/s" not in seen


@pytest.mark.slow
def test_no_bar_elsewhere(tmp_path: Path) -> None:
    source, out = purchases(tmp_path, 1000), tmp_path / "out.parquet"
    seen = on_a_terminal(source, "--out", out, "--log", "json")
    assert "%" not in seen
    assert [json.loads(line)["event"] for line in seen.splitlines()][-1] == "published"
    assert "%" not in on_a_terminal(source, "--out", out, CUSTOMER_FEATURES_LOG="json")
    quiet = child("build", source, "--out", out, "--today", TODAY)
    assert quiet.returncode == 0
    assert "%" not in quiet.stderr
