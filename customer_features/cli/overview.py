"""The features of a run at a glance: a small table with a bar chart of each, at the end of ``build`` on a terminal."""

from __future__ import annotations

import os
import sys

from customer_features.definition.counts import counted
from customer_features.definition.features import FEATURES
from customer_features.definition.options import Options
from customer_features.engines.duckdb.distributions import Distribution
from customer_features.engines.duckdb.engine import Engine
from customer_features.errors import MissingExtra

try:
    import duckdb
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("the table of features", "bulk") from error

MOST = 5_000_000
"""Of more customers nothing is shown: their medians would take more memory and time than a glance is worth."""
_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", ".:-=+*#@"
_UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_COLUMNS = ("min", "median", "max", "zero", "distribution")
_FEWEST = ("median", "zero", "distribution")


def show(engine: Engine) -> None:
    """Print the table of a run that was published, on standard error, which is a terminal."""
    if not 0 < engine.outcome.customers <= MOST:
        return
    try:
        found = engine.distributions()
    except duckdb.Error:
        return  # memory is short, and what was asked for is published
    write(found, engine.options, console())


def console() -> Console:
    """Standard error, in colour where the environment says nothing against it."""
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in ("", "dumb", "unknown")
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        width = 0
    return Console(file=sys.stderr, width=width or 80, color_system=None if plain else "auto", highlight=False)


def write(found: list[Distribution], options: Options, to: Console) -> None:
    """Write the table as wide as there is room for it; where there is too little for the least of it, nothing."""
    if not found:
        return
    for short, columns in ((False, _COLUMNS), (True, _COLUMNS), (True, _FEWEST)):
        table = _table(found, columns, short=short, ascii_only=to.options.ascii_only)
        if to.measure(table, options=to.options.update(max_width=1000)).maximum <= to.width:
            break
    else:
        return
    to.print()
    if options.as_of:
        dates = f"{options.today}, the last of {len(options.as_of)} as-of dates"
        to.print(f"{counted(found[0].customers, 'customer')} on {dates}")
    to.print(table)
    for note in _notes(found):
        to.print(Text(note, "dim"))


def _table(found: list[Distribution], columns: tuple[str, ...], *, short: bool, ascii_only: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1 if short else 2, 0, 0), header_style="bold")
    table.add_column("", no_wrap=True)
    for column in columns:
        last = column == "distribution"
        table.add_column(column, justify="left" if last else "right", no_wrap=True, style="cyan" if last else "")
    units = {feature.name: feature.unit for feature in FEATURES}
    for one in found:
        number = shortened if short else in_full
        cells = {
            "min": number(one.minimum, units[one.name]),
            "median": number(one.median, units[one.name]),
            "max": number(one.maximum, units[one.name]),
            "zero": share(one.zeros, one.customers),
            "distribution": bars(one.counts, ascii_only) + (" log" if one.logarithmic else ""),
        }
        table.add_row(one.name, *(cells[column] for column in columns))
    return table


def _notes(found: list[Distribution]) -> list[str]:
    """What the table does not say of itself."""
    notes = []
    if any(one.logarithmic for one in found):
        notes.append("log: each bar is the same ratio wide; zeros are in none")
    if any(one.zeros for one in found if one.name == "loyalty_score"):
        notes.append("loyalty_score: 0 also where none was given")
    return notes


def bars(counts: tuple[int, ...], ascii_only: bool = False) -> str:
    """A character for each bin, as high as it is full beside the fullest; a blank for an empty one."""
    marks, most = _ASCII_BARS if ascii_only else _BARS, max(counts)
    heights = [-(-count * len(marks) // most) for count in counts]
    return "".join(marks[height - 1] if height else " " for height in heights)


def share(part: int, whole: int) -> str:
    """A share in per cent; never 0% of something, nor 100% of less than all."""
    if part in (0, whole):
        return "100%" if part else "0%"
    percent = 100 * part / whole
    if percent < 0.1:
        return "<0.1%"
    return ">99.9%" if percent >= 99.95 else f"{percent:.1f}%"


def in_full(value: float, unit: str) -> str:
    """A value with all its digits: of money and scores 2 decimals, of counts none, of their medians one at most."""
    if unit.startswith("currency") or unit == "score":
        return f"{value:,.2f}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def shortened(value: float, unit: str) -> str:
    """A value in three digits: ``38.3k``."""
    for size, letter in _UNITS:
        if abs(value) >= size:
            return f"{float(f'{value / size:.3g}'):g}{letter}"
    return f"{float(f'{value:.3g}'):g}"
