"""PostgreSQL, 16 or newer."""

from __future__ import annotations

from customer_features.definition.money import MAX_AMOUNT
from customer_features.definition.options import Window
from customer_features.query.dialects.base import Dialect


class Postgres(Dialect):
    name = "postgres"
    title = "PostgreSQL"
    sqlglot = "postgres"
    executed = True
    double = "DOUBLE PRECISION"
    string = "TEXT"
    # Else the planner puts the expressions wherever their values are used, a dozen times for each row.
    once = " OFFSET 0"
    default_scale = None
    notes = ("Needs PostgreSQL 16 or newer where a column is text (pg_input_is_valid).",)
    notes_on_orders = (
        "On a large table run SET enable_nestloop = off first: the planner takes rows without a fault for a handful.",
    )

    def identifier(self, sql: str) -> str:
        # Whatever the database's collation: compared, grouped and sorted byte by byte.
        return f'{self.text(sql)} COLLATE "C"'

    def without(self, sql: str, pattern: str) -> str:
        return f"REGEXP_REPLACE({sql}, {self.literal(pattern)}, '', 'g')"

    def lower(self, sql: str) -> str:
        # The collation "C" knows the letters of ASCII alone.
        return f'LOWER({sql} COLLATE "default")'

    def text_to_match(self, sql: str) -> str:
        # The server matches no pattern under a collation that is not deterministic.
        return self.identifier(sql)

    def matches(self, sql: str, pattern: str) -> str:
        return f"{sql} ~ {self.literal(pattern)}"

    def try_cast(self, sql: str, type_name: str) -> str:
        return f"CASE WHEN PG_INPUT_IS_VALID({sql}, {self.literal(type_name)}) THEN CAST({sql} AS {type_name}) END"

    def number_of_text(self, sql: str, *, money: bool = True) -> str:
        # Digits with at most one point among them need no regular expression, which costs many times what this does;
        # of so many no double is out of range.
        others = super().number_of_text(sql, money=money)
        return f"CASE WHEN {self.is_plain(sql)} THEN {self.cast(sql, self.double)} ELSE {others} END"

    def is_plain(self, sql: str) -> str:
        return f"TRANSLATE({sql}, '0123456789', '') IN ('', '.') AND {sql} NOT IN ('', '.') AND LENGTH({sql}) <= 300"

    def trimmed(self, sql: str) -> str:
        return sql  # the cast takes blanks

    def nearest_double(self, sql: str) -> str:
        # Beyond the range of a double the server refuses what every other door reads as infinity or nothing.
        infinite = f"CASE WHEN {sql} LIKE '%-%' THEN '-Infinity' ELSE 'Infinity' END"
        return (
            f"CASE WHEN PG_INPUT_IS_VALID({sql}, 'double precision') THEN CAST({sql} AS DOUBLE PRECISION)"
            f" WHEN {self.matches(sql, '[eE]-')} THEN CAST(0 AS DOUBLE PRECISION)"
            f" ELSE CAST({infinite} AS DOUBLE PRECISION) END"
        )

    def exact_decimal(self, sql: str, places: int) -> str:
        return self.try_cast(sql, "NUMERIC")

    def exact_operation(self, operation: str, left: str, right: str) -> str:
        left, right = (self.cast(f"({side})", "NUMERIC") for side in (left, right))
        return f"{'DIV' if operation == '//' else 'MOD'}({left}, NULLIF({right}, 0))"

    def units_of_decimal(self, sql: str, scale: int | None) -> str:
        # The cast rounds a half away from zero, which is upwards from zero on and costs two operations less.
        wide = self.cast(sql, "DECIMAL")
        above, below = self.cast(f"{wide} * 10000", self.bigint), self.cast(f"FLOOR({wide} * 10000 + 0.5)", self.bigint)
        return f"CASE WHEN {wide} >= 0 THEN {above} ELSE {below} END"

    def amount_of_decimal(self, sql: str, scale: int | None) -> str:
        # To make a double costs more than all else that is done with an amount. Between zero and the greatest amount
        # the decimal compares as its double does; the double nearest to what is a little more is the greatest amount.
        wide = self.cast(sql, "DECIMAL")
        return (
            f"CASE WHEN {wide} BETWEEN 0 AND {_MOST} THEN {wide} WHEN {wide} BETWEEN -{_LEAST} AND 0 THEN 0"
            f" WHEN {wide} BETWEEN {_MOST} AND {_NEXT} THEN {_MOST} WHEN {wide} BETWEEN -{_NEXT} AND -{_MOST}"
            f" THEN -{_MOST} ELSE {wide} END"
        )

    def day_of_text(self, sql: str, timezone: str) -> str:
        # Most are a day alone, and a regular expression costs many times what this does.
        plain = f"TRANSLATE({sql}, '123456789', '000000000') = '0000-00-00'"
        return f"CASE WHEN {plain} THEN {self.day_of_ten_characters(sql)} ELSE {super().day_of_text(sql, timezone)} END"

    def double_of_decimal(self, sql: str, scale: int | None) -> str:
        # MONEY becomes a double by way of DECIMAL alone. The cast refuses what no double is near to: infinite or zero
        # for every other door.
        wide = self.cast(sql, "DECIMAL")
        if scale is not None:
            return self.cast(wide, self.double)  # a declared type holds nothing so great or so small
        return (
            f"CASE WHEN {wide} BETWEEN -1e300 AND 1e300 THEN CASE WHEN {wide} BETWEEN -{_LEAST} AND {_LEAST}"
            f" THEN {self.a_double(0)} ELSE {self.cast(wide, self.double)} END"
            f" WHEN {wide} = 'NaN' THEN CAST('NaN' AS {self.double})"
            f" WHEN {wide} > 0 THEN CAST('Infinity' AS {self.double})"
            f" WHEN {wide} < 0 THEN CAST('-Infinity' AS {self.double}) END"
        )

    def day_of_instant(self, sql: str, timezone: str) -> str:
        # At the ends of what the type holds, a shift by hours would leave it; there is no day of the calendar there.
        inside = f"{sql} BETWEEN '0002-01-01 00:00:00+00 BC' AND '10001-01-01 00:00:00+00'"
        return f"CASE WHEN {inside} THEN {super().day_of_instant(sql, timezone)} END"

    def day_of_ten_characters(self, sql: str) -> str:
        return self.try_cast(sql, "DATE")

    def instant_of_text(self, sql: str) -> str:
        return self.try_cast(sql, "TIMESTAMPTZ")

    def today(self, timezone: str) -> str:
        return super().day_of_instant("CURRENT_TIMESTAMP", timezone)

    def days_between(self, earlier: str, later: str) -> str:
        return f"({later} - {earlier})"  # of two dates a whole number

    def before(self, today: str, window: Window) -> str:
        count, step = (window.months, "MONTHS") if window.months else (window.days, "DAYS")
        return f"CAST({today} - INTERVAL '{count} {step}' AS DATE)"


_MOST = f"{MAX_AMOUNT:.0f}"
_NEXT = f"{MAX_AMOUNT:.0f}.00000762939453125"
"""Halfway from the greatest amount to the next double, a tie that goes to the even one: the greatest amount."""
_LEAST = "2.47e-324"
"""Half of the least double: what is nearer to zero is read as zero."""

DIALECT = Postgres()
