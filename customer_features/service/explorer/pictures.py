"""The pictures of a result: drawn once, when the vectors are built, from figures that hold no row and no customer."""

from __future__ import annotations

import duckdb
import msgspec

from customer_features.report import charts
from customer_features.report.figures import figures
from customer_features.report.numbers import amount, count, percent
from customer_features.report.rendering import svg
from customer_features.report.shapes import FeatureFigures, Figures


class Tile(msgspec.Struct):
    """A figure beside its name, which is one of the catalogue."""

    label: str
    value: str
    more: str = ""


class Chart(msgspec.Struct):
    """A chart and what it shows in words."""

    name: str
    kind: str
    svg: str
    said: str


class Drawn(msgspec.Struct):
    """Tiles and charts of a result."""

    tiles: list[Tile]
    charts: list[Chart]


def drawn(connection: duckdb.DuckDBPyConnection, relation: str) -> Drawn:
    """The pictures of the vectors in a relation."""
    found = figures(connection, relation)
    return Drawn(_tiles(found), _charts(found)) if found.customers else Drawn([], [])


def _tiles(found: Figures) -> list[Tile]:
    by_name = {feature.name: feature for feature in found.features}
    top = {one.top: one.share for one in found.concentration.top}
    return [
        Tile("tile_total", amount(found.concentration.total, "currency")),
        Tile("tile_median", _median(by_name["purchase_total"])),
        Tile("tile_ticket", _median(by_name["avg_ticket"])),
        Tile("tile_recency", _median(by_name["recency_days"])),
        Tile("tile_top", percent(top.get(0.1))),
        Tile("tile_loyalty", percent(found.loyalty.share)),
    ]


def _median(feature: FeatureFigures) -> str:
    return amount(feature.quantiles.get("p50"), feature.unit)


def _charts(found: Figures) -> list[Chart]:
    made = [Chart(one.name, "distribution", _svg(charts.distribution(one)), _said(one)) for one in found.features]
    top = {one.top: one.share for one in found.concentration.top}
    gini = "–" if found.concentration.gini is None else f"{found.concentration.gini:.2f}"
    made += [
        Chart("recency_days × visit_frequency", "crossing", _svg(charts.crossing(found.crossing)), _crossed(found)),
        Chart(
            "purchase_total", "pareto", _svg(charts.pareto(found.concentration)),
            f"1%: {percent(top.get(0.01))} · 10%: {percent(top.get(0.1))} · 20%: {percent(top.get(0.2))} · Gini {gini}",
        ),
    ]  # fmt: skip
    return made


def _svg(chart: charts.Chart | None) -> str:
    """The picture; empty where there is nothing to draw, as of a feature that is the same for all."""
    return "" if chart is None else svg(chart)


def _said(feature: FeatureFigures) -> str:
    """A distribution in figures, which are the same in every language."""
    low, high = amount(feature.minimum, feature.unit), amount(feature.maximum, feature.unit)
    zeros = f" · 0: {percent(feature.zero_share)}" if feature.zeros else ""
    return f"{low} … {_median(feature)} … {high}{zeros}"


def _crossed(found: Figures) -> str:
    return f"n = {count(sum(map(sum, found.crossing.customers)))}"
