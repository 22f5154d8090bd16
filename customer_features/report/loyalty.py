"""How many customers have a loyalty score, and whether those who spend more do."""

from __future__ import annotations

from customer_features.report.shapes import Fifth, Loyalty
from customer_features.report.vectors import Vectors


def loyalty(vectors: Vectors) -> Loyalty:
    """The coverage of ``loyalty_score``: a score above zero, for the definition makes a missing one zero."""
    customers, scored = vectors.row(
        "SELECT COUNT(loyalty_score), COUNT(*) FILTER (WHERE loyalty_score > 0) FROM vectors"
    )
    fifths = vectors.rows(
        """SELECT fifth, COUNT(*), COUNT(*) FILTER (WHERE loyalty_score > 0)
FROM (SELECT NTILE(5) OVER (ORDER BY purchase_total DESC, customer_id) AS fifth, loyalty_score FROM vectors
  WHERE purchase_total IS NOT NULL AND loyalty_score IS NOT NULL)
GROUP BY 1 ORDER BY 1"""
    )
    return Loyalty(
        customers=customers,
        scored=scored,
        share=scored / customers if customers else None,
        median_score=vectors.median("loyalty_score", "loyalty_score > 0"),
        median_spend=vectors.median("purchase_total", "loyalty_score > 0"),
        median_spend_others=vectors.median("purchase_total", "loyalty_score <= 0"),
        fifths=[Fifth(*map(int, fifth)) for fifth in fifths],
    )
