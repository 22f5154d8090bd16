"""Damage to single cells: what is written instead, and what it means, by the contract's word and no code of ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.damage.lines import TODAY, Line

ABSENT = object()
"""A key that a JSON object does not have at all."""


@dataclass(frozen=True, slots=True)
class Bare:
    """What stands in a JSON line as it is, without quotes around it."""

    token: str


INFINITE_DAY = 2**31 - 1
"""The number of the day that DuckDB shows as infinity."""

TEXT = frozenset({"csv", "ndjson", "text"})
TYPED = frozenset({"typed", "calm"})
"""Files of dates and doubles; in a calm one NaN alone is out of range, of which Parquet's statistics say nothing."""
ALL = TEXT | TYPED


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of damage to a cell (or of oddness that is none): its name, where it can stand, and its fault.

    ``plant`` changes what the row means and how it is written; ``fault`` is the row's fault whatever the options
    are, or None; ``forms`` are those of a file.
    """

    name: str
    column: str
    plant: Callable[[Line], None]
    fault: str | None = None
    forms: frozenset[str] = TEXT
    own_order: bool = False
    """Whether the row must be an order of its own where the rows of an order repeat its total and date."""


def _writes(column: str, value: Any, **means: Any) -> Callable[[Line], None]:
    def plant(line: Line) -> None:
        line.written[column] = value
        for name, meaning in means.items():
            setattr(line, name, meaning)

    return plant


def _changes(name: str, change: Callable[[Any], Any]) -> Callable[[Line], None]:
    def plant(line: Line) -> None:
        setattr(line, name, change(getattr(line, name)))

    return plant


KINDS: list[Kind] = []

# -- ids: missing, or odd and exact -----------------------------------------------------------------------

for _column, _name, _fault in (
    ("household_id", "customer", "missing_customer_id"),
    ("basket_id", "order", "missing_transaction_id"),
    ("product_id", "product", "missing_product_id"),
):
    nothing = {_name: None}
    KINDS += [
        Kind(f"{_name} null", _column, _writes(_column, None, **nothing), _fault, ALL),
        Kind(f"{_name} empty", _column, _writes(_column, "", **nothing), _fault, ALL),
        Kind(f"{_name} absent", _column, _writes(_column, ABSENT, **nothing), _fault, frozenset({"ndjson"})),
        Kind(f"{_name} with a leading space", _column, _changes(_name, lambda found: f" {found}"), None, ALL),
        Kind(f"{_name} with a trailing space", _column, _changes(_name, lambda found: f"{found} "), None, ALL),
        Kind(f"{_name} with leading zeros", _column, _changes(_name, lambda found: f"00{found}"), None, ALL),
        Kind(f"{_name} NULL as a word", _column, _changes(_name, lambda found: "NULL"), None, ALL),
        Kind(f"{_name} in upper case", _column, _changes(_name, lambda found: f"AB{found}"), None, ALL),
        Kind(f"{_name} in lower case", _column, _changes(_name, lambda found: f"ab{found}"), None, ALL),
        Kind(f"{_name} composed", _column, _changes(_name, lambda found: f"\u00e9{found}"), None, ALL),
        Kind(f"{_name} decomposed", _column, _changes(_name, lambda found: f"e\u0301{found}"), None, ALL),
        Kind(f"{_name} with commas and quotes", _column, _changes(_name, lambda found: f'{found},;|"q"\t'), None, ALL),
        Kind(f"{_name} of two lines", _column, _changes(_name, lambda found: f"{found}\nx"), None, ALL),
        Kind(f"{_name} with a NUL", _column, _changes(_name, lambda found: f"{found}\0x"), None, ALL),
    ]

# -- dates ------------------------------------------------------------------------------------------------

_DATE = "transaction_timestamp"
KINDS += [
    Kind("date null", _DATE, _writes(_DATE, None, day=None), "missing_date", ALL),
    Kind("date empty", _DATE, _writes(_DATE, "", day=None), "missing_date"),
    Kind("date infinite", _DATE, _writes(_DATE, INFINITE_DAY, day=None), "unreadable_date", TYPED),
]
for _text in (
    "2025-02-30",
    "2017-02-29",
    "1900-02-29",
    "2100-02-29",
    "31/12/2017",
    "12/31/2017",
    "yesterday",
    "2017-13-45T99:99:99",
    "2017-05-03T25:00:00",
    "43100",
    "20170503",
    "2017-5-3",
    "2017-05-03 ",
    "0000-00-00",
    "10000-01-01",
    "infinity",
    "NaT",
    "03-May-2017",
    "1493769600000",
):
    KINDS.append(Kind(f"date {_text!r}", _DATE, _writes(_DATE, _text, day=None), "unreadable_date"))


def _stamps(form: str, days: int = 0) -> Callable[[Line], None]:
    """The row's day as a timestamp; in UTC it is another day where an offset says so."""

    def plant(line: Line) -> None:
        assert line.day is not None
        line.written[_DATE] = form.format(line.day.isoformat())
        line.day += timedelta(days=days)

    return plant


