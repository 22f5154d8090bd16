"""How a column of any type is read as an id, a day, an amount or a score: SQL text by type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from customer_features.definition import money
from customer_features.definition.date_texts import DAY, OFFSET, TIME, literal_offset
from customer_features.errors import ColumnError
from customer_features.query.columns import Mapped, literal
from customer_features.query.instants import instant_sql
from customer_features.query.text_numbers import PLAIN, Marks, amount_hint_sql, currency_of_text, number_of_text
from customer_features.query.written_days import written

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
NUMERIC = "NUMERIC"
"""The type of a text that holds a decimal number of any length, NaN or Infinity; the engine itself has none."""
QUOTE = "''''"
"""An apostrophe, in SQL."""
_SHOWN = 60
"""Characters of an id that is none, in its message."""
_DAYS = "BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"
_NO_LOYALTY = {
    "loyalty": "CAST(NULL AS DOUBLE)",
    "loyalty_faulty": "FALSE",
    "loyalty_found": "CAST(NULL AS VARCHAR)",
}

FIT = {
    **dict.fromkeys(("customer_id", "transaction_id", "product_id"), "text or a whole number"),
    "date": "a date, a timestamp, or text YYYY-MM-DD",
    "amount": "a number, or text holding one",
    **dict.fromkeys(("loyalty_score", "points"), "a number from 0 to 1"),
}
"""What a column may hold to serve as a field."""
LEGACY_HINT = "; Spark wrote it in its legacy calendar, in which days before {limit} may be others"


@dataclass(frozen=True, slots=True)
class Readings:
    """SQL of each staged column, and of those that only a quarantine needs (``*_found`` and ``*_hint``, text)."""

    staged: dict[str, str]
    found: dict[str, str]
    integral: dict[str, str]
    """Fields whose id is a floating-point column: SQL that is true where a value is no whole number."""
    derived: dict[str, str]
    """Of the staged columns those that follow from others: SQL over these, for a table that need not hold them."""


def read(
    fields: dict[str, Mapped],
    types: dict[str, str],
    timezone: str,
    source: str,
    *,
    marks: Marks = PLAIN,
    date_format: str | None = None,
    unreadable: Mapping[str, str] = MappingProxyType({}),
    first_day: date | None = None,
) -> Readings:
    """The readings of a source whose mapped expressions have these DuckDB types.

    ``marks`` and ``date_format`` say how numbers and dates in text are written.

    Raises ColumnError for a type that cannot be what it is mapped to.
    """
    staged: dict[str, str] = {}
    integral: dict[str, str] = {}
    for field in ("customer_id", "transaction_id", "product_id"):
        staged[field] = _identifier(field, fields[field], types[field], source, integral)
    staged["unreadable_id"] = _unreadable(fields, unreadable)
    staged |= _date(fields["date"], types["date"], timezone, source, date_format)
    as_written = written(fields["date"].sql, types["date"], date_format, timezone)
    staged |= as_written.staged
    staged |= _amount(fields["amount"], types["amount"], source, marks)
    found = {
        "date_found": _text(fields["date"].sql),
        "amount_found": amount_found(fields["amount"], types["amount"], marks),
        "date_hint": literal("" if date_format is None else f"; asked for is the format {date_format}"),
        "amount_hint": amount_hint_sql(_first_unreadable(fields["amount"], marks, _text(fields["amount"].sql)), marks),
    }
    if first_day is not None:
        limit, hint = f"DATE '{first_day}'", LEGACY_HINT.format(limit=first_day)
        found["date_hint"] = f"CASE WHEN {staged['day']} < {limit} THEN {literal(hint)} ELSE {found['date_hint']} END"
        staged["day"] = f"CASE WHEN {staged['day']} >= {limit} THEN {staged['day']} END"
    derived: dict[str, str] = {**as_written.derived}
    if not unreadable:
        derived["unreadable_id"] = staged["unreadable_id"]
    if _base(types["amount"]) in {"VARCHAR", "DOUBLE", "FLOAT"}:
        derived["units"] = _in_range("number", money.units_of_double_sql("number"))
    if _base(types["amount"]) != "VARCHAR" and not fields["amount"].read:
        derived["currency_mark"] = staged["currency_mark"]
    if "loyalty_score" in fields:
        staged |= read_loyalty(fields["loyalty_score"], types["loyalty_score"], source, marks)
    else:
        staged |= _NO_LOYALTY
        derived |= _NO_LOYALTY
    return Readings(staged, found, integral, derived)


def _text(sql: str) -> str:
    return f"CAST({sql} AS VARCHAR)"


def _amount_text(sql: str, type_name: str) -> str:
    """SQL of an amount as it was written; of a double to the 1/10000 that is read: -19.8, not -19.799999999999997."""
    if _base(type_name) != "DOUBLE":
        return _text(sql)
    return f"CASE WHEN ABS({sql}) BETWEEN 0.0001 AND 1e15 THEN {_text(f'ROUND({sql}, 4)')} ELSE {_text(sql)} END"


def _base(type_name: str) -> str:
    return "ENUM" if type_name.startswith("ENUM") else re.sub(r"\(.*", "", type_name)


def is_text(type_name: str) -> bool:
    """Whether a column of an engine's type holds text."""
    return _base(type_name) in {"VARCHAR", "ENUM"}


