"""Grouping in shares: where the groups of all rows would not fit the memory, a share of the customers at a time.

Spilled groups cost more than reading the rows again: the engine then writes out nearly a group for each row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from customer_features.definition.options import Grain
from customer_features.engines.duckdb.session import memory_limit_of
from customer_features.query import duckdb_steps

if TYPE_CHECKING:
    import duckdb

BYTES_A_CUSTOMER = 256
"""What a customer's measures were seen to take in the engine while two threads make them."""
BYTES_AN_ORDER = 160
_PROBED = 64


def shares(connection: duckdb.DuckDBPyConnection, relation: str, grain: Grain, rows: int) -> int:
    """In how many shares the customers of ``rows`` rows are to be measured: 1 where they fit half of the memory."""
    room = memory_limit_of(connection) // 2
    # In the other grains every order is a group as well, and may have a single row.
    orders = 0 if grain is Grain.TRANSACTION else rows * BYTES_AN_ORDER
    if rows * BYTES_A_CUSTOMER + orders <= room:
        return 1
    probe = duckdb_steps.share_of(relation, 0, _PROBED)
    (customers,) = connection.sql(f"SELECT COUNT(DISTINCT customer_id) FROM {probe}").fetchall()[0]
    needed = int(customers) * _PROBED * BYTES_A_CUSTOMER + orders
    return max(-(-needed // room), 1)


def create(
    connection: duckdb.DuckDBPyConnection, table: str, relation: str, count: int, select: Callable[[str], str]
) -> None:
    """Make a table of what ``select`` makes of a relation, of ``count`` shares of it one after the other."""
    if count == 1:
        connection.execute(f"CREATE TEMP TABLE {table} AS {select(relation)}")
        return
    for number in range(count):
        made = f"INSERT INTO {table}" if number else f"CREATE TEMP TABLE {table} AS"
        connection.execute(f"{made} {select(duckdb_steps.share_of(relation, number, count))}")
