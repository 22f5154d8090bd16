"""Trino."""

from __future__ import annotations

from customer_features.query.dialects.base import Dialect


class Trino(Dialect):
    name = "trino"
    title = "Trino"
    sqlglot = "trino"

    def total(self, units: str) -> str:
        return f"SUM(CAST({units} AS DECIMAL(38, 0)))"

    def day_of_ten_characters(self, sql: str) -> str:
        return self.try_cast(sql, "DATE")


DIALECT = Trino()
