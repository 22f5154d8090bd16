"""The credentials copied while they are in use, and taken back."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service.harness import EXAMPLE, Local, command

WRITER = """
import sys
from pathlib import Path
from customer_features.service.access.credentials import CredentialStore
store = CredentialStore(Path(sys.argv[1]))
place = 0
while True:
    store.create(f"other-{place}")
    place += 1
    print(place, flush=True)
"""


def test_a_restored_backup_knows_the_same_secret(tmp_path: Path) -> None:
    server = Local(tmp_path / "data", key=True)
    copy = tmp_path / "backup"
    # Another process writes to the store meanwhile.
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "data")], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"1\n"
            made = command(tmp_path / "data", "keys", "backup", str(copy))
            assert writer.poll() is None
            assert (made.returncode, made.stdout) == (0, "")
            assert "with the pepper; keep it as you would the secrets" in made.stderr
            assert server.post().status_code == 200
        finally:
            writer.kill()
            server.stop()
    assert sorted(path.name for path in copy.iterdir()) == ["credentials.sqlite", "pepper"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in copy.iterdir()} == {0o600}
    # The machine is lost; the backup takes the folder's place.
    shutil.rmtree(tmp_path / "data")
    shutil.copytree(copy, tmp_path / "data")
    restored = Local(tmp_path / "data")
    restored.headers = server.headers
    try:
        assert restored.post(EXAMPLE).status_code == 200
        assert restored.post(X_Secret="cfs_" + "x" * 60).status_code == 401
        listed = command(tmp_path / "data", "keys", "list")
        assert "tests" in listed.stdout
    finally:
        restored.stop()


def test_a_pepper_of_the_environment_stays_there(tmp_path: Path) -> None:
    for words in (["create", "etl"], ["backup", str(tmp_path / "copy")]):
        run = command(tmp_path / "data", "keys", *words, CUSTOMER_FEATURES_PEPPER="p" * 40)
        assert run.returncode == 0
    assert "Copied 1 key to" in run.stderr
    assert "no pepper: keep CUSTOMER_FEATURES_PEPPER too" in run.stderr
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["credentials.sqlite"]


@pytest.mark.parametrize("what", ["there", "file/inside", "gone/inside"])
def test_a_backup_that_cannot_be_made_is_a_sentence(tmp_path: Path, what: str) -> None:
    command(tmp_path / "data", "keys", "create", "etl")
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    run = command(tmp_path / "data", "keys", "backup", str(tmp_path / what))
    assert run.returncode == 2
    assert str(tmp_path / what) in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.glob(".*.part"))


def test_a_damaged_store_makes_no_backup(tmp_path: Path) -> None:
    command(tmp_path / "data", "keys", "create", "etl")
    store = tmp_path / "data" / "credentials.sqlite"
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'one_live_label'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(store.read_bytes())
    content[(root - 1) * size : root * size] = bytes([10, *bytes(size - 1)])
    store.write_bytes(content)
    run = command(tmp_path / "data", "keys", "backup", str(tmp_path / "copy"))
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "copy").exists()
