"""A look-up of credentials does the same work for every id, and rows that cannot be read never serve."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from customer_features.service.access import layout
from customer_features.service.access.authentication import API_ID, SECRET, Authenticator
from customer_features.service.access.credentials import FILE, KEPT, CredentialStore
from tests.waiting import BOUND

from .harness import Local, command

NOW = 1_800_000_000.0
Gate = Callable[[str, str], str]


def gate_of(store: CredentialStore, ticks: Callable[[], float] = lambda: 0.0) -> Gate:
    """What asks for the outcome of an id and a secret."""
    authenticator = Authenticator(store, ticks=ticks)
    return lambda api_id, plain: authenticator.check({API_ID: [api_id.encode()], SECRET: [plain.encode()]}).reason


def beside(api_id: str, step: int) -> str:
    """The id next to one, as a number."""
    return str(uuid.UUID(int=uuid.UUID(api_id).int + step))


def steps(store: CredentialStore, api_id: str) -> tuple[int, int, int]:
    """Statements, steps of SQLite's machine and rows of one look-up."""
    statements, done = list[str](), list[int]()
    reader = store._reader
    store.keys_near(api_id)  # the first statement after a change of the schema is prepared twice
    reader.set_trace_callback(statements.append)
    reader.set_progress_handler(lambda: done.append(1), 1)
    rows = len(store.keys_near(api_id))
    reader.set_trace_callback(None)
    reader.set_progress_handler(None, 1)
    return len(statements), len(done), rows


def test_req_05_a_look_up_takes_as_many_steps_for_every_id(tmp_path: Path) -> None:
    store = CredentialStore(tmp_path, clock=lambda: NOW)
    asked = {f"unknown {n}": str(uuid.uuid4()) for n in range(20)}
    for rotations in (0, 4, 20):
        key = store.create(f"turned {rotations} times")
        for _ in range(rotations):
            store.rotate(key.label)
        asked |= {f"{rotations} rotations": key.api_id}
        asked |= {f"{rotations} rotations, {step:+d}": beside(key.api_id, step) for step in (-1, 1)}
    found = {name: steps(store, api_id) for name, api_id in asked.items()}
    store.close()
    assert len(set(found.values())) == 1, found
    statements, _, rows = next(iter(found.values()))
    assert (statements, rows) == (1, layout.KEYS_READ)


def test_req_05_places_say_nothing_of_the_order_of_ids(tmp_path: Path) -> None:
    """The two neighbours of an id are as far from its place as any other id is."""
    store = CredentialStore(tmp_path, clock=lambda: NOW)
    key = store.create("etl")
    near = [layout.place_of(beside(key.api_id, step), store.pepper)[:4] for step in (-1, 0, 1)]
    assert len(set(near)) == 3
    with sqlite3.connect(tmp_path / FILE) as connection:
        (place,) = connection.execute("SELECT place FROM secrets WHERE api_id = ?", (key.api_id,)).fetchone()
    connection.close()
    assert place[:4] == near[1]
    assert layout.place_of(key.api_id, b"another pepper") != layout.place_of(key.api_id, store.pepper)
    store.close()


def test_an_empty_store_reads_as_much(tmp_path: Path) -> None:
    store = CredentialStore(tmp_path)
    before = steps(store, str(uuid.uuid4()))
    store.create("etl")
    assert steps(store, str(uuid.uuid4())) == before
    assert [key.label for key in store.all_keys()] == ["etl"]
    store.close()


def test_the_secrets_in_place_are_those_that_serve(tmp_path: Path) -> None:
    """Also where the newest secret has died before the one that it was to replace."""
    now = [NOW]
    store = CredentialStore(tmp_path, clock=lambda: now[0])
    gate = gate_of(store, lambda: now[0])
    first = store.create("etl")
    short = store.rotate("etl", overlap=3600, lifetime=60)
    now[0] += 100
    third = store.rotate("etl", overlap=3600)
    assert [gate(key.api_id, key.secret) for key in (first, short, third)] == ["granted", "expired", "granted"]
    store.close()


def test_dead_keys_are_purged_after_90_days(tmp_path: Path) -> None:
    now = [NOW]
    store = CredentialStore(tmp_path, clock=lambda: now[0])
    key, gone = store.create("etl", lifetime=2 * KEPT), store.create("gone")
    store.revoke("gone")
    for _ in range(4):
        store.rotate("etl", overlap=0, lifetime=2 * KEPT)
    assert len(store.all_keys()) == 6
    now[0] += KEPT + 1
    store.rotate("etl", overlap=60)
    assert {found.api_id for found in store.all_keys()} == {key.api_id}
    assert [found.status(now[0]) for found in store.all_keys()] == ["expired", "retiring", "live"]
    assert gate_of(store)(gone.api_id, gone.secret) == "unknown_api_id"
    store.close()


