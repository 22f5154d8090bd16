"""Files of other kinds than their names say, and damaged ones: read, or refused with the true cause and the file."""

from __future__ import annotations

import base64
import codecs
import gzip
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest

from tests.conftest import TODAY, Cli, assert_refused

from .csv_corpus import TEN, plain, text
from .test_csv_corpus import totals_of

BODY = text(*plain(10))
LINES = [
    dict(zip(("customer_id", "order_id", "date", "amount", "sku", "note"), row.split(","), strict=True))
    for row in plain(10)
]


def refused(cli: Cli, path: Path, *options: str) -> str:
    out = path.parent / "out.csv"
    return assert_refused(cli("build", path, "--out", out, "--today", TODAY, *options), path.parent)


@pytest.mark.parametrize("zeros", [1, 512, 3_000_000])
@pytest.mark.parametrize("kind", ["csv", "ndjson", "json"])
def test_f10_zero_bytes_after_gzip_are_left_out(kind: str, zeros: int, cli: Cli, tmp_path: Path) -> None:
    ndjson = "".join(json.dumps(line) + "\n" for line in LINES).encode()
    body = {"csv": BODY, "ndjson": ndjson, "json": json.dumps(LINES).encode()}[kind]
    path, out = tmp_path / f"t.{kind}.gz", tmp_path / "out.csv"
    path.write_bytes(gzip.compress(body[:200]) + gzip.compress(body[200:]) + b"\0" * zeros)
    ran = cli("build", path, "--out", out, "--today", TODAY)
    assert ran.code == 0, ran.err
    assert totals_of(out) == TEN
    [source] = json.loads(Path(f"{out}.manifest.json").read_text())["sources"]
    assert source == {"path": str(path), "bytes": path.stat().st_size, "rows": 10}
    assert cli("build", path, "--out", out, "--today", TODAY, "--dry-run").code == 0


@pytest.mark.parametrize("behind", [b"junk", b"\0\0junk"])
def test_f10_other_bytes_after_gzip_are_refused(behind: bytes, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(BODY) + behind)
    assert f"{path}: is not a whole gzip file" in refused(cli, path)


@pytest.mark.parametrize("mark", [codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE])
@pytest.mark.parametrize("name", ["t.csv", "t"])
def test_f10_utf_32(mark: bytes, name: str, cli: Cli, tmp_path: Path) -> None:
    encoding = "utf-32-le" if mark == codecs.BOM_UTF32_LE else "utf-32-be"
    (tmp_path / "u.csv").write_bytes(BODY.decode().encode(encoding))
    assert f"looks like UTF-32 without a byte order mark; say --encoding {encoding}" in refused(cli, tmp_path / "u.csv")
    path, out = tmp_path / name, tmp_path / "out.csv"
    path.write_bytes(mark + BODY.decode().encode(encoding))
    ran = cli("build", path, "--out", out, "--today", TODAY)
    assert ran.code == 0, ran.err
    assert "is read as utf-32, as its byte order mark says" in ran.err
    assert totals_of(out) == TEN


def test_f10_a_sqlite_database(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id TEXT)")
    connection.close()
    assert f"{path}: is a SQLite database" in refused(cli, path)


@pytest.mark.parametrize("indent", [None, 1])
def test_f10_an_array_named_ndjson(indent: int | None, cli: Cli, tmp_path: Path) -> None:
    path, out = tmp_path / "t.ndjson", tmp_path / "out.csv"
    path.write_text(json.dumps(LINES, indent=indent) + "\n")
    assert f"{path}: holds a JSON array, where NDJSON has an object on each line" in refused(cli, path)
    assert cli("build", path.rename(tmp_path / "t.json"), "--out", out, "--today", TODAY).code == 0
    assert totals_of(out) == TEN


def damaged() -> pa.Array:
    """A column of text of which the second value is not UTF-8."""
    offsets = pa.array([0, 1, 3], pa.int32()).buffers()[1]
    return pa.StringArray.from_buffers(2, offsets, pa.py_buffer(b"ac\xff"))


def table(ids: Any) -> pa.Table:
    return pa.table(
        {"customer_id": ids, "order_id": ["1", "2"], "date": [TODAY] * 2, "amount": [1.0, 2.0], "sku": ["p"] * 2}
    )


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_f10_text_that_is_not_utf_8_in_arrow(suffix: str, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / f"t{suffix}"
    rows = table(damaged())
    if suffix == ".parquet":
        pq.write_table(rows, path)
    else:
        with pa.ipc.new_file(path, rows.schema) as writer:
            writer.write_table(rows)
    said = refused(cli, path)
    assert f"{path}: " in said
    assert "holds text that is not UTF-8" in said
    assert ("the column 'customer_id'" if suffix == ".arrow" else '"c\\xFF"') in said


class Kms(pe.KmsClient):  # type: ignore[misc]
    """Keeps keys by writing them down."""

    def __init__(self, _: object) -> None:
        super().__init__()

    def wrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64encode(key)

    def unwrap_key(self, key: bytes, _: str) -> bytes:
        return base64.b64decode(key)


@pytest.mark.parametrize("plaintext_footer", [False, True])
@pytest.mark.parametrize("beside", [False, True])
def test_f10_encrypted_parquet(plaintext_footer: bool, beside: bool, cli: Cli, tmp_path: Path) -> None:
    path, rows = tmp_path / "t.parquet", table(["a", "b"])
    configured = pe.EncryptionConfiguration("foot", column_keys={"k": ["amount"]}, plaintext_footer=plaintext_footer)
    properties = pe.CryptoFactory(Kms).file_encryption_properties(pe.KmsConnectionConfig(), configured)
    with pq.ParquetWriter(path, rows.schema, encryption_properties=properties) as writer:
        writer.write_table(rows)
    (tmp_path / "other.csv").write_bytes(BODY)
    others = [str(tmp_path / "other.csv")] if beside else []
    said = refused(cli, path, *others)
    assert f"{path}" in said
    assert "is encrypted Parquet" in said


def test_f10_a_name_that_is_not_utf_8(cli: Cli, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv"))
    path.write_bytes(BODY)
    said = assert_refused(cli("check", path), tmp_path / "none")
    assert f"{tmp_path}/caf\\xe9.csv: the name is not UTF-8; rename the file or its folder" in said
    (tmp_path / "t.csv").write_bytes(BODY)
    ran = cli("build", tmp_path / "t.csv", "--out", path, "--today", TODAY)
    assert "caf\\xe9.csv: the name is not UTF-8; give another one" in ran.err
    assert ran.code == 2


@pytest.mark.parametrize(
    ("missing", "there", "meant"),
    [
        ("orders.csv", "title.csv", False),
        ("a.csv", "b.csv", False),
        ("sales.csv", "tables.csv", False),
        ("orders-2025-01.csv", "orders-2025-02.csv", False),
        ("titel.csv", "title.csv", True),
        ("oders.csv", "orders.csv", True),
        ("Orders.csv", "orders.csv", True),
        ("orders.csv", "orders.parquet", True),
    ],
)
def test_h5_only_a_name_that_is_near_is_proposed(
    missing: str, there: str, meant: bool, cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / there).write_bytes(BODY)
    said = assert_refused(cli("check", tmp_path / missing), tmp_path / "none")
    assert (f"no such file (did you mean '{there}'?)" in said) is meant
    assert "no such file" in said
