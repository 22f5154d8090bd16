"""How far each feature's distribution moved from an older file to a newer one.

PSI, the population stability index, is ``sum((new - old) * ln(new / old))`` over the shares of customers in ten bins,
the deciles of the older file; a bin that is empty on one side counts half a customer there. Its thresholds are those of
credit scoring (Siddiqi 2006). KS is the two-sample Kolmogorov-Smirnov distance.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from customer_features.definition import features
from customer_features.definition.features import Feature
from customer_features.query.columns import quoted
from customer_features.report import bins
from customer_features.report.distributions import histogram, money
from customer_features.report.shapes import DriftBin, FeatureDrift, Histogram
from customer_features.report.vectors import Vectors

PSI = (0.1, 0.25)
"""Below the first a feature is stable, from the second on it moved much."""
KS = (0.1, 0.2)
"""The same for the KS distance: of a hundred customers, ten or twenty would have to move."""
FEW = 200
"""With fewer customers on a side, bins hold too few for PSI to tell drift from chance."""
_LEVELS = ("stable", "moderate", "large")
_DECILES = [place / 10 for place in range(1, 10)]


def drift(older: Vectors, newer: Vectors) -> list[FeatureDrift]:
    """The drift of each feature."""
    return [_drift(older, newer, feature) for feature in features.FEATURES]


def level(value: float, thresholds: tuple[float, float]) -> str:
    """``stable``, ``moderate`` or ``large``."""
    return _LEVELS[sum(value >= threshold for threshold in thresholds)]


def _drift(older: Vectors, newer: Vectors, feature: Feature) -> FeatureDrift:
    name = feature.name
    counts = [side.row(f"SELECT COUNT({quoted(name)}) FROM vectors")[0] for side in (older, newer)]
    pictures = _histograms(older, newer, feature)
    found = FeatureDrift(
        name=name,
        unit=feature.unit,
        older_median=older.median(name),
        newer_median=newer.median(name),
        psi=None,
        psi_level=None,
        ks=None,
        ks_level=None,
        ks_at=None,
        ks_chance=None,
        level=None,
        bins=[],
        older=pictures[0],
        newer=pictures[1],
    )
    if not all(counts):
        return found
    binned = _bins(older, newer, name)
    psi = _psi(binned, *counts)
    ks, at = _ks(older, newer, name, *counts)
    levels = level(psi, PSI), level(ks, KS)
    return replace(
        found,
        psi=psi,
        psi_level=levels[0],
        ks=ks,
        ks_level=levels[1],
        ks_at=at,
        ks_chance=min(1.0, 1.358 * math.sqrt(sum(counts) / math.prod(counts))),
        level=max(levels, key=_LEVELS.index),
        bins=binned,
    )


def _bins(older: Vectors, newer: Vectors, name: str) -> list[DriftBin]:
    """The customers between the deciles of the older file; those that are the same are one edge."""
    edges = sorted(set(older.quantiles(name, _DECILES)))
    if len(edges) == 1:
        # What was nearly constant may have moved to either side, so that value has a bin to itself.
        edges.insert(0, math.nextafter(edges[0], -math.inf))
    lowers = [-math.inf, *edges]
    counts = [side.tallied(name, lowers, inclusive=False) for side in (older, newer)]
    ends = [None, *edges, None]
    return [DriftBin(*one) for one in zip(ends[:-1], ends[1:], *counts, strict=True)]


def _psi(binned: list[DriftBin], older: int, newer: int) -> float:
    # A bin that is empty on both sides says nothing.
    shares = [((one.older or 0.5) / older, (one.newer or 0.5) / newer) for one in binned if one.older or one.newer]
    return math.fsum((new - old) * math.log(new / old) for old, new in shares)


def _ks(older: Vectors, newer: Vectors, name: str, first: int, second: int) -> tuple[float, float | None]:
    """The largest distance of the two cumulative distributions, and the least value at which it is reached."""
    column = quoted(name)
    distance, at = older.row(
        f""", newer_side AS ({newer.query}), counted AS (
  SELECT value, SUM(old) AS old, SUM(new) AS new FROM (
    SELECT {column} AS value, 1 AS old, 0 AS new FROM vectors UNION ALL SELECT {column}, 0, 1 FROM newer_side)
  WHERE value IS NOT NULL GROUP BY 1),
apart AS (
  SELECT value, ABS(SUM(old) OVER (ORDER BY value) * {second} - SUM(new) OVER (ORDER BY value) * {first}) AS apart
  FROM counted)
SELECT apart, value FROM apart ORDER BY apart DESC, value LIMIT 1"""
    )
    return int(distance) / (first * second), at if distance else None


def _histograms(older: Vectors, newer: Vectors, feature: Feature) -> tuple[Histogram, Histogram]:
    """Both files in the same bins."""
    column = quoted(feature.name)
    nothing = Histogram("linear", False, 0, 0, [])
    found = newer.row(
        f""", together AS (SELECT {column} AS value FROM vectors UNION ALL SELECT {column} FROM ({older.query}))
SELECT MIN(value), MAX(value), QUANTILE_CONT(value, 0.5) FILTER (WHERE value > 0),
  COUNT(*) FILTER (WHERE value <> FLOOR(value)) = 0, MIN(value) FILTER (WHERE value > 0) FROM together"""
    )
    low, high, middle, whole, above_zero = found
    if low is None:
        return nothing, nothing
    whole = whole and not money(feature)
    scale = bins.scale(high, middle, feature.maximum is not None)
    edges = bins.edges(above_zero if scale == "log" else low, high, scale, whole)
    if len(edges) == 2 and edges[0] == edges[1]:
        return nothing, nothing
    one, other = (histogram(side, feature.name, edges, scale, whole) for side in (older, newer))
    return one, other
