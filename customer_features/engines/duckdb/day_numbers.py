"""Days that are numbers: seconds, milliseconds or microseconds since 1970, or Excel's serial days.

The range of the values tells which of these a column holds: the ranges do not overlap, and all values must lie in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from customer_features.errors import ColumnError
from customer_features.query.columns import Mapped
from customer_features.query.reading import NUMERIC

if TYPE_CHECKING:
    import duckdb

_NUMBER = re.compile("[0-9]{5,}([.][0-9]+)?", re.ASCII)
_FIRST, _PAST = date(1980, 1, 1), date(2100, 1, 1)
_EXCEL = date(1899, 12, 30)
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}


@dataclass(frozen=True, slots=True)
class Count:
    """One way to count days; ``size``: units of a day, counted from ``origin``."""

    name: str
    origin: date
    size: int

    @property
    def lowest(self) -> int:
        return (_FIRST - self.origin).days * self.size

    @property
    def past(self) -> int:
        return (_PAST - self.origin).days * self.size

    def sql(self, number: str) -> str:
        """SQL of the instant, or of Excel's day, which is on no clock but the local one."""
        if self.size == 1:
            return f"(DATE '{self.origin}' + CAST(FLOOR({number}) AS INTEGER))"
        seconds = f"CAST(FLOOR({number} / {self.size // 86_400}) AS BIGINT)"
        return f"timezone('UTC', make_timestamp({seconds} * 1000000))"

    def day(self, number: Any) -> date:
        """The day of a number, in UTC."""
        return self.origin + timedelta(days=int(number // self.size))


_UNIX = datetime.fromtimestamp(0, UTC).date()
COUNTS = (
    Count("Excel serial days", _EXCEL, 1),
    Count("seconds since 1970 (UTC)", _UNIX, 86_400),
    Count("milliseconds since 1970 (UTC)", _UNIX, 86_400_000),
    Count("microseconds since 1970 (UTC)", _UNIX, 86_400_000_000),
)


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers that are days: how it is read, and what is said of it."""

    mapped: Mapped
    said: dict[str, str]


def mostly_numbers(texts: Iterable[str]) -> bool:
    """Whether most of some texts could be days as numbers."""
    # A day and a month may begin with a zero, a number of days or seconds does not.
    found = [_NUMBER.fullmatch(text) is not None and not re.match("0[0-9]", text) for text in texts]
    return sum(found) * 2 > len(found)


def recognised(
    connection: duckdb.DuckDBPyConnection, source: str, mapped: Mapped, type_name: str, relation: str
) -> Numbers | None:
    """How the numbers of a date column are read; None of a column that holds other things, or nothing.

    Raises ColumnError where its numbers, or some of them, are days by no range.
    """
    text = type_name in ("VARCHAR", NUMERIC)
    if not text and type_name not in _WHOLE | {"DOUBLE", "FLOAT"} and not type_name.startswith("DECIMAL"):
        return None
    sql = mapped.sql
    numeric = f"regexp_full_match({sql}, '{_NUMBER.pattern}')" if text else "TRUE"
    present = f"{sql} IS NOT NULL" + (f" AND {sql} <> ''" if text else "")
    # Wide enough for all ranges; what it does not hold, NaN too, is in none of them.
    number = f"TRY_CAST({sql} AS DECIMAL(38, 9))"
    inside = ", ".join(f"COUNT(CASE WHEN {numeric} AND {_in(one, number)} THEN 1 END)" for one in COUNTS)
    kinds = f"SELECT COUNT(*), {inside}, MIN({number}), MAX({number}) FROM {relation}"
    rows, *counts, least, greatest = connection.execute(f"{kinds} WHERE {present}").fetchall()[0]
    if not rows:
        return None
    most, count = max(zip(counts, COUNTS, strict=True), key=lambda pair: int(pair[0]))
    if most == rows:
        made = Mapped(f"CASE WHEN {present} THEN {count.sql(number)} END", mapped.shown, mapped.recognised)
        days = {"first": str(count.day(least)), "last": str(count.day(greatest))}
        return Numbers(made, {"source": source, "column": mapped.shown, "read_as": count.name, **days})
    if text and most * 2 < rows:
        return None  # dates in another format, such as 20250401: others look for those
    raise ColumnError(f"{source}: {_refusal(mapped, count if most else None, rows - most, rows, least, greatest)}")


def _in(count: Count, number: str) -> str:
    return f"{number} >= {count.lowest} AND {number} < {count.past}"


def _refusal(mapped: Mapped, count: Count | None, others: int, rows: int, least: Any, greatest: Any) -> str:
    found = f"'{mapped.shown}' holds numbers from {_plain(least)} to {_plain(greatest)}"
    if count is None:
        known = "; ".join(f"{one.name} from {one.lowest} to {one.past - 1}" for one in COUNTS)
        return f"{found}, which are no days; read as days are {known}; say what they are with --map date=EXPR"
    return (
        f"{found}: {rows - others} of {rows} look like {count.name}, {others} do not; read as days are numbers from"
        f" {count.lowest} to {count.past - 1} alone; say how all are read with --map date=EXPR, or which rows are none"
    )


def _plain(number: Any) -> str:
    return format(number, "f").rstrip("0").rstrip(".") if number is not None else "none"
