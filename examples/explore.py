"""The explorer over the grocery data: what `make explore` runs."""

from __future__ import annotations

import os
import sys

from demo import groceries, show

if __name__ == "__main__":
    words = ["explore", str(groceries()), *sys.argv[1:]]
    show("customer-features", *words)
    print("Choose: a row is an order line with its own amount, and 2018-01-01 for today.", flush=True)
    os.execv(sys.executable, [sys.executable, "-m", "customer_features", *words])
