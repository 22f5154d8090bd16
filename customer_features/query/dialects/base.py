"""What a dialect must say of itself: the few expressions in which the dialects of SQL differ.

Everything else (the rules, the features, the steps) is written once, in DuckDB's form, and translated by SQLGlot. Where
SQLGlot's translation would change a value (an integer division through floats, a decimal without its scale, a
difference of dates), or where dialects have different words for it, the expression is a method here, and each
dialect overrides what it has to. Every method takes and gives SQL text in the dialect itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property, partial
from typing import Any, ClassVar

from customer_features.definition.date_texts import DAY, OFFSET, TIME
from customer_features.definition.number_grammar import NEGATIVE, Marks
from customer_features.definition.options import Window
from customer_features.errors import InvalidOption, MissingExtra, did_you_mean

try:
    import sqlglot
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect as SQLGlotDialect
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("generated SQL", "sql") from error

_WIDTH = 100
"""So long is what stands on one line, where it can be broken."""
BLANK = "[ \\t\\n\\x0b\\f\\r]"
"""What may stand around a number in text."""
NUMBER = f"^{BLANK}*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?{BLANK}*$"
"""A decimal number in text, as every door reads one."""
_AROUND = "[ \\t\\n\\x0b\\f\\r\u00a0]"
_SLIPS = f"^{_AROUND}+|([.]0)?{_AROUND}+$|[.]0$"
"""What programs write around ids, or behind them, and people do not see: blanks, and the fraction of a float."""
MARKS = Marks()
"""A decimal point, and any other mark between thousands."""
INFINITE = f"^{BLANK}*[+-]?[iI][nN][fF]([iI][nN][iI][tT][yY])?{BLANK}*$"
NO_NUMBER = f"^{BLANK}*[+-]?[nN][aA][nN]{BLANK}*$"
"""What is a double and no number."""


class Kind(StrEnum):
    """How a column is read, which follows from its type."""

    TEXT = "text"
    WHOLE = "whole number"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"
    """A moment on a local clock: its day is taken as it stands."""
    INSTANT = "timestamp with time zone"
    """A moment anywhere: its day is that of the business timezone."""


@dataclass(frozen=True, slots=True)
class Type:
    """A column's kind; of a decimal also its digits after the point (None: not known)."""

    kind: Kind
    scale: int | None = None


