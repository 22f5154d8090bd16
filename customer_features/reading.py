"""How a column of any type is read as an id, a day, an amount or a score: SQL text by type."""

from __future__ import annotations

import re
from dataclasses import dataclass

from customer_features import money
from customer_features.columns import Mapped, literal
from customer_features.errors import ColumnError

_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
_DAYS = "BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"
_ZONE = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_TIMESTAMP = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"


@dataclass(frozen=True, slots=True)
class Readings:
    """SQL of each staged column, and of the two that only a quarantine needs (``*_found``, text)."""

    staged: dict[str, str]
    found: dict[str, str]
    integral: dict[str, str]
    """Fields whose id is a floating-point column: SQL that is true where a value is no whole number."""


def read(fields: dict[str, Mapped], types: dict[str, str], timezone: str, source: str) -> Readings:
    """The readings of a source whose mapped expressions have these DuckDB types.

    Raises ColumnError for a type that cannot be what it is mapped to.
    """
    staged: dict[str, str] = {}
    integral: dict[str, str] = {}
    for field in ("customer_id", "transaction_id", "product_id"):
        staged[field] = _identifier(field, fields[field], types[field], source, integral)
    staged |= _date(fields["date"], types["date"], timezone, source)
    staged |= _amount(fields["amount"], types["amount"], source)
    found = {"date_found": _text(fields["date"].sql), "amount_found": _text(fields["amount"].sql)}
    if "loyalty_score" in fields:
        staged |= read_loyalty(fields["loyalty_score"], types["loyalty_score"], source)
    else:
        staged |= {
            "loyalty": "CAST(NULL AS DOUBLE)",
            "loyalty_faulty": "FALSE",
            "loyalty_found": "CAST(NULL AS VARCHAR)",
        }
    return Readings(staged, found, integral)


def _text(sql: str) -> str:
    return f"CAST({sql} AS VARCHAR)"


def _base(type_name: str) -> str:
    return "ENUM" if type_name.startswith("ENUM") else re.sub(r"\(.*", "", type_name)


def _unfit(field: str, mapped: Mapped, type_name: str, source: str, allowed: str) -> ColumnError:
    return ColumnError(
        f"{source}: '{mapped.shown}' is of type {type_name} and cannot be {field}: allowed is {allowed};"
        f" convert it with --map {field}=EXPR"
    )


def read_identifier(field: str, mapped: Mapped, type_name: str, source: str) -> tuple[str, dict[str, str]]:
    """SQL of one id as text, and the check of :attr:`Readings.integral`."""
    integral: dict[str, str] = {}
    return _identifier(field, mapped, type_name, source, integral), integral


def _identifier(field: str, mapped: Mapped, type_name: str, source: str, integral: dict[str, str]) -> str:
    base = _base(type_name)
    if base == "VARCHAR":
        return mapped.sql
    if base in _WHOLE or base in {"ENUM", "UUID", "NULL", '"NULL"'} or re.fullmatch(r"DECIMAL\(\d+,\s*0\)", type_name):
        return _text(mapped.sql)
    if base in {"DOUBLE", "FLOAT"}:
        # A whole number in a floating column (pandas does that to nullable ids) is the whole number.
        value = f"CAST({mapped.sql} AS DOUBLE)"
        integral[field] = (
            f"{value} IS NOT NULL AND NOT COALESCE({value} = FLOOR({value}) AND ABS({value}) < 2**53, FALSE)"
        )
        return f"CAST(TRY_CAST({value} AS BIGINT) AS VARCHAR)"
    raise _unfit(field, mapped, type_name, source, "text or a whole number")


