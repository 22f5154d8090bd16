"""Doors into engines that compute where the data are, for whoever compares doors.

A door takes an Arrow table (customer_id, transaction_id, date, amount, product_id, loyalty_score) and options as for
``Options.parse``, and gives the vectors, the balance of rows, and how many rows each fault set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa

from customer_features.engines.duckdb_session import connected
from customer_features.engines.outcome import Outcome
from customer_features.options import Options
from tests.database import Database

Door = Callable[[pa.Table, Mapping[str, Any]], tuple[pa.Table, dict[str, int], dict[str, int]]]


def postgres(database: Database) -> Door:
    """Through ``--push-down``: the table is put into the database, and computed there."""
    from customer_features.engines.postgres import PushDown

    def door(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, dict[str, int], dict[str, int]]:
        database.run("DROP TABLE IF EXISTS through_the_door")
        database.load("through_the_door", table)
        with connected() as connection:
            engine = PushDown(connection, database.table("through_the_door"), None, Options.parse(**options))
            outcome = engine.judge()
            return engine.vectors().to_arrow_table(), _rows(outcome), outcome.faults

    return door


def _rows(outcome: Outcome) -> dict[str, int]:
    return {
        "in": outcome.rows_in,
        "used": outcome.used,
        "excluded": outcome.excluded,
        "quarantined": outcome.quarantined,
    }
