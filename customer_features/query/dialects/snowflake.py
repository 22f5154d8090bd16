"""Snowflake."""

from __future__ import annotations

from customer_features.definition.options import Window
from customer_features.query.dialects.base import BLANK, Dialect


class Snowflake(Dialect):
    name = "snowflake"
    title = "Snowflake"
    sqlglot = "snowflake"

    def identifier(self, sql: str) -> str:
        return f"COLLATE({self.text(sql)}, 'utf8')"

    def matches(self, sql: str, pattern: str) -> str:
        # REGEXP_LIKE is anchored at both ends here.
        return f"REGEXP_INSTR({sql}, {self.literal(pattern)}) > 0"

    def trimmed(self, sql: str) -> str:
        return f"REGEXP_REPLACE({sql}, {self.literal(BLANK)}, '')"

    def nearest_double(self, sql: str) -> str:
        return f"TRY_TO_DOUBLE({sql})"

    def whole_division(self, numerator: str, divisor: str) -> str:
        return f"TRUNC({numerator} / {divisor})"

    def day_of_instant(self, sql: str, timezone: str) -> str:
        return f"CAST(CONVERT_TIMEZONE({self.literal(timezone)}, {sql}) AS DATE)"

    def day_of_ten_characters(self, sql: str) -> str:
        return f"TRY_TO_DATE({sql}, 'YYYY-MM-DD')"

    def instant_of_text(self, sql: str) -> str:
        return f"TRY_TO_TIMESTAMP_TZ({sql}, 'YYYY-MM-DD HH24:MI:SSTZH:TZM')"

    def days_between(self, earlier: str, later: str) -> str:
        return f"DATEDIFF(DAY, {earlier}, {later})"

    def before(self, today: str, window: Window) -> str:
        # ADD_MONTHS would move a month's last day to a month's last day; DATEADD does not.
        count, step = (window.months, "MONTH") if window.months else (window.days, "DAY")
        return f"DATEADD({step}, -{count}, {today})"


DIALECT = Snowflake()
