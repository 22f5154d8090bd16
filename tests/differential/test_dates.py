"""Dates, times and offsets in text have the same day, or are unreadable, through every door."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import pytest

from tests import spark_door, warehouses
from tests.differential import doors
from tests.differential.oracle import day_of, is_instant
from tests.differential.texts import KINDS, texts

pytestmark = pytest.mark.slow

COUNT = 50_000 if os.environ.get("THOROUGH") else 3_000
ZONES = {"days": ("UTC",), "times": ("Asia/Kolkata",), "offsets": ("UTC", "America/New_York", "Pacific/Kiritimati")}
CASES = [(kind, zone) for kind in KINDS for zone in ZONES[kind]]


def differences(door: doors.Door, kind: str, zone: str, expected: Callable[[str], date | None]) -> list[Any]:
    made = texts(kind, COUNT)
    return [
        (text, found, right)
        for text, found in zip(made, doors.days(door, made, zone), strict=True)
        if found != (right := expected(text))
    ]


@pytest.mark.parametrize(("kind", "zone"), CASES)
@pytest.mark.parametrize("name", doors.HERE)
def test_doors_of_this_process(name: str, kind: str, zone: str) -> None:
    assert differences(doors.HERE[name], kind, zone, lambda text: day_of(text, zone)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_takes_days_alone(kind: str) -> None:
    def expected(text: str) -> date | None:
        return day_of(text, "UTC") if len(text) == 10 else None

    made = texts(kind, COUNT)
    found = zip(made, doors.days_of_requests(made), strict=True)
    assert [(text, day) for text, day in found if day != expected(text)] == []


@pytest.mark.parametrize(("kind", "zone"), CASES)
def test_postgresql(database: Any, kind: str, zone: str) -> None:
    door = doors.warehouse(warehouses.postgres(database))
    assert differences(door, kind, zone, lambda text: day_of(text, zone)) == []


@pytest.mark.resource("clickhouse")
@pytest.mark.parametrize(("kind", "zone"), CASES)
def test_clickhouse(kind: str, zone: str) -> None:
    def expected(text: str) -> date | None:
        day, in_utc = day_of(text, zone), day_of(text, "UTC")
        # Its timezones are known from 1900 to 2299: an instant outside is unreadable.
        far = in_utc is None or not date(1900, 1, 2) <= in_utc <= date(2299, 12, 30)
        return None if zone != "UTC" and is_instant(text) and far else day

    assert differences(doors.warehouse(warehouses.clickhouse()), kind, zone, expected) == []


@pytest.mark.parametrize(("kind", "zone"), CASES)
def test_spark(spark_session: Any, kind: str, zone: str) -> None:
    door = doors.warehouse(spark_door.spark(spark_session))
    assert differences(door, kind, zone, lambda text: day_of(text, zone)) == []


def test_the_texts_are_of_every_sort() -> None:
    """Of each kind a good part is read, and a good part is not."""
    for kind in KINDS:
        made: Sequence[str] = texts(kind, 3_000)
        read = sum(day_of(text, "UTC") is not None for text in made)
        assert 0.2 * len(made) < read < 0.8 * len(made), (kind, read)
