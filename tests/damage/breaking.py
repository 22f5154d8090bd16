"""Damage to the syntax of text files: whole records that cannot be parsed, and odd ones that can."""

from __future__ import annotations

import random

from tests.damage.lines import Line

BROKEN: dict[str, tuple[str, ...]] = {
    "csv": ("too few fields", "too many fields", "bytes that are not UTF-8", "text after a quoted field"),
    "ndjson": (
        *("object cut short", "array for an object", "text for an object", "two objects in a line"),
        *("bytes that are not UTF-8", "a control character", "a word", "a key without quotes", "half a surrogate pair"),
    ),
}
ODD: dict[str, tuple[str, ...]] = {
    "csv": ("all fields quoted", "a quote amid a field"),
    "ndjson": ("a key twice", "a key that nobody asked for", "keys the other way round", "escaped letters"),
}
LAST = {"csv": "an open quote to the end of the file", "ndjson": "a last line cut short"}


def names(form: str) -> set[str]:
    """All that is planted in a file of a form."""
    return {*BROKEN[form], *ODD[form], LAST[form]}


def plant(form: str, lines: list[Line], luck: random.Random) -> set[str]:
    """Mark lines of a file as broken or odd; the last of them too. The writer gives them their text."""
    if form not in BROKEN:
        return set()
    waiting = iter(luck.sample([line for line in lines if line.untouched], len(BROKEN[form]) + len(ODD[form]) + 3))
    for name in BROKEN[form]:
        _break(next(waiting), name)
    for name in ODD[form]:
        line = next(waiting)
        line.style = name
        line.kinds.append(name)
    last = next(waiting)
    lines.remove(last)
    lines.append(last)
    _break(last, LAST[form])
    return names(form)


def _break(line: Line, name: str) -> None:
    line.style = name
    line.kinds.append(name)
    line.faults = {"unreadable_row"}
