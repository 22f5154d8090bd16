"""The credentials copied while they are in use, and taken back."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from .harness import COMMAND, EXAMPLE, Running, cli, environment, start


def again(folder: Path, server: Running) -> Running:
    running = start(folder)
    running.headers = server.headers
    return running


def test_a_restored_backup_knows_the_same_secret(tmp_path: Path) -> None:
    server = start(tmp_path / "data", key=True)
    copy = tmp_path / "backup"
    try:
        stopped = threading.Event()

        def write() -> None:
            # The store is written to meanwhile.
            place = 0
            while not stopped.is_set():
                cli(tmp_path / "data", "keys", "create", f"other-{place}")
                place += 1

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = cli(tmp_path / "data", "keys", "backup", str(copy))
        finally:
            stopped.set()
            writer.join()
        assert (made.returncode, made.stdout) == (0, "")
        assert "with the pepper; keep it as you would the secrets" in made.stderr
        assert server.post().status_code == 200
    finally:
        server.kill()
    assert sorted(path.name for path in copy.iterdir()) == ["credentials.sqlite", "pepper"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in copy.iterdir()} == {0o600}
    # The machine is lost; the backup takes the folder's place.
    shutil.rmtree(tmp_path / "data")
    shutil.copytree(copy, tmp_path / "data")
    restored = again(tmp_path / "data", server)
    try:
        assert restored.post(EXAMPLE).status_code == 200
        assert restored.post(X_Secret="cfs_" + "x" * 60).status_code == 401
        listed = cli(tmp_path / "data", "keys", "list")
        assert "tests" in listed.stdout
    finally:
        restored.kill()


def test_a_pepper_of_the_environment_stays_there(tmp_path: Path) -> None:
    variables = {**environment(tmp_path / "data"), "CUSTOMER_FEATURES_PEPPER": "p" * 40}
    for words in (["create", "etl"], ["backup", str(tmp_path / "copy")]):
        run = subprocess.run(
            [*COMMAND, "keys", *words], env=variables, capture_output=True, text=True, timeout=30, check=True
        )
    assert "Copied 1 key to" in run.stderr
    assert "no pepper: keep CUSTOMER_FEATURES_PEPPER too" in run.stderr
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["credentials.sqlite"]


@pytest.mark.parametrize("what", ["there", "file/inside", "gone/inside"])
def test_a_backup_that_cannot_be_made_is_a_sentence(tmp_path: Path, what: str) -> None:
    cli(tmp_path / "data", "keys", "create", "etl")
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    run = cli(tmp_path / "data", "keys", "backup", str(tmp_path / what))
    assert run.returncode == 2
    assert str(tmp_path / what) in run.stderr
    assert "Traceback" not in run.stderr
    assert not list(tmp_path.glob(".*.part"))


def test_a_damaged_store_makes_no_backup(tmp_path: Path) -> None:
    cli(tmp_path / "data", "keys", "create", "etl")
    store = tmp_path / "data" / "credentials.sqlite"
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'one_live_label'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    content = bytearray(store.read_bytes())
    content[(root - 1) * size : root * size] = bytes([10, *bytes(size - 1)])
    store.write_bytes(content)
    run = cli(tmp_path / "data", "keys", "backup", str(tmp_path / "copy"))
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "copy").exists()
