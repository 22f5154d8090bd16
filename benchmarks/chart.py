"""The ratios as a picture, and the same in words for those who do not see it."""

from __future__ import annotations

import json
from html import escape
from typing import Any

import altair as alt
import vl_convert as vlc

from benchmarks.results import Contest, Results, Standing
from customer_features.report import theme

ALTERNATIVE = (
    "Bars of the time of ours as a multiple of each peer's, on a logarithmic scale; the words below say the same"
)
GROUPS = ("json", "bulk", "small", "csv", "as-of", "http")
FIRST = {"json": 1, "http": 2}
WIDTH, STEP = 420, 20


def shown(found: Results, name: str) -> list[Contest]:
    """The contests of a group that are shown: warm ones, and where there are many alike the first of them."""
    return [one for one in found.contests.get(name, []) if one.state != "cold"][: FIRST.get(name)]


def drawn(found: Results) -> list[Contest]:
    """The contests in the picture."""
    return [one for name in GROUPS for one in shown(found, name)]


def words(found: Results) -> str:
    """The picture in words, a line of a list for each contest."""
    lines = [
        f"- {contest.title}: " + "; ".join(f"{_median(other):.2f} of {other.name}" for other in contest.others) + "."
        for contest in drawn(found)
    ]
    return "\n".join(lines) if lines else "Nothing is recorded yet."


def svg(found: Results) -> str:
    """The picture, described inside of it by the same words."""
    contests = drawn(found)
    medians = [_median(other) for contest in contests for other in contest.others] or [1.0]
    domain = [min(0.5, *medians) / 2.5, max(2.0, *medians) * 2]
    if contests:
        whole: Any = alt.vconcat(*(_bars(contest, domain) for contest in contests), spacing=14)
    else:
        whole = alt.Chart(alt.InlineData(values=[{}])).mark_text(text="Nothing is recorded yet", fill=theme.MUTED)
    title = alt.TitleParams(
        text="Time of ours as a multiple of each peer's",
        subtitle="logarithmic; left of the line ours is faster, right of it slower",
        offset=10,
    )
    spec = {
        **whole.properties(title=title).to_dict(),
        "config": {**theme.CONFIG, "background": "#ffffff", "padding": 16},
    }
    made = str(vlc.vegalite_to_svg(json.dumps(spec)))
    start, rest = made.split(">", 1)
    described = f"<title>{escape(ALTERNATIVE)}</title><desc>{escape(words(found))}</desc>"
    return f'{start} role="img">{described}{rest}\n'


def _median(other: Standing) -> float:
    if other.ratio is None:
        raise ValueError(f"{other.name} has no ratio")
    return other.ratio.median


def _bars(contest: Contest, domain: list[float]) -> Any:
    rows = [
        {
            "contender": other.name.replace("`", ""),
            "ratio": _median(other),
            "one": 1.0,
            "said": f"{_median(other):.2f}",
            "colour": theme.ACCENT if _median(other) <= 1 else theme.SECOND,
        }
        for other in contest.others
    ]
    scale = alt.Scale(type="log", domain=domain, nice=False)
    x = alt.X("ratio:Q", scale=scale, axis=None)
    y = alt.Y(
        "contender:N", sort=None, axis=alt.Axis(title=None, labelLimit=280, minExtent=250, ticks=False, domain=False)
    )
    base = alt.Chart(alt.InlineData(values=rows)).encode(y=y)
    bars = base.mark_bar(height=12).encode(x=x, x2="one:Q", color=alt.Color("colour:N", scale=None))
    line = (
        alt.Chart(alt.InlineData(values=[{"one": 1.0}]))
        .mark_rule(stroke=theme.MUTED)
        .encode(x=alt.X("one:Q", scale=scale, axis=None))
    )
    right = base.transform_filter("datum.ratio > 1").mark_text(align="left", dx=5, fill=theme.INK)
    left = base.transform_filter("datum.ratio <= 1").mark_text(align="right", dx=-5, fill=theme.INK)
    labels = [mark.encode(x=x, text="said:N") for mark in (right, left)]
    title = alt.TitleParams(text=contest.title.replace("`", ""), fontSize=12, offset=4)
    return alt.layer(bars, line, *labels).properties(width=WIDTH, height=STEP * len(rows), title=title)
