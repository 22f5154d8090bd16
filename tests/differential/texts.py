"""Generators of texts, a kind each: some as they should be, some nearly so, some broken at a place by chance."""

from __future__ import annotations

import random
from collections.abc import Callable

Generator = Callable[[random.Random], str]

_YEARS = (
    "0000",
    "0001",
    "0002",
    "0999",
    "1000",
    "1582",
    "1752",
    "1883",
    "1899",
    "1900",
    "1901",
    "1969",
    "1970",
    "1999",
)
_LATER_YEARS = ("2000", "2023", "2024", "2025", "2026", "2038", "2099", "2262", "2299", "2300", "2400", "9998", "9999")
_DAYS = ("02-28", "02-29", "02-30", "01-01", "12-31", "04-30", "04-31", "06-15", "10-05", "10-15", "03-10", "11-03")
_ODD_DAYS = (
    *("2025-W14-2", "2025-091", "20250401", "2025/04/01", "2025.04.01", "01-04-2025", "25-04-01", "2025-4-1"),
    *("12025-04-01", "+2025-04-01", "-2025-04-01", "2025-04-01 BC", "2025-04-01 (BC)", "2025-Apr-01", "April 1, 2025"),
    *("today", "now", "tomorrow", "yesterday", "epoch", "infinity", "-infinity", "allballs", "NaT", "null", "", " "),
    *(
        "2025-04",
        "2025",
        "1743465600",
        "1743465600000",
        "45748",
        "2025-04-01-",
        "2025--04-01",
        "2025-00-00",
        "J2451187",
    ),
)
_TIMES = (
    "00:00",
    "00:00:00",
    "23:59",
    "23:59:59",
    "12:00:00",
    "02:30:00",
    "00:30",
    "23:59:59.999999",
    "00:00:00.000001",
)
_ODD_TIMES = (
    *("24:00", "24:00:00", "23:60", "23:59:60", "23:59:61", "25:00", "1:30", "01:3", "0130", "013000", "10:00 PM"),
    *("10:00:00 AM", "10:00:", "10", "10:00:00.", "10:00:00,5", "10.00.00", "10:00:0", "10:00:00:00", "-1:00", "noon"),
    *("allballs", "10:00:00.1234567891", "23:59:59.9999999", "23:59:59.9999995", "23:59:59.999999999", "T10:00"),
)
_OFFSETS = ("Z", "+00", "+00:00", "-00:00", "+0000", "+05:30", "-0330", "+14", "+14:00", "-14:00", "-1400", "+13:59")
_ODD_OFFSETS = (
    *("+14:01", "-14:01", "+14:30", "+1430", "-15", "+15:59", "+16:00", "+16", "-24:00", "+25:00", "+99:99", "+05:60"),
    *("+05:99", "+0560", "-0099", "+5", "+5:30", "+053", "+05:3", "+05:30:15", "+053015", "+05:", "z", "UTC", "GMT"),
    *("EST", "PST8PDT", "America/New_York", "[Europe/Paris]", "+01:00[Europe/Paris]", "Z+00:00", "ZZ", "+-05:00", "+"),
    *("-", "\u221205:00", "+05\u2236:30", " UTC", "UTC+2", "+00:00Z", "A", "M"),
)
_LETTERS = "0123456789:-+.,/ TtZz_'\"\\AMPWe\t\n\r\u00a0\u2009\u2212\u2013\u0665\uff11é\u200b\ufeff%"


def _day(luck: random.Random) -> str:
    kind = luck.random()
    if kind < 0.08:
        return luck.choice(_ODD_DAYS)
    if kind < 0.3:
        return f"{luck.choice(_YEARS + _LATER_YEARS)}-{luck.choice(_DAYS)}"
    if kind < 0.4:
        return f"{luck.randrange(10000):04}-{luck.randrange(14):02}-{luck.randrange(33):02}"
    return f"{luck.randrange(1890, 2110)}-{luck.randrange(1, 13):02}-{luck.randrange(1, 32):02}"


def _time(luck: random.Random) -> str:
    kind = luck.random()
    if kind < 0.15:
        return luck.choice(_ODD_TIMES)
    if kind < 0.35:
        return luck.choice(_TIMES)
    if kind < 0.45:
        return f"{luck.randrange(27):02}:{luck.randrange(63):02}:{luck.randrange(63):02}"
    clock = f"{luck.randrange(24):02}:{luck.randrange(60):02}"
    if kind < 0.65:
        return clock
    clock += f":{luck.randrange(60):02}"
    return clock if kind < 0.8 else f"{clock}.{''.join(luck.choices('0123456789', k=luck.randrange(1, 11)))}"


def _offset(luck: random.Random) -> str:
    kind = luck.random()
    blank = luck.choice(("", "", "", " ", "  ", "\t") if luck.random() < 0.3 else ("",))
    if kind < 0.2:
        return blank + luck.choice(_ODD_OFFSETS)
    if kind < 0.5:
        return blank + luck.choice(_OFFSETS)
    hours, minutes = (
        luck.randrange(17 if luck.random() < 0.8 else 100),
        luck.randrange(60 if luck.random() < 0.8 else 100),
    )
    return (
        blank + luck.choice("+-") + luck.choice((f"{hours:02}", f"{hours:02}{minutes:02}", f"{hours:02}:{minutes:02}"))
    )


def _between(luck: random.Random) -> str:
    return luck.choice("TTTT    t") if luck.random() < 0.9 else luck.choice(("", "  ", "\t", "\n", "_", ",", "-", " T"))


def broken(text: str, luck: random.Random, letters: str = _LETTERS) -> str:
    """The text with one to three characters taken away, put in, changed, doubled or swapped."""
    for _ in range(luck.choice((1, 1, 1, 2, 3))):
        place = luck.randrange(len(text) + 1)
        before, here, after = text[:place], text[place : place + 1], text[place + 1 :]
        text = before + luck.choice(
            ("", luck.choice(letters) + here, luck.choice(letters), here + here, after[:1] + here)
        )
        text += after if len(text) == 0 or luck.random() < 0.97 else ""
    return text


def _of(plain: Generator, share_broken: float) -> Generator:
    def text(luck: random.Random) -> str:
        made = plain(luck)
        return broken(made, luck) if luck.random() < share_broken else made

    return text


KINDS: dict[str, Generator] = {
    "days": _of(_day, 0.5),
    "times": _of(lambda luck: _day(luck) + _between(luck) + _time(luck), 0.3),
    "offsets": _of(lambda luck: _day(luck) + luck.choice(" T") + _time(luck) + _offset(luck), 0.25),
}
"""The kinds of texts that are dates or nearly so."""


def texts(kind: str, count: int, seed: int = 1) -> list[str]:
    """So many different texts of a kind, the same for each seed."""
    return distinct(KINDS[kind], count, f"{kind} {seed}")


def distinct(made: Generator, count: int, seed: str) -> list[str]:
    """So many different texts of a generator, the same for each seed."""
    luck = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found[made(luck)] = None
    return list(found)
