"""How a column of any type is read as an id, a day, an amount or a score: SQL text by type."""

from __future__ import annotations

import re
from dataclasses import dataclass

from customer_features import money
from customer_features.columns import Mapped, literal, number_of_text
from customer_features.date_texts import DAY, OFFSET, TIME, literal_offset
from customer_features.errors import ColumnError
from customer_features.instants import instant_sql
from customer_features.written_days import written

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
NUMERIC = "NUMERIC"
"""The type of a text that holds a decimal number of any length, NaN or Infinity; the engine itself has none."""
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
    decimal: str = ".",
    date_format: str | None = None,
) -> Readings:
    """The readings of a source whose mapped expressions have these DuckDB types.

    ``decimal`` and ``date_format`` say how numbers and dates in text are written.

    Raises ColumnError for a type that cannot be what it is mapped to.
    """
    staged: dict[str, str] = {}
    integral: dict[str, str] = {}
    for field in ("customer_id", "transaction_id", "product_id"):
        staged[field] = _identifier(field, fields[field], types[field], source, integral)
    staged |= _date(fields["date"], types["date"], timezone, source, date_format)
    as_written = written(fields["date"].sql, types["date"], date_format, timezone)
    staged |= as_written.staged
    staged |= _amount(fields["amount"], types["amount"], source, decimal)
    found = {
        "date_found": _text(fields["date"].sql),
        "amount_found": _text(fields["amount"].sql),
        "date_hint": literal("" if date_format is None else f"; asked for is the format {date_format}"),
        "amount_hint": amount_hint_sql(_text(fields["amount"].sql), decimal),
    }
    derived: dict[str, str] = {**as_written.derived}
    if _base(types["amount"]) in {"VARCHAR", "DOUBLE", "FLOAT"}:
        derived["units"] = _in_range("number", money.units_of_double_sql("number"))
    if "loyalty_score" in fields:
        staged |= read_loyalty(fields["loyalty_score"], types["loyalty_score"], source, decimal)
    else:
        staged |= _NO_LOYALTY
        derived |= _NO_LOYALTY
    return Readings(staged, found, integral, derived)


def _text(sql: str) -> str:
    return f"CAST({sql} AS VARCHAR)"


def _base(type_name: str) -> str:
    return "ENUM" if type_name.startswith("ENUM") else re.sub(r"\(.*", "", type_name)


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


def amount_hint_sql(found: str, decimal: str) -> str:
    """SQL of what to say, beside the message, of an amount that looks like a number written in another way."""
    other = "," if decimal == "." else "."
    mark = {".": "\\.", ",": ","}
    # A mark that comes back, or both of them, or blanks or apostrophes between digits, part thousands.
    apart = "[ \u00a0\u202f\u2019'']"
    thousands = f"[0-9]([.,]|{apart})[0-9]{{3}}([.,]|{apart})[0-9]|[0-9]{apart}[0-9]{{3}}"
    currency = r"[0-9].*(\p{Sc}|\b[A-Z]{3}\b)|(\p{Sc}|\b[A-Z]{3}\b).*[0-9]"
    minus = r"^\s*(\(.*[0-9].*\)|[0-9].*[-\x{2212}]|[\x{2212}\x{2013}].*[0-9].*)\s*$"
    alone = f"\\s*[-+]?[0-9]*{mark[other]}[0-9]+\\s*"
    hint = {
        ",": "; thousands separators are not read, and a decimal comma only with --decimal ,",
        ".": "; thousands separators are not read, and a decimal point only without --decimal ,",
    }[other]
    return (
        f"CASE WHEN regexp_matches({found}, '{currency}') THEN '; currency signs and codes are not read' ELSE '' END"
        f" || CASE WHEN regexp_matches({found}, '{minus}') THEN '; a minus sign (-) stands before the number'"
        " ELSE '' END"
        f" || CASE WHEN regexp_matches({found}, '{thousands}') THEN '; thousands separators are not read'"
        f" WHEN regexp_full_match({found}, '{alone}') THEN {literal(hint)} ELSE '' END"
    )


def _amount(mapped: Mapped, type_name: str, source: str, decimal: str = ".") -> dict[str, str]:
    base, sql = _base(type_name), mapped.sql
    missing = f"{sql} IS NULL"
    number = _double(sql)
    if base == "VARCHAR":
        missing += f" OR {sql} = ''"
        number = number_of_text(sql, decimal)
        units = money.units_of_double_sql(number)
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
    return {"amount_missing": missing, "number": number, "units": _in_range(number, units)}


def _in_range(number: str, units: str) -> str:
    return f"CASE WHEN ABS({number}) <= {money.MAX_AMOUNT:.0f} THEN {units} END"


def read_loyalty(
    mapped: Mapped, type_name: str, source: str, decimal: str = ".", max_points: float | None = None
) -> dict[str, str]:
    """SQL of a loyalty score (null where absent or faulty) and of whether it is faulty.

    With ``max_points`` the column holds points, and the score is the contract's ``points / max_points_cap``.
    """
    base, sql = _base(type_name), mapped.sql
    present = f"{sql} IS NOT NULL"
    score = _double(sql)
    if base == "VARCHAR":
        present += f" AND {sql} <> ''"
        score = number_of_text(sql, decimal)
    elif base == NUMERIC:
        score = f"TRY_CAST({sql} AS DOUBLE)"
    elif base not in _WHOLE | {"DOUBLE", "FLOAT", "DECIMAL", "NULL", '"NULL"'}:
        raise unfit("loyalty_score", mapped, type_name, source, FIT["loyalty_score"])
    if max_points is not None:
        score = f"({score}) / CAST({max_points!r} AS DOUBLE)"
    fits = f"COALESCE({score} BETWEEN 0 AND 1, FALSE)"
    return {
        "loyalty": f"CASE WHEN {fits} THEN {score} END",
        "loyalty_faulty": f"({present}) AND NOT {fits}",
        "loyalty_found": _text(sql),
    }
