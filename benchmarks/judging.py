"""A contender's vectors beside the exact ones: how many differ in a bit, and whether one is off by more than rounding.

Adding floats, or rounding them half to even, is off by a cent now and then: that makes a peer inexact. Anything else
would be a mistake in how we wrote the peer, and a time of it would count for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

FEATURES = (
    "purchase_total",
    "visit_frequency",
    "avg_ticket",
    "product_diversity",
    "loyalty_score",
    "recency_days",
)
ROUNDED = ("purchase_total", "avg_ticket")
CENT = 0.01 + 1e-6
"""The most that rounding may be off by; a little more than a cent, which no double is."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """``wrong``: how many vectors differ, are missing or are too many; ``far``: the first that is off by more than a
    cent, or nothing."""

    wrong: int
    far: str = ""


def judged(found: pl.DataFrame, exact: pl.DataFrame, columns: Sequence[str] = FEATURES) -> Verdict:
    """Compare frames by ``customer_id``, and ``as_of`` where there is one; only these columns, as 64-bit patterns."""
    keys = [name for name in ("customer_id", "as_of") if name in exact.columns]
    renamed = found.select(
        *(pl.col(name).alias(f"{name}_key") for name in keys),
        *(pl.col(name).cast(pl.Float64).alias(f"{name}_found") for name in columns),
    )
    joined = exact.join(renamed, left_on=keys, right_on=[f"{name}_key" for name in keys], how="full")
    # Polars holds -0.0 and 0.0 for equal: NumPy compares the bits. What is missing is NaN there, as nothing exact is.
    same, near = np.ones(joined.height, bool), np.ones(joined.height, bool)
    for name in columns:
        one, other = (joined[column].to_numpy() for column in (name, f"{name}_found"))
        same &= one.view(np.int64) == other.view(np.int64)
        near &= np.abs(one - other) <= (CENT if name in ROUNDED else 0)
    wrong, far = joined.filter(~same), joined.filter(~near)
    return Verdict(wrong.height, str(far.row(0, named=True)) if far.height else "")


def judged_mapping(found: Mapping[str, Sequence[float]], exact: Mapping[str, Sequence[float]]) -> Verdict:
    """The same for vectors by customer, as a document holds them."""
    wrong = [customer for customer in exact.keys() | found.keys() if found.get(customer) != exact.get(customer)]
    far = [customer for customer in wrong if not _near(found.get(customer), exact.get(customer))]
    return Verdict(len(wrong), f"{far[0]}: {found.get(far[0])} instead of {exact.get(far[0])}" if far else "")


def _near(found: Sequence[float] | None, exact: Sequence[float] | None) -> bool:
    if found is None or exact is None:
        return False
    limits = [CENT if name in ROUNDED else 0 for name in FEATURES]
    return all(abs(one - other) <= limit for one, other, limit in zip(found, exact, limits, strict=True))
