"""Amazon Redshift."""

from __future__ import annotations

from typing import ClassVar

from sqlglot import exp

from customer_features.definition.options import Window
from customer_features.query.dialects.base import Dialect


class Redshift(Dialect):
    name = "redshift"
    title = "Amazon Redshift"
    sqlglot = "redshift"
    own: ClassVar = {exp.Collate: lambda made, node: made.func("COLLATE", node.this, node.expression)}
    double = "DOUBLE PRECISION"
    string = "VARCHAR(65535)"

    def identifier(self, sql: str) -> str:
        return f"COLLATE({self.text(sql)}, 'case_sensitive')"

    def matches(self, sql: str, pattern: str) -> str:
        return f"REGEXP_INSTR({sql}, {self.literal(pattern)}) > 0"

    def total(self, units: str) -> str:
        return f"SUM(CAST({units} AS DECIMAL(38, 0)))"

    def day_of_instant(self, sql: str, timezone: str) -> str:
        return self.cast(f"({sql} AT TIME ZONE {self.literal(timezone)})", "DATE")

    def instant_of_text(self, sql: str) -> str:
        return self.try_cast(sql, "TIMESTAMPTZ")

    def days_between(self, earlier: str, later: str) -> str:
        return f"DATEDIFF(DAY, {earlier}, {later})"

    def today(self, timezone: str) -> str:
        return self.cast(f"CONVERT_TIMEZONE({self.literal(timezone)}, GETDATE())", "DATE")

    def before(self, today: str, window: Window) -> str:
        count, step = (window.months, "MONTH") if window.months else (window.days, "DAY")
        return f"CAST(DATEADD({step}, -{count}, {today}) AS DATE)"


DIALECT = Redshift()
