"""The pictures of a result: drawn once, when the vectors are built, from figures that hold no row and no customer."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import duckdb
import msgspec

from customer_features.definition import features
from customer_features.report import charts
from customer_features.report.concentration import concentration
from customer_features.report.crossing import crossing
from customer_features.report.distributions import described
from customer_features.report.numbers import amount, count, percent
from customer_features.report.rendering import svg
from customer_features.report.shapes import Concentration, Crossing, FeatureFigures
from customer_features.report.vectors import Vectors


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
    """The pictures of the vectors in a relation.

    Of a report's figures only those that are shown; and a chart is drawn while the next one's figures are counted,
    since somebody waits for the page.
    """
    vectors = Vectors.of(connection, relation)
    with ThreadPoolExecutor(1) as drawing:
        found, coming = [], []
        for feature in features.FEATURES:
            found.append(described(vectors, feature))
            if not found[0].customers:
                return Drawn([], [])
            coming.append(drawing.submit(_distribution, found[-1]))
        crossed, held = crossing(vectors), concentration(vectors)
        coming += [drawing.submit(_crossing, crossed), drawing.submit(_pareto, held)]
        return Drawn(_tiles(found, held), [chart.result() for chart in coming])


def _tiles(found: list[FeatureFigures], held: Concentration) -> list[Tile]:
    by_name = {feature.name: feature for feature in found}
    loyalty = by_name["loyalty_score"]
    return [
        Tile("tile_total", amount(held.total, "currency")),
        Tile("tile_median", _median(by_name["purchase_total"])),
        Tile("tile_ticket", _median(by_name["avg_ticket"])),
        Tile("tile_recency", _median(by_name["recency_days"])),
        Tile("tile_top", percent(_share(held, 0.1))),
        Tile("tile_loyalty", percent((loyalty.customers - loyalty.zeros) / loyalty.customers)),
    ]


def _median(feature: FeatureFigures) -> str:
    return amount(feature.quantiles.get("p50"), feature.unit)


def _share(held: Concentration, top: float) -> float | None:
    return next((one.share for one in held.top if one.top == top), None)


def _distribution(feature: FeatureFigures) -> Chart:
    return Chart(feature.name, "distribution", _svg(charts.distribution(feature)), _said(feature))


def _crossing(crossed: Crossing) -> Chart:
    said = f"n = {count(sum(map(sum, crossed.customers)))}"
    return Chart("recency_days × visit_frequency", "crossing", _svg(charts.crossing(crossed)), said)


def _pareto(held: Concentration) -> Chart:
    shares = [f"{top:.0%}: {percent(_share(held, top))}" for top in (0.01, 0.1, 0.2)]
    said = " · ".join([*shares, f"Gini {'–' if held.gini is None else f'{held.gini:.2f}'}"])
    return Chart("purchase_total", "pareto", _svg(charts.pareto(held)), said)


def _svg(chart: charts.Chart | None) -> str:
    """The picture; empty where there is nothing to draw, as of a feature that is the same for all."""
    return "" if chart is None else svg(chart)


def _said(feature: FeatureFigures) -> str:
    """A distribution in figures, which are the same in every language."""
    low, high = amount(feature.minimum, feature.unit), amount(feature.maximum, feature.unit)
    zeros = f" · 0: {percent(feature.zero_share)}" if feature.zeros else ""
    return f"{low} … {_median(feature)} … {high}{zeros}"
