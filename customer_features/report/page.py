"""The report as one HTML page: its style and charts inside, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from customer_features._version import __version__
from customer_features.definition import features
from customer_features.errors import MissingExtra
from customer_features.report import bands, bins, charts, distributions, drift, numbers, theme
from customer_features.report.overview import sentences, tiles
from customer_features.report.rendering import svg
from customer_features.report.shapes import QUANTILES, Report

try:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("the HTML report", "report") from error

DATES = 60
"""So many as-of dates are listed."""
SOURCES = 30
_WIDTH = 400
"""The width that charts are drawn for: about that of a card, and little more than that of a phone."""


def html(report: Report) -> bytes:
    """The page. The same report gives the same bytes."""
    environment = _environment()
    style = environment.get_template("page.css").render(colours=theme.COLOURS)
    style = _without_empty_lines(style)  # what the policy vouches for, to the byte
    page = environment.get_template("page.html.j2").render(
        report=report,
        style=Markup(style),  # noqa: S704 - our own, with our own colours in it
        policy=policy(style),
        version=__version__,
        tiles=tiles(report),
        sentences=sentences(report),
        definition=features.FEATURES,
        quantile_names=list(QUANTILES),
        dates_shown=DATES,
        sources_shown=SOURCES,
        spread=bins.SPREAD,
        apart=distributions.APART,
        psi=drift.PSI,
        ks=drift.KS,
        few=drift.FEW,
        **_drawn(report),
    )
    return _without_empty_lines(page).encode()


def _without_empty_lines(text: str) -> str:
    return "".join(f"{line}\n" for line in text.split("\n") if line.strip())


def policy(style: str) -> str:
    """A content security policy that allows this very style and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named = {
        "count": numbers.count,
        "percent": numbers.percent,
        "plain": numbers.plain,
        "amount": numbers.amount,
        "change": numbers.change,
    }
    environment.filters |= named
    environment.globals |= {name: getattr(bands, name) for name in ("of_bin", "of_drift", "of_band", "apart_of")}
    return environment


def _drawn(report: Report) -> dict[str, Any]:
    """The charts as SVG by the names that the template knows, None where there is nothing to draw."""
    figures, found = report.figures, report.figures.correlations
    return {
        "distributions": [(feature, _svg(charts.distribution(feature))) for feature in figures.features],
        "overlays": [(one, _svg(charts.overlay(one))) for one in report.comparison.drift] if report.comparison else [],
        "crossing": _svg(charts.crossing(figures.crossing)),
        "pareto": _svg(charts.pareto(figures.concentration)),
        "correlations": [
            (name, _svg(charts.correlation(found, values)), values)
            for name, values in (("Spearman", found.spearman), ("Pearson", found.pearson))
        ],
        "loyalty": _svg(charts.loyalty(figures.loyalty)),
        "history": _svg(charts.history(report.history)),
    }


def _svg(chart: charts.Chart | None) -> Markup | None:
    if chart is None:
        return None
    # What is read aloud is the label of the picture and the table beside it.
    drawn = svg(chart, width=_WIDTH).replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
    return Markup(drawn)  # noqa: S704 - made by the renderer, which escapes its texts
