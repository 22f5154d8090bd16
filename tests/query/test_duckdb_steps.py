"""The query: built from the tables of features and faults, and free of anything a caller wrote."""

from __future__ import annotations

from datetime import date

import duckdb
import pyarrow as pa
import pytest

from customer_features.definition import features
from customer_features.definition.options import Grain, Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.query import duckdb_steps
from customer_features.sources.parts import table_part

ROWS = pa.table(
    {
        "customer_id": ["b", "a", "é", "Z", "a\0", "a", "a\0b", "aa"],
        "transaction_id": ["1", "1", "1", "1", "1", "2", "1", "1"],
        "date": ["2025-04-20", *["2025-04-21"] * 4, "2025-04-26", *["2025-04-21"] * 2],
        "amount": [1.5, *[2.5] * 7],
        "product_id": ["p"] * 8,
    }
)


@pytest.mark.parametrize("grain", list(Grain))
@pytest.mark.parametrize("hashed", [duckdb_steps.HASH, "(hash({}) % 2)"])
def test_from_rows_to_vectors_in_byte_order(grain: Grain, hashed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where ids share a hash, which is found out and then not counted by."""
    monkeypatch.setattr(duckdb_steps, "HASH", hashed)
    options = Options.parse(today="2025-04-24", grain=grain, future="exclude")
    with connected() as connection:
        engine = Engine(connection, [table_part(ROWS, "rows", connection)], options)
        engine.judge()
        relation = engine.vectors()
        assert relation.columns == ["customer_id", *features.names()]
        assert [str(kind) for kind in relation.types] == ["VARCHAR", *["DOUBLE"] * len(features.FEATURES)]
        other = (2.5, 1.0, 2.5, 1.0, 0.0, 3.0)
        names = ["Z", "a", "a\0", "a\0b", "aa", "b", "é"]
        assert relation.fetchall() == [
            (name, *(other if name != "b" else (1.5, 1.0, 1.5, 1.0, 0.0, 4.0))) for name in names
        ]


def test_days_as_literals() -> None:
    for day in (date.min, date(2024, 2, 29), date.max):
        assert duckdb.sql(f"SELECT {duckdb_steps.date_literal(day)}").fetchall() == [(day,)]


def test_staged_columns_keep_their_order() -> None:
    assert duckdb_steps.staged({"a": "1", "b": '"x y"'}, "t", "z") == 'SELECT z, 1 AS a, "x y" AS b FROM t'
