"""The tiny files that the peers are tried on, and their vectors in plain Python."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from benchmarks.data import TODAY
from benchmarks.files import purchases

ROWS, CUSTOMERS, PRODUCTS = 3_000, 150, 40


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 3,000 purchases."""
    return purchases(tmp_path_factory.mktemp("tiny"), ROWS, CUSTOMERS, PRODUCTS)


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file."""
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def vectors_by_hand(rows: Iterable[dict[str, Any]], today: date = TODAY) -> dict[str, tuple[float, ...]]:
    """The six features of each customer, in decimals."""
    by_customer: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_customer[row["customer_id"]].append(row)
    cent = Decimal("0.01")
    vectors = {}
    for customer, its in by_customer.items():
        total = sum((Decimal(str(row["amount"])) for row in its), Decimal(0))
        average = (total / len(its)).quantize(cent, ROUND_HALF_UP)
        products, latest = {row["product_id"] for row in its}, max(row["date"] for row in its)
        days = (today - latest).days
        vectors[customer] = tuple(map(float, (total, len(its), average, len(products), 0, days)))
    return vectors
