"""Workers that are replaced: by SIGHUP without a lost request, after a death, and not at all where none could start."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from granian.constants import Interfaces

from customer_features.errors import UsageError
from customer_features.service import needs, retiring, workers
from customer_features.service.access.credentials import CredentialStore
from customer_features.service.retiring import RETIRED, STARTING, UP, new_life
from customer_features.service.settings import Settings
from customer_features.service.sockets import keep_only
from customer_features.service.workers import Workers
from tests.service.access.test_tls import written
from tests.waiting import until

from .harness import EXAMPLE, Running, rest

Start = Callable[..., Running]
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the workers under /proc")


class Process:
    """What the server knows of a worker, without a process."""

    def __init__(self, lives: bool = True) -> None:
        self.lives = lives
        self.interrupt_by_parent = False
        self.idx = 0

    def start(self) -> None:
        pass

    def is_alive(self) -> bool:
        return self.lives

    def join(self, timeout: float | None = None) -> None:
        self.lives = False

    kill = terminate = join


class Served(Workers):
    """A server of two workers whose further ones get as far as ``coming`` says: to the value of their life."""

    def __init__(self, check: Callable[[], None] = lambda: None) -> None:
        super().__init__(0, new_life(), check, target="x", interface=Interfaces.ASGI, workers=2)
        self.coming: list[int] = []
        self.wrks = [self._spawn_worker(idx, None, None) for idx in range(2)]

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:
        worker, life = Process(), new_life()
        life.value = self.coming.pop(0) if self.coming else UP
        worker.lives = life.value == UP
        self._lives[worker] = life  # type: ignore[index]
        return worker

    def work(self) -> bool:
        """What the server does once something has happened; whether it goes on."""
        self._note_deaths()
        return self._revive(None, None)

    def lose(self, idx: int) -> None:
        """A worker dies."""
        self.wrks[idx].lives = False
        self.interrupt_children.append(idx)

    def alive(self) -> list[bool]:
        return [one.is_alive() for one in self.wrks]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the server's pauses."""
    at = [1000.0]
    monkeypatch.setattr(workers.time, "monotonic", lambda: at[0])
    return at


def test_a_dead_worker_is_replaced_at_once(now: list[float]) -> None:
    server = Served()
    server.lose(0)
    assert server.work()
    assert server.alive() == [True, True]


def test_req_31_a_worker_that_cannot_be_replaced_takes_no_other_down(now: list[float]) -> None:
    """Its successors are tried again after growing pauses."""
    server = Served()
    server.coming = [STARTING] * 3
    server.lose(0)
    tried = []
    for _ in range(60):
        assert server.work()
        tried.append(3 - len(server.coming))
        now[0] += 0.25
    assert (tried[0], tried[3], tried[4], tried[11], tried[12]) == (1, 1, 2, 2, 3)
    assert server.alive() == [True, True]
    assert server._down == {}


def test_req_31_what_a_worker_needs_is_looked_at_before_one_is_started(now: list[float]) -> None:
    wrong = [UsageError("the pepper is gone")]

    def check() -> None:
        if wrong:
            raise wrong[0]

    server = Served(check)
    server.lose(1)
    before = list(server._lives)
    assert server.work()
    assert [one for one in server._lives if one not in before] == []  # none was started
    assert server.alive() == [True, False]
    wrong.clear()
    now[0] += workers.PAUSES[0]
    assert server.work()
    assert server.alive() == [True, True]


def test_two_deaths_of_the_last_worker_end_the_server(now: list[float]) -> None:
    server = Served()
    server.wrks[1].lives = False
    server._down[1] = workers._Down(1, now[0] + 1000)
    server.lose(0)
    assert server.work()
    now[0] += workers.LOOP - 0.1
    server.lose(0)
    assert not server.work()
    assert server.interrupt_children  # by which the exit code is 1


def test_two_deaths_far_apart_do_not(now: list[float]) -> None:
    server = Served()
    server.wrks[1].lives = False
    server._down[1] = workers._Down(1, now[0] + 1000)
    for _ in range(3):
        server.lose(0)
        assert server.work()
        now[0] += workers.LOOP


