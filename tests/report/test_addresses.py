"""Features that stand in a store: read with the manifest beside them, which must be theirs."""

from __future__ import annotations

import json

import pyarrow.parquet
import pytest

from tests.conftest import Cli
from tests.database import Database
from tests.store import Bucket

from .conftest import Files


@pytest.mark.slow
def test_s3(bucket: Bucket, files: Files, cli: Cli) -> None:
    address = bucket.put("out/f.parquet", files.newer.read_bytes())
    arguments = ("report", address, "--out", "-", "--format", "json")
    alone = json.loads(cli(*arguments).out)
    assert (alone["run"], alone["figures"]["customers"]) == (None, 400)
    manifest = files.newer.with_name(f"{files.newer.name}.manifest.json").read_bytes()
    bucket.put("out/f.parquet.manifest.json", manifest)
    found = json.loads(cli(*arguments).out)
    assert (found["name"], found["as_of"], found["run"]["quarantined"]) == (address, "2025-04-24", 2)
    bucket.put("out/f.parquet.manifest.json", manifest.replace(b'"sha256": "', b'"sha256": "0'))
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert f"{address}: is not the file its manifest vouches for" in ran.err


@pytest.mark.slow
def test_a_table_in_postgresql(database: Database, files: Files, cli: Cli) -> None:
    database.load("features", pyarrow.parquet.read_table(files.newer))
    arguments = ("report", database.table("features"), "--out", "-", "--format", "json", "--compare", files.older)
    found = json.loads(cli(*arguments).out)
    assert (found["figures"]["customers"], found["run"], found["comparison"]["stayed"]) == (400, None, 380)
