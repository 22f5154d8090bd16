"""Features that stand in a store: read with the manifest beside them, which must be theirs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pyarrow.parquet
import pytest

from customer_features import s3
from tests.conftest import Cli
from tests.database import Database, database, server
from tests.store import Bucket, Store

from .conftest import Files

__all__ = ["database", "server"]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with Store() as running:
        yield running


@pytest.fixture
def bucket(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(s3, "ATTEMPTS", 1)
    return store.bucket()


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
