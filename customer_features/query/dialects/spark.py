"""Spark SQL 4 and Databricks."""

from __future__ import annotations

from sqlglot import exp

from customer_features.definition.options import Window
from customer_features.query.dialects.base import BLANK, Dialect

_DAY = 86_400_000_000
"""Microseconds."""
_BITS = 25
"""An amount has 51 bits at most: either half of it, summed over 2**38 rows, stays in 64 bits."""


class Spark(Dialect):
    name = "spark"
    title = "Spark SQL"
    sqlglot = "spark"
    executed = True
    string = "STRING"
    instants = (
        exp.DataType.Type.TIMESTAMPTZ,
        exp.DataType.Type.TIMESTAMPLTZ,
        exp.DataType.Type.TIMESTAMP,
    )
    notes = ("TIMESTAMP is an instant in Spark; a TIMESTAMP_NTZ is taken as already local.",)

    def matches(self, sql: str, pattern: str) -> str:
        # Java's $ stands before a last line break as well: nothing at all may follow.
        whole = f"(?s){pattern[:-1]}(?!.)" if pattern.endswith("$") else pattern
        return f"REGEXP_LIKE({sql}, {self.literal(whole)})"

    def trimmed(self, sql: str) -> str:
        return f"REGEXP_REPLACE({sql}, {self.literal(BLANK)}, '')"

    places_of_integer = 12  # the cast of a decimal to an integer drops the places

    def exact_operation(self, operation: str, left: str, right: str) -> str:
        left, right = (self.cast(f"({side})", "DECIMAL(38, 12)") for side in (left, right))
        return f"{left} {'DIV' if operation == '//' else '%'} NULLIF({right}, 0)"

    def total(self, units: str) -> str:
        return self.joined(*(f"SUM({half})" for half in self.halves(units)))

    def halves(self, units: str) -> tuple[str, str]:
        """Units as two numbers whose sums stay in 64 bits, which sums of decimals do not, at many times the cost."""
        return f"SHIFTRIGHT({units}, {_BITS})", f"({units} & {2**_BITS - 1})"

    def joined(self, high: str, low: str) -> str:
        """The total of which these are the sums of halves."""
        high, low = (f"CAST({half} AS DECIMAL(38, 0))" for half in (high, low))
        return f"({high} * CAST({2**_BITS} AS DECIMAL(10, 0)) + {low})"

    def units_of_decimal(self, sql: str, scale: int | None) -> str:
        digits = max(scale or 0, 4)
        if digits > 5:
            # Digits after the fifth decide nothing, and with them the product would not fit, and be rounded.
            sql, digits = f"FLOOR({sql}, 5)", 5
        wide = self.cast(sql, f"DECIMAL({13 + digits}, {digits})")
        return self.cast(f"FLOOR({wide} * CAST(10000 AS DECIMAL(5, 0)) + 0.5BD)", self.bigint)

    def whole_division(self, numerator: str, divisor: str) -> str:
        return f"{numerator} DIV {divisor}"

    def day_of_instant(self, sql: str, timezone: str) -> str:
        # By whole numbers: a timestamp becomes a date in the session's timezone otherwise, and a quotient a double.
        local = f"UNIX_MICROS(FROM_UTC_TIMESTAMP({sql}, {self.literal(timezone)}))"
        return f"DATE_FROM_UNIX_DATE(CAST(({local} - PMOD({local}, {_DAY})) DIV {_DAY} AS INT))"

    def instant_of_text(self, sql: str) -> str:
        return self.try_cast(sql, "TIMESTAMP")

    def days_between(self, earlier: str, later: str) -> str:
        return f"DATEDIFF({later}, {earlier})"

    def today(self, timezone: str) -> str:
        return self.day_of_instant("CURRENT_TIMESTAMP()", timezone)

    def before(self, today: str, window: Window) -> str:
        if window.months:
            return f"ADD_MONTHS({today}, -{window.months})"
        return f"DATE_SUB({today}, {window.days})"


DIALECT = Spark()
