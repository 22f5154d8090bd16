"""What a text means, in plain Python and apart from the code under test."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_DATE = re.compile(
    r"(?P<y>\d{4})-(?P<mo>\d\d)-(?P<d>\d\d)"
    r"(?:[ T](?P<h>\d\d):(?P<mi>\d\d)(?::(?P<s>\d\d)(?:\.\d{1,9})?)?"
    r"(?: ?(?:(?P<zulu>Z)|(?P<sign>[+-])(?P<oh>\d\d)(?::?(?P<om>\d\d))?))?)?",
    re.ASCII,
)
_ERA = 146_097
"""Days of 400 years, after which the calendar repeats."""


def day_of(text: str, timezone: str) -> date | None:
    """The day of a date in text in a timezone; None where it is unreadable."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    parts = {name: int(found) for name, found in match.groupdict().items() if found and found.isdigit()}
    if parts.get("h", 0) > 23 or parts.get("mi", 0) > 59 or parts.get("s", 0) > 59:
        return None
    try:
        day = date(parts["y"], parts["mo"], parts["d"])
    except ValueError:
        return None
    if match["zulu"] is None and match["sign"] is None:
        return day
    minutes = parts.get("oh", 0) * 60 + parts.get("om", 0)
    if minutes > 14 * 60 or parts.get("om", 0) > 59:
        return None
    seconds = parts["h"] * 3600 + parts["mi"] * 60 + parts.get("s", 0)
    seconds += minutes * 60 * (1 if match["sign"] == "-" else -1)
    return _local(day, seconds, ZoneInfo(timezone))


def _local(day: date, seconds: int, zone: ZoneInfo) -> date | None:
    """The day in a timezone of an instant, so many seconds after a day begins in UTC."""
    # At the calendar's ends the instant itself may be no date of Python's: it is looked at 400 years from there.
    era = _ERA if day.year < 5000 else -_ERA
    if 1 < day.year < 9999:
        era = 0
    years = 400 if era > 0 else -400 if era < 0 else 0
    moved = datetime(day.year + years, day.month, day.day, tzinfo=UTC)
    local = (moved + timedelta(seconds=seconds)).astimezone(zone).date()
    ordinal = local.toordinal() - era
    return date.fromordinal(ordinal) if 1 <= ordinal <= date.max.toordinal() else None


def is_instant(text: str) -> bool:
    """Whether a text is written with an offset."""
    match = _DATE.fullmatch(text)
    return match is not None and (match["zulu"] is not None or match["sign"] is not None)
