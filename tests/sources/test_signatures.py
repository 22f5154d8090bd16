"""Files that are no tables say what they are, whatever their names."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import pytest

from customer_features import SourceError
from customer_features.sources.parts import File
from customer_features.sources.signatures import refuse_others


@pytest.mark.parametrize("name", ["shop.db", "shop.sqlite", "shop", "shop.csv", "shop.parquet", "shop.ndjson"])
def test_a_sqlite_database(name: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / name)
    connection.execute("CREATE TABLE orders (id TEXT)")
    connection.close()
    with pytest.raises(SourceError, match=rf"{name}: is a SQLite database; write one of its tables as CSV"):
        refuse_others(File.of(tmp_path / name))


def test_a_duckdb_database(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "shop.db")).close()
    with pytest.raises(SourceError, match=r"shop.db: is a DuckDB database"):
        refuse_others(File.of(tmp_path / "shop.db"))


@pytest.mark.parametrize(
    ("head", "says"),
    [
        (b"PARE....", "is encrypted Parquet"),
        (b"%PDF-1.7", "is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
    ],
)
def test_other_kinds(head: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(head)
    with pytest.raises(SourceError, match=says):
        refuse_others(File.of(tmp_path / "t.csv"))


@pytest.mark.parametrize("head", [b"", b"a", b"PAR1", b"ARROW1", b"SQLite format,3\n"])
def test_what_may_be_a_table(head: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(head)
    refuse_others(File.of(tmp_path / "t.csv"))