class Dialect:
    """One dialect. The methods' defaults are standard SQL."""

    name: ClassVar[str]
    """As in ``--dialect``."""
    title: ClassVar[str]
    sqlglot: ClassVar[str]
    """SQLGlot's name for it."""
    aliases: ClassVar[tuple[str, ...]] = ()
    executed: ClassVar[bool] = False
    """Whether the project's tests run the query on the engine itself."""
    settings: ClassVar[str] = ""
    """What stands at the end of a statement."""
    notes: ClassVar[tuple[str, ...]] = ()
    """What a reader of the query should know, a line each."""
    notes_on_orders: ClassVar[tuple[str, ...]] = ()
    """The same, of the grain ``repeated_total`` alone."""

    own: ClassVar[Mapping[Any, Any]] = {}
    """Our own words for what SQLGlot would write in a way that the engine does not know."""
    once: ClassVar[str] = ""
    """What stands at the end of a step whose expressions are to be computed once, however often they are used."""

    double: ClassVar[str] = "DOUBLE"
    bigint: ClassVar[str] = "BIGINT"
    string: ClassVar[str] = "VARCHAR"
    no_day: ClassVar[str] = "CAST(NULL AS DATE)"

    # -- names and translation -----------------------------------------------------------------------------

    @cached_property
    def _parser(self) -> Any:
        return SQLGlotDialect.get_or_raise(self.sqlglot)

    @cached_property
    def _generator(self) -> Any:
        """SQLGlot's generator with our own words for what it would translate into another value."""
        base = type(self._parser).generator_class
        own = {
            exp.IntDiv: lambda made, node: self.whole_division(made.sql(node, "this"), made.sql(node, "expression")),
            exp.DateDiff: lambda made, node: self.days_between(made.sql(node, "expression"), made.sql(node, "this")),
            exp.Paren: _parenthesis,
            **self.own,
        }
        generator = type("Generator", (base,), {"TRANSFORMS": {**base.TRANSFORMS, **own}})
        return partial(generator, dialect=self._parser, normalize_functions=False)

    def of(self, sql: str) -> str:
        """An expression of the definition, which is written in DuckDB's form, in this dialect."""
        return str(self._generator().generate(sqlglot.parse_one(sql, dialect="duckdb")))

    def pretty(self, sql: str) -> str:
        """A query of this dialect laid out for people; that it can be parsed at all is checked on the way."""
        tree = sqlglot.parse_one(sql, dialect=self.sqlglot)
        return str(self._generator(pretty=True, max_text_width=_WIDTH).generate(tree))

    def quoted(self, name: str) -> str:
        """A name, to the letter, as a quoted identifier."""
        return str(exp.to_identifier(name, quoted=True).sql(dialect=self.sqlglot))

    def literal(self, text: str) -> str:
        """A text as a literal."""
        return str(exp.Literal.string(text).sql(dialect=self.sqlglot))

    # -- types ---------------------------------------------------------------------------------------------

    def type_of(self, field: str, text: str) -> Type:
        """What a type by its name in this dialect is. Raises InvalidOption where it can be no field's."""
        try:
            built = exp.DataType.build(text, dialect=self.sqlglot)
        except sqlglot.ParseError:
            raise InvalidOption("type", f"{field}={text} is no type of {self.title}") from None
        found = self._type(built)
        if found is None:
            raise InvalidOption(
                "type",
                f"{field}={text}: allowed are types of text, whole numbers, decimals, doubles, dates, timestamps",
            )
        return found

    def _type(self, built: exp.DataType) -> Type | None:
        kinds = exp.DataType.Type
        if built.is_type(*exp.DataType.TEXT_TYPES, kinds.NAME, kinds.UUID):
            return Type(Kind.TEXT)
        if built.is_type(*exp.DataType.INTEGER_TYPES):
            return Type(Kind.WHOLE)
        if built.is_type(kinds.DECIMAL, kinds.BIGDECIMAL, kinds.MONEY, kinds.DECIMAL128, kinds.DECIMAL256):
            sizes = [int(size.name) for size in built.expressions]
            if sizes and sizes[0] > 300:
                return Type(Kind.DECIMAL)  # more digits than there are before the point of a double
            scale = self.default_scale if not sizes else sizes[1] if len(sizes) > 1 else 0
            return Type(Kind.DECIMAL, scale)
        if built.is_type(*exp.DataType.REAL_TYPES):
            return Type(Kind.DOUBLE)
        if built.is_type(kinds.DATE, kinds.DATE32):
            return Type(Kind.DATE)
        if built.is_type(*self.instants):
            return Type(Kind.INSTANT)
        if built.is_type(*exp.DataType.TEMPORAL_TYPES):
            return Type(Kind.TIMESTAMP)
        return None

    default_scale: ClassVar[int | None] = 0
    """Digits after the point of a decimal whose type does not say; None: as many as a value has."""
    instants: ClassVar[tuple[Any, ...]] = (exp.DataType.Type.TIMESTAMPTZ, exp.DataType.Type.TIMESTAMPLTZ)

    # -- text and numbers ----------------------------------------------------------------------------------

    def cast(self, sql: str, type_name: str) -> str:
        """A value as another type; null stays null."""
        return f"CAST({sql} AS {type_name})"

    def text(self, sql: str) -> str:
        """A value as text."""
        return self.cast(sql, self.string)

    def identifier(self, sql: str) -> str:
        """An id as text that is compared byte by byte, whatever the collation of its column or of the database."""
        return self.text(sql)

    def text_to_match(self, sql: str) -> str:
        """A value as text that patterns are matched with."""
        return self.text(sql)

    def present(self, sql: str) -> str:
        """A value that is known not to be null."""
        return sql

    def matches(self, sql: str, pattern: str) -> str:
        """Whether a text matches a regular expression, somewhere in it."""
        return f"REGEXP_LIKE({sql}, {self.literal(pattern)})"

    def try_cast(self, sql: str, type_name: str) -> str:
        """A text as another type, null where it is none."""
        return f"TRY_CAST({sql} AS {type_name})"

    def number_of_text(self, sql: str, *, money: bool = True) -> str:
        """Give the double nearest to the number in a text, null where there is none.

        ``money``: read currencies and thousands separators too. This takes a long regular expression, so SQL that is
        printed for people goes without it.
        """
        infinite, no_number = (self.cast(self.literal(name), self.double) for name in ("Infinity", "NaN"))
        return (
            f"CASE WHEN {self.matches(sql, NUMBER)} THEN {self.nearest_double(self.trimmed(sql))}"
            f" WHEN {self.matches(sql, INFINITE)} THEN CASE WHEN {sql} LIKE '%-%' THEN -{infinite} ELSE {infinite} END"
            f" WHEN {self.matches(sql, NO_NUMBER)} THEN {no_number}"
            + (f" WHEN {self.is_money(sql)} THEN {self._number_of_money(sql)} END" if money else " END")
        )

    def is_money(self, sql: str) -> str:
        """Whether a text is a number with what exports write around one."""
        return f"{self.matches(sql, f'^{MARKS.money}$')} AND NOT {self.matches(sql, MARKS.no_money)}"

    def decimal_of_text(self, sql: str, scale: int | None, *, money: bool = True) -> str:
        """The exact decimal in a text, null where it holds none; ``scale``: its places (None: as an integer needs)."""
        places = self.places_of_integer if scale is None else scale
        plain = f"CASE WHEN {self.matches(sql, NUMBER)} THEN {self.exact_decimal(self.trimmed(sql), places)}"
        if not money:
            return f"{plain} END"
        value = self.exact_decimal(self.without(sql, MARKS.beside_digits), places)
        return f"{plain} WHEN {self.is_money(sql)} THEN {self._signed(sql, value)} END"

    places_of_integer: ClassVar[int] = 0
    """Digits after the point of a decimal that is cast to an integer: none where the cast rounds as well."""

    def exact_decimal(self, sql: str, places: int) -> str:
        """A plain number in text as a decimal, null where it does not fit."""
        return self.try_cast(sql, f"DECIMAL(38, {places})")

    def exact_operation(self, operation: str, left: str, right: str) -> str:
        """The whole quotient (``//``) or the remainder (``%``) of two numbers."""
        left, right = (self.cast(f"({side})", "DECIMAL(38, 12)") for side in (left, right))
        return f"TRUNC({left} / NULLIF({right}, 0))" if operation == "//" else f"MOD({left}, NULLIF({right}, 0))"

    def _number_of_money(self, sql: str) -> str:
        """The number in a text of money; plain numbers are read without this."""
        return self._signed(sql, self.nearest_double(self.without(sql, MARKS.beside_digits)))

    def _signed(self, sql: str, value: str) -> str:
        return f"CASE WHEN {self.matches(sql, NEGATIVE)} THEN -({value}) ELSE {value} END"

    def without(self, sql: str, pattern: str) -> str:
        """A text without what matches a regular expression."""
        return f"REGEXP_REPLACE({sql}, {self.literal(pattern)}, '')"

    def nearly(self, sql: str) -> str:
        """What ids share that differ in case, surrounding blanks or a fraction of zeros alone."""
        return self.lower(self.without(sql, _SLIPS))

    def lower(self, sql: str) -> str:
        """A text in lower case."""
        return f"LOWER({sql})"

    def is_plain(self, sql: str) -> str:
        """Whether a text is a number and nothing else, where that is cheap to say."""
        return self.matches(sql, NUMBER)

    def trimmed(self, sql: str) -> str:
        """A text without blanks around it."""
        return f"TRIM({sql})"

    def nearest_double(self, sql: str) -> str:
        """The double nearest to a decimal number in text."""
        return self.try_cast(sql, self.double)

    def units_of_decimal(self, sql: str, scale: int | None) -> str:
        """Units of 1/10000 of a decimal of at most 10^11, exactly, a half upwards."""
        digits = max(scale or 0, 4)
        wide = self.cast(sql, f"DECIMAL({18 + digits}, {digits})")  # room for the product
        return self.cast(f"FLOOR({wide} * CAST(10000 AS DECIMAL(5, 0)) + 0.5)", self.bigint)

    def units_of_double(self, number: str) -> str:
        """Units of 1/10000 of a double of at most 10^11."""
        return self.cast(f"FLOOR({number} * {self.a_double(10000)} + {self.a_double('0.5')})", self.bigint)

    def a_double(self, value: object) -> str:
        """A constant that is a double, whatever the dialect takes a plain number for."""
        return self.cast(str(value), self.double)

    def double_of_decimal(self, sql: str, scale: int | None) -> str:
        """The double nearest to a decimal."""
        return self.cast(sql, self.double)

    def amount_of_decimal(self, sql: str, scale: int | None) -> str:
        """What the rules compare of a decimal amount: the double nearest to it, or what compares as that does."""
        return self.double_of_decimal(sql, scale)

    def total(self, units: str) -> str:
        """The sum of units in a type that cannot overflow."""
        return f"SUM({units})"

    def whole_division(self, numerator: str, divisor: str) -> str:
        """A multiple over what it is a multiple of: both are whole 64-bit numbers, and so is the result."""
        return f"{numerator} / {divisor}"

    # -- days ----------------------------------------------------------------------------------------------

    def day_literal(self, day: date) -> str:
        """A day."""
        return self.cast(self.literal(day.isoformat()), "DATE")

    def day(self, sql: str, kind: Kind, timezone: str) -> str:
        """The business day of a value, null where it has none between the years 1 and 9999."""
        read = self.read_day(sql, kind, timezone)
        first, last = self.day_literal(date.min), self.day_literal(date.max)
        return f"CASE WHEN {read} BETWEEN {first} AND {last} THEN {read} END"

    def read_day(self, sql: str, kind: Kind, timezone: str) -> str:
        """The day of a value of any kind."""
        if kind is Kind.TEXT:
            return self.day_of_text(sql, timezone)
        if kind is Kind.INSTANT:
            return self.day_of_instant(sql, timezone)
        return self.day_of_timestamp(sql) if kind is Kind.TIMESTAMP else self.day_of_date(sql)

    def day_of_date(self, sql: str) -> str:
        """The day of a date."""
        return self.cast(sql, "DATE")

    def day_of_timestamp(self, sql: str) -> str:
        """The day of a moment on a local clock."""
        return self.cast(sql, "DATE")

    def day_of_instant(self, sql: str, timezone: str) -> str:
        """The day in a timezone of a moment anywhere."""
        return self.cast(f"{sql} AT TIME ZONE {self.literal(timezone)}", "DATE")

    def day_of_text(self, sql: str, timezone: str) -> str:
        """The day that a text names; what is read is said in ``date_texts``."""
        day = self.day_of_ten_characters(f"SUBSTRING({sql}, 1, 10)")
        written = f"{day} >= {self.day_literal(date.min)}"
        instant = self.day_of_instant_in_text(sql, timezone)
        return (
            f"CASE WHEN {self.matches(sql, f'^{DAY}({TIME})?$')} THEN {day}"
            f" WHEN {self.matches(sql, f'^{DAY}{TIME}{OFFSET}$')} AND {written} THEN {instant} END"
        )

    def day_of_ten_characters(self, sql: str) -> str:
        """The day of a text that looks like YYYY-MM-DD, null where the calendar has none such."""
        return self.try_cast(sql, "DATE")

    def day_of_instant_in_text(self, sql: str, timezone: str) -> str:
        """The day in a timezone of a text that is known to hold a day, a time of day and an offset."""
        return self.day_of_instant(self.instant_of_text(self.plain_instant(sql)), timezone)

    def instant_of_text(self, sql: str) -> str:
        """The moment of a text ``YYYY-MM-DD HH:MM:SS+HH:MM``."""
        return self.try_cast(sql, "TIMESTAMP WITH TIME ZONE")

    def plain_instant(self, sql: str) -> str:
        """An instant in text in the one form that every dialect casts alike.

        Without the digits of a second: some round them up to another day, and no timezone changes within a second.
        """
        second = f"CASE WHEN SUBSTRING({sql}, 17, 1) = ':' THEN SUBSTRING({sql}, 17, 3) ELSE ':00' END"
        offset = self.offset_in_text(sql)
        parts = (f"SUBSTRING({sql}, 1, 10)", "' '", f"SUBSTRING({sql}, 12, 5)", second)
        return " || ".join((*parts, f"SUBSTRING({offset}, 1, 3)", "':'", f"SUBSTRING({offset}, 4, 2)"))

    def offset_in_text(self, sql: str) -> str:
        """The offset at the end of an instant in text, as ``+HHMM``."""
        after_time = f"REGEXP_REPLACE(SUBSTRING({sql}, 17), '^[:0-9.]* ?', '')"
        return f"RPAD(REPLACE(REPLACE({after_time}, ':', ''), 'Z', '+00'), 5, '0')"

    def days_between(self, earlier: str, later: str) -> str:
        """Whole days from one day to another."""
        return f"DATE_DIFF('day', {earlier}, {later})"

    def today(self, timezone: str) -> str:
        """The current day in a timezone."""
        return self.day_of_instant("CURRENT_TIMESTAMP", timezone)

    def a_day(self, expression: str) -> str:
        """What a user gave as today, as this dialect's day."""
        return self.cast(expression, "DATE")

    def before(self, today: str, window: Window) -> str:
        """The last day before a window that ends with an expression's day; months end on the month's last day."""
        count, step = (window.months, "month") if window.months else (window.days, "day")
        return f"DATE_ADD('{step}', -{count}, {today})"

    def as_date(self, day: str) -> str:
        """A day as a date of the dialect, for an output."""
        return day

    # -- the order of the output ---------------------------------------------------------------------------

    def in_byte_order(self, column: str) -> str:
        """How text is ordered byte by byte."""
        return column


def _parenthesis(made: Any, node: Any) -> str:
    """What stands in parentheses, on one line where it fits."""
    inner = made.sql(node, "this")
    if "\n" in inner or len(inner) > _WIDTH:
        inner = f"{made.seg(made.indent(inner), sep='')}{made.seg('', sep='')}"
    return f"({inner})"


def unknown(name: str, allowed: list[str]) -> InvalidOption:
    """The error for a dialect that there is not."""
    hint = did_you_mean(name, allowed)
    return InvalidOption("dialect", f"'{name}' is not one of {', '.join(allowed)}{hint}")
