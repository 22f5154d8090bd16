"""One customer's vector spelled out: for each feature the sum that gives it."""

from __future__ import annotations

from dataclasses import dataclass

from customer_features.definition.options import Grain
from customer_features.service.explorer.results import Customer


@dataclass(frozen=True, slots=True)
class Step:
    """A feature and the sum behind it, in signs that need no language."""

    feature: str
    text: str


def steps(one: Customer, today: str, grain: str, *, loyalty: bool) -> list[Step]:
    """The sums of one customer's features; ``loyalty``: the rows carry a score."""
    vector = one.vector
    counted = "COUNT(transaction_id)" if grain == Grain.TRANSACTION else "COUNT(DISTINCT transaction_id)"
    spelled = {
        "purchase_total": f"{_sum(one)} = {_money(vector['purchase_total'])}",
        "visit_frequency": f"{counted} = {vector['visit_frequency']:,.0f}",
        "avg_ticket": (
            f"{_money(one.units / 10_000)} / {vector['visit_frequency']:,.0f} = {_money(vector['avg_ticket'])}"
        ),
        "product_diversity": (
            f"COUNT({', '.join(one.some_products)}{', …' if one.products > len(one.some_products) else ''})"
            f" = {vector['product_diversity']:,.0f}"
        ),
        "loyalty_score": f"{'loyalty_score' if loyalty else 'NULL → 0'} = {vector['loyalty_score']:g}",
        "recency_days": f"{today} − {one.last_day} = {vector['recency_days']:,.0f}",
    }
    return [Step(name, spelled.get(name, "")) for name in vector]


def _sum(one: Customer) -> str:
    terms = " + ".join(_money(term / 10_000) for term in one.terms).replace("+ -", "− ")
    more = one.terms_count - len(one.terms)
    return f"{terms} + … ({more:,})" if more > 0 else terms


def _money(amount: float) -> str:
    return f"{amount:,.4f}".rstrip("0").rstrip(".") if round(amount, 2) != amount else f"{amount:,.2f}"
