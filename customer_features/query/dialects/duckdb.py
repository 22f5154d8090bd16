"""DuckDB."""

from __future__ import annotations

from customer_features.definition import money
from customer_features.definition.options import Window
from customer_features.query.dialects.base import Dialect
from customer_features.query.text_numbers import exact_operation


class DuckDB(Dialect):
    name = "duckdb"
    title = "DuckDB"
    sqlglot = "duckdb"
    executed = True

    def without(self, sql: str, pattern: str) -> str:
        return f"REGEXP_REPLACE({sql}, {self.literal(pattern)}, '', 'g')"

    def identifier(self, sql: str) -> str:
        # Whatever the column's collation and the session's default one.
        return f'{self.text(sql)} COLLATE "C"'

    def matches(self, sql: str, pattern: str) -> str:
        return f"REGEXP_MATCHES({sql}, {self.literal(pattern)})"

    def trimmed(self, sql: str) -> str:
        return sql  # the cast takes blanks

    def units_of_decimal(self, sql: str, scale: int | None) -> str:
        return money.units_of_decimal_sql(sql, scale or 0)

    def units_of_double(self, number: str) -> str:
        # TRY changes no value, but hides it from statistics of Parquet files, which state no NaN (duckdb issue 25521).
        return super().units_of_double(f"TRY({number})")

    def whole_division(self, numerator: str, divisor: str) -> str:
        return f"{numerator} // {divisor}"

    def exact_operation(self, operation: str, left: str, right: str) -> str:
        return exact_operation(operation, left, right)

    def before(self, today: str, window: Window) -> str:
        count, step = (window.months, "MONTH") if window.months else (window.days, "DAY")
        return f"CAST({today} - INTERVAL '{count}' {step} AS DATE)"


DIALECT = DuckDB()
