"""Starting, refusing to start, and stopping without losing a request."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.sharedctypes import RawValue
from pathlib import Path

import httpx
import pytest
from granian.constants import Interfaces
from granian.server.mp import MPServer

from customer_features.service import server as module
from customer_features.service import workers
from tests.service.telemetry.test_metrics import scrape, value
from tests.waiting import until

from .harness import COMMAND, EXAMPLE, ROUTE, STOPS, Local, Running, command, environment, living, rest

Start = Callable[..., Running]
linux = pytest.mark.skipif(sys.platform != "linux", reason="finds the workers under /proc")


def test_sigterm_finishes_what_is_in_flight_and_leaves_idle_connections(started: Start) -> None:
    server = started("--no-auth", "--metrics-port", "0")
    with server.connect() as busy, server.connect() as idle:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in idle.recv(65536)
        busy.sendall(server.head(len(EXAMPLE)) + b"\r\n" + EXAMPLE[:100])
        until(lambda: value(scrape(server), "requests_in_flight") == 1, "the request's arrival")
        server.process.send_signal(signal.SIGTERM)
        until(lambda: not server.serves(), "the refusal of further connections")
        busy.sendall(EXAMPLE[100:])
        reply = rest(busy)
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")
        assert reply.endswith(b'"recency_days":109.0}}]}')
        assert server.process.wait(STOPS) == 0  # and the idle connection is still open
    with pytest.raises(httpx.ConnectError):
        server.get("/health")
    assert server.process.communicate()[0] == ""


@pytest.mark.slow
def test_sigint_stops_as_well(started: Start) -> None:
    server = started("--no-auth", "--drain", "1s")
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(STOPS) == 0
    assert "Traceback" not in server.log.read_text()


def test_ready_says_that_the_server_is_stopping(started: Start) -> None:
    server = started("--no-auth", "--drain", "1h")
    assert server.get("/ready").status_code == 200
    server.process.send_signal(signal.SIGTERM)
    until(lambda: server.get("/ready").status_code == 503, "what /ready says of the stop")
    reply = server.get("/ready")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "1")
    assert reply.json()["type"] == "urn:customer-features:problem:not-ready"
    # What still arrives is still answered.
    assert server.post().status_code == 200
    assert server.get("/health").status_code == 200
    assert server.process.poll() is None


def test_a_signal_to_stop_comes_before_the_drain_and_the_drain_before_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping, done = RawValue("b", 0), list[object]()
    monkeypatch.setattr(MPServer, "shutdown", lambda self, code=0: done.append("stop"))
    stoppable = module.Workers(7.0, stopping, target="x", interface=Interfaces.ASGI)
    stoppable.pause = done.append
    stoppable.shutdown()  # not by a signal: nobody is to be told by /ready
    assert (done, stopping.value) == (["stop"], workers.STOP)
    stoppable.signal_handler_interrupt()
    assert stopping.value == workers.DRAINING
    stoppable.shutdown()
    assert (done, stopping.value) == (["stop", 7.0, "stop"], workers.STOP)


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("gone", [True, False])
def test_a_worker_whose_signal_to_stop_was_lost_stops_all_the_same(
    monkeypatch: pytest.MonkeyPatch, gone: bool, heard: bool
) -> None:
    """It is told by its parent, or tells itself where the parent is gone; and once more where it listens still."""
    stopping, sent, waited = RawValue("b", workers.DRAINING), list[tuple[int, int]](), list[float]()

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            assert sent == []  # as long as the server drains
            if gone:
                monkeypatch.setattr(os, "getppid", lambda: 1)
            else:
                stopping.value = workers.STOP

    monkeypatch.setattr(os, "kill", lambda process, number: sent.append((process, number)))
    monkeypatch.setattr(os, "getppid", lambda: 4711)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if heard:
            listener.close()
        module._stop_with_parent(4711, stopping, port, sleep)
    assert sent == [(os.getpid(), signal.SIGTERM)] * (gone + (not heard))
    assert waited == [1, 1, 1, module.HEARD]


def test_ready_says_that_the_store_is_gone(local: Callable[..., Local]) -> None:
    server = local(key=True)
    assert server.get("/ready").status_code == 200
    (server.folder / "credentials.sqlite").rename(server.folder / "elsewhere")
    reply = server.get("/ready")
    assert (reply.status_code, reply.json()["detail"]) == (503, "The credential store cannot be read.")
    assert server.get("/health").status_code == 200


@linux
@pytest.mark.slow
def test_req_07_workers_share_the_port_and_a_killed_one_comes_back(started: Start) -> None:
    server = started("--workers", "2", key=True)
    workers = server.workers()
    assert len(workers) == 2
    assert [server.post().status_code for _ in range(10)] == [200] * 10
    os.kill(workers[0], signal.SIGKILL)
    until(lambda: len(now := server.workers()) == 2 and workers[0] not in now, "another worker")
    # Revocation reaches every worker, the new one too.
    assert command(server.folder, "keys", "revoke", "tests").returncode == 0
    until(lambda: [server.post().status_code for _ in range(10)] == [401] * 10, "the revocation")
    assert server.stop() == 0


@linux
@pytest.mark.slow
def test_workers_do_not_outlive_their_server(started: Start) -> None:
    server = started("--no-auth")
    server.process.kill()
    until(lambda: not server.serves(), "the worker's silence")
    until(lambda: not living(server.process.pid), "its end")


@pytest.mark.slow
@linux
@pytest.mark.parametrize("there", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_stop_while_workers_start_is_not_lost(started: Start, there: int) -> None:
    server = started("--no-auth", "--workers", "4")
    until(lambda: len(server.workers()) >= there, "the workers")
    assert server.stop() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_no_auth_is_refused_beyond_this_machine(tmp_path: Path, host: str) -> None:
    run = command(tmp_path, "serve", "--no-auth", "--host", host, "--port", "0")
    assert run.returncode == 2
    assert run.stderr.startswith("Error: --no-auth is refused on " + host)
    assert "127.0.0.1" in run.stderr
    assert run.stdout == ""


def test_a_port_in_use_is_a_sentence(server: Running, tmp_path: Path) -> None:
    run = command(tmp_path, "serve", "--port", str(server.port))
    assert run.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {server.port}: it is in use" in run.stderr
    assert "--port" in run.stderr
    assert "Traceback" not in run.stderr
    assert server.post().status_code == 200


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "no.such.host.invalid"], "is not an address"),
        (["--max-body", "lots"], "'lots' is not a size; give for example 32MiB"),
        (["--request-timeout", "0s"], "'0s' is not a duration"),
        (["--timezone", "America/Sao_Paolo"], "did you mean 'America/Sao_Paulo'?"),
        (["--port", "70000"], "--port"),
        (["--log-level", "loud"], "--log-level"),
    ],
)
def test_wrong_options_are_a_sentence(tmp_path: Path, options: list[str], says: str) -> None:
    run = command(tmp_path, "serve", *options)
    assert run.returncode == 2
    assert says in run.stderr
    assert "Traceback" not in run.stderr


def test_a_data_folder_that_cannot_serve_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "credentials.sqlite").write_bytes(b"noise" * 1000)
    run = command(tmp_path, "serve", "--port", "0")
    assert run.returncode == 2
    assert "CUSTOMER_FEATURES_DATA_DIR" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_server_without_keys_says_how_to_make_one(local: Callable[..., Local]) -> None:
    server = local()
    assert "customer-features keys create NAME" in server.said
    assert server.post().status_code == 401


WITHOUT = """
import sys
sys.modules["granian"] = None
from customer_features.cli import main
main(["serve", "--no-auth"])
"""


def test_without_the_extra_the_message_says_how_to_install_it(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "pip install 'customer-features[service]'" in run.stderr
    assert "Traceback" not in run.stderr


def test_settings_come_from_the_environment_too(tmp_path: Path) -> None:
    settings = {"CUSTOMER_FEATURES_NO_AUTH": "1", "CUSTOMER_FEATURES_HOST": "0.0.0.0"}
    run = subprocess.run(
        [*COMMAND, "serve"], env={**environment(tmp_path), **settings}, capture_output=True, text=True, check=False
    )
    assert (run.returncode, "--no-auth is refused on 0.0.0.0" in run.stderr) == (2, True)


def test_todays_date_is_the_configured_timezones(local: Callable[..., Local]) -> None:
    # Kiritimati is 26 hours ahead of the far west: one of the two has another date than UTC.
    row = {"transaction_id": "T", "date": "2025-01-01", "amount": 1, "product_id": "P"}
    body = json.dumps({"customers": [{"customer_id": "C", "transactions": [row]}]}).encode()
    days = []
    for zone in ("Pacific/Kiritimati", "Etc/GMT+12"):
        server = local("--no-auth", "--timezone", zone)
        days.append(server.post(body).json()["customers"][0]["features"]["recency_days"])
    assert days[0] - days[1] in (1.0, 2.0)


def test_the_route_is_where_the_contract_says(server: Running) -> None:
    assert ROUTE == "/api/v1/ai/customer_features"
    assert server.url.startswith("http://127.0.0.1:")
