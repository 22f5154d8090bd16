"""What a reader sees first: the tiles, and a few sentences."""

from __future__ import annotations

from dataclasses import dataclass

from customer_features.report.drift import FEW
from customer_features.report.numbers import NOTHING, amount, count, percent, short
from customer_features.report.shapes import Figures, Report


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure in large letters; ``more`` stands below it in small ones."""

    name: str
    value: str
    more: str = ""


def tiles(report: Report) -> list[Tile]:
    """The tiles of the overview."""
    figures = report.figures
    spend, top = figures.concentration, {one.top: one for one in figures.concentration.top}
    spread = figures.feature("purchase_total")
    visits, recency = figures.feature("visit_frequency"), figures.feature("recency_days")
    before = report.comparison
    more = f"{before.customers:,} before" if before else ""
    return [
        Tile("Customers", count(figures.customers), more),
        Tile(
            "Total spend", short(spend.total, "currency"), f"{short(before.total, 'currency')} before" if before else ""
        ),
        Tile("Median spend", _median(figures, "purchase_total"), f"mean {amount(spread.mean, spread.unit)}"),
        Tile("Median visits", _median(figures, "visit_frequency"), f"mean {amount(visits.mean, visits.unit)}"),
        Tile("Median recency", _median(figures, "recency_days"), f"days; mean {amount(recency.mean, recency.unit)}"),
        Tile("Top 10% hold", percent(top[0.1].share if top else None), "of total spend"),
        Tile("With a loyalty score", percent(figures.loyalty.share), f"{count(figures.loyalty.scored)} customers"),
        *_faults(report),
    ]


def _faults(report: Report) -> list[Tile]:
    run = report.run
    if run is None:
        return []
    share = run.quarantined / run.rows_in if run.rows_in else None
    return [Tile("Rows set aside", percent(share, 2), f"{count(run.quarantined)} of {count(run.rows_in)}")]


def _median(figures: Figures, name: str) -> str:
    feature = figures.feature(name)
    middle = feature.quantiles.get("p50")
    return NOTHING if middle is None else short(middle, feature.unit)


def sentences(report: Report) -> list[str]:
    """What stands out, of figures that are in the report."""
    figures = report.figures
    if figures.customers < 2:
        return []
    said = []
    recency = figures.feature("recency_days")
    if recency.customers:
        middle, late = (amount(recency.quantiles[name], "days") for name in ("p50", "p75"))
        said.append(
            f"Half of the customers bought within {middle} days of the as-of date; a quarter had not for {late} days"
            " or more."
        )
    once = [
        sum(row)
        for band, row in zip(figures.crossing.frequency, figures.crossing.customers, strict=True)
        if band.most == 1
    ]
    if once:
        said.append(f"{percent(once[0] / figures.customers)} of them ({count(once[0])}) came only once.")
    held = {one.top: one for one in figures.concentration.top}
    if held:
        top = held[0.1]
        said.append(
            f"The {count(top.customers)} customers who spend most (10%) hold {percent(top.share)} of what is spent."
        )
    if report.comparison is not None:
        said += _drifted(report)
    return said


def _drifted(report: Report) -> list[str]:
    if report.comparison is not None and report.comparison.few:
        return [f"With fewer than {FEW} customers in a file, drift cannot be told from chance."]
    drift = report.comparison.drift if report.comparison else []
    by_level = {level: [one.name for one in drift if one.level == level] for level in ("large", "moderate")}
    said = [f"Drift is {level} in {_listed(names)}." for level, names in by_level.items() if names]
    return said or ["No feature drifted."]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