def is_number(type_name: str) -> bool:
    """Whether a column of an engine's type holds numbers."""
    return _base(type_name) in _WHOLE | {"UHUGEINT", "DECIMAL", "DOUBLE", "FLOAT"}


def _double(sql: str) -> str:
    """SQL of a number as a double.

    TRY changes no value, but hides it from the optimizer, which takes the least and the greatest value that a
    Parquet file states for the range of all: NaN stands outside of it, and the test for it would be dropped
    (duckdb issue 25521).
    """
    return f"TRY(CAST({sql} AS DOUBLE))"


def unfit(field: str, mapped: Mapped, type_name: str, source: str, allowed: str) -> ColumnError:
    """The error for a column of a type that cannot be the field."""
    return ColumnError(
        f"{source}: '{mapped.shown}' is of type {type_name} and cannot be {field}: allowed is {allowed};"
        f" convert it with --map {field}=EXPR (in Python: columns={{'{field}': 'EXPR'}})"
    )


def read_identifier(field: str, mapped: Mapped, type_name: str, source: str) -> tuple[str, dict[str, str]]:
    """SQL of one id as text, and the check of :attr:`Readings.integral`."""
    integral: dict[str, str] = {}
    return _identifier(field, mapped, type_name, source, integral), integral


def _identifier(field: str, mapped: Mapped, type_name: str, source: str, integral: dict[str, str]) -> str:
    base = _base(type_name)
    if base == NUMERIC:
        integral[field] = f"NOT regexp_full_match({mapped.sql}, '-?[0-9]+')"
    if base in {"VARCHAR", NUMERIC}:
        return mapped.sql
    if base in _WHOLE or base in {"ENUM", "UUID", "NULL", '"NULL"'} or re.fullmatch(r"DECIMAL\(\d+,\s*0\)", type_name):
        return _text(mapped.sql)
    if base in {"DOUBLE", "FLOAT"}:
        # A whole number in a floating column (pandas does that to nullable ids) is the whole number.
        value = _double(mapped.sql)
        integral[field] = (
            f"{value} IS NOT NULL AND NOT COALESCE({value} = FLOOR({value}) AND ABS({value}) < 2**53, FALSE)"
        )
        return f"CAST(TRY_CAST({value} AS BIGINT) AS VARCHAR)"
    raise unfit(field, mapped, type_name, source, FIT[field])


def _unreadable(fields: Mapping[str, Mapped], unreadable: Mapping[str, str]) -> str:
    """SQL of the first id that is none, with the field's name; null where all of them are ids."""
    cases = " ".join(
        f"WHEN {sql} THEN '{field} ''' || LEFT({_text(fields[field].sql)}, {_SHOWN}) || ''''"
        for field, sql in unreadable.items()
    )
    return f"CASE {cases} END" if cases else "CAST(NULL AS VARCHAR)"


