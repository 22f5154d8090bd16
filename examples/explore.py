"""The explorer over the grocery data: what `make explore` runs."""

from __future__ import annotations

import os
import socket
import sys

from demo import EXPLORER_PORT, groceries, show


def port() -> int:
    """The port that `make demo` names; any free one where somebody has it already."""
    with socket.socket() as taken:
        return 0 if taken.connect_ex(("127.0.0.1", EXPLORER_PORT)) == 0 else EXPLORER_PORT


if __name__ == "__main__":
    words = ["explore", str(groceries()), "--port", str(port()), *sys.argv[1:]]
    show("customer-features", *words)
    print("Choose: a row is an order line with its own amount, and 2018-01-01 for today.", flush=True)
    os.execv(sys.executable, [sys.executable, "-m", "customer_features", *words])
