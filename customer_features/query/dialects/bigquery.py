"""BigQuery (GoogleSQL)."""

from __future__ import annotations

from sqlglot import exp

from customer_features.definition.options import Window
from customer_features.query.dialects.base import Dialect


class BigQuery(Dialect):
    name = "bigquery"
    title = "BigQuery"
    sqlglot = "bigquery"
    double = "FLOAT64"
    bigint = "INT64"
    string = "STRING"
    default_scale = None
    instants = (
        exp.DataType.Type.TIMESTAMPTZ,
        exp.DataType.Type.TIMESTAMPLTZ,
        exp.DataType.Type.TIMESTAMP,
    )
    notes = ("TIMESTAMP is an instant in BigQuery; a DATETIME is taken as already local.",)

    def identifier(self, sql: str) -> str:
        return f"COLLATE({self.text(sql)}, '')"

    def matches(self, sql: str, pattern: str) -> str:
        return f"REGEXP_CONTAINS({sql}, {self.literal(pattern)})"

    def try_cast(self, sql: str, type_name: str) -> str:
        return f"SAFE_CAST({sql} AS {type_name})"

    def units_of_decimal(self, sql: str, scale: int | None) -> str:
        return self.cast(f"FLOOR(CAST({sql} AS BIGNUMERIC) * 10000 + CAST('0.5' AS BIGNUMERIC))", self.bigint)

    def total(self, units: str) -> str:
        return f"SUM(CAST({units} AS BIGNUMERIC))"

    def whole_division(self, numerator: str, divisor: str) -> str:
        return f"DIV({numerator}, {divisor})"

    def day_of_instant(self, sql: str, timezone: str) -> str:
        return f"DATE({sql}, {self.literal(timezone)})"

    def instant_of_text(self, sql: str) -> str:
        return self.try_cast(sql, "TIMESTAMP")

    def days_between(self, earlier: str, later: str) -> str:
        return f"DATE_DIFF({later}, {earlier}, DAY)"

    def today(self, timezone: str) -> str:
        return f"CURRENT_DATE({self.literal(timezone)})"

    def before(self, today: str, window: Window) -> str:
        count, step = (window.months, "MONTH") if window.months else (window.days, "DAY")
        return f"DATE_SUB({today}, INTERVAL {count} {step})"


DIALECT = BigQuery()
