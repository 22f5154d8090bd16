"""Damage to whole orders and customers, planted row by row; what it amounts to, ``judging`` works out."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.damage.lines import TODAY, Line

IN_EVERY_WINDOW = date(2017, 7, 20)
"""From this day on a row counts under every window that the tests choose."""


@dataclass(frozen=True, slots=True)
class Score:
    """One statement of a customer's loyalty score: what is written, and the score (None: faulty)."""

    written: Any
    score: float | None


# What stands beside a customer's rows, or in rows of its own in a loyalty file. A double can be in any form of file.
LOYALTY: dict[str, list[Score]] = {
    "loyalty below 0": [Score(-0.1, None)],
    "loyalty above 1": [Score(1.5, None)],
    "loyalty just above 1": [Score(1.0000000000000002, None), Score(0.5, 0.5)],
    "loyalty of points": [Score(970.0, None)],
    "loyalty NaN": [Score(float("nan"), None)],
    "loyalty infinite": [Score(float("inf"), None)],
    "loyalty as a word": [Score("gold", None)],
    "loyalty in per cent": [Score("97%", None)],
    "loyalty with a comma": [Score("0,5", None)],
    "loyalty of two values": [Score(0.2, 0.2), Score(0.3, 0.3)],
    "loyalty of two values side by side": [Score(0.5, 0.5), Score(0.5000000000000001, 0.5000000000000001)],
    "loyalty of two values, and out of range": [Score(0.2, 0.2), Score(0.3, 0.3), Score(7.0, None)],
    "loyalty -0.0": [Score(-0.0, 0.0)],
    "loyalty 0": [Score(0.0, 0.0)],
    "loyalty 1": [Score(1.0, 1.0)],
    "loyalty of the smallest double": [Score(5e-324, 5e-324)],
    "loyalty stated twice alike": [Score(0.97, 0.97), Score(0.97, 0.97)],
}


def in_window(lines: list[Line]) -> list[Line]:
    """The rows on which group damage can hang: they count whatever the options are."""
    return [line for line in lines if line.day is not None and IN_EVERY_WINDOW <= line.day <= TODAY]


def state_loyalty(line: Line, score: Score) -> None:
    """Put a score beside a row."""
    line.written["loyalty_score"] = score.written
    line.score, line.score_faulty, line.pivotal = score.score, score.score is None, True


def only_returns(own: list[Line], luck: random.Random) -> None:
    """All of a customer's rows are returns."""
    for line in own:
        assert line.paid is not None
        line.paid = -max(line.paid, 0.01)
        line.pivotal = True


def total_out_of_range(own: list[Line], luck: random.Random) -> None:
    """A customer's rows add up to more than 2^53 - 1 cents; each of them is in range."""
    pattern = in_window(own)[0]
    pattern.pivotal = True
    for place in range(901):
        line = Line(pattern.customer, f"huge-{place}", pattern.day, 1e11, pattern.product, f"{pattern.note}-{place}")
        line.pivotal = True
        own.append(line)


CUSTOMERS: dict[str, Callable[[list[Line], random.Random], None]] = {
    "customer with only returns": only_returns,
    "customer whose total is out of range": total_out_of_range,
}


def _again(line: Line, tag: str, **changed: Any) -> Line:
    """A second row of the same order."""
    new = Line(line.customer, line.order, line.day, line.paid, line.product, f"{line.note}-{tag}")
    for name, value in changed.items():
        setattr(new, name, value)
    line.pivotal = new.pivotal = True
    return new


def _day_before(line: Line) -> date:
    assert line.day is not None
    return line.day - timedelta(days=1)


def _a_cent_more(line: Line) -> float:
    assert line.paid is not None
    return round(line.paid + 0.01, 2)


# Each makes a second row for an order: the two agree or contradict each other, by the grain and the options.
ORDERS: dict[str, Callable[[Line], Line]] = {
    "order of two totals": lambda line: _again(line, "a", paid=_a_cent_more(line)),
    "order of two totals, a unit apart": lambda line: _again(line, "b", paid=(line.paid or 0.0) + 0.0001),
    "order of two totals, less than a unit apart": lambda line: _again(line, "c", paid=(line.paid or 0.0) + 0.00002),
    "order of two dates": lambda line: _again(line, "d", day=_day_before(line)),
    "order of two totals and dates": lambda line: _again(line, "e", paid=_a_cent_more(line), day=_day_before(line)),
    "order that goes on after today": lambda line: _again(line, "f", paid=1.0, day=TODAY + timedelta(days=9)),
    "order that began before the window": lambda line: _again(line, "g", paid=1.0, day=date(2001, 1, 1)),
    "order with a return in it": lambda line: _again(line, "h", paid=-0.5),
    "order with a faulty row of another total": lambda line: _again(
        line, "i", paid=_a_cent_more(line), product=None, written={"product_id": None}, faults={"missing_product_id"}
    ),
    "row that stands twice": lambda line: _again(line, "j"),
    "order id of another customer": lambda line: _again(line, "k", customer=f"x{line.customer}", paid=3.0),
}
