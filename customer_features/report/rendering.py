"""Charts as SVG, PNG and PDF: one for the page, or all of them on a sheet."""

from __future__ import annotations

import json
import re
from typing import Any

from customer_features.definition.counts import counted
from customer_features.errors import MissingExtra
from customer_features.report import charts, theme
from customer_features.report.shapes import Report

try:
    import altair as alt
    import vl_convert as vlc
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("charts", "report") from error

_SCALE = 2.0
"""Pixels of a PNG for each unit of a chart."""


def svg(chart: charts.Chart, *, width: int | None = None) -> str:
    """One chart as SVG without a background; ``width``: of all of it, letters beside the axes included."""
    spec = chart.to_dict()
    if width is not None:
        spec |= {"width": width, "autosize": {"type": "fit-x", "contains": "padding"}, "padding": 4}
    return str(vlc.vegalite_to_svg(json.dumps({**spec, "config": theme.CONFIG})))


def sheet(report: Report) -> dict[str, Any]:
    """The Vega-Lite of all charts on one sheet."""
    figures = report.figures
    drawn = [(feature.name, feature.meaning, charts.distribution(feature)) for feature in figures.features]
    tops = {top.top: top.share for top in figures.concentration.top}
    held = f"The top 10% hold {tops[0.1]:.1%} of total spend" if tops else ""
    drawn += [
        ("Recency by frequency", "Customers in each band", charts.crossing(figures.crossing)),
        ("Concentration", held, charts.pareto(figures.concentration)),
        ("Correlation", "Spearman", charts.correlation(figures.correlations, figures.correlations.spearman)),
        ("Loyalty", "Customers with a score above 0, by spend", charts.loyalty(figures.loyalty)),
        ("Customers over time", "At each as-of date", charts.history(report.history)),
    ]
    if report.comparison is not None:
        drawn += [
            (f"Drift: {drift.name}", f"The line is {report.comparison.name}", charts.overlay(drift))
            for drift in report.comparison.drift
        ]
    shown = [
        chart.properties(title=alt.TitleParams(text=name, subtitle=said, offset=14, frame="group"))
        for name, said, chart in drawn
        if chart is not None
    ]
    title = alt.TitleParams(
        text=f"Customer features: {report.name}",
        subtitle=f"{counted(figures.customers, 'customer')}, as of {report.as_of or 'a date that is not stated'}",
        fontSize=20, subtitleFontSize=13, offset=24,
    )  # fmt: skip
    if not shown:
        shown = [alt.Chart(alt.InlineData(values=[{}])).mark_text(text="No customers", fontSize=14, fill=theme.MUTED)]
    whole = alt.concat(
        *shown, columns=2, bounds="flush", spacing={"row": 130, "column": 120}, title=title
    ).resolve_scale(x="independent", y="independent", fill="independent", fillOpacity="independent")
    config = {**theme.CONFIG, "background": "#ffffff", "padding": {"left": 110, "right": 40, "top": 36, "bottom": 60}}
    return {**whole.to_dict(), "config": config}


def svg_sheet(report: Report) -> bytes:
    """All charts as one SVG."""
    return str(vlc.vegalite_to_svg(json.dumps(sheet(report)))).encode()


def png_sheet(report: Report) -> bytes:
    """All charts as one PNG."""
    return bytes(vlc.vegalite_to_png(json.dumps(sheet(report)), scale=_SCALE))


def pdf_sheet(report: Report) -> bytes:
    """All charts as one page of PDF.

    The renderer writes fonts, and the names of a page's resources, in an order that differs from run to run: there is
    one font therefore, and the names are put in order, which moves no other byte.
    """
    spec = sheet(report)
    spec["config"] = {**spec["config"], "title": {**spec["config"]["title"], "fontWeight": "normal"}}
    content = bytes(vlc.vegalite_to_pdf(json.dumps(spec)))
    return _RESOURCES.sub(lambda found: b"".join(sorted(found[0].splitlines(keepends=True))), content)


_RESOURCES = re.compile(rb"(?<=/ExtGState <<\n)(?: +/gs[0-9]+ [0-9]+ 0 R\n)+")
