"""The metrics of one worker. No label holds anything that a caller chose: no id, no path but the routes' own.

Where ``PROMETHEUS_MULTIPROC_DIR`` is set before this module is imported, which the server sees to, the workers
write to files there, and the server's process adds them up (``exposition.py``).
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from customer_features.service.telemetry.observing import Seen

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_PREFIX = "customer_features"


class Metrics:
    """What is counted, as an observer of requests."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        # Every worker makes these once; the registry is the worker's own, so that tests can make them again.
        registry = registry or CollectorRegistry()
        self.registry = registry
        self._seconds = Histogram(
            f"{_PREFIX}_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ["route", "status"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._in_flight = Gauge(
            f"{_PREFIX}_requests_in_flight",
            "Requests that are being received or answered.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._large = Gauge(
            f"{_PREFIX}_large_bodies",
            "Bodies above 256 KiB that are computed, or wait for it.",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self._workers = Gauge(
            f"{_PREFIX}_workers", "Processes that answer.", multiprocess_mode="livesum", registry=registry
        )
        self._customers = Counter(f"{_PREFIX}_customers", "Feature vectors that were answered.", registry=registry)
        self._problems = Counter(
            f"{_PREFIX}_problems", "Requests that were refused or failed, by problem.", ["problem"], registry=registry
        )
        self._faults = Counter(
            f"{_PREFIX}_faults", "Faults in requests; of each request those listed.", ["fault"], registry=registry
        )
        self._authentications = Counter(
            f"{_PREFIX}_authentications", "Outcomes of authentication.", ["reason"], registry=registry
        )
        self._lines_lost = Counter(
            f"{_PREFIX}_log_lines_lost", "Log lines that a worker lost, because nobody read them.", registry=registry
        )
        self._workers.set(1)

    def large_bodies(self, waiting: int) -> None:
        """So many large bodies are in the queue now."""
        self._large.set(waiting)

    def lines_lost(self, count: int) -> None:
        """So many log lines were lost."""
        self._lines_lost.inc(count)

    def close(self) -> None:
        """Nothing: what was counted stays."""

    def begin(self, seen: Seen) -> None:
        """A request has come."""
        self._in_flight.inc()

    def end(self, seen: Seen) -> None:
        """It is over."""
        self._in_flight.dec()
        self._seconds.labels(seen.route, str(seen.status)).observe(seen.seconds)
        if seen.customers:
            self._customers.inc(seen.customers)
        if seen.outcome is not None:
            self._authentications.labels(seen.outcome.reason).inc()
        if seen.reason is not None:
            self._problems.labels(seen.reason.problem).inc()
            for fault, count in seen.reason.faults.items():
                self._faults.labels(fault).inc(count)
