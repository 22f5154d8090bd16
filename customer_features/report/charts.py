"""The charts, as Vega-Lite from aggregates: no chart holds a row or a customer.

Each function gives one chart of its own, or None where there is nothing to draw.
"""

from __future__ import annotations

import math
from typing import Any

from customer_features.errors import MissingExtra
from customer_features.report import theme
from customer_features.report.bands import apart_of, of_band
from customer_features.report.numbers import amount, percent, plain, tiny
from customer_features.report.shapes import (
    AsOf,
    Concentration,
    Correlations,
    Crossing,
    FeatureDrift,
    FeatureFigures,
    Histogram,
    Loyalty,
)

try:
    import altair as alt
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("charts", "report") from error

Chart = Any
"""An Altair chart of some kind; they share no class that says so."""

WIDTH, HEIGHT = 380, 170
_TICK = "abs(datum.value) < 1 ? format(datum.value, '~g') : replace(format(datum.value, '~s'), 'G', 'B')"


def _of(rows: list[dict[str, Any]]) -> Any:
    return alt.Chart(alt.InlineData(values=rows))


def _x(name: str, title: str, log: bool, low: float, high: float) -> Any:
    scale = alt.Scale(type="log" if log else "linear", domain=[low, high], nice=False, zero=False)
    ticks = _log_ticks(low, high) if log else None
    axis = alt.Axis(grid=False, labelExpr=_TICK, title=title, labelOverlap=True)
    if ticks:
        axis.values = ticks
    else:
        axis.tickCount = 6
    return alt.X(f"{name}:Q", scale=scale, axis=axis)


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and twice and five times those where there are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(powers) > 4 else (1, 3) if len(powers) > 3 else (1, 2, 5)
    ticks = [float(f"{factor}e{power}") for power in powers for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]


def _y(name: str, title: str, form: str = _TICK, most: int | None = None) -> Any:
    axis = alt.Axis(
        tickCount=4, labelExpr=form, title=title, domain=False, ticks=False, titleAngle=0, titleAlign="left",
        titleAnchor="end", titleY=-8, titleX=0,
    )  # fmt: skip
    if most is not None and most < 5:
        axis.values = list(range(most + 1))  # there is no half a customer
    return alt.Y(f"{name}:Q", axis=axis, scale=alt.Scale(zero=True, nice=True))


def distribution(feature: FeatureFigures) -> Chart | None:
    """The histogram of a feature, with its median."""
    histogram = feature.histogram
    if len(histogram.bins) < 2:
        return None
    rows = [{"lower": one.lower, "upper": one.upper, "customers": one.customers} for one in histogram.bins]
    low, high = histogram.bins[0].lower, histogram.bins[-1].upper
    log = histogram.scale == "log"
    title = _unit(feature.unit, histogram)
    bars = _of(rows).mark_rect(fill=theme.ACCENT, stroke=theme.PAPER, strokeWidth=0.6, aria=False)
    drawn = bars.encode(
        x=_x("lower", title, log, low, high),
        x2="upper:Q",
        y=_y("customers", "customers", most=max(one.customers for one in histogram.bins)),
        y2=alt.datum(0),
    )
    median = feature.quantiles["p50"]
    if not low <= median <= high:
        return _sized(drawn)
    part = math.log(median / low) / math.log(high / low) if log else (median - low) / (high - low)
    marked = _of([{"median": median, "said": f"median {amount(median, feature.unit)}"}])
    rule = marked.mark_rule(color=theme.INK, strokeDash=[3, 3], aria=False).encode(x="median:Q")
    # Above the picture, clear of the axis' title on the left and inside on the right.
    label = marked.mark_text(
        align="left" if part < 0.6 else "right", baseline="bottom", dy=-3, fill=theme.INK, fontSize=12, aria=False
    ).encode(x=alt.value(max(part * WIDTH, 76)), y=alt.value(0), text="said:N")
    return _sized(drawn + rule + label)


def _unit(unit: str, histogram: Histogram) -> str:
    """The title of a feature's axis, which owns to what is not drawn."""
    said = f"{unit}, log scale" if histogram.scale == "log" else unit
    if not histogram.apart:
        return said
    customers = "customer" if histogram.apart == 1 else "customers"
    return f"{said}; {histogram.apart:,} {customers} at {apart_of(histogram)} not drawn"