def _date(mapped: Mapped, type_name: str, timezone: str, source: str, date_format: str | None = None) -> dict[str, str]:
    base, sql = _base(type_name), mapped.sql
    if base == "VARCHAR" and date_format is not None:
        day = day_by_format(sql, date_format, timezone)
        return {"date_missing": f"{sql} IS NULL OR {sql} = ''", "day": _in_calendar(day)}
    if base == "VARCHAR":
        # The cast takes no blank before an offset, and digits of a second change no day.
        joined = f"regexp_replace({sql}, '([.][0-9]+)? ?(Z|[-+][0-9:]+)$', '\\2')"
        stamp = f"timezone({literal(timezone)}, TRY_CAST({joined} AS TIMESTAMPTZ))"
        day = (
            # The cast takes signs, blanks around a day, other marks and fewer digits: this leaves YYYY-MM-DD.
            f"CASE WHEN {sql} LIKE '____-__-__' AND {sql} BETWEEN '0' AND ':' AND RIGHT({sql}, 1) >= '0'"
            f" THEN TRY_CAST({sql} AS DATE)"
            f" WHEN LENGTH({sql}) >= 16 AND regexp_full_match({sql}, '{DAY}{TIME}')"
            f" THEN TRY_CAST(LEFT({sql}, 10) AS DATE)"
            f" WHEN LENGTH({sql}) >= 17 AND {sql} >= '0001' AND regexp_full_match({sql}, '{DAY}{TIME}{OFFSET}')"
            f" THEN CAST({stamp} AS DATE) END"
        )
        return {"date_missing": f"{sql} IS NULL OR {sql} = ''", "day": _in_calendar(day)}
    if base == "DATE":
        day = sql
    elif base == "TIMESTAMP_NS":
        day = _day_of_nanoseconds(sql)
    elif base == "TIMESTAMPTZ_NS":
        day = _day_of_nanoseconds(f"timezone({literal(timezone)}, {sql})")
    elif base == "TIMESTAMP WITH TIME ZONE" or base.startswith("TIMESTAMPTZ"):
        day = f"CAST(timezone({literal(timezone)}, {sql}) AS DATE)"
    elif base.startswith("TIMESTAMP"):
        day = f"CAST({sql} AS DATE)"
    elif base in {"NULL", '"NULL"'}:
        day = "CAST(NULL AS DATE)"
    else:
        raise unfit("date", mapped, type_name, source, FIT["date"])
    return {"date_missing": f"{sql} IS NULL", "day": _in_calendar(day)}


def _day_of_nanoseconds(sql: str) -> str:
    """SQL of the day of a timestamp in nanoseconds; the engine's own cast rounds the last 500 of a day to the next."""
    microseconds = f"epoch_ns({sql}) // 1000 - CASE WHEN epoch_ns({sql}) % 1000 < 0 THEN 1 ELSE 0 END"
    return f"CAST(make_timestamp({microseconds}) AS DATE)"


def day_by_format(sql: str, date_format: str, timezone: str) -> str:
    """SQL of the day that a text names in a format of strptime, null where it does not."""
    stamp = f"TRY_STRPTIME({sql}, {literal(date_format)})"
    offset = literal_offset(date_format)
    moment = stamp if offset is None else instant_sql(stamp, offset)
    day = f"CAST({stamp} AS DATE)"
    if offset is not None or "%z" in date_format:
        day = f"CAST(timezone({literal(timezone)}, {moment}) AS DATE)"
    if "%z" in date_format or "%f" in date_format:
        # Digits of a second and offsets can be written in many ways; years below 1000 would be two digits.
        end = f" AND regexp_matches({sql}, '{OFFSET}$')" if date_format.endswith("%z") else ""
        written = f"regexp_matches({sql}, '^(\\S.*)?[0-9](.*\\S)?$')"
        return f"CASE WHEN {written}{end} AND {day} >= DATE '1000-01-01' THEN {day} END"
    # A day written in the format again is the very text it was, but for a leading zero: the parser alone would
    # take 25 for the year 0025, 'epoch' for a day, and blanks around it.
    plain = "LOWER(regexp_replace({}, '\\b0([0-9])\\b', '\\1', 'g'))"
    same = f"{plain.format(f'STRFTIME({stamp}, {literal(date_format)})')} = {plain.format(sql)}"
    return f"CASE WHEN {same} THEN {day} END"


def _in_calendar(day: str) -> str:
    return f"CASE WHEN {day} {_DAYS} THEN {day} END"


def unreadable(mapped: Mapped, marks: Marks) -> str | None:
    """SQL of whether a row has a text that its expression computes with and that is no number; None: it reads none."""
    cells = [f"({sql} <> '' AND {number_of_text(sql, marks)} IS NULL)" for sql in mapped.read.values()]
    cells += [f"({test})" for test in mapped.unheld.values()]
    return f"COALESCE({' OR '.join(cells)}, FALSE)" if cells else None


def in_column(shown: str) -> str:
    """The text that follows a cell's value in a message, where both are shown in quotes."""
    return f"' in column '{shown}"


def amount_found(mapped: Mapped, type_name: str, marks: Marks) -> str:
    """SQL of the amount as it was found: of an expression the first cell that cannot be read, with its column."""
    whole = _amount_text(mapped.sql, type_name)
    return _first_unreadable(mapped, marks, whole, lambda shown: f" || {literal(in_column(shown))}")


