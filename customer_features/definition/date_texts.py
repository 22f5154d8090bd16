"""What a date in text is: one rule for every door, as patterns that the engines match.

- A day is ``YYYY-MM-DD`` of the calendar, of the years 0001 to 9999.
- A time may follow, after one ``T`` or blank: ``HH:MM``, ``HH:MM:SS`` or ``HH:MM:SS.F`` with one to nine digits ``F``.
  Hours are 00 to 23, minutes and seconds 00 to 59. There is no 24:00 and no leap second.
- An offset may follow the time, after one blank or none: ``Z``, ``+HH``, ``+HHMM`` or ``+HH:MM`` (or ``-``), from
  -14:00 to +14:00. The text is an instant then: its day is the one in the business timezone, of the same years.

Anything else is the fault ``unreadable_date``. Digits are ASCII, ``T`` and ``Z`` capital letters.
"""

from __future__ import annotations

import re

DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
"""The calendar itself is asked whether there is such a day."""
TIME = "[ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
OFFSET = " ?(Z|[+-](0[0-9]|1[0-3])(:?[0-5][0-9])?|[+-]14(:?00)?)"

MOST_MINUTES = 14 * 60
"""An offset is at most this far from UTC."""
_LITERAL = re.compile(r"%-?[HIMSfp]\s?(?:(?:UTC|GMT)?([+-])([0-9]{2})(?::?([0-9]{2}))?|Z|UTC|GMT)(?![\w%:+-])")


def literal_offset(date_format: str) -> int | None:
    """Minutes east of UTC that a format of strptime states literally after its time of day; None where it does not."""
    found = _LITERAL.search(date_format.replace("%%", "  "))
    if found is None:
        return None
    sign, hours, minutes = found.groups(default="0")
    return (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1)
