"""What a caller may choose, parsed and checked once for every door."""

from __future__ import annotations

import codecs
import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from customer_features.definition.date_texts import MOST_MINUTES, literal_offset
from customer_features.errors import InvalidOption, did_you_mean


class Grain(StrEnum):
    """What one row is."""

    TRANSACTION = "transaction"
    """A row is a visit (the contract's formulas to the letter)."""
    LINE = "line"
    """A row is an order line with its own amount."""
    REPEATED_TOTAL = "repeated_total"
    """A row is an order line that repeats the order's total."""


class Future(StrEnum):
    """What becomes of a row dated after ``today``."""

    FAULT = "fault"
    EXCLUDE = "exclude"


class Returns(StrEnum):
    """What becomes of a negative amount."""

    FAULT = "fault"
    NET = "net"


class OnFault(StrEnum):
    """What a bulk run does with faulty rows."""

    QUARANTINE = "quarantine"
    FAIL = "fail"


class Incomplete(StrEnum):
    """What becomes of a customer who lost rows to the quarantine."""

    KEEP = "keep"
    QUARANTINE = "quarantine"


DIALECTS = ("duckdb", "postgres", "spark", "clickhouse", "snowflake", "bigquery", "redshift", "trino")
"""The dialects of generated SQL, as in ``--dialect``; a module of ``query/dialects`` each."""

STEPS = ("day", "week", "month")
"""How far apart the as-of dates of ``--every`` may be."""


@dataclass(frozen=True, slots=True)
class Window:
    """How far back rows count: a number of months or of days, at least one."""

    months: int = 0
    days: int = 0

    def __str__(self) -> str:
        count, step = (self.months, "month") if self.months else (self.days, "day")
        return f"{count} {step}{'' if count == 1 else 's'}"

    def opens_after(self, today: date) -> date | None:
        """The last day before the window (``today - window``); None when that is before year 1.

        A month step that lands past the end of a month takes its last day.
        """
        try:
            if not self.months:
                return today - timedelta(days=self.days)
            month = today.year * 12 + today.month - 1 - self.months
            year, month = divmod(month, 12)
            return date(year, month + 1, min(today.day, monthrange(year, month + 1)[1])) if year >= 1 else None
        except OverflowError:
            return None


MOST_DATES = 3_660
"""So many as-of dates, ten years of days, are computed in one run."""