def _date(mapped: Mapped, type_name: str, timezone: str, source: str) -> dict[str, str]:
    base, sql = _base(type_name), mapped.sql
    if base == "VARCHAR":
        zone = literal(timezone)
        stamp = f"timezone({zone}, TRY_CAST({sql} AS TIMESTAMPTZ))"
        day = (
            # A day reads back as the very text it was: that is what makes it YYYY-MM-DD and no other form.
            f"CASE WHEN LENGTH({sql}) = 10 AND CAST(TRY_CAST({sql} AS DATE) AS VARCHAR) = {sql}"
            f" THEN TRY_CAST({sql} AS DATE)"
            f" WHEN LENGTH({sql}) >= 16 AND regexp_full_match({sql}, '{_TIMESTAMP}')"
            f" THEN CAST(TRY_CAST({sql} AS TIMESTAMP) AS DATE)"
            f" WHEN LENGTH({sql}) >= 17 AND regexp_full_match({sql}, '{_TIMESTAMP} ?{_ZONE}')"
            f" THEN CAST({stamp} AS DATE) END"
        )
        return {"date_missing": f"{sql} IS NULL OR {sql} = ''", "day": _in_calendar(day)}
    if base == "DATE":
        day = sql
    elif base == "TIMESTAMP WITH TIME ZONE" or base.startswith("TIMESTAMPTZ"):
        day = f"CAST(timezone({literal(timezone)}, {sql}) AS DATE)"
    elif base.startswith("TIMESTAMP"):
        day = f"CAST({sql} AS DATE)"
    elif base in {"NULL", '"NULL"'}:
        day = "CAST(NULL AS DATE)"
    else:
        raise _unfit("date", mapped, type_name, source, "a date, a timestamp, or text YYYY-MM-DD")
    return {"date_missing": f"{sql} IS NULL", "day": _in_calendar(day)}


def _in_calendar(day: str) -> str:
    return f"CASE WHEN {day} {_DAYS} THEN {day} END"


def _amount(mapped: Mapped, type_name: str, source: str) -> dict[str, str]:
    base, sql = _base(type_name), mapped.sql
    missing = f"{sql} IS NULL"
    number = f"CAST({sql} AS DOUBLE)"
    if base == "VARCHAR":
        missing += f" OR {sql} = ''"
        # The cast allows 1_000; a plain number does not.
        number = f"CASE WHEN NOT CONTAINS({sql}, '_') THEN TRY_CAST({sql} AS DOUBLE) END"
        units = money.units_of_double_sql(number)
    elif base in {"DOUBLE", "FLOAT"}:
        units = money.units_of_double_sql(number)
    elif base in _WHOLE:
        units = f"CAST({sql} AS BIGINT) * 10000"
    elif decimal := re.fullmatch(r"DECIMAL\(\d+,\s*(\d+)\)", type_name):
        units = money.units_of_decimal_sql(sql, int(decimal[1]))
    elif base in {"NULL", '"NULL"'}:
        units = "CAST(NULL AS BIGINT)"
    else:
        raise _unfit("amount", mapped, type_name, source, "a number, or text holding one")
    in_range = f"ABS({number}) <= {money.MAX_AMOUNT:.0f}"
    return {"amount_missing": missing, "number": number, "units": f"CASE WHEN {in_range} THEN {units} END"}


def read_loyalty(mapped: Mapped, type_name: str, source: str) -> dict[str, str]:
    """SQL of a loyalty score (null where absent or faulty) and of whether it is faulty."""
    base, sql = _base(type_name), mapped.sql
    present = f"{sql} IS NOT NULL"
    score = f"CAST({sql} AS DOUBLE)"
    if base == "VARCHAR":
        present += f" AND {sql} <> ''"
        score = f"TRY_CAST({sql} AS DOUBLE)"
    elif base not in _WHOLE | {"DOUBLE", "FLOAT", "DECIMAL", "NULL", '"NULL"'}:
        raise _unfit("loyalty_score", mapped, type_name, source, "a number from 0 to 1")
    fits = f"COALESCE({score} BETWEEN 0 AND 1, FALSE)"
    return {
        "loyalty": f"CASE WHEN {fits} THEN {score} END",
        "loyalty_faulty": f"({present}) AND NOT {fits}",
        "loyalty_found": _text(sql),
    }
