"""Customers of two files: who came, who went, and of those in both who moved most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from customer_features.definition import features
from customer_features.query.columns import quoted
from customer_features.report.drift import FEW, drift
from customer_features.report.shapes import Comparison, Group, Move, Movement
from customer_features.report.vectors import CENTS, Vectors, in_cents

MOST = 10
"""So many customers are listed."""
_SPEND = "purchase_total"


class _Names:
    """What customers are called in a report: their ids where those may be shown, else numbers as they come up."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.numbers: dict[str, int] = {}

    def of(self, customer: str) -> str:
        if self.shown:
            return customer
        return f"customer {self.numbers.setdefault(customer, len(self.numbers) + 1)}"


def compare(
    older: Vectors,
    newer: Vectors,
    name: str,
    *,
    as_of: str | None = None,
    differences: Sequence[str] = (),
    show_ids: bool = False,
) -> Comparison:
    """The older vectors beside the newer ones.

    ``name`` and ``as_of``: what the older ones are called, and their date; ``differences``: of their runs;
    ``show_ids``: call customers by their ids.
    """
    names = _Names(show_ids)
    (customers,) = older.row("SELECT COUNT(*) FROM vectors")
    (now,) = newer.row("SELECT COUNT(*) FROM vectors")
    stayed, was, now_is = newer.row(
        f"SELECT COUNT(*), SUM({in_cents('o.' + _SPEND)}), SUM({in_cents('vectors.' + _SPEND)})"
        f" FROM vectors JOIN ({older.query}) o USING (customer_id)"
    )
    movements = [_movement(older, newer, feature.name, feature.unit, names) for feature in features.FEATURES]
    return Comparison(
        name=name,
        as_of=as_of or older.as_of,
        customers=customers,
        total=older.cents(_SPEND) / CENTS,
        stayed=stayed,
        change_of_stayed=((now_is or 0) - (was or 0)) / CENTS,
        came=_only_in(newer, older, names, came=True),
        went=_only_in(older, newer, names, came=False),
        few=min(customers, now) < FEW,
        differences=list(differences),
        drift=drift(older, newer),
        movements=movements,
    )


def _only_in(side: Vectors, other: Vectors, names: _Names, *, came: bool) -> Group:
    """The customers of one side that the other does not have."""
    alone = f"FROM vectors ANTI JOIN ({other.query}) o USING (customer_id)"
    count, cents = side.row(f"SELECT COUNT(*), SUM({in_cents(_SPEND)}) {alone}")
    most = side.rows(
        f"SELECT customer_id, {_SPEND} {alone} ORDER BY {_SPEND} DESC NULLS LAST, customer_id LIMIT {MOST}"
    )
    moves = [Move(names.of(id_), None if came else spend, spend if came else None, None) for id_, spend in most]
    return Group(count, int(cents or 0) / CENTS, moves)


def _movement(older: Vectors, newer: Vectors, name: str, unit: str, names: _Names) -> Movement:
    column = quoted(name)
    # Whole cents differ by whole cents, and not by what two doubles leave over.
    change = f"ROUND(vectors.{column} - o.{column}, 9)"
    both = (
        f", moved AS (SELECT customer_id, o.{column} AS older, vectors.{column} AS newer, {change} AS change"
        f" FROM vectors JOIN ({older.query}) o USING (customer_id) WHERE {change} IS NOT NULL)"
    )
    up, down, same, median = newer.row(
        f"{both} SELECT COUNT(*) FILTER (WHERE change > 0), COUNT(*) FILTER (WHERE change < 0),"
        " COUNT(*) FILTER (WHERE change = 0), QUANTILE_CONT(change, 0.5) FROM moved"
    )
    most: list[tuple[Any, ...]] = newer.rows(
        f"{both} SELECT customer_id, older, newer, change FROM moved WHERE change <> 0"
        f" ORDER BY ABS(change) DESC, customer_id LIMIT {MOST}"
    )
    moves = [Move(names.of(customer), was, now, moved) for customer, was, now, moved in most]
    return Movement(name, unit, up, down, same, median, moves)
