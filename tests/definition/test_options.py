"""Options: every value that is allowed, and the sentence for every one that is not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_features.definition.options import (
    Future,
    Grain,
    OnFault,
    Options,
    Returns,
    Window,
    current_day,
    parse_day,
    parse_share,
    parse_timezone,
    parse_window,
)
from customer_features.errors import InvalidOption
from tests.agreement import oracle

TODAY = date(2025, 4, 24)


def test_defaults() -> None:
    options = Options.parse(today="2025-04-24")
    assert options.described() == {
        "today": "2025-04-24",
        "grain": "transaction",
        "future": "fault",
        "returns": "fault",
        "window": None,
        "timezone": "UTC",
        "on_fault": "fail",
        "max_faults": 0.01,
        "tolerate": {},
        "incomplete": "keep",
        "max_points": None,
        "encoding": None,
        "decimal": None,
        "thousands": None,
        "null": [],
        "date_format": None,
    }
    assert options.window_opens_after is None


def test_every_choice() -> None:
    options = Options.parse(
        today=TODAY,
        grain="line",
        future="exclude",
        returns="net",
        window="12 months",
        timezone="America/Sao_Paulo",
        on_fault="quarantine",
        max_faults="5%",
    )
    assert options.grain is Grain.LINE
    assert options.future is Future.EXCLUDE
    assert options.returns is Returns.NET
    assert options.on_fault is OnFault.QUARANTINE
    assert options.window == Window(months=12)
    assert options.window_opens_after == date(2024, 4, 24)
    assert options.max_faults == 0.05


def test_today_is_the_day_in_the_timezone() -> None:
    before = datetime.now(UTC)
    options = Options.parse(timezone="Pacific/Kiritimati")
    after = datetime.now(UTC)
    zone = ZoneInfo("Pacific/Kiritimati")
    assert before.astimezone(zone).date() <= options.today <= after.astimezone(zone).date()
    # 25 hours apart, so never the same day.
    assert current_day("Pacific/Kiritimati") != current_day("Pacific/Niue")


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("grain", "lines", "did you mean 'line'"),
        ("grain", "Transaction", "did you mean 'transaction'"),
        ("grain", 3, "not one of transaction, line, repeated_total"),
        ("future", "excluded", "did you mean 'exclude'"),
        ("returns", "sum", "not one of fault, net"),
        ("on_fault", "stop", "not one of quarantine, fail"),
        ("today", "2025-4-24", "not a date"),
        ("today", "24/04/2025", "not a date"),
        ("today", "2025-02-29", "not a day of the calendar"),
        ("today", "0000-01-01", "not a day of the calendar"),
        ("today", "2025-04-24T00:00:00", "is a datetime"),
        ("today", "2025-04-24 00:00", "is a datetime"),
        ("today", datetime(2025, 4, 24, tzinfo=UTC), "is a datetime"),
        ("today", 20250424, "not a date"),
        ("today", "", "not a date"),
        ("today", "٢٠٢٥-٠٤-٢٤", "not a date"),
        ("window", "a year", "not a window"),
        ("window", "0 days", "holds no day"),
        ("window", "-3 days", "not a window"),
        ("window", "12", "not a window"),
        ("window", 12, "not a window"),
        ("window", "", "not a window"),
        ("window", "1.5 months", "not a window"),
        ("window", "12345678 days", "not a window"),
        ("timezone", "America/Sao_Paolo", "did you mean 'America/Sao_Paulo'"),
        ("timezone", "New York", "did you mean 'America/New_York'"),
        ("timezone", "bogota", "did you mean 'America/Bogota'"),
        ("timezone", "PST", "name a place: abbreviations and offsets do not tell of summer time"),
        ("timezone", "GMT+2", "name a place"),
        ("timezone", "-03:00", "name a place"),
        ("timezone", "", "not an IANA timezone"),
        ("timezone", "../etc/passwd", "not an IANA timezone"),
        ("timezone", "America", "not an IANA timezone"),
        ("timezone", 3, "not an IANA timezone"),
        ("timezone", "utc", "did you mean 'UTC'"),
        ("timezone", "localtime", "not an IANA timezone"),  # whatever the machine is set to
        ("timezone", "posix/America/Sao_Paulo", "did you mean 'America/Sao_Paulo'"),
        ("timezone", "right/UTC", "not an IANA timezone"),
        ("encoding", "latn-1", "not a text encoding"),
        ("encoding", "zip", "not a text encoding"),
        ("encoding", "utf\0", "not a text encoding"),
        ("decimal", ";", "allowed are '.' and ','"),
        ("thousands", ";", "is not a mark between thousands"),
        ("null", [""], "is not a text that stands for nothing"),
        ("null", [3], "is not a text that stands for nothing"),
        ("tolerate", ["missing_date"], "is not of the form FAULT=SHARE"),
        ("tolerate", {"missing_date": 2}, "is not a share"),
        ("tolerate", ["missing_date=1%", "missing_date=2%"], "is given twice"),
        ("incomplete", "drop", "is not one of keep, quarantine"),
        ("date_format", "%d.%m", "names no day"),
        ("date_format", 3, "names no day"),
        ("date_format", "%d/%m/%E", "holds %E, which is not one of"),
        ("date_format", "%d/%m/%b/%Y", "names a part of the date twice"),
        ("max_faults", "101%", "not a share"),
        ("max_faults", -0.1, "not a share"),
        ("max_faults", "nan", "not a share"),
        ("max_faults", "few", "not a share"),
        ("max_faults", None, "not a share"),
        ("max_faults", "inf", "not a share"),
    ],
)
def test_a_wrong_value_is_said(option: str, value: object, says: str) -> None:
    with pytest.raises(InvalidOption) as caught:
        Options.parse(**{"today": TODAY, option: value})
    assert caught.value.option == option
    assert says in caught.value.reason
    assert str(caught.value) == f"{option}: {caught.value.reason}"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "window", "shown"),
    [
        ("12 months", Window(months=12), "12 months"),
        ("1 month", Window(months=1), "1 month"),
        ("540 days", Window(days=540), "540 days"),
        (" 2  Weeks ", Window(days=14), "14 days"),
        ("2 years", Window(months=24), "24 months"),
        ("1day", Window(days=1), "1 day"),
    ],
)
def test_windows(text: str, window: Window, shown: str) -> None:
    assert parse_window(text) == window
    assert str(window) == shown
    assert parse_window(window) is window
    assert parse_window(shown) == window


@pytest.mark.parametrize(
    ("today", "window", "opens_after"),
    [
        ("2025-03-31", "1 month", "2025-02-28"),
        ("2024-03-31", "1 month", "2024-02-29"),
        ("2024-02-29", "12 months", "2023-02-28"),
        ("2024-02-29", "4 years", "2020-02-29"),
        ("2025-01-15", "1 month", "2024-12-15"),
        ("2025-12-31", "6 months", "2025-06-30"),
        ("2025-04-24", "540 days", "2023-11-01"),
        ("0001-01-31", "1 month", None),
        ("0001-01-05", "5 days", None),
        ("0001-01-05", "4 days", "0001-01-01"),
        ("2025-04-24", "9999999 years", None),
        ("2025-04-24", "9999999 weeks", None),
    ],
)
def test_where_a_window_opens(today: str, window: str, opens_after: str | None) -> None:
    options = Options.parse(today=today, window=window)
    assert options.window_opens_after == (None if opens_after is None else date.fromisoformat(opens_after))


@given(st.dates(min_value=date(1900, 1, 1)), st.integers(min_value=1, max_value=600))
def test_month_steps_agree_with_the_oracle(today: date, months: int) -> None:
    assert Window(months=months).opens_after(today) == oracle.window_start(today, (months, "months"))


@given(st.dates())
def test_days_round_trip(day: date) -> None:
    assert parse_day("today", day.isoformat()) == day
    assert parse_day("today", day) == day
    if day > date.min:
        assert Window(days=1).opens_after(day) == day - timedelta(days=1)


def test_shares() -> None:
    assert [parse_share(value) for value in (0, 1, "0.5", " 2 % ", "100%")] == [0.0, 1.0, 0.5, 0.02, 1.0]


def test_timezones() -> None:
    assert parse_timezone("UTC") == "UTC"
    assert parse_timezone(ZoneInfo("Europe/Lisbon")) == "Europe/Lisbon"


def test_marks_of_numbers_in_text() -> None:
    def marks(**given: str) -> tuple[str | None, str | None]:
        options = Options.parse(today=TODAY, **given)  # type: ignore[arg-type]
        return options.decimal, options.thousands

    assert marks() == (None, None)
    assert marks(thousands=",") == (".", ",")
    assert marks(thousands=".") == (",", ".")
    assert marks(thousands="'") == (None, "'")
    assert marks(decimal=",", thousands=" ") == (",", " ")
    with pytest.raises(InvalidOption, match="is the decimal mark already"):
        marks(decimal=",", thousands=",")


def test_limits_of_single_faults() -> None:
    options = Options.parse(today=TODAY, tolerate=["missing_customer_id=40%", "future_date = any"])
    assert options.tolerate == (("missing_customer_id", 0.4), ("future_date", 1.0))
    assert Options.parse(today=TODAY, tolerate={"missing_date": "any"}).tolerate == (("missing_date", 1.0),)
