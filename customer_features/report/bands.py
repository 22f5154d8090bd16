"""Bins and bands in words."""

from __future__ import annotations

from customer_features.report.numbers import amount
from customer_features.report.shapes import Band, Bin, DriftBin, Histogram


def of_bin(one: Bin, histogram: Histogram, unit: str) -> str:
    """The values of a bin: ``3``, ``6 to 7``, ``10.00 to 16.00``."""
    if one.lower == one.upper or (histogram.whole and one.upper - one.lower == 1):
        return amount(one.lower, unit)
    if histogram.whole:
        return f"{amount(one.lower, unit)} to {amount(one.upper - 1, unit)}"
    return f"{amount(one.lower, unit)} to {amount(one.upper, unit)}"


def of_drift(one: DriftBin, unit: str) -> str:
    """The values between two deciles."""
    if one.lower is None:
        return f"up to {amount(one.upper, unit)}"
    if one.upper is None:
        return f"above {amount(one.lower, unit)}"
    return f"above {amount(one.lower, unit)} to {amount(one.upper, unit)}"


def of_band(band: Band) -> str:
    """The days or visits of a band: ``1``, ``4–5``, ``101+``."""
    if band.most is None:
        return f"{band.least:,}+"
    return f"{band.least:,}" if band.most == band.least else f"{band.least:,}–{band.most:,}"


def apart_of(histogram: Histogram) -> str:
    """The values that are in no bin."""
    return "0 or less" if histogram.negative else "0"
