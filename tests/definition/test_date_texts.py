"""The table of dates in text in docs/csv.md holds, and the patterns are the ones of the rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from customer_features.definition.date_texts import DAY, OFFSET, TIME
from tests.differential import doors

ZONES = ("UTC", "America/New_York")
_ROW = re.compile(r"\| `([^`]+)` \| (\S+) \| (\S+) \|")


def examples() -> dict[str, tuple[str, str]]:
    """Each text of the table with its day in either timezone."""
    page = Path(__file__).resolve().parents[2].joinpath("docs", "csv.md").read_text("utf-8")
    table = page.partition("## Dates in text")[2]
    return {match[1]: (match[2], match[3]) for match in map(_ROW.fullmatch, table.splitlines()) if match}


def shown(days: doors.Days) -> list[str]:
    return ["unreadable" if day is None else str(day) for day in days]


def through(door: doors.Door) -> None:
    """Assert that a door reads the examples as the table says."""
    table = examples()
    for place, zone in enumerate(ZONES):
        assert shown(doors.days(door, list(table), zone)) == [days[place] for days in table.values()], zone


def test_the_patterns_say_what_the_table_says() -> None:
    table = examples()
    assert len(table) >= 20
    for text, (day, _) in table.items():
        matched = re.fullmatch(f"{DAY}({TIME}({OFFSET})?)?", text) is not None
        assert matched or day == "unreadable", text
        assert not matched or day != "unreadable" or text in ("2025-04-31", "0000-12-31T20:00-09:00"), text


@pytest.mark.parametrize("name", doors.HERE)
def test_d1_the_table_through_each_door(name: str) -> None:
    through(doors.HERE[name])


def test_d1_the_table_in_a_request() -> None:
    table = examples()
    expected = [day if len(text) == 10 else "unreadable" for text, (day, _) in table.items()]
    assert shown(doors.days_of_requests(list(table))) == expected


def test_d1_the_table_in_postgresql(database: object) -> None:
    from tests import warehouses

    through(doors.warehouse(warehouses.postgres(database)))  # type: ignore[arg-type]


@pytest.mark.resource("clickhouse")
def test_d1_the_table_in_clickhouse() -> None:
    from tests import warehouses

    through(doors.warehouse(warehouses.clickhouse()))


@pytest.mark.slow
def test_d1_the_table_in_spark(spark_session: object) -> None:
    from tests import spark_door

    through(doors.warehouse(spark_door.spark(spark_session)))
