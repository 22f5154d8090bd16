"""A file that was cut short, wherever: it is refused by its name, and never read as far as it goes."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tests.conftest import FIELDS, TODAY, Cli, assert_refused, csv_text

ROWS = [f"customer-{place},{place},2025-04-20,{place * 7919 % 10_000}.25,p{place % 97}" for place in range(8000)]
KINDS = ["csv.gz", "csv.zst", "ndjson.gz", "parquet", "arrow"]


def whole(kind: str, path: Path) -> bytes:
    """The rows as a file of a kind, in several row groups or batches."""
    table = pa.table(dict(zip(FIELDS, map(list, zip(*(row.split(",") for row in ROWS), strict=True)), strict=True)))
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=300)
    elif kind == "arrow":
        with pa.ipc.new_file(path, table.schema) as out:
            out.write_table(table, max_chunksize=300)
    else:
        text = csv_text(*ROWS)
        if kind.startswith("ndjson"):
            text = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
        pack = gzip.compress if kind.endswith("gz") else zstandard.ZstdCompressor().compress
        path.write_bytes(pack(text.encode()))
    return path.read_bytes()


def refuse(kind: str, seeds: range, cli: Cli, folder: Path) -> None:
    path, out = folder / f"t.{kind}", folder / "out.csv"
    body = whole(kind, path)
    assert cli("build", path, "--out", folder / "whole.csv", "--today", TODAY).code == 0
    (folder / "whole.csv.manifest.json").unlink()
    for seed in seeds:
        # The very ends too: most of what a format says of its length and its sum stands there.
        kept = len(body) - 1 - seed if seed < 10 else random.Random(seed).randrange(1, len(body))
        path.write_bytes(body[:kept])
        err = assert_refused(cli("build", path, "--out", out, "--today", TODAY), folder)
        assert path.name in err, kept


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused(kind: str, cli: Cli, tmp_path: Path) -> None:
    refuse(kind, range(20), cli, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused_200_times(kind: str, cli: Cli, tmp_path: Path) -> None:
    refuse(kind, range(20, 220), cli, tmp_path)
