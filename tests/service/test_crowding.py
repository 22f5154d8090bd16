"""Too many connections of one peer: which are ended, on made-up ones, and that they are, on sockets."""

from __future__ import annotations

import random
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from customer_features.service import crowding
from customer_features.service.crowding import Connection, connections, excess, trim, watch
from customer_features.service.peers import parse_proxies
from tests.waiting import until

from .harness import Running

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells how long a connection is silent")


def of(address: str, *silent: int) -> list[Connection]:
    """Connections of an address that are silent for so many milliseconds; the port is the same number."""
    return [Connection(number, (address, number), number) for number in silent]


def ended(found: list[Connection], most: int, busy: set[tuple[str, int]] = set(), trusted: str = "") -> list[int]:  # noqa: B006
    random.Random(3).shuffle(found)
    return [one.silent for one in excess(found, most, busy, parse_proxies(trusted))]


def test_the_longest_silent_are_ended_first() -> None:
    assert ended(of("192.0.2.1", *range(10)), 7) == [9, 8, 7]
    assert ended(of("192.0.2.1", *range(7)), 7) == []


def test_who_is_being_answered_is_ended_last() -> None:
    busy = {("192.0.2.1", number) for number in (9, 8, 0)}
    assert ended(of("192.0.2.1", *range(10)), 7, busy) == [7, 6, 5]
    assert ended(of("192.0.2.1", *range(10)), 2, busy) == [7, 6, 5, 4, 3, 2, 1, 9]


def test_each_peer_has_its_own() -> None:
    found = of("192.0.2.1", 1, 2, 3) + of("192.0.2.2", 4, 5) + of("2001:db8::1", 6, 7)
    assert ended(found, 2) == [3]
    assert sorted(ended(found, 1)) == [2, 3, 5, 7]


def test_addresses_of_one_peer_count_together() -> None:
    assert ended(of("::ffff:192.0.2.1", 1, 2) + of("192.0.2.1", 3), 2) == [3]
    assert ended(of("2001:db8::1", 1) + of("2001:db8::2:1", 2) + of("2001:db8:0:0:ffff::3", 3), 2) == [3]
    assert ended(of("2001:db8::1", 1) + of("2001:db8:0:1::1", 2), 1) == []


def test_a_trusted_proxy_may_have_any_number() -> None:
    found = of("192.0.2.1", 1, 2, 3) + of("10.1.2.3", 4, 5, 6) + of("::ffff:10.0.0.1", 7, 8)
    assert ended(found, 1, trusted="10.0.0.0/8") == [3, 2]


@linux
def test_sockets_of_a_peer_beyond_its_number_are_reset() -> None:
    most, came = 3, 7
    with ExitStack() as open_:
        listening = open_.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = listening.getsockname()[1]
        clients = [open_.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(came)]
        accepted = [open_.enter_context(listening.accept()[0]) for _ in range(came)]
        found = [one for one in connections(port) if one.descriptor in {each.fileno() for each in accepted}]
        assert {one.peer for one in found} == {client.getsockname() for client in clients}
        # Whose peer is in this process too, both ends are ours; the server's are those at the port.
        busy = {client.getsockname() for client in clients[:2]}
        trim(port, most, busy, ())
        for client in clients:
            client.setblocking(False)
        gone = [client for client in clients if not goes_on(client)]
        assert len(gone) == came - most
        assert not {client.getsockname() for client in gone} & busy
        assert len(connections(port)) == most
        trim(port, most, busy, ())
        assert [client for client in clients if not goes_on(client)] == gone


def goes_on(client: socket.socket) -> bool:
    try:
        return client.recv(1) != b""
    except BlockingIOError:
        return True
    except ConnectionError:
        return False


@linux
def test_the_watch_goes_on_after_a_failure(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    class End(BaseException):
        pass

    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise End

    looked: list[int] = []

    def fails(port: int, *more: object) -> None:
        looked.append(port)
        raise OSError("no such folder")

    monkeypatch.setattr(crowding, "trim", fails)
    with pytest.raises(End):
        watch(7, 1, set(), (), sleep)
    assert looked == [7, 7]
    assert waited == [crowding.LOOK] * 3
    assert [record.getMessage() for record in caplog.records] == ["the connections were not looked at"] * 2


def test_where_nobody_can_have_too_many_no_connection_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowding, "DESCRIPTORS", tmp_path)
    monkeypatch.setattr(crowding, "connections", lambda port: pytest.fail("it looked"))
    for number in range(3):
        (tmp_path / str(number)).touch()
    trim(7, 3, set(), ())


@linux
@pytest.mark.slow
def test_req_29_silent_connections_of_one_peer_fill_no_worker(started: Callable[..., Running]) -> None:
    server = started("--no-auth", "--peer-connections", "20")
    with ExitStack() as open_:
        crowd = [open_.enter_context(server.connect()) for _ in range(60)]
        for one in crowd:
            one.setblocking(False)
        until(lambda: sum(map(goes_on, crowd)) <= 20, "the end of what is too many")
        assert server.post().status_code == 200
    said = '"event":"a peer had too many connections"'
    until(lambda: said in server.log_text(), "its line in the log")