def test_a_successor_that_does_not_start_replaces_nobody() -> None:
    server = Served()
    old = list(server.wrks)
    server.coming = [UP, STARTING]
    server._respawn_workers([0, 1], None, None)
    assert server.wrks[0] is not old[0]
    assert server.wrks[1] is old[1]
    until(lambda: old[0] not in server._leaving, "the end of the first")
    assert old[0] not in server._lives
    assert (old[0].is_alive(), old[1].is_alive()) == (False, True)


def test_req_31_a_reload_is_refused_where_no_worker_could_start() -> None:
    def check() -> None:
        raise UsageError("--tls-cert: is gone")

    server = Served(check)
    old = list(server.wrks)
    server.reload_signal = True
    server.main_loop_interrupt.set()
    serving = threading.Thread(target=server._serve_loop, args=(None, None))
    serving.start()
    until(lambda: not server.reload_signal and not server.main_loop_interrupt.is_set(), "the refusal")
    server.signal_handler_interrupt()
    serving.join()
    assert server.wrks == old
    assert server.alive() == [True, True]


def test_a_worker_that_leaves_keeps_the_value_that_tells_it_so() -> None:
    """Its memory is not another worker's before its end, which would take back what it is told."""
    server = Served()
    ending = threading.Event()
    old = server.wrks[0]
    old.join = lambda timeout=None: ending.wait()  # type: ignore[assignment, return-value]
    server._respawn_workers([0], None, None)
    server._respawn_workers([1], None, None)
    assert server._lives[old].value == RETIRED
    ending.set()


@linux
def test_a_workers_socket_outlives_it_as_long_as_it_has_a_successor() -> None:
    """What waits to be accepted is lost with the socket; and without a worker it would wait for ever."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(("127.0.0.1", 0))
        options = {"address": "127.0.0.1", "port": held.getsockname()[1], "workers": 2}
        server = Workers(0, new_life(), target="x", interface=Interfaces.ASGI, **options)
        server._init_shared_socket()
        server._start_ipc()  # type: ignore[no-untyped-call]
        given = []
        for idx in (0, 1, 0):
            server._spawn_worker(idx, print, print)
            given.append(server._shd.get_fd())
        assert given[0] == given[2] != given[1]
        server._unlisten(0)
        assert list(server._listeners) == [1]
        server._spawn_worker(0, print, print)
        assert server._shd.get_fd() == server._listeners[0][1].fileno()
        server._drop_shared_socket()
        assert server._listeners == {}


@linux
def test_a_worker_closes_the_sockets_of_the_others() -> None:
    with socket.socket() as own, socket.socket() as other:
        for one in (own, other):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            one.bind(("127.0.0.1", own.getsockname()[1] if one is other else 0))
        port = own.getsockname()[1]
        keep_only(own.fileno(), port)
        assert own.getsockname()[1] == port
        with pytest.raises(OSError, match="Bad file descriptor"):
            other.getsockname()
        other.detach()


# -- leaving -------------------------------------------------------------------------------------------------


def test_a_worker_leaves_when_nobody_is_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    life, killed, looked = new_life(), list[tuple[int, int]](), list[float]()
    monkeypatch.setattr(os, "kill", lambda process, number: killed.append((process, number)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = listener.accept()

        def sleep(seconds: float) -> None:
            looked.append(seconds)
            if len(looked) == 2:
                life.value = RETIRED
            if len(looked) == 5:
                assert killed == []
                accepted.close()

        retiring.retire(life, port, sleep)
        client.close()
    assert killed == [(os.getpid(), signal.SIGTERM)]
    assert len(looked) == 5


@linux
def test_a_leaving_worker_is_told_of_no_new_connection() -> None:
    import select

    with socket.create_server(("127.0.0.1", 0)) as listener, select.epoll() as watched:
        watched.register(listener.fileno(), select.EPOLLIN)
        port = listener.getsockname()[1]
        retiring.stop_accepting(port)
        with socket.create_connection(("127.0.0.1", port)):
            assert watched.poll(0) == []
            listener.accept()[0].close()  # another process would


# -- what a worker needs -------------------------------------------------------------------------------------


def break_pepper(folder: Path) -> None:
    (folder / "pepper").unlink()


def break_store(folder: Path) -> None:
    (folder / "credentials.sqlite").write_bytes(b"noise" * 1000)


def break_queue(folder: Path) -> None:
    (folder / "jobs.sqlite").write_bytes(b"noise" * 1000)


def break_certificate(folder: Path) -> None:
    (folder / "tls" / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")


def open_folder(folder: Path) -> None:
    folder.chmod(0o777)


def open_pepper(folder: Path) -> None:
    (folder / "pepper").chmod(0o644)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (break_pepper, "is gone"),
        (break_store, "cannot be used"),
        (break_queue, "the queue of long work cannot be used"),
        (break_certificate, "cannot be read as a certificate"),
        (open_folder, "run chmod 700 "),
        (open_pepper, "run chmod 600 "),
    ],
)
def test_what_a_worker_needs_is_named_where_it_is_not_there(
    tmp_path: Path, damage: Callable[[Path], None], says: str
) -> None:
    folder = tmp_path / "data"
    CredentialStore(folder).close()
    tls = written(trustme.CA(), folder / "tls")
    settings = Settings(data_dir=folder, tls=tls)
    needs.check(settings)
    for file in folder.glob("*.sqlite-*"):
        file.unlink()
    damage(folder)
    with pytest.raises(UsageError) as wrong:
        needs.check(settings)
    assert says in str(wrong.value)


# -- real ones -----------------------------------------------------------------------------------------------


def listeners(server: Running) -> int:
    """How many sockets accept connections at the server's port."""
    port = f":{int(server.url.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
    return sum(row[1].endswith(port) and row[3] == "0A" for row in rows)