def overlay(drift: FeatureDrift) -> Chart | None:
    """Both files' histograms, as shares of their customers: the newer filled, the older as a line."""
    bins = drift.newer.bins
    if len(bins) < 2:
        return None
    log = drift.newer.scale == "log"
    low, high = bins[0].lower, bins[-1].upper
    newer, older = _shares(drift.newer), _shares(drift.older)
    filled = _of(newer).mark_rect(fill=theme.SOFT, aria=False).encode(
        x=_x("lower", _unit(drift.unit, drift.newer), log, low, high),
        x2="upper:Q",
        y=_y("share", "% of customers", "format(datum.value, '~%')"),
        y2=alt.datum(0),
    )  # fmt: skip
    steps = [{"at": low, "share": 0.0}]
    for row in older:
        steps += [{"at": row["lower"], "share": row["share"]}, {"at": row["upper"], "share": row["share"]}]
    steps.append({"at": high, "share": 0.0})
    line = _of([{**step, "order": place} for place, step in enumerate(steps)]).mark_line(
        stroke=theme.SECOND, strokeWidth=1.8, aria=False
    )
    return _sized(filled + line.encode(x="at:Q", y="share:Q", order="order:Q"))


def _shares(histogram: Histogram) -> list[dict[str, float]]:
    whole = sum(one.customers for one in histogram.bins) + histogram.apart
    return [
        {"lower": one.lower, "upper": one.upper, "share": one.customers / whole if whole else 0.0}
        for one in histogram.bins
    ]


def crossing(found: Crossing) -> Chart | None:
    """Customers by recency and frequency, the fuller the darker."""
    most = max((cell for row in found.customers for cell in row), default=0)
    if not most:
        return None
    columns, lines = [of_band(band) for band in found.recency], [of_band(band) for band in found.frequency]
    rows = [
        {"recency": columns[column], "frequency": lines[line], "said": tiny(cell), "strength": theme.shade(cell / most)}
        for line, cells in enumerate(found.customers)
        for column, cell in enumerate(cells)
        if cell
    ]
    return _matrix(rows, "recency", columns, "frequency", lines[::-1], "days since the last purchase", "visits")


def _matrix(
    rows: list[dict[str, Any]], x: str, columns: list[str], y: str, lines: list[str], x_title: str | None,
    y_title: str | None, *, broken: bool = False,
) -> Chart:  # fmt: skip
    """Cells whose strength and letters the rows state."""
    for row in rows:
        row["letters"] = theme.letters(row["strength"])
        row.setdefault("colour", theme.ACCENT)
    axis: dict[str, Any] = {"domain": False, "ticks": False, "labelAngle": 0, "grid": False, "labelFontSize": 11}
    across = alt.X(
        f"{x}:N",
        sort=columns,
        scale=alt.Scale(domain=columns, padding=0.04),
        axis=alt.Axis(title=x_title, labelExpr="split(datum.label, ' ')" if broken else "datum.label", **axis),
    )
    # The title stands above the axis, where it can be read without turning the head.
    down = alt.Y(
        f"{y}:N", sort=lines, scale=alt.Scale(domain=lines, padding=0.04),
        axis=alt.Axis(
            title=y_title, titleAngle=0, titleAlign="right", titleAnchor="start", titleX=-8, titleY=-8, **axis
        ),
    )  # fmt: skip
    cells = _of(rows).encode(x=across, y=down)
    drawn = cells.mark_rect(cornerRadius=2, aria=False).encode(
        fill=alt.Fill("colour:N", scale=None, legend=None),
        fillOpacity=alt.FillOpacity("strength:Q", scale=None, legend=None),
    )
    said = cells.mark_text(fontSize=11, aria=False).encode(text="said:N", fill=alt.Fill("letters:N", scale=None))
    return _sized(drawn + said, 30 * max(len(lines), 2))


def correlation(found: Correlations, matrix: list[list[float | None]]) -> Chart | None:
    """The lower half of a matrix of correlations."""
    # A constant goes with nothing, so it has no line.
    kept = [place for place, row in enumerate(matrix) if any(value is not None for value in row)]
    if len(kept) < 2:
        return None
    rows = [
        {
            "x": _broken(found.names[column]),
            "y": found.names[line],
            "said": plain(value, 2),
            "strength": theme.shade(abs(value)),
            "colour": theme.SECOND if value < 0 else theme.ACCENT,
        }
        for line in kept
        for column in kept
        if column < line and (value := matrix[line][column]) is not None
    ]
    columns, lines = kept[:-1], kept[1:]
    return _matrix(
        rows, "x", [_broken(found.names[column]) for column in columns], "y", [found.names[line] for line in lines],
        None, None, broken=True,
    )  # fmt: skip


