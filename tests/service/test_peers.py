"""Whose word counts for where a request comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from customer_features.errors import InvalidOption
from customer_features.service.peers import PEER, Peers, parse_proxies, peer_of

from .harness import EXAMPLE, ROUTE, Local, Running, Server, command

PROXIES = parse_proxies("10.0.0.0/8, 192.0.2.7 2001:db8::/32")


def scope(client: Any, *forwarded: str) -> dict[str, Any]:
    return {"client": client, "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded]}


def found(client: str, *forwarded: str) -> str:
    return Peers(PROXIES).find(scope((client, 1), *forwarded))


@pytest.mark.parametrize(
    ("client", "forwarded", "peer"),
    [
        # One proxy, two proxies, a list in several headers, with ports.
        ("10.1.1.1", ["198.51.100.4"], "198.51.100.4"),
        ("10.1.1.1", ["198.51.100.4, 192.0.2.7"], "198.51.100.4"),
        ("10.1.1.1", ["198.51.100.4", "192.0.2.7"], "198.51.100.4"),
        ("10.1.1.1", ["198.51.100.4:4711"], "198.51.100.4"),
        ("10.1.1.1", ["[2001:db9::5]:4711"], "2001:db9::5"),
        ("10.1.1.1", ["[2001:db9::5]"], "2001:db9::5"),
        ("2001:db8::1", ["2001:db9::5"], "2001:db9::5"),
        # A listener on :: sees its callers of version 4 like this.
        ("::ffff:10.1.1.1", ["::ffff:198.51.100.4"], "198.51.100.4"),
        # All the way within the trusted: the first hop there was.
        ("10.1.1.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.1.1.1", [], "10.1.1.1"),
    ],
)
def test_req_24_the_nearest_hop_that_is_no_proxy_is_the_peer(client: str, forwarded: list[str], peer: str) -> None:
    assert found(client, *forwarded) == peer


@pytest.mark.parametrize(
    ("client", "forwarded", "peer"),
    [
        # Nobody's word counts who is not listed.
        ("198.51.100.9", ["1.1.1.1"], "198.51.100.9"),
        # The entry that a caller wrote itself stands further left than what the proxy appended.
        ("10.1.1.1", ["1.1.1.1, 198.51.100.4"], "198.51.100.4"),
        ("10.1.1.1", ["1.1.1.1, 10.9.9.9, 198.51.100.4"], "198.51.100.4"),
        ("10.1.1.1", ["1.1.1.1", "198.51.100.4"], "198.51.100.4"),
        # Words that are no address end the search: what stands left of them was vouched for by nobody.
        ("10.1.1.1", ["1.1.1.1, unknown"], "10.1.1.1"),
        ("10.1.1.1", ["1.1.1.1, <script>, 10.2.2.2"], "10.2.2.2"),
        ("10.1.1.1", ["127.0.0.1\r\nlevel: info"], "10.1.1.1"),
        ("10.1.1.1", ["", " , ,"], "10.1.1.1"),
        ("10.1.1.1", ["1" * 5000], "10.1.1.1"),
        ("10.1.1.1", ["\u0661.1.1.1"], "10.1.1.1"),
    ],
)
def test_req_24_a_spoofed_list_gets_nowhere(client: str, forwarded: list[str], peer: str) -> None:
    assert found(client, *forwarded) == peer


def test_req_24_without_proxies_no_header_is_read() -> None:
    assert Peers().find(scope(("10.1.1.1", 1), "1.1.1.1")) == "10.1.1.1"
    assert Peers().find(scope(None, "1.1.1.1")) == Peers(PROXIES).find(scope(None, "1.1.1.1")) == "-"


def test_the_peer_is_at_hand_in_the_scope() -> None:
    assert peer_of({"state": {PEER: "192.0.2.1"}}) == "192.0.2.1"
    assert peer_of({}) == "-"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.256", "'10.0.0.256' is neither an address nor a network"),
        ("10.0.0.0/8, proxy.example", "'proxy.example' is neither"),
        ("10.1.2.3/8", "did you mean 10.0.0.0/8?"),
        ("0.0.0.0/0", "would trust everyone's word"),
        ("::/0", "would trust everyone's word"),
    ],
)
def test_a_wrong_list_is_a_sentence(text: str, says: str) -> None:
    with pytest.raises(InvalidOption, match=r"^trusted-proxies: ") as error:
        parse_proxies(text)
    assert says in str(error.value)


def test_the_command_line_names_the_option(tmp_path: Any) -> None:
    run = command(tmp_path, "serve", "--trusted-proxies", "10.0.0.300")
    assert (run.returncode, run.stderr.startswith("Error: --trusted-proxies: '10.0.0.300' is neither")) == (2, True)


def peer_logged(server: Server, *forwarded: str) -> object:
    headers = [("Content-Type", "application/json"), *(("X-Forwarded-For", value) for value in forwarded)]
    reply = server.request("POST", ROUTE, content=EXAMPLE, headers=headers)
    assert reply.status_code == 200
    return server.line(reply)["peer"]


def test_req_24_a_running_server_logs_the_peer(trial: Running, local: Callable[..., Local]) -> None:
    assert peer_logged(trial, "198.51.100.4") == "127.0.0.1"  # of the socket
    behind = local("--no-auth", "--trusted-proxies", "127.0.0.0/8")
    assert peer_logged(behind, "1.1.1.1, 198.51.100.4") == "198.51.100.4"
    assert peer_logged(behind, "1.1.1.1", "198.51.100.5") == "198.51.100.5"
    behind.stop()
    elsewhere = local("--no-auth", "--trusted-proxies", "10.0.0.0/8")
    assert peer_logged(elsewhere, "198.51.100.4") == "127.0.0.1"


def test_req_24_failed_logins_are_counted_for_the_peer(local: Callable[..., Local]) -> None:
    def statuses(server: Local, *peers: str) -> list[int]:
        return [server.post(X_Secret="wrong", X_Forwarded_For=peer).status_code for peer in peers]

    behind = local("--failed-logins", "2/hour", "--trusted-proxies", "127.0.0.1", key=True)
    assert statuses(behind, "198.51.100.4", "198.51.100.4", "198.51.100.4") == [401, 401, 429]
    # Another one is not to blame, and a longer list of one's own words does not make one another.
    assert statuses(behind, "198.51.100.5", "198.51.100.9, 198.51.100.4") == [401, 429]
    plain = local("--failed-logins", "2/hour", key=True)
    assert statuses(plain, "198.51.100.4", "198.51.100.5", "198.51.100.6") == [401, 401, 429]
