"""The same rows give the same bytes: a second time, in any order and number of files, with any threads and memory."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pytest

from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from customer_features.targets.formats import ROWS_A_GROUP
from customer_features.targets.publish import publish
from tests.conftest import TODAY

ORDERS = ["i", "hash(i)", "i DESC", "hash(i + 1)"]


def published(sources: str, out: Path, threads: int, memory: str) -> dict[str, str]:
    """The SHA-256 of each of the three files of a run: of files that differ, megabytes would be shown for hours."""
    out.parent.mkdir(exist_ok=True)
    options = Options.parse(today=TODAY, grain="line", on_fault="quarantine")
    with connected(threads=threads, memory_limit=memory) as connection, opened([sources], connection) as parts:
        engine = Engine(connection, parts, options)
        engine.judge()
        publish(engine, out)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.parent.iterdir()}


def assert_the_same_bytes(kind: str, suffix: str, rows: int, most_files: int, tmp_path: Path) -> None:
    """The vectors are the same bytes always; so are quarantine and manifest of the same files.

    The rows come in two orders in one file, in a third one in 7, and in a fourth one in ``most_files``.
    """
    written = set()
    for number, (files, order) in enumerate(zip((1, 1, 7, most_files), ORDERS, strict=True)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        duckdb.sql(
            "CREATE OR REPLACE TEMP TABLE shuffled AS SELECT row_number() OVER () AS place, * FROM ("
            f" SELECT 'c' || (i * 7919 % {rows * 2 // 3}) AS customer_id, 't' || (i // 3) AS transaction_id,"
            " DATE '2025-04-20' - (i % 300)::INTEGER AS date,"
            " CASE WHEN i % 307 = 0 THEN -1 ELSE (i % 10000) / 100 END AS amount,"
            f" 'p' || (i * 31 % 9999) AS product_id FROM range({rows}) t(i) ORDER BY {order})"
        )
        for file in range(files):
            duckdb.sql(
                f"COPY (SELECT * EXCLUDE place FROM shuffled WHERE place % {files} = {file} ORDER BY place)"
                f" TO '{folder / f'{file:03}.{kind}'}'"
            )
        runs = []
        for place, (threads, memory) in enumerate(((1, "64MB"), (2, "8GB"), (2, "8GB"))):
            out = tmp_path / f"out-{number}-{place}" / f"f.{suffix}"
            runs.append(published(str(folder / f"*.{kind}"), out, threads, memory))
        assert len(runs[0]) == 3
        assert runs[0] == runs[1] == runs[2]
        written.add(runs[0][f"f.{suffix}"])
    assert len(written) == 1


@pytest.mark.slow
def test_order_files_threads_and_memory_change_no_byte(tmp_path: Path) -> None:
    assert_the_same_bytes("parquet", "parquet", 20_000, 30, tmp_path)


@pytest.mark.slow
def test_order_files_threads_and_memory_change_no_byte_of_some(tmp_path: Path) -> None:
    """The vectors fill a row group and begin another."""
    assert_the_same_bytes("csv", "parquet", ROWS_A_GROUP * 3 // 2 + 10_000, 8, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("suffix", ["parquet", "csv", "arrow"])
def test_order_files_threads_and_memory_change_no_byte_of_many(kind: str, suffix: str, tmp_path: Path) -> None:
    assert_the_same_bytes(kind, suffix, 300_000, 100, tmp_path)