def _broken(name: str) -> str:
    """A name whose words an axis can set below each other."""
    return name.replace("_", " ")


def pareto(found: Concentration) -> Chart | None:
    """The share of spend that the customers who spend most hold, beside what equal spend would give."""
    if len(found.curve) < 2:
        return None
    points = [{"customers": customers, "spend": spend} for customers, spend in found.curve]
    axis: dict[str, Any] = {"labelExpr": "format(datum.value, '.0%')", "tickCount": 5, "domain": False}
    x = alt.X(
        "customers:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title="customers, the largest first", **axis)
    )
    y = alt.Y(
        "spend:Q", scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(title="of total spend", titleAngle=0, titleAlign="left", titleAnchor="end", titleY=-8, titleX=0,
                      ticks=False, **axis),
    )  # fmt: skip
    equal = _of([{"customers": 0, "spend": 0}, {"customers": 1, "spend": 1}]).mark_line(
        stroke=theme.MUTED, strokeDash=[3, 3], strokeWidth=1, aria=False
    )
    curve = _of(points).mark_line(stroke=theme.ACCENT, strokeWidth=2.2, aria=False)
    tops = [
        {
            "customers": top.customers / found.customers,
            "spend": top.share,
            "said": f"top {top.top:.0%}: {percent(top.share)}",
        }
        for top in found.top
        # Of few customers one is far more than a hundredth; the top fifth says as much as needs room.
        if top.top != 0.05 and top.customers / found.customers < 1.5 * top.top
    ]
    marks = _of(tops).encode(x=x, y=y)
    dots = marks.mark_point(fill=theme.ACCENT, stroke=theme.PAPER, size=46, strokeWidth=1, opacity=1, aria=False)
    letters = {"align": "left", "dx": 9, "dy": 7, "fontSize": 12, "aria": False}
    halo = marks.mark_text(fill=theme.PAPER, stroke=theme.PAPER, strokeWidth=4, **letters).encode(text="said:N")
    said = marks.mark_text(fill=theme.INK, **letters).encode(text="said:N")
    return _sized(equal.encode(x=x, y=y) + halo + curve.encode(x=x, y=y) + dots + said, 230)


def loyalty(found: Loyalty) -> Chart | None:
    """The share of customers with a score in each fifth by spend."""
    if not found.scored or len(found.fifths) < 5:
        return None
    words = ["spend most", "2nd fifth", "3rd fifth", "4th fifth", "spend least"]
    rows = [
        {
            "fifth": words[one.fifth - 1],
            "share": one.scored / one.customers,
            "said": percent(one.scored / one.customers),
        }
        for one in found.fifths
    ]
    bars = _of(rows).encode(
        x=alt.X("fifth:N", sort=words, axis=alt.Axis(title=None, labelAngle=0, ticks=False, domain=False)),
        y=_y("share", "with a score", "format(datum.value, '~%')"),
    )
    said = bars.mark_text(baseline="bottom", dy=-3, fontSize=12, fill=theme.INK, aria=False).encode(text="said:N")
    return _sized(bars.mark_bar(fill=theme.ACCENT, size=46, aria=False) + said)


def history(dates: list[AsOf]) -> Chart | None:
    """Customers at each as-of date."""
    if len(dates) < 2:
        return None
    rows = [{"date": one.as_of, "customers": one.customers} for one in dates]
    line = _of(rows).encode(
        x=alt.X(
            "date:O",
            axis=alt.Axis(title=None, labelAngle=0, labelOverlap=True, labelPadding=8, ticks=False, grid=False),
        ),
        y=_y("customers", "customers", most=max(one.customers for one in dates)),
    )
    dots = line.mark_point(fill=theme.ACCENT, stroke=theme.PAPER, size=30, strokeWidth=0.5, opacity=1, aria=False)
    return _sized(line.mark_line(stroke=theme.ACCENT, strokeWidth=2, aria=False) + dots)


def _sized(chart: Chart, height: int = HEIGHT) -> Chart:
    return chart.properties(width=WIDTH, height=height)