def _first_unreadable(mapped: Mapped, marks: Marks, whole: str, more: Callable[[str], str] = lambda shown: "") -> str:
    """SQL of the first cell of an expression that cannot be read, else of the whole, as text."""
    cases = [
        f"WHEN {sql} <> '' AND {number_of_text(sql, marks)} IS NULL THEN {sql}{more(shown)}"
        for shown, sql in mapped.read.items()
    ]
    cases += [f"WHEN {test} THEN {mapped.read[shown]}{more(shown)}" for shown, test in mapped.unheld.items()]
    return f"CASE {' '.join(cases)} ELSE {whole} END" if cases else whole


def _amount(mapped: Mapped, type_name: str, source: str, marks: Marks = PLAIN) -> dict[str, str]:
    base, sql = _base(type_name), mapped.sql
    currency = "CAST(NULL AS VARCHAR)"
    if broken := unreadable(mapped, marks):
        sql = f"CASE WHEN NOT {broken} THEN {sql} END"
        texts = ", ".join(currency_of_text(text, marks) for text in mapped.read.values())  # each of a row's
        currency = f"NULLIF(concat_ws('\n', {texts}), '')"
    missing = f"{sql} IS NULL" + (f" AND NOT {broken}" if broken else "")
    number = _double(sql)
    if base == "VARCHAR":
        missing += f" OR COALESCE({sql} = '', FALSE)"
        number = number_of_text(sql, marks)
        units = money.units_of_double_sql(number)
        currency = currency_of_text(sql, marks)
    elif base == NUMERIC:
        number = f"TRY_CAST({sql} AS DOUBLE)"
        units = money.units_of_numeric_sql(sql)
    elif base in {"DOUBLE", "FLOAT"}:
        units = money.units_of_double_sql(number)
    elif base in _WHOLE:
        units = f"CAST({sql} AS BIGINT) * 10000"
    elif scaled := re.fullmatch(r"DECIMAL\(\d+,\s*(\d+)\)", type_name):
        units = money.units_of_decimal_sql(sql, int(scaled[1]))
    elif base in {"NULL", '"NULL"'}:
        units = "CAST(NULL AS BIGINT)"
    else:
        raise unfit("amount", mapped, type_name, source, FIT["amount"])
    return {"amount_missing": missing, "number": number, "units": _in_range(number, units), "currency_mark": currency}


def _in_range(number: str, units: str) -> str:
    return f"CASE WHEN ABS({number}) <= {money.MAX_AMOUNT:.0f} THEN {units} END"


def read_loyalty(
    mapped: Mapped, type_name: str, source: str, marks: Marks = PLAIN, max_points: float | None = None
) -> dict[str, str]:
    """SQL of a loyalty score (null where absent or faulty), of whether it is faulty, and of what was found.

    A value that cannot be read is shown in quotes. With ``max_points`` the column holds points, and the score
    is the contract's ``points / max_points_cap``.
    """
    base, sql = _base(type_name), mapped.sql
    broken = unreadable(mapped, marks)
    present = f"({sql} IS NOT NULL" + (f" OR {broken})" if broken else ")")
    if broken:
        sql = f"CASE WHEN NOT {broken} THEN {sql} END"
    score = _double(sql)
    if base == "VARCHAR":
        present += f" AND COALESCE({sql} <> '', TRUE)"
        score = number_of_text(sql, marks)
    elif base == NUMERIC:
        score = f"TRY_CAST({sql} AS DOUBLE)"
    elif base not in _WHOLE | {"DOUBLE", "FLOAT", "DECIMAL", "NULL", '"NULL"'}:
        raise unfit("loyalty_score", mapped, type_name, source, FIT["loyalty_score"])
    if max_points is not None:
        score = f"({score}) / CAST({max_points!r} AS DOUBLE)"
    fits = f"COALESCE({score} BETWEEN 0 AND 1, FALSE)"
    found = amount_found(mapped, "VARCHAR", marks)
    of_cap = "" if max_points is None else f" || {literal(f' / {max_points:.15g}')}"
    return {
        "loyalty": f"CASE WHEN {fits} THEN {score} END",
        "loyalty_faulty": f"({present}) AND NOT {fits}",
        "loyalty_found": f"CASE WHEN ({score}) IS NULL THEN {QUOTE} || {found} || {QUOTE} ELSE {found}{of_cap} END",
    }
