"""Values made to find differences: ids that collide, ties at half a cent, days at every edge of calendar and clock."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from math import nextafter
from typing import Any
from zoneinfo import ZoneInfo

from tests.agreement import oracle
from tests.agreement.every_door.interface import Limit
from tests.agreement.every_door.scenarios import Dates, Scenario

ID, ORDER, DATE, AMOUNT, PRODUCT, LOYALTY_SCORE = (
    *("household_id", "basket_id", "transaction_timestamp", "sales_value", "product_id", "loyalty_score"),
)
"""The columns of a line as they are written to text files; a table calls them by the fields' own names."""

# Each makes another id of the same number; they collide when trimmed, folded, normalised or read as numbers.
STYLES = (
    *(
        "{}",
        "{} ",
        " {}",
        "0{}",
        "00{}",
        "{}.0",
        "+{}",
        "{}e0",
        "-{}",
        "0x{}",
        "a{}",
        "A{}",
        "A{} ",
        "\t{}",
        "{}\u00a0",
    ),
    *("é{}", "e\u0301{}", "É{}", "ß{}", "ss{}", "ẞ{}", "İ{}", "i{}", "ı{}", "I{}", "K{}", "\u212a{}", "k{}", "ﬁ{}"),
    *(
        "fi{}",
        "\uffee{}",
        "🛒{}",
        "\u200b{}",
        "{}\u200b",
        "\ufeff{}",
        "'{}",
        '"{}',
        '"{}"',
        "{},",
        "{};",
        "{}\\",
        "%{}",
    ),
    *(
        "{}\0",
        "{}\0x",
        "{}\n",
        "{}\nx",
        "{}\u2028",
        "_{}",
        "$1{}",
        "{}'--",
        "\\N{}",
        "NULL{}",
        "null{}",
        "{}" + 99 * "z",
    ),
)
ODD_IDS = (
    *(" ", "  ", "\t", "null", "NULL", "None", "NaN", "nan", "\\N", "-", "0", "-0", "0.0", "1e400", "true", "[]", "é"),
    *(
        "e\u0301",
        "A",
        "a",
        "a ",
        " a",
        "00",
        "'",
        '"',
        ",",
        "1",
        "01",
        "1.0",
        "１",
        "inf",
        "a\0",
        "a\0b",
        "🛒",
        "\u2028",
    ),
)
_TIES = (0.005, 0.015, 0.00005, nextafter(0.00005, 0), 1.005, 2.675, 0.125, 1e-5, 0.99995, 1.00005, 4503599627.37)
_EDGES = (0.0, -0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e11, nextafter(1e11, 0), 99999999999.99, 0.0001, 0.01)
_SPELLINGS = ("{!r}", "{!r}", "{!r}", "+{!r}", " {!r}", "{!r} ", "{:.17g}", "{:.20e}", "{:.25f}", "{!r}e0")
_DAY_EDGES = tuple(
    date(*day)
    for day in (
        *((2019, 12, 31), (2020, 1, 1), (2020, 2, 29), (2021, 2, 28), (2021, 3, 1), (2000, 2, 29), (1999, 12, 31)),
        *((2018, 11, 3), (2018, 11, 4), (2018, 2, 17), (2018, 2, 18), (2024, 3, 31), (2024, 10, 27), (2024, 3, 30)),
        *((1969, 12, 31), (1970, 1, 1), (1901, 12, 13), (2001, 9, 9)),
    )
)
_FAR_DAYS = (date.min, date(4, 2, 29), date(999, 12, 31), date(1582, 10, 4), date(1582, 10, 15), date(1899, 12, 31))
_LATER_DAYS = (date(2038, 1, 19), date(2052, 2, 29), date(2099, 12, 31))
_TIMES = (time(0), time(23, 59, 59, 999999), time(12), time(0, 0, 0, 1), time(2, 30), time(0, 30), time(23, 30))
_OFFSETS = ("Z", "+00", "+00:00", "-03:00", "+05:45", "+14:00", "-1130", "+02")


@dataclass(slots=True)
class Pool:
    """Days to draw from: those at an edge of the options, of the calendar or of the clock, and any other."""

    edges: list[date]
    first: date
    span: int

    def draw(self, luck: random.Random) -> date:
        if luck.random() < 0.35:
            return luck.choice(self.edges)
        return self.first + timedelta(days=luck.randrange(self.span))


