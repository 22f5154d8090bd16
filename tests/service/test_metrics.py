"""What is counted, added up over the workers, and told to those who may ask."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from customer_features.service.contract import EXAMPLE_REQUEST

from .harness import ALIAS, EXAMPLE, ROUTE, Running, cli

Start = Callable[..., Running]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(server: Running) -> Samples:
    reply = httpx.get(server.metrics_url, timeout=20)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert reply.headers["cache-control"] == "no-store"
    return {
        (sample.name.removeprefix("customer_features_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, tuple(sorted(labels.items()))), 0.0)


def test_what_is_counted(started: Start) -> None:
    server = started("--metrics-port", "0", key=True)
    assert server.post().status_code == 200
    assert server.post(path=ALIAS).status_code == 200
    assert server.post(EXAMPLE.replace(b"520.55", b"-1").replace(b"398.4", b"-2")).status_code == 422
    assert server.post(X_Secret="wrong").status_code == 401
    assert server.post(b"{").status_code == 400
    assert httpx.get(server.url + "/what/is/this").status_code == 404
    server.log_lines()
    samples = scrape(server)
    assert value(samples, "request_seconds_count", route=ROUTE, status="200") == 1
    assert value(samples, "request_seconds_count", route=ALIAS, status="200") == 1
    assert value(samples, "request_seconds_count", route=ROUTE, status="422") == 1
    assert value(samples, "request_seconds_count", route="other", status="404") == 1
    assert 0 < value(samples, "request_seconds_sum", route=ROUTE, status="200") < 5
    assert value(samples, "request_seconds_bucket", route=ROUTE, status="200", le="+Inf") == 1
    assert value(samples, "customers_total") == 2 * len(EXAMPLE_REQUEST["customers"])
    assert value(samples, "faults_total", fault="negative_amount") == 2
    assert value(samples, "problems_total", problem="unauthorized") == 1
    assert value(samples, "problems_total", problem="malformed-json") == 1
    assert value(samples, "authentications_total", reason="granted") == 4
    assert value(samples, "authentications_total", reason="malformed_secret") == 1
    assert value(samples, "requests_in_flight") == 0
    assert value(samples, "workers") == 1


def test_what_is_in_progress(started: Start) -> None:
    server = started("--no-auth", "--metrics-port", "0")
    rows = [{"transaction_id": f"T{n}", "date": "2025-01-01", "amount": 1, "product_id": "P"} for n in range(150_000)]
    body = json.dumps({"customers": [{"customer_id": "C", "transactions": rows}]}).encode()
    with ThreadPoolExecutor(3) as pool, socket.create_connection(("127.0.0.1", server.port), 10) as half:
        half.sendall(server.head(100) + b"\r\n")
        replies = [pool.submit(server.post, body) for _ in range(3)]
        most: dict[str, float] = {"requests_in_flight": 0, "large_bodies": 0}
        while not all(reply.done() for reply in replies):
            samples = scrape(server)
            most = {name: max(before, value(samples, name)) for name, before in most.items()}
            time.sleep(0.01)
        assert [reply.result().status_code for reply in replies] == [200] * 3
        assert 2 <= most["requests_in_flight"] <= 4
        assert 1 <= most["large_bodies"] <= 3
        server.log_lines()
        # What has only half arrived is still in flight.
        samples = scrape(server)
        assert (value(samples, "requests_in_flight"), value(samples, "large_bodies")) == (1, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers under /proc")
@pytest.mark.slow
def test_workers_are_added_up_and_a_dead_one_leaves_what_it_did(started: Start) -> None:
    server = started("--no-auth", "--workers", "2", "--metrics-port", "0")
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    workers = children.read_text().split()
    # A connection is one worker's: by many of them both come to work.
    assert {server.post().status_code for _ in range(20)} == {200}
    before = scrape(server)
    assert value(before, "workers") == 2
    with socket.create_connection(("127.0.0.1", server.port), 10) as half:
        half.sendall(server.head(100) + b"\r\n")
        time.sleep(0.3)
        assert value(scrape(server), "requests_in_flight") == 1
        for worker in workers:
            os.kill(int(worker), signal.SIGKILL)
        ends = time.monotonic() + 20
        while not (len(now := children.read_text().split()) == 2 and not set(now) & set(workers)):
            assert time.monotonic() < ends
            time.sleep(0.05)
    while value(scrape(server), "workers") < 2:
        assert time.monotonic() < ends
        time.sleep(0.05)
    time.sleep(0.5)
    assert server.post().status_code == 200
    server.log_lines()
    after = scrape(server)
    assert value(after, "workers") == 2
    assert value(after, "requests_in_flight") == 0
    assert value(after, "request_seconds_count", route=ROUTE, status="200") == 21
    assert value(after, "customers_total") == 21 * 2


def test_a_worker_that_has_only_just_begun_hides_nobody_elses_numbers(
    started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    server = started("--no-auth", "--metrics-port", "0")
    assert server.post().status_code == 200
    server.log_lines()
    (folder,) = {path.parent for path in tmp_path.rglob("counter_*.db")}
    # Its files as they are between their creation and their first byte; of the gauge's no process is left.
    (folder / "counter_1.db").touch()
    (folder / "gauge_livesum_4194305.db").touch()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: scrape(server), range(40)))
    assert {value(samples, "customers_total") for samples in replies} == {len(EXAMPLE_REQUEST["customers"])}
    assert not (folder / "gauge_livesum_4194305.db").exists()


def test_the_folder_of_the_workers_is_gone_in_the_end(
    started: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    server = started("--no-auth", "--metrics-port", "0")
    assert server.post().status_code == 200
    assert any(path.suffix == ".db" for path in place.rglob("*"))
    # A server that is killed outright leaves its folder to the next one.
    server.kill()
    assert list(place.iterdir())
    time.sleep(0.2)
    following = started("--no-auth", "--metrics-port", "0")
    assert len(list(place.iterdir())) == 1
    assert following.stop() == 0
    assert list(place.iterdir()) == []


def test_the_metrics_are_this_machines_alone_and_nowhere_by_default(server: Running, started: Start) -> None:
    assert "Metrics on" not in server.log.read_text()
    assert httpx.get(server.url + "/metrics").status_code == 404
    counting = started("--no-auth", "--metrics-port", "0")
    assert counting.metrics_url.startswith("http://127.0.0.1:")
    assert httpx.get(counting.url + "/metrics").status_code == 404
    assert httpx.get(counting.metrics_url.removesuffix("metrics")).status_code == 404
    assert httpx.get(counting.metrics_url + "?name[]=x").status_code == 200


def test_a_metrics_port_in_use_is_a_sentence(server: Running, tmp_path: Path) -> None:
    run = cli(tmp_path, "serve", "--no-auth", "--port", "0", "--metrics-port", str(server.port))
    assert run.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {server.port}: it is in use" in run.stderr
    assert "--metrics-port (CUSTOMER_FEATURES_METRICS_PORT)" in run.stderr
    assert "Traceback" not in run.stderr


def test_req_11_neither_secret_nor_id_is_in_the_metrics(started: Start) -> None:
    server = started("--metrics-port", "0", key=True)
    sentinel, secret = "sentinel-4711", server.headers["X-Secret"]
    body = EXAMPLE.replace(b"C-1001", sentinel.encode())
    statuses = [
        server.post(body, X_Request_Id=sentinel).status_code,
        server.post(body.replace(b"520.55", b"-1")).status_code,
        server.post(body.replace(b"2025-04-21", sentinel.encode())).status_code,
        server.post(body[:-1]).status_code,
        server.post(body, Content_Type=sentinel).status_code,
        server.post(body, X_Secret=sentinel).status_code,
        server.post(body, X_Customer_Api_Id=sentinel).status_code,
        server.post(body, path=f"/{sentinel}?secret={secret}").status_code,
        httpx.request(sentinel.upper(), server.url + ROUTE).status_code,
    ]
    assert statuses == [200, 422, 422, 400, 415, 401, 401, 404, 405]
    server.log_lines()
    text = httpx.get(server.metrics_url, timeout=20).text
    assert "negative_amount" in text
    assert sentinel not in text.lower()
    assert secret not in text
    assert server.headers["X-Customer-Api-Id"] not in text
    # Nor anything else that looks like an id.
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text)


def test_the_log_alone_tells_why_a_request_was_refused(server: Running) -> None:
    body = EXAMPLE.replace(b"520.55", b"-1").replace(b"2024-12-19", b"soon")
    assert server.post(body, X_Request_Id="why-1").status_code == 422
    assert server.post(Content_Type="text/plain", X_Request_Id="why-2").status_code == 415
    assert server.post(X_Request_Id="why-3").status_code == 200
    lines = {line["request_id"]: line for line in map(json.loads, server.log_lines()[1:]) if "request_id" in line}
    assert lines["why-1"]["problem"] == "faulty-request"
    assert lines["why-1"]["faults"] == {"negative_amount": 1, "unreadable_date": 1}
    assert lines["why-2"]["problem"] == "unsupported-media-type"
    assert lines["why-3"]["customers"] == 2
    assert "problem" not in lines["why-3"]


def test_customers_of_packed_answers_are_counted(started: Start) -> None:
    server = started("--no-auth", "--metrics-port", "0")
    row = {"transaction_id": "T", "date": "2025-01-01", "amount": 1, "product_id": "P"}
    customers = [{"customer_id": f"C{n}", "transactions": [row]} for n in range(4000)]
    reply = server.post(json.dumps({"customers": customers}).encode(), Accept_Encoding="gzip")
    assert (reply.status_code, reply.headers["content-encoding"]) == (200, "gzip")
    server.log_lines()
    assert value(scrape(server), "customers_total") == 4000
