"""HTTP over a real socket, under wrk: requests a second and latencies, one worker each, keep-alive.

Ours authenticates every request and holds every limit, a quota among them; the peers do neither. Contests in which each
server is as busy as it can be, and one in which it has 70% of that load.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx

from benchmarks.data import answer_vectors, document, document_vectors
from benchmarks.harness import held, in_turns
from benchmarks.judging import Verdict, judged_mapping
from benchmarks.results import Contest, Standing, contest
from benchmarks.scale import Scale
from benchmarks.servers import ROUTE, Measured, Server, load, servers
from customer_features.service.documents.contract import EXAMPLE_REQUEST

ROUNDS = 5
LATENCY_ROUNDS = 3
SECONDS = 2
SHARE = 0.7
CONNECTIONS_AT_SHARE = 32
CUSTOMERS = 100


def check(server: Server, body: bytes) -> Verdict:
    """The server's answer beside the exact one."""
    headers = {**server.headers, "Content-Type": "application/json"}
    reply = httpx.post(server.url + ROUTE, content=body, headers=headers, timeout=60)
    reply.raise_for_status()
    return judged_mapping(answer_vectors(reply.content), document_vectors(body))


def run(scale: Scale) -> Iterator[Contest]:
    """Bodies of three sizes, then the latencies below saturation."""
    bodies = {
        "the contract's example, 8 connections": (json.dumps(EXAMPLE_REQUEST).encode(), 8),
        f"{CUSTOMERS} customers (0.1 MB), 8 connections": (document(CUSTOMERS), 8),
        "1 MB, 4 connections": (document(980), 4),
    }
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name, servers(Path(name)) as everyone:
        body = Path(name) / "body.json"
        for title, (content, connections) in bodies.items():
            body.write_bytes(content)
            yield saturated(f"HTTP, {title}", everyone, body, connections, scale)
        body.write_bytes(document(CUSTOMERS))
        yield below_saturation(everyone, body, scale)


def run_large(scale: Scale) -> Iterator[Contest]:
    """Bodies of 25 MB, one after the other."""
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name, servers(Path(name)) as everyone:
        body = Path(name) / "body.json"
        body.write_bytes(document(1_000 if scale.quick else 24_500))
        yield saturated("HTTP, 25 MB, 1 connection", everyone, body, 1, scale, SECONDS * 6)


def saturated(
    title: str, everyone: list[Server], body: Path, connections: int, scale: Scale, seconds: float = SECONDS
) -> Contest:
    """All servers in turn under as much load as so many connections make, each with its next request at once."""
    content, wrong = body.read_bytes(), {}
    for server in everyone:
        wrong[server.name] = held(title, server.name, check(server, content), server is everyone[0])
        load(server, body, connections, scale.seconds(seconds / 2))
        server.runs.clear()

    def turn(server: Server) -> None:
        server.runs.append(load(server, body, connections, scale.seconds(seconds)))

    in_turns(everyone, scale.rounds(ROUNDS), turn)
    return contest(
        title,
        [_standing(server, everyone[0], wrong[server.name]) for server in everyone],
        vectors=len(json.loads(content)["customers"]),
        unit="s a request",
    )


def below_saturation(everyone: list[Server], body: Path, scale: Scale) -> Contest:
    """Latencies at 70% of the rate that each server reached as busy as it can be.

    wrk waits for each answer, so the load is made of 32 connections that pause between requests, for times drawn from
    an exponential distribution whose mean brings about the rate: more of them than are ever waiting at once.
    """
    seconds = scale.seconds(2 * SECONDS)
    pauses = {server.name: _pause(server, body, seconds) for server in everyone}
    for server in everyone:
        server.runs.clear()  # of the contests before

    def turn(server: Server) -> None:
        server.runs.append(load(server, body, CONNECTIONS_AT_SHARE, seconds, pauses[server.name][0]))

    in_turns(everyone, scale.rounds(LATENCY_ROUNDS), turn)
    shares = {
        server.name: statistics.median(one.rate for one in server.runs) / pauses[server.name][1] for server in everyone
    }
    return contest(
        f"HTTP, {CUSTOMERS} customers, p99 at {SHARE:.0%} of the load",
        [_standing(server, everyone[0], None, share=shares[server.name], by="p99") for server in everyone],
        unit="s, the slowest of a hundred",
    )


def _pause(server: Server, body: Path, seconds: float) -> tuple[float, float]:
    """The mean pause in milliseconds that makes the load, and the requests a second of the server at its busiest."""
    full = load(server, body, CONNECTIONS_AT_SHARE, seconds).rate
    cycle = CONNECTIONS_AT_SHARE / (SHARE * full) * 1000
    pause = cycle / 2
    for _ in range(3):
        # What a request takes depends on the load, and the load on what a request takes: a few steps settle both.
        took = CONNECTIONS_AT_SHARE / load(server, body, CONNECTIONS_AT_SHARE, seconds / 2, pause).rate * 1000 - pause
        pause = max(1.0, cycle - took)
    return pause, full


def _standing(server: Server, ours: Server, wrong: int | None, by: str = "rate", **figures: float) -> Standing:
    median = partial(_median, server.runs)
    return Standing(
        server.name,
        [1 / one.rate if by == "rate" else one.p99 / 1000 for one in server.runs],
        role="ours" if server is ours else "limit" if server.name.startswith("bare") else "peer",
        cpu_seconds=[one.cpu for one in server.runs],
        peak_bytes=[server.memory()],
        wrong=wrong,
        note="checks keys, limits and every fault" if server is ours else "no keys, no limits, no log",
        figures={"p50_ms": median("median"), "p99_ms": median("p99"), "requests_per_s": median("rate"), **figures},
    )


def _median(runs: list[Measured], of: str) -> float:
    return round(statistics.median(getattr(one, of) for one in runs), 4)
