"""Correlation of each two features: of their values (Pearson) and of their ranks (Spearman).

Both are computed from sums of integers, so they do not depend on the order of rows. Equal values share the mean of
their ranks, as in Kendall's and SciPy's tables.
"""

from __future__ import annotations

import math
from itertools import combinations_with_replacement

from customer_features.definition import features
from customer_features.query.columns import quoted
from customer_features.report.shapes import Correlations
from customer_features.report.vectors import Vectors, placed

Matrix = list[list[float | None]]


def correlations(vectors: Vectors) -> Correlations:
    """The correlations over the customers that have all features."""
    names = features.names()
    complete = " AND ".join(f"{quoted(name)} IS NOT NULL" for name in names)
    bounds = vectors.row(
        f"SELECT COUNT(*), {', '.join(f'MIN({quoted(n)}), MAX({quoted(n)})' for n in names)} FROM vectors"
        f" WHERE {complete}"
    )
    customers = int(bounds[0])
    if customers < 2:
        nothing: Matrix = [[None] * len(names) for _ in names]
        return Correlations(list(names), customers, nothing, [list(row) for row in nothing])
    spans = {name: (bounds[2 * place + 1], bounds[2 * place + 2]) for place, name in enumerate(names)}
    values = ", ".join(
        f"{'0' if low == high else placed(name, low, high)} AS v{place}"
        for place, (name, (low, high)) in enumerate(spans.items())
    )
    pearson = _matrix(vectors, customers, len(names), f"SELECT {values} FROM vectors WHERE {complete}", "")
    return Correlations(list(names), customers, pearson, _spearman(vectors, customers, complete))


def _spearman(vectors: Vectors, customers: int, complete: str) -> Matrix:
    names = features.names()
    # Twice the mean rank is a whole number: 2r - c + 1 of a value that c customers share, the last at rank r.
    ranks = "".join(
        f""", r{place} AS MATERIALIZED (
  SELECT value, CAST(2 * SUM(c) OVER (ORDER BY value) - c + 1 AS BIGINT) AS rank
  FROM (SELECT {quoted(name)} AS value, COUNT(*) AS c FROM complete GROUP BY 1))"""
        for place, name in enumerate(names)
    )
    joined = " ".join(f"JOIN r{place} ON complete.{quoted(name)} = r{place}.value" for place, name in enumerate(names))
    selected = ", ".join(f"r{place}.rank AS v{place}" for place in range(len(names)))
    before = f", complete AS (SELECT * FROM vectors WHERE {complete}){ranks}"
    return _matrix(vectors, customers, len(names), f"SELECT {selected} FROM complete {joined}", before)


def _matrix(vectors: Vectors, customers: int, size: int, query: str, before: str) -> Matrix:
    """Correlations of the integers ``v0``, ``v1``, ... of a query."""
    pairs = list(combinations_with_replacement(range(size), 2))
    sums = [f"SUM(v{place})" for place in range(size)]
    sums += [f"SUM(CAST(v{one} AS HUGEINT) * v{other})" for one, other in pairs]
    found = [int(value) for value in vectors.row(f"{before} SELECT {', '.join(sums)} FROM ({query})")]
    products = dict(zip(pairs, found[size:], strict=True))
    # n times the sum of squares or products around the means, exactly.
    around = {(one, two): customers * products[one, two] - found[one] * found[two] for one, two in pairs}
    matrix: Matrix = [[None] * size for _ in range(size)]
    for one, two in pairs:
        if around[one, one] and around[two, two]:
            matrix[one][two] = matrix[two][one] = _ratio(around[one, two], around[one, one], around[two, two])
    return matrix


def _ratio(both: int, one: int, two: int) -> float:
    """``both / sqrt(one * two)`` of integers of any size, to 15 digits."""
    root = math.isqrt(one * two << 128)
    return max(-1.0, min(1.0, (both << 64) / root))
