"""Who gets in: one 401 for everyone else, over HTTP and in the same time."""

from __future__ import annotations

import bisect
import itertools
import json
import random
import socket
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from customer_features.service import secret
from customer_features.service.authentication import API_ID, SECRET, Authenticator
from customer_features.service.credentials import DAY, CredentialStore

from .harness import ALIAS, EXAMPLE, ROUTE, Running, cli, problem, start

TYPO = 40
Headers = dict[bytes, list[bytes]]


def lines(server: Running) -> list[dict[str, object]]:
    """The server's log lines."""
    return [json.loads(line) for line in server.log_lines() if line.startswith("{")]


def test_req_05_everyone_else_gets_the_same_401(server: Running) -> None:
    api_id, plain = server.headers["X-Customer-Api-Id"], server.headers["X-Secret"]
    short = json.loads(cli(server.folder, "keys", "create", "short", "--expires", "1s", "--json").stdout)
    void = json.loads(cli(server.folder, "keys", "create", "void", "--json").stdout)
    assert cli(server.folder, "keys", "revoke", "void").returncode == 0
    typo = plain[:TYPO] + ("x" if plain[TYPO] != "x" else "y") + plain[TYPO + 1 :]
    time.sleep(1)
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
        "expired": (short["api_id"], short["secret"]),
        "revoked": (void["api_id"], void["secret"]),
        "odd": ("<script>", "é"),
    }
    replies = {
        name: httpx.post(
            server.url + ROUTE,
            content=EXAMPLE,
            headers={
                "Content-Type": "application/json",
                **({"X-Customer-Api-Id": one.encode()} if one else {}),  # type: ignore[dict-item]
                **({"X-Secret": two.encode()} if two else {}),  # type: ignore[dict-item]
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
    reasons = [line["auth"] for line in lines(server) if line.get("status") == 401][-len(cases) :]
    assert reasons == [
        "missing",
        "missing",
        "missing",
        "unknown_api_id",
        "malformed_api_id",
        "malformed_api_id",
        "wrong_secret",
        "malformed_secret",
        "wrong_secret",
        "expired",
        "revoked",
        "malformed_api_id",
    ]


def test_req_10_credentials_come_in_the_headers_alone(server: Running) -> None:
    query = "?" + "&".join(f"{name}={value}" for name, value in server.headers.items())
    reply = server.post(path=ROUTE + query, X_Customer_Api_Id="", X_Secret="")
    assert reply.status_code == 401
    assert server.headers["X-Secret"] not in "".join(server.log_lines())


def test_a_header_sent_twice_is_refused(server: Running) -> None:
    headers = [*server.headers.items(), *server.headers.items(), ("Content-Type", "application/json")]
    assert httpx.post(server.url + ROUTE, content=EXAMPLE, headers=headers).status_code == 401


def test_the_id_may_be_written_in_capitals(server: Running) -> None:
    assert server.post(X_Customer_Api_Id=server.headers["X-Customer-Api-Id"].upper()).status_code == 200


def test_req_07_a_running_server_sees_rotation_and_revocation(server: Running) -> None:
    made = json.loads(cli(server.folder, "keys", "create", "turning", "--json").stdout)

    def status(secret: str) -> int:
        return server.post(path=ALIAS, X_Customer_Api_Id=made["api_id"], X_Secret=secret).status_code

    assert status(made["secret"]) == 200
    turned = json.loads(cli(server.folder, "keys", "rotate", "turning", "--json").stdout)
    assert turned["api_id"] == made["api_id"]
    # The new one at once, the old one still.
    assert (status(turned["secret"]), status(made["secret"])) == (200, 200)
    assert cli(server.folder, "keys", "revoke", "turning").returncode == 0
    revoked = time.monotonic()
    while status(turned["secret"]) == 200:
        assert time.monotonic() - revoked < 2.5, "a revoked key outlives the stated cache time"
        time.sleep(0.05)
    assert (status(turned["secret"]), status(made["secret"])) == (401, 401)


def test_req_13_every_outcome_is_logged_with_id_time_and_reason(server: Running) -> None:
    api_id = server.headers["X-Customer-Api-Id"]
    assert server.post().status_code == 200
    line = lines(server)[-1]
    assert (line["auth"], line["api_id"], line["status"]) == ("granted", api_id, 200)
    assert str(line["time"]).endswith("+00:00")


def test_req_13_a_log_line_cannot_be_forged(server: Running) -> None:
    before = len(server.log_lines())
    forged = b'x"}\xc2\x85{"event":"request","auth":"granted"'
    httpx.post(server.url + ROUTE, headers={"X-Customer-Api-Id": forged, "X-Secret": b"x"})  # type: ignore[dict-item]
    httpx.get(server.url + '/%0d%0a{"auth":"granted"}')
    added = server.log_lines()[before:]
    assert len(added) == 2
    assert [json.loads(line).get("api_id") for line in added] == ["-", None]
    assert "granted" not in "".join(added)


def test_last_use_is_noted(server: Running) -> None:
    assert server.post().status_code == 200
    ends = time.monotonic() + 5
    while True:
        keys = json.loads(cli(server.folder, "keys", "list", "--json").stdout)["keys"]
        own = next(key for key in keys if key["label"] == "tests")
        if own["last_used_on"]:
            break
        assert time.monotonic() < ends
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


@pytest.fixture
def refusals(tmp_path: Path) -> Iterator[tuple[CredentialStore, dict[str, Callable[[], Headers]]]]:
    """A store, and for each kind of refusal what makes the headers of such a request."""
    begun = time.time()
    moment = [begun - 2 * DAY]
    store = CredentialStore(tmp_path, clock=lambda: moment[0])
    live, old, revoked = (store.create(name) for name in ("live", "old", "revoked"))
    early = store.create("early", not_before=begun + 100 * DAY, lifetime=200 * DAY)
    store.revoke("revoked")
    expired = store.create("expired", lifetime=DAY)
    moment[0] = begun
    yield (
        store,
        {
            "unknown": lambda: _headers(str(uuid.uuid4()), secret.make()),
            "wrong": lambda: _headers(live.api_id, secret.make()),
            "wrong for another": lambda: _headers(old.api_id, live.secret),
            "expired": lambda: _headers(expired.api_id, expired.secret),
            "revoked": lambda: _headers(revoked.api_id, revoked.secret),
            "not yet valid": lambda: _headers(early.api_id, early.secret),
        },
    )
    store.close()


@pytest.mark.slow
def test_req_05_every_refusal_does_the_same_work(
    refusals: tuple[CredentialStore, dict[str, Callable[[], Headers]]],
) -> None:
    """Inside the process, where no network blurs it: a query, a digest or a comparison left out would be a third."""
    store, kinds = refusals
    gate = Authenticator(store)

    def check(headers: Headers) -> None:
        assert not gate.check(headers).granted

    spent = _spent(kinds, 3000, check)
    medians = {name: statistics.median(times) for name, times in spent.items()}
    print(medians)
    assert max(medians.values()) < 1.15 * min(medians.values())


@pytest.mark.slow
def test_req_05_no_refusal_is_told_by_its_time(
    refusals: tuple[CredentialStore, dict[str, Callable[[], Headers]]],
) -> None:
    """Whoever guesses from the time of one answer which of two refusals it was is right about every other time.

    Over a socket of this machine, the best place that an attacker can hope for.
    """
    store, kinds = refusals
    server = start(store.folder, "--failed-logins", "none")
    try:
        address = httpx.URL(server.url)

        def ask(headers: Headers) -> None:
            lines = [b"%s: %s" % (name, value) for name, (value,) in headers.items()]
            head = [b"POST %s HTTP/1.1" % ROUTE.encode(), b"Host: x", *lines, b"Content-Length: 0", b"", b""]
            with socket.create_connection((address.host, address.port or 80)) as peer:
                peer.sendall(b"\r\n".join(head))
                assert peer.recv(16).startswith(b"HTTP/1.1 401")

        spent = _spent(kinds, 1500, ask)
    finally:
        server.stop()
    guesses = {
        f"{one} or {other}": _right_guesses(spent[one], spent[other]) for one, other in itertools.combinations(kinds, 2)
    }
    print(guesses)
    assert max(guesses.values()) < 0.6


def _spent(kinds: dict[str, Callable[[], Headers]], times: int, ask: Callable[[Headers], None]) -> dict[str, list[int]]:
    """Nanoseconds of every refusal by its kind.

    All is made beforehand and comes in any order, so that nothing but the refusal tells one time from another.
    """
    asked = [(name, make()) for name, make in kinds.items() for _ in range(times)]
    random.shuffle(asked)
    spent: dict[str, list[int]] = {name: [] for name in kinds}
    for name, headers in asked:
        begun = time.perf_counter_ns()
        ask(headers)
        spent[name].append(time.perf_counter_ns() - begun)
    return spent


def _headers(api_id: str, plain: str) -> Headers:
    return {API_ID: [api_id.encode()], SECRET: [plain.encode()]}


def _right_guesses(one: list[int], other: list[int]) -> float:
    """The share of right guesses which of two times is whose (Mann-Whitney's U over all pairs); 0.5 is a coin's."""
    ranked = sorted(other)
    above = sum(bisect.bisect_left(ranked, x) + bisect.bisect_right(ranked, x) for x in one) / 2
    share = above / (len(one) * len(other))
    return max(share, 1 - share)