@linux
@pytest.mark.slow
def test_req_31_a_healthy_worker_serves_on_without_a_pepper(started: Start) -> None:
    server = started("--workers", "2", key=True)
    until(lambda: listeners(server) == 2, "both workers")
    pepper, away = server.folder / "pepper", server.folder / "away"
    pepper.rename(away)
    before = server.workers()
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "reload refused" in server.log_text(), "the refusal")
    assert server.workers() == before
    os.kill(before[0], signal.SIGKILL)
    until(lambda: "cannot be replaced yet" in server.log_text(), "the note of what is missing")
    assert str(pepper) in server.log_text()
    assert [server.post().status_code for _ in range(5)] == [200] * 5
    away.rename(pepper)
    until(lambda: len(server.workers()) == 2, "another worker")
    assert server.stop() == 0


@linux
@pytest.mark.slow
@pytest.mark.parametrize("keeps", [False, True], ids=["a connection a request", "connections that stay"])
def test_a_reload_under_load_loses_no_request(started: Start, keeps: bool) -> None:
    """Every request that was sent has its whole answer, whether connections are many or stay."""
    server = started("--no-auth", "--workers", "2")
    asked = server.head(len(EXAMPLE), **({} if keeps else {"Connection": "close"})) + b"\r\n" + EXAMPLE
    done, over = [0] * 8, threading.Event()
    lost: list[str] = []

    def load(place: int) -> None:
        while not over.is_set():
            try:
                with server.connect() as connection:
                    for _ in talk(connection, asked) if keeps else closed(connection, asked):
                        done[place] += 1
                        if over.is_set():
                            break
            except (OSError, AssertionError) as error:
                lost.append(repr(error))

    threads = [threading.Thread(target=load, args=(place,)) for place in range(len(done))]
    for thread in threads:
        thread.start()
    for _ in range(3):
        before = server.workers()
        server.process.send_signal(signal.SIGHUP)
        until(lambda before=before: not set(before) & set(server.workers()), "new workers")  # type: ignore[misc]
        count = sum(done)
        until(lambda count=count: sum(done) > count + 200, "answers of the new workers")  # type: ignore[misc]
    over.set()
    for thread in threads:
        thread.join()
    assert lost == []
    assert server.stop() == 0


def closed(connection: socket.socket, asked: bytes) -> Iterator[None]:
    """One request on a connection of its own."""
    connection.sendall(asked)
    said = rest(connection)
    assert said.startswith(b"HTTP/1.1 200 OK\r\n"), said[:100]
    assert said.endswith(b"}}]}")
    yield


def talk(connection: socket.socket, asked: bytes) -> Iterator[None]:
    """Requests on one connection, until an answer says that it was the last."""
    said = b""
    while b"connection: close" not in said.lower():
        connection.sendall(asked)
        said = b""
        while not said.endswith(b"}}]}"):
            piece = connection.recv(65536)
            assert piece, "the connection ended without an answer"
            said += piece
        yield
