"""What is counted, added up over the workers, and told to those who may ask."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from customer_features.service.bodies.computing import LARGE_BODY
from customer_features.service.documents.contract import EXAMPLE_REQUEST
from customer_features.service.telemetry.metrics import Metrics
from customer_features.service.telemetry.observing import Seen
from tests.service.harness import ALIAS, CLIENT, EXAMPLE, ROUTE, Running, command, paused, start
from tests.waiting import until

Start = Callable[..., Running]
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(server: Running) -> Samples:
    reply = CLIENT.get(server.metrics_url)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert reply.headers["cache-control"] == "no-store"
    return read(reply.text)


def read(text: str) -> Samples:
    return {
        (sample.name.removeprefix("customer_features_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get((name, tuple(sorted(labels.items()))), 0.0)


def test_what_is_counted(counting: Running) -> None:
    counting.log_lines()
    before = scrape(counting)
    assert counting.post().status_code == 200
    assert counting.post(path=ALIAS).status_code == 200
    assert counting.post(EXAMPLE.replace(b"520.55", b"-1").replace(b"398.4", b"-2")).status_code == 422
    assert counting.post(X_Secret="wrong").status_code == 401
    assert counting.post(b"{").status_code == 400
    assert counting.get("/what/is/this").status_code == 404
    counting.log_lines()
    now = scrape(counting)
    samples = {key: number - before.get(key, 0.0) for key, number in now.items()}
    assert value(samples, "request_seconds_count", route=ROUTE, status="200") == 1
    assert value(samples, "request_seconds_count", route=ALIAS, status="200") == 1
    assert value(samples, "request_seconds_count", route=ROUTE, status="422") == 1
    assert value(samples, "request_seconds_count", route="other", status="404") == 1
    assert value(samples, "request_seconds_sum", route=ROUTE, status="200") > 0
    assert value(samples, "request_seconds_bucket", route=ROUTE, status="200", le="+Inf") == 1
    assert value(samples, "customers_total") == 2 * len(EXAMPLE_REQUEST["customers"])
    assert value(samples, "faults_total", fault="negative_amount") == 2
    assert value(samples, "problems_total", problem="unauthorized") == 1
    assert value(samples, "problems_total", problem="malformed-json") == 1
    assert value(samples, "authentications_total", reason="granted") == 4
    assert value(samples, "authentications_total", reason="malformed_secret") == 1
    assert value(now, "requests_in_flight") == 0
    assert value(now, "workers") == 1


def test_seconds_are_counted_as_they_were() -> None:
    metrics = Metrics()
    for seconds in (0.3, 4.5):
        seen = Seen(ROUTE, "POST", "x", status=200, seconds=seconds)
        metrics.begin(seen)
        metrics.end(seen)
    samples = read(generate_latest(metrics.registry).decode())
    assert value(samples, "request_seconds_sum", route=ROUTE, status="200") == pytest.approx(4.8)
    buckets = {le: value(samples, "request_seconds_bucket", route=ROUTE, status="200", le=le) for le in ("0.25", "0.5")}
    assert buckets == {"0.25": 0, "0.5": 1}
    assert value(samples, "request_seconds_bucket", route=ROUTE, status="200", le="5.0") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="finds the process that computes under /proc")
def test_what_is_in_progress(counting: Running) -> None:
    rows = [{"transaction_id": f"T{n}", "date": "2025-01-01", "amount": 1, "product_id": "P"} for n in range(5000)]
    body = json.dumps({"customers": [{"customer_id": "C", "transactions": rows}]}).encode()
    assert len(body) > LARGE_BODY
    assert counting.post(body).status_code == 200

    def found() -> tuple[float, float]:
        samples = scrape(counting)
        return value(samples, "requests_in_flight"), value(samples, "large_bodies")

    with ThreadPoolExecutor(3) as pool, counting.connect() as half:
        half.sendall(counting.head(100) + b"\r\n")
        until(lambda: found() == (1, 0), "a request that arrives")
        with paused(counting.computing()):
            replies = [pool.submit(counting.post, body) for _ in range(3)]
            until(lambda: found() == (4, 3), "three large bodies")
        assert [reply.result().status_code for reply in replies] == [200] * 3
        # What has only half arrived is still in flight.
        until(lambda: found() == (1, 0), "their end")
    until(lambda: found() == (0, 0), "the end of what never arrived")


@pytest.mark.skipif(sys.platform != "linux", reason="finds the workers under /proc")
@pytest.mark.slow
def test_workers_are_added_up_and_a_dead_one_leaves_what_it_did(started: Start) -> None:
    server = started("--no-auth", "--workers", "2", "--metrics-port", "0")
    workers = server.workers()
    # A connection is one worker's: by many of them both come to work.
    assert {server.post().status_code for _ in range(20)} == {200}
    server.log_lines()
    before = scrape(server)
    assert value(before, "workers") == 2
    with server.connect() as half:
        half.sendall(server.head(100) + b"\r\n")
        until(lambda: value(scrape(server), "requests_in_flight") == 1, "a request that arrives")
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        until(lambda: len(now := server.workers()) == 2 and not {*now} & {*workers}, "two other workers")
    until(lambda: value(scrape(server), "workers") == 2, "their numbers")
    until(server.serves, "their answer")
    server.log_lines()
    after = scrape(server)
    assert value(after, "workers") == 2
    assert value(after, "requests_in_flight") == 0
    assert value(after, "request_seconds_count", route=ROUTE, status="200") == 21
    assert value(after, "customers_total") == 21 * 2


def test_a_worker_that_has_only_just_begun_hides_nobody_elses_numbers(counting: Running) -> None:
    assert counting.post().status_code == 200
    counting.log_lines()
    before = scrape(counting)
    assert value(before, "customers_total") > 0
    (folder,) = {path.parent for path in (counting.folder / "tmp").rglob("counter_*.db")}
    # Its files as they are between their creation and their first byte; of the gauge's no process is left.
    (folder / "counter_1.db").touch()
    (folder / "gauge_livesum_4194305.db").touch()
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: scrape(counting), range(40)))
    assert {value(samples, "customers_total") for samples in replies} == {value(before, "customers_total")}
    assert not (folder / "gauge_livesum_4194305.db").exists()
    (folder / "counter_1.db").unlink()


@pytest.mark.slow
def test_the_folder_of_the_workers_is_gone_in_the_end(started: Start) -> None:
    server = started("--no-auth", "--metrics-port", "0")
    place = server.folder / "tmp"
    assert server.post().status_code == 200
    assert any(path.suffix == ".db" for path in place.rglob("*"))
    # A server that is killed outright leaves its folder to the next one.
    server.kill()
    (left,) = place.iterdir()
    following = start(server.folder, "--no-auth", "--metrics-port", "0")
    try:
        assert len(list(place.iterdir())) == 1
        assert not left.exists()
        assert following.stop() == 0
        assert list(place.iterdir()) == []
    finally:
        following.kill()


def test_the_metrics_are_this_machines_alone_and_nowhere_by_default(server: Running, counting: Running) -> None:
    assert "Metrics on" not in server.log.read_text()
    assert server.get("/metrics").status_code == 404
    assert counting.metrics_url.startswith("http://127.0.0.1:")
    assert counting.get("/metrics").status_code == 404
    assert CLIENT.get(counting.metrics_url.removesuffix("metrics")).status_code == 404
    assert CLIENT.get(counting.metrics_url + "?name[]=x").status_code == 200


def test_a_metrics_port_in_use_is_a_sentence(server: Running, tmp_path: Path) -> None:
    run = command(tmp_path, "serve", "--no-auth", "--port", "0", "--metrics-port", str(server.port))
    assert run.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {server.port}: it is in use" in run.stderr
    assert "--metrics-port (CUSTOMER_FEATURES_METRICS_PORT)" in run.stderr
    assert "Traceback" not in run.stderr


def test_req_11_neither_secret_nor_id_is_in_the_metrics(counting: Running) -> None:
    sentinel, secret = "sentinel-4711", counting.headers["X-Secret"]
    body = EXAMPLE.replace(b"C-1001", sentinel.encode())
    statuses = [
        counting.post(body, X_Request_Id=sentinel).status_code,
        counting.post(body.replace(b"520.55", b"-1")).status_code,
        counting.post(body.replace(b"2025-04-21", sentinel.encode())).status_code,
        counting.post(body[:-1]).status_code,
        counting.post(body, Content_Type=sentinel).status_code,
        counting.post(body, X_Secret=sentinel).status_code,
        counting.post(body, X_Customer_Api_Id=sentinel).status_code,
        counting.post(body, path=f"/{sentinel}?secret={secret}").status_code,
        counting.request(sentinel.upper(), ROUTE).status_code,
    ]
    assert statuses == [200, 422, 422, 400, 415, 401, 401, 404, 405]
    counting.log_lines()
    text = CLIENT.get(counting.metrics_url).text
    assert "negative_amount" in text
    assert sentinel not in text.lower()
    assert secret not in text
    assert counting.headers["X-Customer-Api-Id"] not in text
    # Nor anything else that looks like an id.
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text)


def test_the_log_alone_tells_why_a_request_was_refused(server: Running) -> None:
    body = EXAMPLE.replace(b"520.55", b"-1").replace(b"2024-12-19", b"soon")
    begun = server.mark()
    assert server.post(body, X_Request_Id="why-1").status_code == 422
    assert server.post(Content_Type="text/plain", X_Request_Id="why-2").status_code == 415
    assert server.post(X_Request_Id="why-3").status_code == 200
    lines = {line["request_id"]: line for line in map(json.loads, server.log_lines(begun))}
    assert lines["why-1"]["problem"] == "faulty-request"
    assert lines["why-1"]["faults"] == {"negative_amount": 1, "unreadable_date": 1}
    assert lines["why-2"]["problem"] == "unsupported-media-type"
    assert lines["why-3"]["customers"] == 2
    assert "problem" not in lines["why-3"]


def test_customers_of_packed_answers_are_counted(counting: Running) -> None:
    row = {"transaction_id": "T", "date": "2025-01-01", "amount": 1, "product_id": "P"}
    customers = [{"customer_id": f"C{n}", "transactions": [row]} for n in range(4000)]
    counting.log_lines()
    before = value(scrape(counting), "customers_total")
    reply = counting.post(json.dumps({"customers": customers}).encode(), Accept_Encoding="gzip")
    assert (reply.status_code, reply.headers["content-encoding"]) == (200, "gzip")
    counting.log_lines()
    assert value(scrape(counting), "customers_total") == before + 4000
