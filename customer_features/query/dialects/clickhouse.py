"""ClickHouse.

Its dates reach from 1900 to 2299 and are cut silently outside, so a day is a whole number of days since 1970 here.
"""

from __future__ import annotations

from datetime import date

from sqlglot import exp

from customer_features.definition.options import Window
from customer_features.query.dialects.base import BLANK, Dialect, Kind, Type

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_YEAR, _LAST_YEAR = 1900, 2299
_FIRST_SECOND, _LAST_SECOND = (
    (day.toordinal() - _EPOCH) * 86400 for day in (date(_FIRST_YEAR, 1, 2), date(_LAST_YEAR, 12, 31))
)
"""Instants whose day in every timezone is one that its dates hold."""


class ClickHouse(Dialect):
    name = "clickhouse"
    title = "ClickHouse"
    sqlglot = "clickhouse"
    executed = True
    double = "Nullable(Float64)"
    bigint = "Nullable(Int64)"
    string = "Nullable(String)"
    no_day = "CAST(NULL AS Nullable(Int32))"
    settings = (
        "SETTINGS prefer_column_name_to_alias = 1, join_use_nulls = 1, precise_float_parsing = 1,"
        " count_distinct_implementation = 'uniqExact'"
    )
    instants = ()
    notes = ("A day is a whole number here: ClickHouse's dates end in 2299 and begin in 1900.",)

    def _type(self, built: exp.DataType) -> Type | None:
        kinds = exp.DataType.Type
        if built.is_type(kinds.LOWCARDINALITY):
            return self._type(built.expressions[0])
        if built.is_type(kinds.DATETIME, kinds.DATETIME64, kinds.DATETIME2, kinds.TIMESTAMP):
            return Type(Kind.INSTANT)  # each is an instant; a timezone only tells how it is shown
        return super()._type(built)

    def present(self, sql: str) -> str:
        return f"assumeNotNull({sql})"

    def without(self, sql: str, pattern: str) -> str:
        return f"replaceRegexpAll(assumeNotNull({sql}), {self.literal(pattern)}, '')"

    def lower(self, sql: str) -> str:
        return f"lowerUTF8({sql})"

    def matches(self, sql: str, pattern: str) -> str:
        return f"match(assumeNotNull({sql}), {self.literal(pattern)})"

    def try_cast(self, sql: str, type_name: str) -> str:
        return f"accurateCastOrNull({sql}, {self.literal(type_name.removeprefix('Nullable(').removesuffix(')'))})"

    def trimmed(self, sql: str) -> str:
        return f"replaceRegexpAll({sql}, {self.literal(BLANK)}, '')"

    def nearest_double(self, sql: str) -> str:
        return f"toFloat64OrNull({sql})"

    places_of_integer = 12  # the cast of a decimal to an integer drops the places

    def exact_decimal(self, sql: str, places: int) -> str:
        return f"toDecimal256OrNull({sql}, {places})"

    def exact_operation(self, operation: str, left: str, right: str) -> str:
        # In units of the last place: what the operators make of decimals depends on their scales.
        units, divisor = (
            f"toInt256(toDecimal256OrNull(toString({side}), 12) * toDecimal256('1000000000000', 0))"
            for side in (left, right)
        )
        if operation == "//":
            return f"toInt64(intDivOrNull({units}, {divisor}))"
        return f"toFloat64(moduloOrNull({units}, {divisor})) / 1e12"

    def units_of_decimal(self, sql: str, scale: int | None) -> str:
        digits = max(scale or 0, 4)
        wide = f"toDecimal256({sql}, {digits})"
        return f"toInt64(floor({wide} * toDecimal256(10000, 0) + toDecimal256('0.5', 1)))"

    def double_of_decimal(self, sql: str, scale: int | None) -> str:
        return f"toFloat64(toString({sql}))"

    def total(self, units: str) -> str:
        return f"SUM(CAST({units} AS Nullable(Int128)))"

    def whole_division(self, numerator: str, divisor: str) -> str:
        return f"intDiv({numerator}, {divisor})"

    def day_literal(self, day: date) -> str:
        if _FIRST_YEAR <= day.year <= _LAST_YEAR:
            return f"toInt32(toDate32('{day.isoformat()}'))"
        return str(day.toordinal() - _EPOCH)

    def day(self, sql: str, kind: Kind, timezone: str) -> str:
        return self.read_day(sql, kind, timezone)  # its own types and what is read of text stay inside the calendar

    def day_of_date(self, sql: str) -> str:
        return f"toInt32({sql})"

    def day_of_timestamp(self, sql: str) -> str:
        return f"toInt32(toDate32({sql}))"

    def day_of_instant(self, sql: str, timezone: str) -> str:
        return f"toInt32(toDate32({sql}, {self.literal(timezone)}))"

    def day_of_ten_characters(self, sql: str) -> str:
        year, month, day = (
            f"toInt32OrZero(substring({sql}, {start}, {size}))" for start, size in ((1, 4), (6, 2), (9, 2))
        )
        valid = f"{year} BETWEEN 1 AND 9999 AND {month} BETWEEN 1 AND 12"
        valid += f" AND {day} BETWEEN 1 AND {_last_of_month(year, month)}"
        return f"CASE WHEN {valid} THEN {_days_since_1970(year, month, day)} END"

    def day_of_instant_in_text(self, sql: str, timezone: str) -> str:
        # In seconds since 1970 of any year: a DateTime64 is cut outside of 1900 to 2299.
        hour, minute, second = (f"toInt32OrZero(substring({sql}, {place}, 2))" for place in (12, 15, 18))
        second = f"if(substring({sql}, 17, 1) = ':', {second}, 0)"
        offset = self.offset_in_text(sql)
        hours, minutes = (f"toInt32OrZero(substring({offset}, {place}, 2))" for place in (2, 4))
        shift = f"({hours} * 3600 + {minutes} * 60) * if(startsWith({offset}, '-'), -1, 1)"
        day = self.day_of_ten_characters(f"SUBSTRING({sql}, 1, 10)")
        seconds = f"(toInt64({day}) * 86400 + {hour} * 3600 + {minute} * 60 + {second} - {shift})"
        if timezone == "UTC":
            days = f"toInt32(intDiv({seconds} + {_EPOCH} * 86400, 86400) - {_EPOCH})"
            first, last = self.day_literal(date.min), self.day_literal(date.max)
            return f"CASE WHEN {days} BETWEEN {first} AND {last} THEN {days} END"
        inside = f"{seconds} BETWEEN {_FIRST_SECOND} AND {_LAST_SECOND}"
        local = self.day_of_instant(f"fromUnixTimestamp64Milli({seconds} * 1000, 'UTC')", timezone)
        return f"CASE WHEN {inside} THEN {local} END"

    def days_between(self, earlier: str, later: str) -> str:
        return f"({later} - {earlier})"

    def today(self, timezone: str) -> str:
        return self.day_of_instant("now()", timezone)

    def a_day(self, expression: str) -> str:
        return f"toInt32(toDate32({expression}))"

    def before(self, today: str, window: Window) -> str:
        if not window.months:
            return f"({today} - {window.days})"
        # addMonths stops at 1900. A window that opens before the first year opens on the day before it.
        day = f"toDate32({today})"
        months = f"(toYear({day}) * 12 + toMonth({day}) - 1 - {window.months})"
        year, month = f"intDiv({months}, 12)", f"({months} % 12 + 1)"
        opens = _days_since_1970(year, month, f"least(toDayOfMonth({day}), {_last_of_month(year, month)})")
        return f"if({months} < 12, {-_EPOCH}, {opens})"

    def as_date(self, day: str) -> str:
        return f"toDate32({day})"


def _last_of_month(year: str, month: str) -> str:
    """The last day of a month of the civil calendar."""
    leap = f"({year} % 4 = 0 AND ({year} % 100 <> 0 OR {year} % 400 = 0))"
    return f"multiIf({month} = 2, if({leap}, 29, 28), {month} IN (4, 6, 9, 11), 30, 31)"


def _days_since_1970(year: str, month: str, day: str) -> str:
    """A day of the civil calendar as a number (H. Hinnant, chrono-compatible date algorithms): years begin in March."""
    march = f"(({month} + 9) % 12)"
    years = f"({year} - if({month} <= 2, 1, 0) + 400)"  # from the year -400 on nothing is below zero
    of_year = f"(intDiv(153 * {march} + 2, 5) + {day} - 1)"
    days = f"365 * {years} + intDiv({years}, 4) - intDiv({years}, 100) + intDiv({years}, 400) + {of_year}"
    return f"toInt32({days} - {_DAYS_BEFORE})"


_DAYS_BEFORE = _EPOCH - 1 + 306 + 146097
"""From 1 March of the year -400 to 1970."""

DIALECT = ClickHouse()
