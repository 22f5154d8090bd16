"""Warnings about days: which placeholders stand out, and when data are stale."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from customer_features.definition.options import Options
from customer_features.engines.odd_days import as_day, placeholders, stale, warnings_of

TODAY = date(2025, 4, 24)
NULL_DAY = date(1900, 1, 1)


def counts(odd: int, others: int, day: date = NULL_DAY) -> dict[date, int]:
    return {day: odd, **{TODAY - timedelta(days=place): 1 for place in range(others)}}


@pytest.mark.parametrize(
    ("odd", "others", "found"),
    [(1, 99, True), (1, 100, False), (19, 1900, False), (20, 5000, True), (5, 0, True), (0, 10, False)],
)
def test_a_placeholder_holds_a_share_or_many_rows(odd: int, others: int, found: bool) -> None:
    assert placeholders(counts(odd, others)) == ({NULL_DAY: odd} if found else {})


def test_days_of_an_open_shop_are_none() -> None:
    near = {date(1970, 1, 1) + timedelta(days=place): 2 for place in range(-20, 20)}
    assert placeholders(near) == {}
    assert placeholders({**near, date(1970, 1, 1): 1000}) == {date(1970, 1, 1): 1000}


@pytest.mark.parametrize("day", [date.min, date(1970, 1, 1), date.max])
def test_at_the_ends_of_the_calendar(day: date) -> None:
    assert placeholders(counts(3, 10, day)) == {day: 3}


def defaulted(monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr("customer_features.definition.options.current_day", lambda zone: TODAY)
    return Options.parse()


@pytest.mark.parametrize(("age", "found"), [(0, False), (60, False), (61, True)])
def test_data_are_stale_before_a_day_that_nobody_gave(age: int, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = TODAY - timedelta(days=age)
    assert (stale(newest, defaulted(monkeypatch)) is not None) == found
    assert stale(newest, Options.parse(today=TODAY)) is None
    assert stale(None, defaulted(monkeypatch)) is None


def test_the_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    found = warnings_of({NULL_DAY: 1200, date(2024, 1, 1): 900}, date(2024, 1, 1), defaulted(monkeypatch))
    assert [(one["name"], one["count"]) for one in found] == [("placeholder_dates", 1200), ("stale_data", 479)]
    assert found[0]["message"].startswith("1,200 rows of 1900-01-01: programs write such days")
    assert found[1]["message"].startswith("the newest row is of 2024-01-01, 479 days before 2025-04-24, the current")


def test_a_day_may_be_a_number() -> None:
    assert as_day(-1) == date(1969, 12, 31)
    assert as_day(TODAY) == TODAY