_DATED = {
    "date of a typo of 2052": _changes("day", lambda day: date(2052, day.month, min(day.day, 28))),
    "date tomorrow": _changes("day", lambda day: TODAY + timedelta(days=1)),
    "date of the calendar's last day": _changes("day", lambda day: date.max),
    "date of the year 1": _changes("day", lambda day: date.min),
    "date long before": _changes("day", lambda day: day.replace(year=day.year - 30, day=1)),
    "date today": _changes("day", lambda day: TODAY),
    "date in the window's first days": _changes("day", lambda day: date(2017, 7, 2)),
    "date on the window's eve": _changes("day", lambda day: date(2017, 7, 1)),
}
KINDS += [Kind(name, _DATE, plant, None, ALL, own_order=True) for name, plant in _DATED.items()]
KINDS += [
    Kind("date with a time", _DATE, _stamps("{}T23:59:59.999"), own_order=True),
    Kind("date with a zone", _DATE, _stamps("{} 10:00:00Z"), own_order=True),
    Kind("date with an offset to the next day", _DATE, _stamps("{}T23:30:00-03:00", days=1), own_order=True),
    Kind("date with an offset to the day before", _DATE, _stamps("{}T01:30+02:00", days=-1), own_order=True),
]

# -- amounts ----------------------------------------------------------------------------------------------

_AMOUNT = "sales_value"
KINDS += [
    Kind("amount null", _AMOUNT, _writes(_AMOUNT, None, paid=None), "missing_amount", ALL),
    Kind("amount empty", _AMOUNT, _writes(_AMOUNT, "", paid=None), "missing_amount"),
    Kind("amount absent", _AMOUNT, _writes(_AMOUNT, ABSENT, paid=None), "missing_amount", frozenset({"ndjson"})),
]
for _text in (
    *(
        "abc",
        "1.234,56",
        "1,23.45",
        "12,50",
        "$5$",
        "5 EUR USD",
        "1 00",
        "1_000",
        "0x10",
        "--5",
        "1e",
        "true",
        "N/A",
        "(4.99",
    ),
):
    KINDS.append(Kind(f"amount {_text!r}", _AMOUNT, _writes(_AMOUNT, _text, paid=None), "unreadable_amount"))
for _text in ("NaN", "inf", "-inf", "Infinity", "1e12", "-1e12", "1e999999", "-1e999999", "100000000000.01"):
    _below = _text.startswith("-")
    _plant = _writes(_AMOUNT, _text, paid=None, below_zero=_below)
    KINDS.append(Kind(f"amount {_text!r}", _AMOUNT, _plant, "amount_out_of_range"))
for _number in (float("nan"), float("inf"), float("-inf"), 1e12, -1e12, 1.7e308):
    _plant = _writes(_AMOUNT, _number, paid=None, below_zero=_number < 0)
    _forms = frozenset({"typed"}) if abs(_number) > 1e11 else TYPED  # NaN is not
    KINDS.append(Kind(f"amount {_number!r} as a double", _AMOUNT, _plant, "amount_out_of_range", _forms))
for _text, _number in (
    *(("-4.99", -4.99), ("-0.0001", -0.0001), ("-0.0", 0.0), ("0", 0.0), (" 5.5 ", 5.5), ("1e1", 10.0), (".5", 0.5)),
    *(
        ("5.", 5.0),
        ("+5", 5.0),
        ("1E-400", 0.0),
        ("100000000000", 1e11),
        ("0.005", 0.005),
        ("1.00499999999999999", 1.005),
    ),
):
    _plant = _writes(_AMOUNT, _text, paid=_number)
    KINDS.append(Kind(f"amount {_text!r}", _AMOUNT, _plant, None, own_order=True))
for _number in (-4.99, -0.0, 1e11, 5e-324):
    _plant = _writes(_AMOUNT, _number, paid=_number)
    KINDS.append(Kind(f"amount {_number!r} as a double", _AMOUNT, _plant, None, TYPED, own_order=True))

for _token, _fault in (
    *(("true", "unreadable_amount"), ("[1]", "unreadable_amount"), ('{"value":5}', "unreadable_amount")),
    *(("NaN", "amount_out_of_range"), ("-Infinity", "amount_out_of_range"), ("1e999999", "amount_out_of_range")),
):
    _plant = _writes(_AMOUNT, Bare(_token), paid=None, below_zero=_token.startswith("-"))
    KINDS.append(Kind(f"amount {_token} in JSON", _AMOUNT, _plant, _fault, frozenset({"ndjson"})))

BY_NAME = {kind.name: kind for kind in KINDS}
assert len(BY_NAME) == len(KINDS)
