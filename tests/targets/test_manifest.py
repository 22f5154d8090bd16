"""Verifying: whatever was changed after a file was published is found and said."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import customer_features
from customer_features import SourceError
from customer_features.targets.manifest import manifest_of, quarantine_of, verify
from tests.conftest import TODAY, Cli, csv_text

ROWS = [f"c{place},{place},2025-04-20,{place}.05,p{place % 7}" for place in range(400)]


@pytest.fixture(params=["parquet", "csv", "arrow"])
def out(request: pytest.FixtureRequest, cli: Cli, tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text(csv_text(*ROWS, "c1,x1,2052-04-01,1,p"))
    path = tmp_path / f"f.{request.param}"
    ran = cli("build", tmp_path / "t.csv", "--out", path, "--today", TODAY)
    assert ran.code == 0, ran.err
    return path


def test_what_was_published_is_what_the_manifest_says(out: Path) -> None:
    described = verify(str(out))
    assert described == customer_features.verify(out)
    assert described == json.loads(manifest_of(out).read_text())
    assert described["customers"] == 400


def test_every_flipped_bit_is_found(out: Path) -> None:
    chance = random.Random(3)
    for path in (out, quarantine_of(out)):
        body = path.read_bytes()
        for _ in range(40):
            damaged = bytearray(body)
            damaged[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
            path.write_bytes(damaged)
            with pytest.raises(SourceError, match=path.name):
                verify(out)
        path.write_bytes(body)
    verify(out)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("kept", [0, 3, 100, -1])
def test_a_cut_file_is_found(kept: int, out: Path) -> None:
    body = out.read_bytes()
    out.write_bytes(body[:kept])
    with pytest.raises(SourceError, match=out.name):
        verify(out)
    out.write_bytes(body + b"\n")
    with pytest.raises(SourceError, match=out.name):
        verify(out)


@pytest.mark.parametrize("out", ["parquet"], indirect=True)
def test_a_flipped_byte_of_a_page_is_found_by_its_checksum_alone(out: Path) -> None:
    """Before any manifest is looked at, and also where the page can be unpacked to other values."""
    body = out.read_bytes()
    column = pq.ParquetFile(out).metadata.row_group(0).column(1)
    unpacked = 0
    for back in range(1, 60):
        damaged = bytearray(body)
        damaged[column.data_page_offset + column.total_compressed_size - back] ^= 1
        out.write_bytes(damaged)
        try:
            pq.read_table(out)
        except OSError:
            continue
        unpacked += 1
        with pytest.raises(SourceError, match=r"(?i)crc|checksum"):
            verify(out)
    assert unpacked > 5


def test_files_of_different_runs(out: Path, cli: Cli, tmp_path: Path) -> None:
    earlier = {path: path.read_bytes() for path in (out, manifest_of(out), quarantine_of(out))}
    (tmp_path / "t.csv").write_text(csv_text(*ROWS[1:]))
    assert cli("build", tmp_path / "t.csv", "--out", out, "--today", TODAY).code == 0
    verify(out)
    later = out.read_bytes()
    out.write_bytes(earlier[out])
    with pytest.raises(SourceError, match=r"build it again"):
        verify(out)
    out.write_bytes(later)
    quarantine_of(out).write_bytes(earlier[quarantine_of(out)])
    with pytest.raises(SourceError, match=r"quarantine\.(csv|parquet): is not of the run"):
        verify(out)


def test_another_file_of_the_same_size_and_rows(tmp_path: Path) -> None:
    out = tmp_path / "f.parquet"
    pq.write_table(pa.table({"a": [1.0]}), out)
    entry = {"bytes": out.stat().st_size, "rows": 1, "sha256": "0" * 64}
    manifest_of(out).write_text(json.dumps({"output": entry}))
    with pytest.raises(SourceError, match="SHA-256 differs"):
        verify(out)
    manifest_of(out).write_text(json.dumps({"output": {**entry, "rows": 2}}))
    with pytest.raises(SourceError, match="holds 1 rows, its manifest says 2"):
        verify(out)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (None, "has no manifest f.csv.manifest.json beside it"),
        ("", "is not a manifest"),
        ("[]", "is not a manifest"),
        ("{}", "is not a manifest"),
        ('{"output": {"bytes": 1}}', "is not a manifest"),
        ('{"output": {"bytes": 1, "rows": 1, "sha256": "x"}, "quarantine": 3}', "is not a manifest"),
        ('{"output": {"bytes": 1, "rows": 1, "sha256": "x"}}', "f.csv: cannot be read: No such file"),
    ],
)
def test_no_manifest_worth_the_name(manifest: str | None, says: str, tmp_path: Path) -> None:
    if manifest is not None:
        (tmp_path / "f.csv.manifest.json").write_text(manifest)
    with pytest.raises(SourceError, match=says):
        verify(tmp_path / "f.csv")
