"""The six features, an entry each: the one definition behind every door.

A *measure* is what is added up over a customer's rows (a sum of units, a count, a latest day); a
*feature* is a formula over measures. Each stands here once as SQL and once as Python over columns,
and the answer's type, the OpenAPI document, the ``--help`` table, the README's table and the queries
are made from these two tables. A new feature over the measures that exist is one entry in
``FEATURES``; nothing else needs an edit.

Source of the formulas: the published contract of ``/api/v1/ai/customer_features``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from customer_features.definition import money

DEFINITION_VERSION = "1"
"""Version of the definition: it changes when the same input may give other bits."""


@dataclass(slots=True)
class Measures:
    """The measures of many customers, a list for each, all in the same order and of the same length.

    ``today`` and ``last_day`` are proleptic Gregorian ordinals (days), ``units`` are 1/10000 of the
    currency.
    """

    today: int
    units: list[int]
    visits: list[int]
    products: list[int]
    last_day: list[int]
    loyalty: list[float]


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature: its name, how it is computed, and what it means to people.

    ``sql`` is a DOUBLE expression over the measure columns ``units``, ``visits``, ``products`` (64-bit
    integers: a total is summed in 128 bits and found in range before), ``last_day``, ``today`` (dates) and
    ``loyalty`` (double, never null); ``values`` is the same over :class:`Measures`.
    """

    name: str
    formula: str
    sql: str
    values: Callable[[Measures], list[float]]
    unit: str
    minimum: float | None
    maximum: float | None
    meaning: str

    @property
    def range(self) -> str:
        """The range as people write it, e.g. ``≥ 1`` or ``0 to 1``."""
        if self.minimum is None:
            return "any"
        if self.maximum is None:
            return f"≥ {self.minimum:g}"
        return f"{self.minimum:g} to {self.maximum:g}"


FEATURES: list[Feature] = [
    Feature(
        name="purchase_total",
        formula="SUM(amount)",
        sql=money.rounded_sql("units"),
        values=lambda m: money.totals(m.units),
        unit="currency",
        minimum=0,
        maximum=None,
        meaning="Lifetime spend (GMV)",
    ),
    Feature(
        name="visit_frequency",
        formula="COUNT(transactions)",
        sql="CAST(visits AS DOUBLE)",
        values=lambda m: list(map(float, m.visits)),
        unit="visits",
        minimum=1,
        maximum=None,
        meaning="Number of purchase occasions",
    ),
    Feature(
        name="avg_ticket",
        formula="purchase_total / visits",
        sql=money.rounded_sql("units", "visits"),
        values=lambda m: money.averages(m.units, m.visits),
        unit="currency per visit",
        minimum=0,
        maximum=None,
        meaning="Average basket size",
    ),
    Feature(
        name="product_diversity",
        formula="COUNT(DISTINCT product_id)",
        sql="CAST(products AS DOUBLE)",
        values=lambda m: list(map(float, m.products)),
        unit="products",
        minimum=1,
        maximum=None,
        meaning="Breadth of purchase",
    ),
    Feature(
        name="loyalty_score",
        formula="passed or 0.0",
        # Adding zero turns -0.0 into 0.0 and changes nothing else.
        sql="loyalty + CAST(0 AS DOUBLE)",
        values=lambda m: [loyalty + 0.0 for loyalty in m.loyalty],
        unit="score",
        minimum=0,
        maximum=1,
        meaning="Loyalty indicator",
    ),
    Feature(
        name="recency_days",
        formula="DATEDIFF(today, MAX(date))",
        sql="CAST(DATE_DIFF('day', last_day, today) AS DOUBLE)",
        values=lambda m: [float(m.today - last) for last in m.last_day],
        unit="days",
        minimum=0,
        maximum=None,
        meaning="Time since last purchase",
    ),
]
"""The features in the order of every output. Read at call time: what is appended is found everywhere."""


def names() -> tuple[str, ...]:
    """The features' names in the order of every output."""
    return tuple([feature.name for feature in FEATURES])


def table() -> list[tuple[str, str, str, str, str]]:
    """Name, formula, unit, range and meaning of each feature, for help texts and documents."""
    return [(f.name, f.formula, f.unit, f.range, f.meaning) for f in FEATURES]
