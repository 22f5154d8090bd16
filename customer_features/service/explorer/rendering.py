"""Templates and how the page writes numbers. Everything that comes from a file is escaped."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from customer_features.definition import features
from customer_features.service.explorer.texts import LANGUAGES, catalogue

_FOLDER = Path(__file__).parent / "templates"
_ISOLATED = dict.fromkeys((*range(8234, 8239), *range(8294, 8298)), "")
"""Controls of the direction of text: those in an id would turn the rest of its line round."""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"whole": whole, "value": value, "plain": plain, "share": share, "money": money, "size": size}
    return made


def rendered(template: str, language: str, **given: Any) -> str:
    """A template in a language: ``t`` in it is the catalogue."""
    return (
        _environment()
        .get_template(f"{template}.html")
        .render(t=catalogue(language), language=language, languages=LANGUAGES, features=features.FEATURES, **given)
    )


def whole(number: int | float) -> str:
    """A count, with separators: 1,234,567."""
    return f"{number:,.0f}"


def value(number: float, name: str) -> str:
    """A feature's value as people read it: money to the cent, counts without a point."""
    unit = {feature.name: feature.unit for feature in features.FEATURES}.get(name, "")
    if unit.startswith("currency"):
        return f"{number:,.2f}"
    return f"{number:,.0f}" if number == int(number) and unit != "score" else f"{number:,.2f}"


def money(amount: float) -> str:
    """An amount of a row: to the cent, and beyond where it is written so."""
    return f"{amount:,.2f}" if round(amount, 2) == amount else f"{amount:,.4f}"


def size(count: int) -> str:
    """Bytes as people read them: 2 GiB."""
    for unit, step in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= step:
            return f"{count / step:.3g} {unit}"
    return f"{count} B"


def share(part: float, all_of_it: float) -> str:
    """A share in per cent; what is more than nothing is never shown as 0."""
    if not all_of_it:
        return "0%"
    found = part / all_of_it
    return "<0.01%" if 0 < found < 0.0001 else f"{found:.2%}"


def plain(text: object) -> str:
    """A text of a file without the characters that turn the direction of what follows."""
    return str(text).translate(_ISOLATED)
