"""Days that Spark wrote in the calendar of before 1582, as its older versions did and newer ones do when asked.

Such days are off by up to ten, and times before 1900 by minutes. The file says that it was written so, which no other
reader looks at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from customer_features.errors import SourceError

FIRST_DAY = date(1582, 10, 15)
"""The first day that is the same in both calendars."""
FIRST_TIME = date(1900, 1, 1)
"""The first day of which times are the same in both."""
_SPARK = "org.apache.spark."


def limits(metadata: Mapping[str, str], types: Mapping[str, str], int96: Iterable[str] = ()) -> dict[str, date]:
    """Return for each column of days or times that was written so the first day that is read as it is.

    ``metadata``: what the file says of itself; ``types``: DuckDB's of its columns; ``int96``: those of the older type.
    """
    version = metadata.get(f"{_SPARK}version")
    numbers = tuple(map(int, re.findall(r"\d+", version or "")[:2]))
    # Before the version was written down, there was none but the legacy calendar.
    of_old = version is None and f"{_SPARK}sql.parquet.row.metadata" in metadata
    days = of_old or f"{_SPARK}legacyDateTime" in metadata or (version is not None and numbers < (3, 0))
    older = of_old or f"{_SPARK}legacyINT96" in metadata or (version is not None and numbers < (3, 1))
    int96 = set(int96)
    found = {}
    for column, kind in types.items():
        if kind == "DATE" and days:
            found[column] = FIRST_DAY
        elif kind.startswith("TIMESTAMP") and (older if column in int96 else days):
            found[column] = FIRST_TIME
    return found


def as_text(metadata: Mapping[bytes, bytes] | None) -> dict[str, str]:
    """Return a file's or a schema's metadata as text."""
    return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in (metadata or {}).items()}


def refuse_legacy(fragment: Any, shown: str) -> None:
    """Raise SourceError where a Parquet file of a data set may hold days that were written so."""
    types = {field.name: _plain(field.type) for field in fragment.physical_schema}
    file = fragment.metadata
    columns = [file.schema.column(place) for place in range(file.num_columns)]
    int96 = [column.name for column in columns if column.physical_type == "INT96"]
    for name, limit in limits(as_text(file.metadata), types, int96).items():
        for group in range(file.num_row_groups):
            for place in range(file.num_columns):
                found = file.row_group(group).column(place)
                if found.path_in_schema != name:
                    continue
                least = found.statistics.min if found.is_stats_set and found.statistics.has_min_max else None
                day = least.date() if isinstance(least, datetime) else least
                if day is None or day < limit:
                    raise SourceError(
                        f"{shown}: '{name}' may hold days before {limit} that Spark wrote in its legacy calendar, which"
                        " are others there; write the table again with a newer Spark"
                    )


def _plain(kind: Any) -> str:
    text = str(kind)
    return "DATE" if text.startswith("date") else "TIMESTAMP" if text.startswith("timestamp") else text
