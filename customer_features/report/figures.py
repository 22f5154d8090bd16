"""All figures of a relation of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customer_features.definition import features
from customer_features.report.concentration import concentration
from customer_features.report.correlations import correlations
from customer_features.report.crossing import crossing
from customer_features.report.distributions import described
from customer_features.report.loyalty import loyalty
from customer_features.report.shapes import AsOf, Figures
from customer_features.report.vectors import Vectors

if TYPE_CHECKING:
    import duckdb


def figures(connection: duckdb.DuckDBPyConnection, relation: str, as_of: str | None = None) -> Figures:
    """The figures of the vectors in ``relation``, which is SQL for a FROM clause: a quoted name, or a reader's call.

    The relation has ``customer_id``, each feature as a number, and where it holds several as-of dates ``as_of``;
    ``as_of`` (YYYY-MM-DD) then says of which date the figures are (default: the latest). The relation is read several
    times and nothing is written: no table is made, no setting changed. The same vectors, in whatever order, give the
    same bits.

    Raises InvalidOption for a date of which there are no vectors.
    """
    return figures_of(Vectors.of(connection, relation, as_of))


def figures_of(vectors: Vectors) -> Figures:
    """The figures of vectors of one date."""
    (customers,) = vectors.row("SELECT COUNT(*) FROM vectors")
    return Figures(
        customers=customers,
        as_of=vectors.as_of,
        features=[described(vectors, feature) for feature in features.FEATURES],
        correlations=correlations(vectors),
        concentration=concentration(vectors),
        crossing=crossing(vectors),
        loyalty=loyalty(vectors),
    )


def history(connection: duckdb.DuckDBPyConnection, relation: str) -> list[AsOf]:
    """A few figures of each as-of date in ``relation``, the earliest first; none where it holds one date alone."""
    dates = Vectors.of(connection, relation).dates
    if len(dates) < 2:
        return []
    found = connection.execute(
        f"""SELECT CAST(as_of AS VARCHAR), COUNT(*), CAST(SUM(CAST(ROUND(purchase_total * 100) AS HUGEINT)) AS DOUBLE),
  QUANTILE_CONT(purchase_total, 0.5), QUANTILE_CONT(visit_frequency, 0.5), QUANTILE_CONT(recency_days, 0.5)
FROM {relation} GROUP BY 1 ORDER BY 1"""
    )
    return [AsOf(day, count, (cents or 0) / 100, *medians) for day, count, cents, *medians in found.fetchall()]
