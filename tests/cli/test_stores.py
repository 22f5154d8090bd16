"""What ``doctor`` says of the service's stores: locked, damaged, without a pepper, on a full disk."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from customer_features.cli import examination
from customer_features.cli import stores as module
from customer_features.cli.findings import Check
from customer_features.service.access.credentials import CredentialStore
from customer_features.service.bodies.jobs import Jobs
from customer_features.system import machine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def stores(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in module.examined(folder)}


def test_stores_that_are_whole(folder: Path) -> None:
    assert stores(folder) == {}
    CredentialStore(folder).close()
    Jobs(folder, keep=1).close()
    assert {name: check.status for name, check in stores(folder).items()} == {
        "credential store": "ok",
        "queue of jobs": "ok",
    }


@pytest.mark.parametrize(
    ("file", "name"), [("credentials.sqlite", "credential store"), ("jobs.sqlite", "queue of jobs")]
)
def test_a_store_that_is_locked_or_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch, file: str, name: str) -> None:
    monkeypatch.setattr(module, "_WAIT", 0.0)
    CredentialStore(folder).close()
    Jobs(folder, keep=1).close()
    with closing(sqlite3.connect(folder / file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found = stores(folder)[name]
        assert (found.status, found.found) == ("problem", f"{folder / file} is locked")
        assert found.mend == f"fuser {folder / file}"
    (folder / file).write_bytes(b"noise" * 2000)
    found = stores(folder)[name]
    assert found.found == f"{folder / file}: file is not a database"
    assert "restore a backup" in found.means or found.mend.startswith("mv ")


def test_keys_that_cannot_be_read_are_named(folder: Path) -> None:
    store = CredentialStore(folder)
    key = store.create("shop")
    store.create("other")
    store.close()
    with closing(sqlite3.connect(folder / "credentials.sqlite", isolation_level=None)) as other:
        other.execute("UPDATE secrets SET expires_on = 'never' WHERE api_id = ?", (key.api_id,))
    found = stores(folder)["credential store"]
    assert found.found == f"values of wrong types in the rows of shop ({key.api_id})"
    assert (found.status, found.mend) == ("problem", "customer-features keys rotate shop")


def test_a_pepper_that_is_gone_and_a_disk_that_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CredentialStore(folder).close()
    (folder / "pepper").unlink()
    assert "is gone" in stores(folder)["credential store"].found
    monkeypatch.setattr(machine, "disk", lambda folder: machine.Disk(5, False))
    assert stores(folder)["data disk"].found == f"5 bytes free in {folder}"


def test_doctor_looks_at_the_stores_of_the_data_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUSTOMER_FEATURES_DATA_DIR", str(folder))
    assert list(examination._stores()) == []
    CredentialStore(folder).close()
    assert [check.name for check in examination._stores()] == ["credential store"]
