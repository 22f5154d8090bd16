"""The contract's example alone, and while bodies of 25 MB come one after the other: ``make bench-http``."""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.data import document
from benchmarks.servers import Server, command, load, servers
from customer_features.service.documents.contract import EXAMPLE_REQUEST

ROUNDS = 5
SECONDS = 4


def main() -> None:
    """Print the latencies of the small ones, and the median of their ratios."""
    with tempfile.TemporaryDirectory(prefix="customer-features-bench-") as name, servers(Path(name)) as everyone:
        beside(Path(name), everyone[0])


def beside(folder: Path, ours: Server) -> None:
    """The contract's example alone, and while bodies of 25 MB come one after the other."""
    small, large = folder / "small.json", folder / "large.json"
    small.write_bytes(json.dumps(EXAMPLE_REQUEST).encode())
    large.write_bytes(document(24_500))
    ratios = []
    for _ in range(ROUNDS):
        idle = load(ours, small, 1, SECONDS)
        words, environment = command(ours, large, 1, 3 * SECONDS)
        with subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL) as flow:
            time.sleep(1)
            busy = load(ours, small, 1, 2 * SECONDS)
            flow.wait()
        ratios.append(busy.p99 / idle.p99)
        print(
            f"the example beside 25 MB: p99 {busy.p99:.2f} ms, idle {idle.p99:.2f} ms, {ratios[-1]:.1f} times;"
            f" p50 {busy.median:.2f} ms, idle {idle.median:.2f} ms"
        )
    print(f"median of the ratios: {statistics.median(ratios):.1f}")


if __name__ == "__main__":
    main()
