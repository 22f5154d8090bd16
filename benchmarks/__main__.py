"""Run every contest and print one table of ratios."""

from __future__ import annotations

import platform
from importlib.metadata import version

from benchmarks import as_of, bulk, http_requests, json_bodies, push_down, spark
from benchmarks.harness import print_table

_PEERS = (
    "chdb-core",
    "duckdb",
    "fastapi",
    "granian",
    "litestar",
    "msgspec",
    "orjson",
    "pandas",
    "polars",
    "pydantic",
    "pyspark",
    "uvicorn",
)


def main() -> None:
    """Ratios only: the machine is named, its times are not."""
    rows = [*json_bodies.run(), *bulk.run(), *as_of.run(), *push_down.run(), *http_requests.run(), *spark.run()]
    print(f"Python {platform.python_version()}, {platform.machine()}; ", end="")
    print(", ".join(f"{name} {version(name)}" for name in _PEERS))
    print("A ratio below 1 means ours is faster. Rounds alternate; medians of the ratios within a round.\n")
    print_table(rows)


if __name__ == "__main__":
    main()
