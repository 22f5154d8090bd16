"""How unevenly money is spread over customers: the Pareto curve, top shares and the Gini coefficient.

The customers are ordered by what they spend, the largest first. The Gini coefficient of n amounts x in rising order is
``2 sum(i x_i) / (n sum(x)) - (n + 1) / n`` (of a whole population, so at most 1 - 1/n; Sen 1973).
"""

from __future__ import annotations

from fractions import Fraction

from customer_features.definition import features
from customer_features.query.columns import quoted
from customer_features.report.shapes import Concentration, TopShare
from customer_features.report.vectors import CENTS, Vectors, in_cents

TOP = (1, 5, 10, 20)
"""Per cent of the customers whose share is told."""
_POINTS = 100


def concentration(vectors: Vectors) -> Concentration:
    """The spread of total spend over the customers that have one."""
    name = features.FEATURES[0].name
    # A share of the customers ends with the customer that completes it: 1% of 250 are 3 customers.
    groups = vectors.rows(
        f"""SELECT CAST((place - 1) * {_POINTS} // customers + 1 AS INTEGER) AS part, COUNT(*), SUM(cents),
  SUM(cents * place), SUM(below_zero), SUM(signed)
FROM (SELECT GREATEST(signed, 0) AS cents, signed, CAST(signed < 0 AS INTEGER) AS below_zero,
    ROW_NUMBER() OVER (ORDER BY signed DESC) AS place, COUNT(*) OVER () AS customers
  FROM (SELECT {in_cents(quoted(name))} AS signed FROM vectors WHERE {quoted(name)} IS NOT NULL))
GROUP BY 1 ORDER BY 1"""
    )
    customers = sum(int(group[1]) for group in groups)
    spent = sum(int(group[2]) for group in groups)
    net = sum(int(group[5]) for group in groups)
    below_zero = sum(int(group[4]) for group in groups)
    total = float(Fraction(net, CENTS))
    if not spent:
        return Concentration(name, customers, total, below_zero, None, [], [])
    curve, top, counted, held = [(0.0, 0.0)], {}, 0, 0
    for part, size, cents, *_ in groups:
        counted, held = counted + int(size), held + int(cents)
        curve.append((counted / customers, held / spent))
        # Where there are fewer than a hundred customers, one may complete several parts.
        top[int(part)] = TopShare(0.0, counted, held / spent)
    # With places from the largest, the sum over rising places is (n + 1) sum(x) less that over falling ones.
    falling = sum(int(group[3]) for group in groups)
    rising = (customers + 1) * spent - falling
    gini = float(Fraction(2 * rising, customers * spent) - Fraction(customers + 1, customers))
    return Concentration(name, customers, total, below_zero, gini, _top(top, customers), curve)


def _top(by_part: dict[int, TopShare], customers: int) -> list[TopShare]:
    shares = []
    for percent in TOP:
        # The part of the customer at place ceil(percent of n).
        last = -(-percent * customers // 100)
        found = next(share for share in by_part.values() if share.customers >= last)
        shares.append(TopShare(percent / 100, found.customers, found.share))
    return shares
