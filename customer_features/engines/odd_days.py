"""Warnings about days that are legal but suspicious, for every engine: data that ended long ago, and placeholders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from customer_features.definition.counts import counted
from customer_features.definition.faults import WARNINGS
from customer_features.definition.options import Options

STALE_DAYS = 60
"""Where nobody said which day it is, newer data are expected than these."""
PLACEHOLDERS = tuple(
    date(*day)
    for day in (
        *((1, 1, 1), (1, 1, 3), (1582, 10, 15), (1601, 1, 1), (1753, 1, 1), (1858, 11, 17), (1899, 12, 30)),
        *((1899, 12, 31), (1900, 1, 1), (1901, 1, 1), (1904, 1, 1), (1969, 12, 31), (1970, 1, 1), (1980, 1, 1)),
        *((2038, 1, 19), (2049, 12, 31), (2050, 12, 31), (2079, 6, 6), (2099, 12, 31), (2199, 12, 31), (2999, 12, 31)),
        *((3000, 1, 1), (9999, 1, 1), (9999, 12, 31)),
    )
)
"""Days that programs write where they know none: the first and the last of their calendars."""
LEAST_SHARE, LEAST_ROWS = 0.01, 20
"""So large a share of the rows, or so many of them, on a placeholder are worth a word."""
_NEAR = timedelta(days=30)

_EPOCH = date(1970, 1, 1)


def stale(newest: date | None, options: Options) -> str | None:
    """What to say of data whose newest row is long before a today that nobody gave; None where there is nothing."""
    if newest is None or options.today_given or (days := (options.today - newest).days) <= STALE_DAYS:
        return None
    return f"the newest row is of {newest}, {days} days before {options.today}, the current date"


def placeholders(counts: Mapping[date, int]) -> dict[date, int]:
    """The placeholders that hold a share of the rows and stand apart from the other days, by how many rows each has."""
    rows = sum(counts.values())
    return {day: count for day in PLACEHOLDERS if (count := counts.get(day, 0)) and _stands_out(day, counts, rows)}


def _stands_out(day: date, counts: Mapping[date, int], rows: int) -> bool:
    if counts[day] < LEAST_ROWS and counts[day] < rows * LEAST_SHARE:
        return False
    # A shop that was open in those days has rows around it.
    first, last = (max(day, date.min + _NEAR) - _NEAR, min(day, date.max - _NEAR) + _NEAR)
    near = sum(count for other, count in counts.items() if first <= other <= last and other not in PLACEHOLDERS)
    return near * 2 < counts[day]


def warnings_of(counts: Mapping[date, int], newest: date | None, options: Options) -> list[dict[str, Any]]:
    """The warnings about rows by their days, of which the ``newest`` counts: name, number of cases, sentence."""
    found = []
    if odd := placeholders(counts):
        listed = ", ".join(f"{counted(count, 'row')} of {day}" for day, count in odd.items())
        found.append(_warning("placeholder_dates", sum(odd.values()), listed))
    if (said := stale(newest, options)) is not None and newest is not None:
        found.append(_warning("stale_data", (options.today - newest).days, said))
    return found


def as_day(value: Any) -> date:
    """A day as an engine gives it: a date, or whole days since 1970."""
    return value if isinstance(value, date) else _EPOCH + timedelta(days=int(value))


def _warning(name: str, count: int, what: str) -> dict[str, Any]:
    return {"name": name, "count": count, "message": WARNINGS[name].says(what)}