def days(scenario: Scenario, limits: frozenset[Limit]) -> Pool:
    """The days that a scenario draws from."""
    last = scenario.today
    edges = []
    for day in scenario.as_of or (last,):
        start = oracle.window_start(day, scenario.window) or day
        edges += [day, day - timedelta(days=1), start, start + timedelta(days=1), start - timedelta(days=1)]
        if scenario.future == "exclude":
            edges.append(day + timedelta(days=1))
    edges += _DAY_EDGES
    timed = scenario.dates in (Dates.NAIVE, Dates.ZONED)
    if Limit.FAR_DAYS not in limits and not (timed and Limit.FAR_TIMES in limits) and scenario.dates != Dates.ZONED:
        edges += _FAR_DAYS
        if scenario.future == "exclude":
            edges.append(date.max)
    if scenario.future == "exclude":
        edges += _LATER_DAYS
    else:
        edges = [day for day in edges if day <= last]
    if Limit.FAR_DAYS in limits or (timed and Limit.FAR_TIMES in limits):
        edges = [day for day in edges if 1900 <= day.year < 2300]
    past = 80 if scenario.future == "exclude" else 1
    return Pool(edges, last - timedelta(days=900), 900 + past)


def moment(scenario: Scenario, pool: Pool, zone: ZoneInfo, luck: random.Random) -> tuple[date, Any]:
    """A business day, and what is written where that is not the day itself."""
    while True:
        day = pool.draw(luck)
        kind = scenario.dates
        if kind == Dates.DATE:
            return day, None
        at = datetime.combine(day, luck.choice(_TIMES))
        if kind == Dates.NAIVE:
            return day, at
        zoned = kind == Dates.ZONED or luck.random() < 0.3
        if kind == Dates.ZONED and not 1901 < day.year < 2100:
            continue
        if not zoned or not 1901 < day.year < 2100:
            sign, digits = luck.choice(" T"), luck.choice(("minutes", "seconds", "auto"))
            return day, None if luck.random() < 0.6 else at.isoformat(sign, digits)
        instant = at.replace(tzinfo=zone, fold=luck.randrange(2)).astimezone(UTC)
        day = instant.astimezone(zone).date()
        if scenario.future == "exclude" or day <= scenario.today:
            return day, instant if kind == Dates.ZONED else stamped(instant, luck)


def stamped(instant: datetime, luck: random.Random) -> str:
    """An instant as text, in some offset."""
    offset = luck.choice(_OFFSETS)
    hours = 0 if offset == "Z" else int(offset[:3])
    minutes = int(offset[-2:]) * (-1 if hours < 0 else 1) if len(offset) > 3 else 0
    local = instant.astimezone(timezone(timedelta(hours=hours, minutes=minutes)))
    return local.replace(tzinfo=None).isoformat(luck.choice(" T"), "auto") + luck.choice(("", " ")) + offset


def amount(scenario: Scenario, luck: random.Random) -> Any:
    """An amount of the scenario's kind, below zero now and then where returns are netted."""
    kind = scenario.amounts.kind
    paid: Any
    if kind == "whole":
        paid = luck.choice((0, 1, 5, luck.randrange(10**6), 10**11))
    elif kind == "decimal":
        paid = _decimal(scenario.amounts.scale, luck)
    else:
        paid = _double(luck)
    below = 0.3 if scenario.returns == "net" else 0
    return -paid if luck.random() < below else paid


def _double(luck: random.Random) -> float:
    kind = luck.random()
    if kind < 0.45:
        return luck.randrange(100_000) / 100
    if kind < 0.65:
        return luck.randrange(200_000) / 200  # half a cent
    if kind < 0.75:
        return luck.randrange(10**9) / 10000
    if kind < 0.85:
        return luck.choice(_TIES) + luck.choice((0, 0, luck.randrange(1000)))
    if kind < 0.88:
        return luck.randrange(1000) / 100 + luck.choice((0.00495, 0.00505))  # half a cent hangs on half a unit
    if kind < 0.95:
        return luck.random() * 10 ** luck.randrange(-5, 11)
    return luck.choice(_EDGES)


def _decimal(scale: int, luck: random.Random) -> Decimal:
    kind = luck.random()
    if kind < 0.5:
        return Decimal(luck.randrange(200_000)).scaleb(-2 if scale < 3 else -3)
    if kind < 0.6:
        return Decimal(luck.randrange(10**9)).scaleb(-4)
    if kind < 0.75 and scale > 4:  # more digits than a double has
        return Decimal(luck.randrange(10**10, 9 * 10**10)) + luck.choice((Decimal("0.00495"), Decimal("0.0049499999")))
    if kind < 0.9 and scale > 4:  # half a unit, and next to it; half a cent hangs on some of them
        half = Decimal(2 * luck.randrange(10**6) + 1) / 20000
        if luck.random() < 0.6:
            return Decimal(luck.randrange(1000)) / 100 + luck.choice((Decimal("0.00495"), Decimal("0.00505")))
        return half + luck.choice((-1, 0, 0, 1)) * Decimal(1).scaleb(-scale)
    return luck.choice((Decimal(0), Decimal("100000000000"), Decimal("99999999999.9999"), Decimal("0.0001")))


def spelled(paid: float, luck: random.Random) -> str:
    """A number as text in one of its spellings that is read as this very double."""
    text = luck.choice(_SPELLINGS).format(paid)
    try:
        return text if "e-3" not in text and float(text) == paid and "e+" not in text[:-3] else repr(paid)
    except ValueError:
        return repr(paid)
