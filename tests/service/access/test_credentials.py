"""The store: a key's life under a clock of the test's own, and what is at rest."""

from __future__ import annotations

import base64
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from customer_features.errors import UsageError
from customer_features.service.access import pepper
from customer_features.service.access.authentication import API_ID, SECRET, Authenticator
from customer_features.service.access.credentials import DAY, CredentialStore
from customer_features.service.access.key import NewKey
from tests.waiting import BOUND


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[CredentialStore]:
    opened = CredentialStore(tmp_path / "data", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def gate(store: CredentialStore, clock: Clock) -> Authenticator:
    return Authenticator(store, cache=2, ticks=clock)


def reason(gate: Authenticator, key: NewKey, secret: str | None = None) -> str:
    headers = {API_ID: [key.api_id.encode()], SECRET: [(secret or key.secret).encode()]}
    outcome = gate.check(headers)
    assert outcome.granted == (outcome.reason == "granted")
    return outcome.reason


def test_a_key_expires_after_90_days(store: CredentialStore, gate: Authenticator, clock: Clock) -> None:
    key = store.create("etl")
    assert key.expires_on == clock.now + 90 * DAY
    clock.now += 90 * DAY - 0.001
    assert reason(gate, key) == "granted"
    # In the very moment, whatever is cached.
    clock.now += 0.001
    assert reason(gate, key) == "expired"
    assert [entry.status(clock.now) for entry in store.all_keys()] == ["expired"]


def test_a_lifetime_of_ones_own(store: CredentialStore, gate: Authenticator, clock: Clock) -> None:
    key = store.create("trial", lifetime=60)
    clock.now += 59
    assert reason(gate, key) == "granted"
    clock.now += 1
    assert reason(gate, key) == "expired"


def test_a_key_is_not_valid_before_its_time(store: CredentialStore, gate: Authenticator, clock: Clock) -> None:
    key = store.create("later", not_before=clock.now + 10)
    assert reason(gate, key) == "not_yet_valid"
    clock.now += 10
    assert reason(gate, key) == "granted"


def test_req_06_two_secrets_live_while_they_rotate(store: CredentialStore, gate: Authenticator, clock: Clock) -> None:
    old = store.create("etl")
    new = store.rotate("etl", overlap=3600)
    assert new.api_id == old.api_id
    assert new.secret != old.secret
    assert [entry.status(clock.now) for entry in store.all_keys()] == ["retiring", "live"]
    assert (reason(gate, old), reason(gate, new)) == ("granted", "granted")
    clock.now += 3599.9
    assert (reason(gate, old), reason(gate, new)) == ("granted", "granted")
    clock.now += 0.1
    assert (reason(gate, old), reason(gate, new)) == ("expired", "granted")


def test_req_06_never_more_than_two(store: CredentialStore, gate: Authenticator, clock: Clock) -> None:
    first, second = store.create("etl"), store.rotate("etl")
    third = store.rotate(first.api_id)
    assert [reason(gate, key) for key in (first, second, third)] == ["expired", "granted", "granted"]
    at_once = store.rotate("etl", overlap=0)
    clock.now += 2  # what was right is remembered so long
    assert [reason(gate, key) for key in (second, third, at_once)] == ["expired", "expired", "granted"]


def test_an_overlap_does_not_lengthen_a_life(store: CredentialStore, gate: Authenticator, clock: Clock) -> None:
    old = store.create("etl", lifetime=60)
    store.rotate("etl", overlap=3600)
    clock.now += 60
    assert reason(gate, old) == "expired"


def test_revoking_voids_all_secrets_within_the_cache_time(
    store: CredentialStore, gate: Authenticator, clock: Clock
) -> None:
    old, new = store.create("etl"), store.rotate("etl")
    assert (reason(gate, old), reason(gate, new)) == ("granted", "granted")
    assert store.revoke("etl") == (old.api_id, "etl")
    clock.now += 2
    assert (reason(gate, old), reason(gate, new)) == ("revoked", "revoked")
    # The name is free again, under another id.
    again = store.create("etl")
    assert again.api_id != old.api_id
    assert (reason(gate, again), reason(gate, new)) == ("granted", "revoked")


def test_a_new_key_serves_at_once(store: CredentialStore, gate: Authenticator) -> None:
    first = store.create("etl")
    assert reason(gate, first) == "granted"
    assert reason(gate, store.rotate("etl")) == "granted"


def test_names(store: CredentialStore) -> None:
    key = store.create("nightly-etl")
    with pytest.raises(UsageError, match="there is a key 'nightly-etl' already"):
        store.create("nightly-etl")
    with pytest.raises(UsageError, match=r"no key 'nightly-elt' \(did you mean 'nightly-etl'\?\)"):
        store.rotate("nightly-elt")
    store.revoke(key.api_id.upper())
    with pytest.raises(UsageError, match="is revoked"):
        store.rotate("nightly-etl")
    for bad in ("", "  ", "x" * 101, "a\nb", key.api_id):
        with pytest.raises(UsageError, match="a key's name"):
            store.create(bad)


def test_req_08_last_use_is_noted_at_most_once_a_minute(
    store: CredentialStore, gate: Authenticator, clock: Clock
) -> None:
    key = store.create("etl")
    headers = {API_ID: [key.api_id.encode()], SECRET: [key.secret.encode()]}
    noted = []
    for _ in range(121):
        outcome = gate.check(headers)
        if outcome.touch is not None:
            store.touch(outcome.touch)
            noted.append(clock.now)
        clock.now += 1
    assert [later - earlier for earlier, later in pairwise(noted)] == [60, 60]
    assert store.all_keys()[0].last_used_on == noted[-1]
    # Another worker's note within the minute changes nothing.
    clock.now = noted[-1] + 59
    store.touch(store.all_keys()[0].number)
    assert store.all_keys()[0].last_used_on == noted[-1]


def test_req_03_nothing_reversible_is_at_rest(store: CredentialStore, tmp_path: Path) -> None:
    keys = [store.create("etl"), store.rotate("etl"), store.create("other")]
    store.close()
    files = [path for path in (tmp_path / "data").iterdir() if path.name != pepper.FILE]
    at_rest = b"".join(path.read_bytes() for path in files)
    assert keys[0].api_id.encode() in at_rest
    key = (tmp_path / "data" / pepper.FILE).read_bytes()
    assert key not in at_rest
    for made in keys:
        for form in (
            made.secret.encode(),
            base64.b64encode(made.secret.encode()),
            made.secret.encode().hex().encode(),
        ):
            assert form not in at_rest
        for part in range(4, 64, 12):
            assert made.secret[part : part + 12].encode() not in at_rest


def test_only_the_owner_may_read(store: CredentialStore, tmp_path: Path) -> None:
    assert store.all_keys() == []
    store.create("etl")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert "credentials.sqlite-wal" in modes


def test_what_others_may_use_is_refused_with_what_mends_it(store: CredentialStore, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for path, mode, mends in ((folder, 0o777, "700"), (folder / "credentials.sqlite", 0o644, "600")):
        path.chmod(mode)
        with pytest.raises(UsageError, match=f"run chmod {mends} {path}"):
            CredentialStore(folder)
        for accepted in (0o1777, 0o750) if path.is_dir() else (0o640,):
            path.chmod(accepted)
            CredentialStore(folder).close()


def test_another_pepper_is_seen_before_it_voids_every_key(
    store: CredentialStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("etl")
    folder = tmp_path / "data"
    with monkeypatch.context() as patched:
        patched.setenv(pepper.VARIABLE, "another pepper of at least 32 characters")
        with pytest.raises(UsageError, match="not the one that the keys"):
            CredentialStore(folder)
    (folder / pepper.FILE).unlink()
    with pytest.raises(UsageError, match="is gone"):
        CredentialStore(folder)
    assert not (folder / pepper.FILE).exists()


def test_a_folder_that_cannot_serve_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="CUSTOMER_FEATURES_DATA_DIR"):
        CredentialStore(tmp_path / "file")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "credentials.sqlite").write_bytes(b"binary noise" * 1000)
    with pytest.raises(UsageError, match="cannot be used"):
        CredentialStore(tmp_path / "data")


def test_a_store_of_a_newer_version_is_left_alone(store: CredentialStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "data" / "credentials.sqlite") as connection:
        connection.execute("PRAGMA user_version = 3")
    with pytest.raises(UsageError, match="newer customer-features"):
        CredentialStore(tmp_path / "data")


WRITER = """
import sys
from pathlib import Path
from customer_features.service.access.credentials import CredentialStore
store = CredentialStore(Path(sys.argv[1]))
for n in range(10):
    store.create(f"{sys.argv[2]}-{n}")
    store.rotate(f"{sys.argv[2]}-{n}")
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "data"), f"w{n}"], stderr=subprocess.PIPE)
        for n in range(3)
    ]
    errors = [writer.communicate(timeout=BOUND)[1] for writer in writers]
    assert errors == [b"", b"", b""]
    store = CredentialStore(tmp_path / "data")
    assert len(store.all_keys()) == 60
    assert len({key.api_id for key in store.all_keys()}) == 30
    store.close()


def test_a_rotation_that_breaks_off_leaves_the_old_key(
    store: CredentialStore, gate: Authenticator, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store.create("etl")

    def fail(*arguments: object) -> None:
        raise KeyboardInterrupt

    # The old secret's end is set already when the new one is about to be written.
    monkeypatch.setattr(store, "_add_secret", fail)
    with pytest.raises(KeyboardInterrupt):
        store.rotate("etl", overlap=0)
    clock.now += 3
    assert reason(gate, key) == "granted"
    assert [entry.status(clock.now) for entry in store.all_keys()] == ["live"]