_STEPS = {"day": 1, "week": 7, "month": 1, "year": 12}
_WINDOW = re.compile(r"\s*([0-9]{1,7})\s*(day|week|month|year)s?\s*", re.IGNORECASE | re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

E_ = TypeVar("E_", bound=StrEnum)


def parse_choice(option: str, value: object, choices: type[E_]) -> E_:
    """One of an enumeration's values. Raises InvalidOption naming those allowed."""
    try:
        return choices(value)  # type: ignore[arg-type]
    except ValueError:
        allowed = [choice.value for choice in choices]
        hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
        raise InvalidOption(option, f"{value!r} is not one of {', '.join(allowed)}{hint}") from None


def parse_day(option: str, value: object) -> date:
    """A calendar date: a ``date`` or text ``YYYY-MM-DD``. Raises InvalidOption."""
    if isinstance(value, datetime):
        raise InvalidOption(option, f"{value.isoformat()} is a datetime; give a date, YYYY-MM-DD")
    if isinstance(value, date):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise InvalidOption(option, f"'{value}' is not a day of the calendar") from None
    if isinstance(value, str) and _DATE.match(value) and value[10:11] in ("T", "t", " "):
        raise InvalidOption(option, f"'{value}' is a datetime; give a date, YYYY-MM-DD")
    raise InvalidOption(option, f"{value!r} is not a date; give YYYY-MM-DD, for example 2025-04-24")


def parse_window(value: object) -> Window | None:
    """``"12 months"``, ``"540 days"`` (weeks and years too) or None. Raises InvalidOption."""
    if value is None or isinstance(value, Window):
        return value
    match = _WINDOW.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise InvalidOption("window", f"{value!r} is not a window; give for example '12 months' or '540 days'")
    count, step = int(match[1]), match[2].lower()
    if count == 0:
        raise InvalidOption("window", f"'{value}' holds no day; give at least '1 day'")
    total = count * _STEPS[step]
    return Window(months=total) if step in ("month", "year") else Window(days=total)


_MACHINES_OWN = re.compile("localtime|posixrules|(posix|right)/.*")
"""Files that stand beside the IANA timezones on some machines: no names, and nothing that the engine knows."""


def parse_timezone(value: object) -> str:
    """An IANA timezone name, as it stands. Raises InvalidOption."""
    if isinstance(value, ZoneInfo):
        value = value.key
    if isinstance(value, str):
        try:
            if not _MACHINES_OWN.fullmatch(value):
                return str(ZoneInfo(value))
        except (ValueError, OSError, KeyError):
            pass  # unknown, or a path or folder instead of a name
    hint = _place_meant(value) if isinstance(value, str) else ""
    raise InvalidOption("timezone", f"{value!r} is not an IANA timezone such as 'America/Sao_Paulo' or 'UTC'{hint}")


def timezone_names() -> list[str]:
    """The names of all timezones that may be given, sorted."""
    return sorted(zone for zone in available_timezones() if not _MACHINES_OWN.fullmatch(zone))


def _place_meant(value: str) -> str:
    """What may have been meant by a timezone that there is not."""
    if re.fullmatch(r"[A-Z]{2,5}|(UTC|GMT)? ?[+-].*", value):
        return "; name a place: abbreviations and offsets do not tell of summer time"
    # People name the city alone, where zones of the same city are the same.
    name = value.strip().replace(" ", "_").lower()
    zones = timezone_names()
    zones.sort(key=lambda zone: (zone.count("/"), zone), reverse=True)  # of UTC and Etc/UTC the former
    places = {zone.rpartition("/")[2].lower(): zone for zone in zones}
    return did_you_mean(places.get(name, value), zones)


def parse_max_points(value: object) -> float | None:
    """A number of points above 0, or None. Raises InvalidOption."""
    if value is None:
        return None
    try:
        points = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        points = 0.0
    if not 0 < points < float("inf"):
        raise InvalidOption("max_points", f"{value!r} is not a number of points above 0")
    return points


def parse_share(value: object, option: str = "max_faults") -> float:
    """A share from 0 to 1, also written ``1%``. Raises InvalidOption."""
    try:
        if isinstance(value, str) and value.strip().endswith("%"):
            share = float(value.strip()[:-1]) / 100
        else:
            share = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        share = -1.0
    if not 0 <= share <= 1:
        raise InvalidOption(option, f"{value!r} is not a share; give a number from 0 to 1, or for example 1%")
    return share


def parse_tolerated(value: object) -> tuple[tuple[str, float], ...]:
    """Faults with a limit of their own, as a mapping or as texts ``FAULT=SHARE``. Raises InvalidOption.

    ``any`` is a share without a bound.
    """
    if isinstance(value, Mapping):
        given = list(value.items())
    else:
        texts = [value] if isinstance(value, str) else list(value or ())  # type: ignore[call-overload]
        parted = (str(text).partition("=") for text in texts)
        given = [(name.strip(), share.strip()) for name, _, share in parted]
    tolerated: dict[str, float] = {}
    for name, share in given:
        if name in tolerated:
            raise InvalidOption("tolerate", f"{name} is given twice")
        if share == "":
            raise InvalidOption("tolerate", f"'{name}' is not of the form FAULT=SHARE, e.g. missing_customer_id=40%")
        tolerated[name] = 1.0 if share == "any" else parse_share(share, "tolerate")
    return tuple(tolerated.items())


def parse_decimal(value: object) -> str | None:
    """The mark before the decimals of a number in text: a point, a comma, or None. Raises InvalidOption."""
    if value is None or value in (".", ","):
        return None if value is None else str(value)
    raise InvalidOption("decimal", f"{value!r} is not a decimal mark; allowed are '.' and ','")


def parse_thousands(value: object, decimal: str | None) -> tuple[str | None, str | None]:
    """The mark between thousands in text, and the decimal mark beside it. Raises InvalidOption.

    A point or a comma between thousands leaves the other one for decimals.
    """
    if value is None:
        return None, decimal
    if value not in (".", ",", "'", " "):
        raise InvalidOption(
            "thousands", f"{value!r} is not a mark between thousands; allowed are '.', ',', \"'\" and ' '"
        )
    if value == decimal:
        raise InvalidOption("thousands", f"{value!r} is the decimal mark already; give another one")
    if decimal is None and value in (".", ","):
        decimal = "," if value == "." else "."
    return str(value), decimal


def parse_tokens(value: object) -> tuple[str, ...]:
    """Texts that stand for nothing, such as ``NULL``: one, or several. Raises InvalidOption."""
    tokens = [value] if isinstance(value, str) else list(value or ())  # type: ignore[call-overload]
    for token in tokens:
        if not isinstance(token, str) or not token:
            raise InvalidOption("null", f"{token!r} is not a text that stands for nothing; give for example NULL")
    return tuple(dict.fromkeys(tokens))


def parse_encoding(value: object) -> str | None:
    """The name of a text encoding, such as ``latin-1``, or None. Raises InvalidOption."""
    if value is None:
        return None
    try:
        b"x".decode(str(value), "replace")
        return "utf-8" if codecs.lookup(str(value)).name in ("utf-8", "utf-8-sig") else str(value)
    except (LookupError, ValueError):
        raise InvalidOption(
            "encoding", f"'{value}' is not a text encoding; give for example latin-1, cp1252, utf-16 or utf-8"
        ) from None


_DIRECTIVE = re.compile(r"%(-?.)?", re.DOTALL)
_DIRECTIVES = {*"aAbBdfHIjmMpSyYz%", "-d", "-H", "-I", "-m", "-M", "-S"}


def parse_date_format(value: object) -> str | None:
    """A format of strptime that names a day, such as ``%d/%m/%Y``, or None. Raises InvalidOption."""
    if value is None:
        return None
    given = _DIRECTIVE.findall(value) if isinstance(value, str) else []
    for directive in given:
        if directive not in _DIRECTIVES:
            raise InvalidOption(
                "date_format", f"'{value}' holds %{directive}, which is not one of {' '.join(sorted(_DIRECTIVES))}"
            )
    kinds = [directive.removeprefix("-").translate(_SAME) for directive in given if directive not in ("%", "a", "A")]
    if len(set(kinds)) < len(kinds):
        raise InvalidOption("date_format", f"'{value}' names a part of the date twice")
    if not {"Y", "m", "d"} <= set(kinds) and not {"Y", "j"} <= set(kinds):
        raise InvalidOption("date_format", f"{value!r} names no day; give year, month and day, for example %d/%m/%Y")
    # Of a day alone nobody can say which one an offset makes of it.
    if not {"H"} & set(kinds) and (
        "z" in kinds or re.search(r"(?<=[YymdbBj])\s?(Z|[+-][0-9]{2}:?[0-9]{2})$", str(value))
    ):
        raise InvalidOption("date_format", f"{value!r} names an offset and no hour; leave it out, or give the hour too")
    words = re.findall(r"(?<![%\w-])[A-Z]{2,5}(?!\w)", re.sub(r"%-?.", " ", str(value)))
    if zones := [word for word in words if word not in ("UTC", "GMT", "AM", "PM")]:
        raise InvalidOption(
            "date_format",
            f"{value!r} holds '{zones[0]}': an abbreviation of a timezone is not read; give an offset (%z)",
        )
    offset = literal_offset(str(value))
    if offset is not None and ("z" in kinds or abs(offset) > MOST_MINUTES):
        raise InvalidOption("date_format", f"{value!r} names two offsets, or one beyond 14 hours")
    return str(value)


_SAME = str.maketrans("ybBI", "YmmH")
"""Directives of the same part of a date."""


@dataclass(frozen=True, slots=True)
class Options:
    """The choices of one run. Make it with :meth:`parse`, which checks every value."""

    today: date
    grain: Grain = Grain.TRANSACTION
    future: Future = Future.FAULT
    returns: Returns = Returns.FAULT
    window: Window | None = None
    timezone: str = "UTC"
    on_fault: OnFault = OnFault.FAIL
    max_faults: float = 0.01
    tolerate: tuple[tuple[str, float], ...] = ()
    """Faults with a limit of their own: each with the share of rows that may have it."""
    incomplete: Incomplete = Incomplete.KEEP
    encoding: str | None = None
    decimal: str | None = None
    """The decimal mark of numbers in text; None: a point, unless a column can be read both ways."""
    thousands: str | None = None
    """The mark between thousands in text; None: any other than the decimal mark."""
    null: tuple[str, ...] = ()
    """Texts that stand for nothing."""
    date_format: str | None = None
    max_points: float | None = None
    """The cap of a loyalty file that holds points; None where it holds scores."""
    as_of: tuple[date, ...] = ()
    """The as-of dates of a list, ascending; ``today`` is the last of them then. Empty when no list was given."""
    today_given: bool = True
    """Whether somebody said which day it is; else ``today`` is the current date."""
    timezone_given: bool = True
    window_opens_after: date | None = field(init=False, default=None)
    """Rows up to and including this day stand before the window (None: every day counts)."""

    def __post_init__(self) -> None:
        if self.window is not None:
            object.__setattr__(self, "window_opens_after", self.window.opens_after(self.today))

    @classmethod
    def parse(
        cls,
        *,
        today: object = None,
        grain: object = Grain.TRANSACTION,
        future: object = Future.FAULT,
        returns: object = Returns.FAULT,
        window: object = None,
        timezone: object = None,
        on_fault: object = OnFault.FAIL,
        max_faults: object = 0.01,
        tolerate: object = (),
        incomplete: object = Incomplete.KEEP,
        as_of: Iterable[object] | None = None,
        max_points: object = None,
        encoding: object = None,
        decimal: object = None,
        thousands: object = None,
        null: object = (),
        date_format: object = None,
    ) -> Options:
        """Check every value and fill in what was left out.

        ``today`` defaults to the current date in ``timezone``, which defaults to UTC. ``as_of`` gives a list of
        dates in its place, at least one; the last of them is ``today`` then.
        Raises InvalidOption for the first value that is not allowed.
        """
        zone = "UTC" if timezone is None else parse_timezone(timezone)
        thousands, decimal = parse_thousands(thousands, parse_decimal(decimal))
        days = [] if as_of is None else _as_of_days(as_of)
        if days:
            if today is not None:
                raise InvalidOption("today", "give either one date or several, not both")
            today = days[-1]
        return cls(
            as_of=tuple(days),
            max_points=parse_max_points(max_points),
            today=current_day(zone) if today is None else parse_day("today", today),
            today_given=today is not None,
            timezone_given=timezone is not None,
            grain=parse_choice("grain", grain, Grain),
            future=parse_choice("future", future, Future),
            returns=parse_choice("returns", returns, Returns),
            window=parse_window(window),
            timezone=zone,
            on_fault=parse_choice("on_fault", on_fault, OnFault),
            max_faults=parse_share(max_faults),
            tolerate=parse_tolerated(tolerate),
            incomplete=parse_choice("incomplete", incomplete, Incomplete),
            encoding=parse_encoding(encoding),
            decimal=decimal,
            thousands=thousands,
            null=parse_tokens(null),
            date_format=parse_date_format(date_format),
        )

    def described(self) -> dict[str, Any]:
        """The choices as plain JSON values, for a manifest."""
        return {
            "today": [day.isoformat() for day in self.as_of] or self.today.isoformat(),
            "grain": self.grain.value,
            "future": self.future.value,
            "returns": self.returns.value,
            "window": None if self.window is None else str(self.window),
            "timezone": self.timezone,
            "on_fault": self.on_fault.value,
            "max_faults": self.max_faults,
            "tolerate": dict(self.tolerate),
            "incomplete": self.incomplete.value,
            "max_points": self.max_points,
            "encoding": self.encoding,
            "decimal": self.decimal,
            "thousands": self.thousands,
            "null": list(self.null),
            "date_format": self.date_format,
        }


def _as_of_days(given: Iterable[object]) -> list[date]:
    days = sorted({parse_day("today", day) for day in given})
    if not days:
        raise InvalidOption("today", "the list holds no date; give at least one, or none for the current date")
    if len(days) > MOST_DATES:
        raise InvalidOption("today", f"the list holds {len(days)} dates; allowed are {MOST_DATES} at most")
    return days


def dates(today: object) -> dict[str, Any]:
    """``today`` as the option it is: one date, or a list of as-of dates."""
    several = isinstance(today, Iterable) and not isinstance(today, str)
    return {"as_of": today} if several else {"today": today}


def every(step: object, start: object, end: object) -> list[date]:
    """The dates from ``start`` to ``end``, a day, a week or a month apart. Raises InvalidOption.

    Months are counted from ``start``: from 31 January they fall on the last day of shorter months.
    """
    first, last = parse_day("from", start), parse_day("to", end)
    if step not in STEPS:
        hint = did_you_mean(step, STEPS) if isinstance(step, str) else ""
        raise InvalidOption("every", f"{step!r} is not one of {', '.join(STEPS)}{hint}")
    if last < first:
        raise InvalidOption("to", f"{last} is before {first}; the dates run from the earlier to the later")
    days: list[date] = []
    for count in range(MOST_DATES + 1):
        try:
            if step == "month":
                year, month = divmod(first.year * 12 + first.month - 1 + count, 12)
                day = date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))
            else:
                day = first + timedelta(days=count * _STEPS[str(step)])
        except (OverflowError, ValueError):
            return days  # past the calendar's last day
        if day > last:
            return days
        days.append(day)
    raise InvalidOption("every", f"from {first} to {last} are more than {MOST_DATES} dates; take a longer step")


def current_day(timezone: str) -> date:
    """The current calendar date in an IANA timezone."""
    return datetime.now(UTC).astimezone(ZoneInfo(timezone)).date()
