"""Who gets in: one 401 for everyone else, over HTTP and by the same work."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType

import pytest

from customer_features.service import secret
from customer_features.service.access.authentication import API_ID, SECRET, Authenticator
from customer_features.service.access.credentials import DAY, CredentialStore
from customer_features.service.settings import KEY_CACHE
from tests.service.conftest import refusals_at
from tests.service.harness import ALIAS, EXAMPLE, ROUTE, Local, Running, command, problem
from tests.waiting import until

TYPO = 40
LONG_AGO = 1_700_000_000.0
"""Seconds since 1970."""


def test_req_05_everyone_else_gets_the_same_401(server: Running) -> None:
    api_id, plain = server.headers["X-Customer-Api-Id"], server.headers["X-Secret"]
    store = CredentialStore(server.folder, clock=lambda: LONG_AGO)
    expired = store.create("expired", lifetime=DAY)
    store.close()
    void = json.loads(command(server.folder, "keys", "create", "void", "--json").stdout)
    assert command(server.folder, "keys", "revoke", "void").returncode == 0
    typo = plain[:TYPO] + ("x" if plain[TYPO] != "x" else "y") + plain[TYPO + 1 :]
    cases = {
        "missing": ("", ""),
        "no secret": (api_id, ""),
        "no id": ("", plain),
        "unknown": (str(uuid.uuid4()), plain),
        "no uuid": ("tests", plain),
        "uuid of another version": (str(uuid.uuid1()), plain),
        "wrong": (api_id, secret.make()),
        "typo": (api_id, typo),
        "another tenant's": (api_id, void["secret"]),
        "expired": (expired.api_id, expired.secret),
        "revoked": (void["api_id"], void["secret"]),
        "odd": ("<script>", "é"),
    }
    replies = {
        name: server.request(
            "POST",
            ROUTE,
            content=EXAMPLE,
            headers={
                "Content-Type": "application/json",
                **({"X-Customer-Api-Id": one.encode()} if one else {}),
                **({"X-Secret": two.encode()} if two else {}),
            },
        )
        for name, (one, two) in cases.items()
    }
    for reply in replies.values():
        problem(reply, 401, "unauthorized")
        assert "www-authenticate" not in reply.headers
    assert len({reply.content for reply in replies.values()}) == 1
    own = ("date", "x-request-id")
    heads = [{name: value for name, value in reply.headers.items() if name not in own} for reply in replies.values()]
    assert all(head == heads[0] for head in heads)
    # The log alone tells them apart.
    assert {name: server.line(reply)["auth"] for name, reply in replies.items()} == {
        "missing": "missing",
        "no secret": "missing",
        "no id": "missing",
        "unknown": "unknown_api_id",
        "no uuid": "malformed_api_id",
        "uuid of another version": "malformed_api_id",
        "wrong": "wrong_secret",
        "typo": "malformed_secret",
        "another tenant's": "wrong_secret",
        "expired": "expired",
        "revoked": "revoked",
        "odd": "malformed_api_id",
    }


def test_req_10_credentials_come_in_the_headers_alone(server: Running) -> None:
    query = "?" + "&".join(f"{name}={value}" for name, value in server.headers.items())
    reply = server.post(path=ROUTE + query, X_Customer_Api_Id="", X_Secret="")
    assert reply.status_code == 401
    assert server.headers["X-Secret"] not in json.dumps(server.line(reply))
    assert server.headers["X-Secret"] not in server.log_text()


def test_a_header_sent_twice_is_refused(server: Running) -> None:
    headers = [*server.headers.items(), *server.headers.items(), ("Content-Type", "application/json")]
    assert server.request("POST", ROUTE, content=EXAMPLE, headers=headers).status_code == 401


def test_the_id_may_be_written_in_capitals(server: Running) -> None:
    assert server.post(X_Customer_Api_Id=server.headers["X-Customer-Api-Id"].upper()).status_code == 200


@pytest.mark.slow
def test_req_07_a_running_server_sees_rotation_and_revocation(server: Running) -> None:
    made = json.loads(command(server.folder, "keys", "create", "turning", "--json").stdout)

    def status(secret: str) -> int:
        return server.post(path=ALIAS, X_Customer_Api_Id=made["api_id"], X_Secret=secret).status_code

    assert status(made["secret"]) == 200
    turned = json.loads(command(server.folder, "keys", "rotate", "turning", "--json").stdout)
    assert turned["api_id"] == made["api_id"]
    # The new one at once, the old one still.
    assert (status(turned["secret"]), status(made["secret"])) == (200, 200)
    assert command(server.folder, "keys", "revoke", "turning").returncode == 0
    until(lambda: status(turned["secret"]) == 401, "the revocation")
    assert status(made["secret"]) == 401


def test_req_07_a_revoked_key_serves_for_two_seconds_at_most(tmp_path: Path) -> None:
    now = [0.0]
    store = CredentialStore(tmp_path)
    key, gate = store.create("etl"), Authenticator(store, ticks=lambda: now[0])

    def reason() -> str:
        return gate.check({API_ID: [key.api_id.encode()], SECRET: [key.secret.encode()]}).reason

    assert reason() == "granted"
    store.revoke("etl")
    now[0] = 1.999
    assert reason() == "granted"  # as long as the time is, so that it is the time that is measured
    now[0] = 2.0
    assert reason() == "revoked"
    assert KEY_CACHE == 2.0
    store.close()


def test_req_13_every_outcome_is_logged_with_id_time_and_reason(server: Running) -> None:
    api_id = server.headers["X-Customer-Api-Id"]
    reply = server.post()
    assert reply.status_code == 200
    line = server.line(reply)
    assert (line["auth"], line["api_id"], line["status"]) == ("granted", api_id, 200)
    assert str(line["time"]).endswith("+00:00")


def test_req_13_a_log_line_cannot_be_forged(local: Callable[..., Local]) -> None:
    server = local(key=True)
    forged = b'x"}\xc2\x85{"event":"request","auth":"granted"'
    server.request("POST", ROUTE, headers={"X-Customer-Api-Id": forged, "X-Secret": b"x"})
    server.get('/%0d%0a{"auth":"granted"}')
    added = server.log_lines()
    assert [json.loads(line).get("api_id") for line in added] == ["-", None]
    assert "granted" not in "".join(added)


def test_last_use_is_noted(server: Running) -> None:
    assert server.post().status_code == 200

    def used() -> dict[str, str] | None:
        keys = json.loads(command(server.folder, "keys", "list", "--json").stdout)["keys"]
        own: dict[str, str] = next(key for key in keys if key["label"] == "tests")
        return own if own["last_used_on"] else None

    own = until(used, "the note of the last use")
    assert own is not None
    assert own["status"] == "live"
    assert own["not_before"] <= own["last_used_on"] < own["expires_on"]


def test_req_02_no_store_is_asked_for_a_typo_or_a_known_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CredentialStore(tmp_path)
    key = store.create("etl")
    asked: list[str] = []
    fetch = store.keys_near
    monkeypatch.setattr(store, "keys_near", lambda api_id: asked.append(api_id) or fetch(api_id))
    gate = Authenticator(store)

    def check(plain: str) -> str:
        return gate.check({API_ID: [key.api_id.encode()], SECRET: [plain.encode()]}).reason

    assert check(key.secret[:-1] + "!") == "malformed_secret"
    assert asked == []
    assert [check(key.secret) for _ in range(5)] == ["granted"] * 5
    assert len(asked) == 1
    store.close()


def work_of(call: Callable[[], object]) -> list[str]:
    """The functions that are called meanwhile, those of C included, in their order."""
    called: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            called.append(frame.f_code.co_qualname)
        elif event == "c_call":
            called.append(str(getattr(argument, "__qualname__", argument)))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(before)
    return called[: called.index("setprofile") if "setprofile" in called else None]


def test_req_05_every_refusal_does_the_same_work(tmp_path: Path) -> None:
    """The same calls in the same order, whatever the reason: no time tells what no work does.

    Where there is no such tenant, another's keys are fetched, and compared for nothing; and no tenant's refusal differs
    because its keys were fetched a moment ago.
    """
    done: dict[tuple[str, str], list[str]] = {}
    now = 0.0
    with refusals_at(LONG_AGO, tmp_path) as (store, kinds):
        gate = Authenticator(store, ticks=lambda: now)
        for when, passed in {"imported": 0.0, "long ago": 10.0, "a moment ago": 1.0, "at once": 0.0}.items():
            now += passed
            for kind, make in kinds.items():
                headers, asked = make(), list[str]()
                store._reader.set_trace_callback(asked.append)
                done[when, kind] = work_of(partial(gate.check, headers))
                assert len(asked) == 1
        store._reader.set_trace_callback(None)
        assert [gate.check(make()).granted for make in kinds.values()] == [False] * len(kinds)
    unknown = done["at once", "unknown"]
    # What makes the time: one query, the keyed digests of secret and id, and the comparisons with the three keys that
    # are remembered and the three that are found.
    assert [unknown.count(one) for one in ("Connection.execute", "hmac_digest", "_matching")] == [1, 2, 2]
    assert unknown.count("compare_digest") == 1 + 2 * 3  # and that of the checksum
    assert {key: work for key, work in done.items() if work != unknown and key[0] != "imported"} == {}


def test_the_work_that_is_compared_is_seen() -> None:
    def little() -> None:
        secret.make()

    def more() -> None:
        secret.make()
        secret.well_formed("x")

    assert work_of(little)[1:] != work_of(more)[1:]
    assert "well_formed" in work_of(more)
