"""How dates are written, and what is said of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import duckdb
import pytest

from customer_features.query.written_days import sentences, written


@pytest.mark.parametrize(
    ("text", "date_format", "day", "clock"),
    [
        ("2025-04-02", None, None, False),
        ("2025-04-02 10:00", None, None, True),
        ("2025-04-02T10:00:00.123456789", None, None, True),
        ("2025-04-02T10:00Z", None, 2, False),
        ("2025-04-02T10:00:00+02", None, 2, False),
        ("2025-04-02T10:00:00 -0330", None, 2, False),
        ("2025-04-02T10:00:00.5+05:45", None, 2, False),
        ("02.04.2025", "%d.%m.%Y", None, False),
        ("02.04.2025 10:00", "%d.%m.%Y %H:%M", None, True),
        ("02.04.2025 10:00Z", "%d.%m.%Y %H:%MZ", 2, False),
        ("02.04.2025 23:30 -05:00", "%d.%m.%Y %H:%M %z", 2, False),
        ("23:30 -05:00 02.04.2025", "%H:%M %z %d.%m.%Y", 3, False),
    ],
)
def test_text(text: str, date_format: str | None, day: int | None, clock: bool) -> None:
    staged = written("x", "VARCHAR", date_format, "Asia/Tokyo").staged
    select = f"SELECT {staged['written_day']}, {staged['on_clock']} FROM (SELECT $1 AS x)"
    found = duckdb.connect().execute(select, [text]).fetchall()
    assert found == [(None if day is None else date(2025, 4, day), clock)]


def days(**changed: Any) -> dict[str, Any]:
    plain = {"timezone": "Asia/Tokyo", "timezone_given": False, "instants": 0, "on_another_day": 0, "local_times": 0}
    return {**plain, "numbers": [], **changed}


def test_sentences() -> None:
    assert sentences({}) == []
    assert sentences(days(local_times=3)) == []
    assert sentences(days(local_times=3, timezone_given=True)) == [
        "3 rows have a time without an offset, which is taken for local time in Asia/Tokyo"
    ]
    assert sentences(days(instants=1200, on_another_day=7)) == [
        "counted in Asia/Tokyo; 7 of 1,200 rows with an offset fall on another day than the one that is written"
    ]
