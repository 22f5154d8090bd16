"""The colours and letters of the charts.

A chart is drawn once, in the colours of light mode. Each colour has one meaning and one value that nothing else has, by
which the page's style sheet finds it and gives it another in dark mode.
"""

from __future__ import annotations

from typing import Any

INK = "#1b1e20"
MUTED = "#5b6166"
LINE = "#dfddd7"
PAPER = "#fffffe"
ACCENT = "#0b6b6b"
SECOND = "#a8480a"
ON_ACCENT = "#fefefe"
SOFT = "#8fbcbb"

COLOURS = {
    "ink": INK,
    "muted": MUTED,
    "line": LINE,
    "paper": PAPER,
    "accent": ACCENT,
    "second": SECOND,
    "on-accent": ON_ACCENT,
    "soft": SOFT,
}
"""Each colour by the name of its variable in the style sheet."""

# Helvetica and what has its widths: text is measured here and drawn by whatever shows it.
FONT = "Helvetica, Arial, Liberation Sans, sans-serif"

SHADES = (0.08, 0.2, 0.34, 0.48, 0.9, 1.0)
"""Strengths of a cell's colour. There is none between, where neither dark nor light letters could be read."""
_DARK = 0.9

CONFIG: dict[str, Any] = {
    "font": FONT,
    "background": None,
    "view": {"stroke": None},
    "axis": {
        "domainColor": LINE,
        "gridColor": LINE,
        "tickColor": LINE,
        "labelColor": MUTED,
        "titleColor": MUTED,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelFlush": False,
        "aria": False,
    },
    "title": {"color": INK, "fontSize": 14, "anchor": "start", "subtitleColor": MUTED, "subtitleFontSize": 11},
}


def shade(part: float) -> float:
    """The strength of a cell that holds ``part`` (0 to 1) of what the fullest one holds."""
    limits = (0.03, 0.1, 0.25, 0.5, 0.8)
    return SHADES[sum(part > limit for limit in limits)]


def letters(strength: float) -> str:
    """The colour of letters on a cell of that strength."""
    return ON_ACCENT if strength >= _DARK else INK
