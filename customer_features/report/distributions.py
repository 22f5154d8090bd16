"""One feature over all customers: its moments, quantiles and histogram."""

from __future__ import annotations

from bisect import bisect

from customer_features.definition.features import Feature
from customer_features.query.columns import quoted
from customer_features.report import bins
from customer_features.report.shapes import QUANTILES, Bin, FeatureFigures, Histogram
from customer_features.report.vectors import Vectors, deviation, number, placed

APART = 0.2
"""Where more than this share of the customers is at zero, they are kept apart from the histogram."""


def described(vectors: Vectors, feature: Feature) -> FeatureFigures:
    """The figures of one feature."""
    column = quoted(feature.name)
    count, missing, zeros, distinct, low, high, whole, outside = vectors.row(
        f"""SELECT COUNT({column}), COUNT(*) - COUNT({column}), COUNT(*) FILTER (WHERE {column} = 0),
  COUNT(DISTINCT {column}), MIN({column}), MAX({column}), COUNT(*) FILTER (WHERE {column} <> FLOOR({column})) = 0,
  COUNT(*) FILTER (WHERE {_outside(feature)}) FROM vectors"""
    )
    # A mean that was rounded may fall below the least value or pass the largest.
    mean = min(max(float(vectors.total(feature.name, max(-low, high)) / count), low), high) if count else None
    return FeatureFigures(
        name=feature.name,
        unit=feature.unit,
        meaning=feature.meaning,
        customers=count,
        missing=missing,
        zeros=zeros,
        zero_share=zeros / count if count else None,
        outside=outside,
        distinct=distinct,
        minimum=low,
        maximum=high,
        mean=mean,
        deviation=_deviation(vectors, feature.name, count, low, high),
        quantiles=dict(zip(QUANTILES, vectors.quantiles(feature.name, QUANTILES.values()), strict=False)),
        histogram=_histogram(vectors, feature, whole and not money(feature), zeros, count, low, high),
    )


def money(feature: Feature) -> bool:
    """Whether a feature is an amount of money, which is shown with cents however round it is."""
    return feature.unit.startswith("currency")


def _outside(feature: Feature) -> str:
    bounds = [f"{quoted(feature.name)} < {feature.minimum!r}"] if feature.minimum is not None else []
    bounds += [f"{quoted(feature.name)} > {feature.maximum!r}"] if feature.maximum is not None else []
    return " OR ".join(bounds) or "FALSE"


def _deviation(vectors: Vectors, name: str, count: int, low: float, high: float) -> float | None:
    if count < 2 or low == high:
        return 0.0 if count > 1 else None
    first, second = vectors.row(
        f"SELECT SUM(place), SUM(CAST(place AS HUGEINT) * place) FROM"
        f" (SELECT {placed(name, low, high)} AS place FROM vectors WHERE {quoted(name)} IS NOT NULL)"
    )
    return deviation(count, int(first), int(second), high - low)


def _histogram(
    vectors: Vectors, feature: Feature, whole: bool, zeros: int, count: int, low: float, high: float
) -> Histogram:
    if not count:
        return Histogram("linear", whole, 0, 0, [])
    if low == high:
        return Histogram("linear", whole, 0, 0, [Bin(low, high, count)])
    column = quoted(feature.name)
    middle = vectors.median(feature.name, f"{column} > 0")
    scale = bins.scale(high, middle, feature.maximum is not None)
    if scale == "log":
        (low,) = vectors.row(f"SELECT MIN({column}) FROM vectors WHERE {column} > 0")
    edges = bins.edges(low, high, scale, whole)
    return histogram(vectors, feature.name, edges, scale, whole, zeros if zeros > APART * count else 0)


def histogram(vectors: Vectors, name: str, edges: list[float], scale: str, whole: bool, zeros: int = 0) -> Histogram:
    """The customers of each bin.

    On a log scale those at zero and below are apart, on a linear one ``zeros``, where that many are not to be drawn.
    """
    lower, upper = edges[:-1], edges[1:]
    found = vectors.tallied(name, lower)
    if scale == "log":
        apart, negative = vectors.row(
            f"SELECT COUNT(*), COUNT(*) FILTER (WHERE {quoted(name)} < 0) FROM vectors"
            f" WHERE {quoted(name)} < {number(edges[0])}"
        )
    else:
        apart, negative = zeros, 0
        found[bisect(lower, 0.0) - 1] -= zeros
    return Histogram(scale, whole, apart, negative, [Bin(*one) for one in zip(lower, upper, found, strict=True)])
