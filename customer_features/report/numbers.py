"""Numbers as people read them: money with cents, thousands apart, a minus that is one."""

from __future__ import annotations

import math

NOTHING = "–"
_MINUS = "−"


def count(value: float | None) -> str:
    """A whole number."""
    return NOTHING if value is None else _signed(f"{value:,.0f}")


def percent(share: float | None, digits: int = 1) -> str:
    """A share; what is not quite none or all is not shown as if it were."""
    if share is None:
        return NOTHING
    least = 10.0 ** -(digits + 2)
    if 0 < share < least / 2:
        return f"<{100 * least:.{digits}f}%"
    if 1 - least / 2 < share < 1:
        return f">{100 * (1 - least):.{digits}f}%"
    return f"{100 * share:.{0 if share in (0, 1) else digits}f}%"


def plain(value: float | None, digits: int = 3) -> str:
    """A figure without a unit."""
    return NOTHING if value is None else _signed(f"{value:,.{digits}f}")


def amount(value: float | None, unit: str) -> str:
    """A feature's value by its unit: cents of money, three digits of a score, what there is of counts and days."""
    if value is None:
        return NOTHING
    if unit.startswith("currency"):
        return _signed(f"{value:,.2f}")
    if unit == "score":
        return _signed(f"{value:,.3f}".rstrip("0").rstrip(".") if value == round(value, 2) else f"{value:,.3f}")
    return _signed(f"{value:,.0f}" if value == math.floor(value) else f"{value:,.2f}")


def change(value: float | None, unit: str) -> str:
    """A difference, with its sign."""
    if value is None:
        return NOTHING
    return f"+{amount(value, unit)}" if value > 0 else amount(value, unit)


def short(value: float, unit: str = "") -> str:
    """A value that must fit into little room: from a hundred million on, in millions, billions and trillions."""
    for limit, least, name in ((1e12, 1e12, "tn"), (1e9, 1e9, "bn"), (1e6, 1e8, "m")):
        if abs(value) >= least:
            return _signed(f"{value / limit:,.2f} {name}")
    return amount(value, unit)


def tiny(value: float) -> str:
    """A count that must fit into a cell: 950, 12k, 3.4M."""
    for limit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit * 0.9995:
            scaled = value / limit
            return _signed(f"{scaled:.1f}{name}" if scaled < 9.95 else f"{scaled:.0f}{name}")
    return _signed(f"{value:g}")


def _signed(text: str) -> str:
    if text.startswith("-"):
        return text[1:] if not text.strip("-0.,") else _MINUS + text[1:]
    return text
