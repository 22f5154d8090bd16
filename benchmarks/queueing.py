"""What waiting alone makes of latencies: requests that come at random and are computed one at a time, each in one unit.

``python -m benchmarks.queueing`` simulates the load of ``http_requests.below_saturation``: connections that pause for
exponentially distributed times between an answer and the next request, before a server that does nothing but its
work, in the order of arrival, and takes as long for each. A real one shares its cores with the load and takes now more,
now less, so its own p99 / p50 may lie on either side of this.
"""

from __future__ import annotations

import heapq
import random
import statistics

from benchmarks.http_requests import CONNECTIONS_AT_SHARE, SHARE

REQUESTS = 200_000
SEED = 2026


def latencies(pause: float, connections: int = CONNECTIONS_AT_SHARE, requests: int = REQUESTS) -> tuple[float, float]:
    """The share of the time that the server is busy, and p99 / p50 of the time from a request to its answer."""
    source = random.Random(SEED)
    coming = [source.expovariate(1 / pause) for _ in range(connections)]
    heapq.heapify(coming)
    free, took = 0.0, []
    for _ in range(requests):
        came = heapq.heappop(coming)
        free = max(came, free) + 1
        took.append(free - came)
        heapq.heappush(coming, free + source.expovariate(1 / pause))
    cuts = statistics.quantiles(took, n=100)
    return requests / free, cuts[98] / cuts[49]


def at_share(share: float) -> tuple[float, float]:
    """The same with the pause at which the server is busy for that share of the time, found by halving."""
    short, long = 1.0, 1e3
    for _ in range(20):
        pause = (short * long) ** 0.5
        short, long = (pause, long) if latencies(pause, requests=REQUESTS // 10)[0] > share else (short, pause)
    return latencies(long)


if __name__ == "__main__":
    busy, ratio = at_share(SHARE)
    print(f"busy for {busy:.0%} of the time: p99 / p50 {ratio:.2f}")
