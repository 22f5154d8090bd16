"""Text dates that are not ISO: never guessed, refused with the option that would read them.

A few rows are looked at before all are read. Where most of them are no ISO dates but fit a common way of
writing dates, the source is refused: as a whole it is in another format, not full of faults.
"""

from __future__ import annotations

import re
from datetime import date
from itertools import product
from typing import TYPE_CHECKING

from customer_features.errors import ColumnError
from customer_features.query.columns import Mapped
from customer_features.query.reading import day_by_format

if TYPE_CHECKING:
    import duckdb

SAMPLED = 1000
"""So many rows with a date are looked at."""

_DAYS = [
    *(mark.join(parts) for mark in "/-." for parts in (("%d", "%m", "%Y"), ("%m", "%d", "%Y"), ("%Y", "%m", "%d"))),
    *(mark.join(parts) for mark in "/-." for parts in (("%d", "%m", "%y"), ("%m", "%d", "%y"), ("%y", "%m", "%d"))),
    *(mark.join(parts) for mark in " -" for parts in product(("%d",), ("%b", "%B"), ("%Y", "%y"))),
    *("%b %d, %Y", "%B %d, %Y", "%Y%m%d", "%d%m%Y", "%m%d%Y"),
]
_TIMES = ["", *(f"{mark}{time}" for mark in " T" for time in ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f")), " %I:%M %p"]
_TIMES.append(" %I:%M:%S %p")
FORMATS = [day + time for day, time in product(_DAYS, _TIMES) if day + time != "%Y-%m-%d"]
"""Formats that are proposed, in this order."""


Looked = list[tuple[str, date | None]]
"""Texts, and the day that each is read as."""


def looked_at(connection: duckdb.DuckDBPyConnection, mapped: Mapped, day: str, relation: str) -> Looked:
    """The first text dates of the rows of a relation, each with its ``day``, an SQL expression."""
    return connection.execute(
        f"SELECT text, day FROM (SELECT {mapped.sql} AS text, {day} AS day FROM {relation})"
        f" WHERE text IS NOT NULL AND text <> '' LIMIT {SAMPLED}"
    ).fetchall()


def refuse_other_formats(connection: duckdb.DuckDBPyConnection, source: str, mapped: Mapped, rows: Looked) -> None:
    """Raise ColumnError where most of the first text dates are no ISO dates but fit a common format."""
    texts = [str(text) for text, day in rows if day is None]
    if len(texts) * 2 <= len(rows):
        return
    readings = _readings(connection, texts)
    most = max(map(len, readings.values()), default=0)
    if most * 2 > len(texts):
        fitting = {name: days for name, days in readings.items() if len(days) == most}
        raise ColumnError(f"{source}: {_refusal(mapped, fitting, texts)}")


def fits_a_format(connection: duckdb.DuckDBPyConnection, texts: list[str], share: float) -> bool:
    """Whether so many of some texts are dates in one of the common formats."""
    some = texts[:SAMPLED]
    return max(map(len, _readings(connection, some).values()), default=0) >= share * len(some) > 0


def _shape(text: str) -> str:
    return re.sub(r"%-?[A-Za-z]|[^\W_]", "", text)


def _readings(connection: duckdb.DuckDBPyConnection, texts: list[str]) -> dict[str, dict[int, date]]:
    """The day that each text, by its place, is in each format that reads any."""
    shapes = {_shape(text) for text in texts}
    names = [name for name in FORMATS if _shape(name) in shapes]
    if not names:
        return {}
    days = ", ".join(day_by_format("text", name, "UTC") for name in names)
    columns = zip(
        *connection.execute(f"SELECT {days} FROM (SELECT unnest(?) AS text)", [texts]).fetchall(), strict=True
    )
    return {
        name: {place: day for place, day in enumerate(column) if day is not None}
        for name, column in zip(names, columns, strict=True)
    }


def _refusal(mapped: Mapped, fitting: dict[str, dict[int, date]], texts: list[str]) -> str:
    name, days = next(iter(fitting.items()))
    in_python = f"(in Python: date_format={name!r})"
    # The readings are shown by a date on which they differ.
    place = next(
        (place for place in days if len({found.get(place) for found in fitting.values()}) > 1), next(iter(days))
    )
    if len(fitting) == 1:
        count = "all" if len(days) == len(texts) else f"{len(days)} of {len(texts)}"
        return (
            f"'{mapped.shown}' holds dates such as '{texts[place]}', not YYYY-MM-DD; {count} of those looked at fit"
            f" --date-format {_shell(name)} {in_python}"
        )
    readings = " or ".join(
        f"{found[place].day} {found[place]:%B %Y} (--date-format {_shell(name)})"
        for name, found in fitting.items()
        if place in found
    )
    return f"'{mapped.shown}' holds '{texts[place]}', which could be {readings}; say which {in_python}"


def _shell(name: str) -> str:
    return f"'{name}'" if " " in name else name
