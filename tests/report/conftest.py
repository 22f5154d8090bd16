"""Files that reports are made of: built from purchases by the command, for customers whose ids can be told anywhere."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from customer_features.definition import features
from tests.conftest import child

SENTINEL = "SENTINEL"
"""What every customer's id begins with, and nothing else holds."""
CUSTOMERS = 400


@dataclass(frozen=True)
class Files:
    """Two runs' outputs, and what is in them as plain values."""

    newer: Path
    older: Path

    def vectors(self, path: Path) -> dict[str, dict[str, float]]:
        """The vectors of a file by customer."""
        read = pa.csv.read_csv if path.suffix == ".csv" else pa.parquet.read_table
        return {row.pop("customer_id"): row for row in read(path).to_pylist()}

    def column(self, path: Path, name: str) -> list[float]:
        return [vector[name] for vector in self.vectors(path).values()]


def purchases(seed: int) -> list[str]:
    """Lines of a CSV: some customers come often, some spend much, some rows are faulty."""
    lots = random.Random(seed)
    lines = ["customer_id,transaction_id,date,amount,product_id,loyalty_score"]
    # A customer's scale and score do not change with the seed, so that most of them are in both runs, and move.
    for number in range(seed * 20, CUSTOMERS + seed * 20):
        self = random.Random(number)
        often, spends = 1 + int(self.expovariate(0.2)), self.lognormvariate(3, 1.2)
        score = f"{self.random():.4f}" if self.random() < 0.6 else ""
        for visit in range(often + (number % 7 == 0) * 3 * seed):
            day = 1 + int(lots.expovariate(0.5)) % 28
            amount = f"{spends * lots.uniform(0.5, 1.5):.2f}" if visit or number % 50 else "0"
            fields = (
                f"{SENTINEL}-{number}",
                f"{number}-{visit}",
                f"2025-03-{day:02}",
                amount,
                f"p{lots.randrange(60)}",
            )
            lines.append(",".join((*fields, score)))
    lines.append(f"{SENTINEL}-1,x,2025-02-30,1,p1,")
    lines.append(f"{SENTINEL}-2,,2025-03-01,1,p1,")
    return lines


def built(folder: Path, name: str, seed: int, *more: str) -> Path:
    source = folder / f"purchases-{seed}.csv"
    source.write_text("\n".join(purchases(seed)) + "\n")
    out = folder / name
    done = child("build", source, "--out", out, "--max-faults", "5%", *more)
    assert done.returncode == 0, done.stderr
    return out


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("features")
    return Files(
        newer=built(folder, "newer.parquet", 1, "--today", "2025-04-24"),
        older=built(folder, "older.csv", 0, "--today", "2025-03-31"),
    )


def table(**columns: Any) -> pa.Table:
    """Vectors of customers a, b, ...; a feature that is not given is 1 for all."""
    size = max(len(values) for values in columns.values())
    given = {"customer_id": [f"c{number:05}" for number in range(size)]}
    given |= {name: columns.get(name, [1.0] * size) for name in features.names()}
    return pa.table(given | columns)