# -- stores of version 1 -------------------------------------------------------------------------------------

OLD = """
PRAGMA user_version = 1;
DROP INDEX secrets_by_place;
DELETE FROM secrets WHERE api_id = '00000000-0000-0000-0000-000000000000';
DELETE FROM tenants WHERE api_id = '00000000-0000-0000-0000-000000000000';
ALTER TABLE secrets DROP COLUMN place;
"""


def aged(folder: Path) -> None:
    """Make a store of version 1 of one of this version."""
    with sqlite3.connect(folder / FILE) as connection:
        connection.executescript(OLD)
    connection.close()


def test_a_store_of_version_1_serves_on(tmp_path: Path) -> None:
    store = CredentialStore(tmp_path, clock=lambda: NOW)
    keys = [store.create(f"key {n}") for n in range(5)]
    turned = store.rotate("key 0")
    store.revoke("key 1")
    listed = store.all_keys()
    store.close()
    aged(tmp_path)
    store = CredentialStore(tmp_path, clock=lambda: NOW)
    gate = gate_of(store)
    assert [gate(key.api_id, key.secret) for key in (*keys, turned)] == ["granted", "revoked", *["granted"] * 4]
    assert store.all_keys() == listed
    assert steps(store, keys[0].api_id) == steps(store, str(uuid.uuid4()))
    store.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from customer_features.service.access import layout
from customer_features.service.access.credentials import CredentialStore
left, put = int(sys.argv[2]), layout.put_in_place
def die(*arguments):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    put(*arguments)
layout.put_in_place = die
CredentialStore(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("after", [0, 2])
def test_a_kill_amid_the_migration_leaves_the_old_store(tmp_path: Path, after: int) -> None:
    store = CredentialStore(tmp_path)
    keys = [store.create(f"key {n}") for n in range(4)]
    store.close()
    aged(tmp_path)
    ran = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(after)], timeout=BOUND, check=False)
    assert ran.returncode == -9
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT COUNT(*) FROM tenants").fetchone() == (4,)
    connection.close()
    store = CredentialStore(tmp_path)
    assert [gate_of(store)(key.api_id, key.secret) for key in keys] == ["granted"] * 4
    store.close()


# -- rows of wrong types, and stores that cannot be read -----------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE secrets SET expires_on = 'never'",
        "UPDATE secrets SET not_before = x'00'",
        "UPDATE secrets SET digest = 'text'",
        "UPDATE secrets SET digest = x'00'",
        "UPDATE secrets SET last_used_on = 'today'",
        "UPDATE tenants SET revoked_on = x'00'",
    ],
)
def test_a_row_of_wrong_types_is_that_keys_401(tmp_path: Path, damage: str) -> None:
    store = CredentialStore(tmp_path)
    bad, good = store.create("bad"), store.create("good")
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute(f"{damage} WHERE api_id = ?", (bad.api_id,))
    connection.close()
    gate = gate_of(store)
    assert (gate(bad.api_id, bad.secret), gate(good.api_id, good.secret)) == ("unusable_key", "granted")
    assert {key.label: key.status(NOW) for key in store.all_keys()}["bad"] == "unusable_key"
    store.close()


def test_text_that_is_no_text_is_no_failure(tmp_path: Path) -> None:
    store = CredentialStore(tmp_path)
    key = store.create("etl")
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE tenants SET label = CAST(x'FF' AS TEXT) WHERE label = 'etl'")
    connection.close()
    assert gate_of(store)(key.api_id, key.secret) == "granted"
    store.close()


def test_an_unusable_key_is_logged_and_listed(local: Callable[..., Local]) -> None:
    server = local(key=True)
    with sqlite3.connect(server.folder / FILE) as connection:
        connection.execute("UPDATE secrets SET expires_on = 'never'")
    connection.close()
    reply = server.post()
    assert (reply.status_code, server.line(reply)["auth"]) == (401, "unusable_key")
    (listed,) = json.loads(command(server.folder, "keys", "list", "--json").stdout)["keys"]
    assert listed["status"] == "unusable_key"
    assert command(server.folder, "keys", "rotate", "tests").returncode == 0


def test_a_damaged_store_serves_known_keys_as_long_as_they_are_remembered(tmp_path: Path) -> None:
    now = [0.0]
    store = CredentialStore(tmp_path)
    key, gate = store.create("etl"), gate_of(store, lambda: now[0])
    assert gate(key.api_id, key.secret) == "granted"
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("DROP TABLE secrets")
    connection.close()
    now[0] = 1.999
    assert gate(key.api_id, key.secret) == "granted"
    now[0] = 2.0
    with pytest.raises(sqlite3.Error):
        gate(key.api_id, key.secret)
    store.close()
