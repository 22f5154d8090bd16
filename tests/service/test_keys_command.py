"""``customer-features keys`` as a person and as a script use it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from customer_features.service.access import credentials

from .harness import cli, command, locked


def test_req_08_a_keys_life(tmp_path: Path) -> None:
    made = command(tmp_path, "keys", "create", "etl", "--json")
    assert made.returncode == 0
    key = json.loads(made.stdout)
    assert set(key) >= {"api_id", "secret"}
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", key["api_id"])
    assert re.fullmatch(r"cfs_[0-9A-Za-z]{60}", key["secret"])
    turned = json.loads(command(tmp_path, "keys", "rotate", "etl", "--overlap", "1h", "--json").stdout)
    assert turned["api_id"] == key["api_id"]
    assert turned["secret"] != key["secret"]
    listed = json.loads(command(tmp_path, "keys", "list", "--json").stdout)["keys"]
    assert [entry["status"] for entry in listed] == ["retiring", "live"]
    assert {entry["api_id"] for entry in listed} == {key["api_id"]}
    revoked = command(tmp_path, "keys", "revoke", key["api_id"])
    assert (revoked.returncode, key["api_id"] in revoked.stdout) == (0, True)
    listed = json.loads(command(tmp_path, "keys", "list", "--json").stdout)["keys"]
    assert [entry["status"] for entry in listed] == ["revoked", "revoked"]


def test_req_09_a_person_is_told_that_the_secret_is_shown_once(tmp_path: Path) -> None:
    made = cli(tmp_path, "keys", "create", "etl", "--expires", "30d")
    assert re.search(r"^X-Customer-Api-Id: \S{36}$", made.stdout, re.MULTILINE)
    secret = re.search(r"^X-Secret: (cfs_\S{60})$", made.stdout, re.MULTILINE)
    assert secret is not None
    assert "shown this once" in made.stderr
    assert secret[1] not in made.stderr
    shown = cli(tmp_path, "keys", "list")
    assert secret[1] not in shown.stdout + shown.stderr
    header, row = shown.stdout.splitlines()
    assert header.split() == ["label", "api_id", "status", "not_before", "expires_on", "last_used_on"]
    assert row.split()[0] == "etl"
    assert row.split()[-1] == "never"


def test_a_locked_store_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(tmp_path, "keys", "create", "etl")
    monkeypatch.setattr(credentials, "WAIT", 0.0)
    with locked(tmp_path / credentials.FILE):
        run = command(tmp_path, "keys", "rotate", "etl")
        assert command(tmp_path, "keys", "list").returncode == 0  # which only reads
    assert run.returncode == 2
    assert f"the credential store in {tmp_path} cannot be used now (database is locked)" in run.stderr


def test_no_keys_yet(tmp_path: Path) -> None:
    shown = command(tmp_path, "keys", "list")
    assert (shown.returncode, shown.stdout) == (0, "")
    assert "keys create" in shown.stderr
    assert json.loads(command(tmp_path, "keys", "list", "--json").stdout) == {"keys": []}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["rotate", "nightly-elt"], "did you mean 'nightly-etl'?"),
        (["revoke", "nobody"], "there is no key 'nobody'"),
        (["create", "nightly-etl"], "there is a key 'nightly-etl' already"),
        (["create", "x", "--expires", "soon"], "'soon' is not a duration; give for example 60s, 24h or 90d"),
        (["create"], "NAME"),
    ],
)
def test_wrong_usage_is_a_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    command(tmp_path, "keys", "create", "nightly-etl")
    run = command(tmp_path, "keys", *arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert says in run.stderr
    assert "Traceback" not in run.stderr
