"""Warnings of the DuckDB engine: ``engines/warnings.py`` in its SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from customer_features.definition.options import Options
from customer_features.engines import warnings
from customer_features.query.duckdb_steps import HASH

if TYPE_CHECKING:
    import duckdb


class _Searched:
    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return self._connection.sql(sql).fetchall()

    def keep(self, name: str, sql: str) -> str:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        return name

    def hashed(self, columns: Sequence[str]) -> str:
        return HASH.format(", ".join(columns))

    def remainder(self, column: str, count: int) -> str:
        return f"{HASH.format(column)} % {count}"


def find_warnings(
    connection: duckdb.DuckDBPyConnection, counted: str, options: Options, rows: int, *, exact: bool, read: str
) -> list[dict[str, Any]]:
    """Warnings about the rows that counted, as :func:`repetitions.find_warnings`."""
    return warnings.find_warnings(_Searched(connection), counted, options, rows, exact=exact, read=read)
