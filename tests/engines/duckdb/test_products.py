"""Distinct products: exact where hashes collide, where memory is short, and where both are so."""

from __future__ import annotations

import random
from contextlib import nullcontext

import pyarrow as pa
import pytest

from customer_features.definition.options import Options
from customer_features.engines.duckdb import engine as duckdb
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected, memory_kept, memory_limit_of
from customer_features.query import duckdb_steps
from customer_features.sources.parts import table_part


def rows(number: int, customers: int, products: int) -> tuple[pa.Table, dict[str, int]]:
    chance = random.Random(number)
    found: dict[str, set[str]] = {}
    columns: dict[str, list[object]] = {
        name: [] for name in ("customer_id", "transaction_id", "date", "amount", "product_id")
    }
    for row in range(number):
        # The first customer has a third of the rows: more than any equal share of the customers would have.
        customer = "c0" if row % 3 == 0 else f"c{chance.randrange(customers)}"
        product = f"p{chance.randrange(products)}"
        amount = chance.choice([-1.0, 2.5])
        if amount >= 0:
            found.setdefault(customer, set()).add(product)
        for column, value in zip(columns.values(), (customer, str(row), "2025-04-20", amount, product), strict=True):
            column.append(value)
    return pa.table(columns), {customer: len(products) for customer, products in found.items()}


@pytest.mark.parametrize("hashed", [duckdb_steps.HASH, "(hash({}) % 2)", "CAST(1 AS UBIGINT)", "(hash({}) >> 40)"])
@pytest.mark.parametrize("fit", [10**9, 700])
def test_exact_counts(hashed: str, fit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duckdb_steps, "HASH", hashed)
    monkeypatch.setattr(duckdb, "memory_kept", lambda _: nullcontext(8 * fit))
    table, expected = rows(5000, 300, 40)
    options = Options.parse(today="2025-04-24", returns="net", on_fault="quarantine", max_faults=1)
    with connected() as connection:
        engine = Engine(connection, [table_part(table, "rows", connection)], options)
        engine.judge()
        found = engine.vectors().to_arrow_table()
    counts = dict(zip(found["customer_id"].to_pylist(), found["product_diversity"].to_pylist(), strict=True))
    assert counts == expected


def test_the_engine_leaves_memory_to_the_words() -> None:
    with connected(memory_limit="400MB") as connection:
        with memory_kept(connection) as memory:
            assert 190e6 < memory < 210e6
            assert memory_limit_of(connection) < 210e6
        assert memory_limit_of(connection) > 390e6
