"""Customers measured in shares, where the groups of all would not fit: the same vectors, to the bit."""

from __future__ import annotations

import pyarrow as pa
import pytest

from customer_features.definition.options import Grain, Options
from customer_features.engines.duckdb import partitions
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.parts import table_part
from tests.engines.duckdb.test_products import rows


@pytest.mark.parametrize("grain", list(Grain))
def test_shares_change_nothing(grain: Grain, monkeypatch: pytest.MonkeyPatch) -> None:
    table, _ = rows(4000, 300, 40)
    # Every third order has a second line, of another amount: a conflict in the grain repeated_total.
    again = table.take(list(range(0, 4000, 3)))
    again = again.set_column(3, "amount", pa.array([float(place % 4) for place in range(again.num_rows)]))
    options = Options.parse(today="2025-04-24", grain=grain, returns="net", on_fault="quarantine", max_faults=1)
    found = []
    for count in (1, 7):
        monkeypatch.setattr(f"{Engine.__module__}.shares", lambda *_, count=count: count)
        with connected() as connection:
            parts = [table_part(table, "rows", connection), table_part(again, "again", connection)]
            engine = Engine(connection, parts, options)
            outcome = engine.judge()
            found.append((outcome.faults, outcome.used, outcome.customers, engine.vectors().fetchall()))
    assert found[0] == found[1]
    assert found[0][2] > 100


def test_as_many_shares_as_memory_asks_for() -> None:
    with connected(memory_limit="1GB") as connection:
        connection.execute("CREATE TEMP TABLE r AS SELECT 'c' || (range % 400000) AS customer_id FROM range(4000000)")
        room = 5e8

        def counted(grain: Grain, rows: int = 4_000_000) -> int:
            return partitions.shares(connection, "r", grain, rows)

        assert counted(Grain.TRANSACTION, 1_000_000) == 1
        assert counted(Grain.TRANSACTION) == 1  # many rows, few customers
        assert counted(Grain.LINE) == -(-(4_000_000 * partitions.BYTES_AN_ORDER + 400_000 * 256) // room)
        connection.execute("SET memory_limit = '50MB'")
        assert 4 <= counted(Grain.TRANSACTION) <= 5
