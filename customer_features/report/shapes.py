"""What a report holds: aggregates alone, as plain values that encode to JSON as they are.

Shares and scores are fractions (0.25, not 25). A figure that does not exist (the mean of nobody, the correlation
with a constant) is None.
"""

from __future__ import annotations

import msgspec

QUANTILES = {"p1": 0.01, "p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
"""The quantiles that are told of each feature, by the names they bear."""


class Bin(msgspec.Struct, frozen=True):
    """Customers from ``lower`` to below ``upper``; the last bin of a histogram includes its upper edge."""

    lower: float
    upper: float
    customers: int


class Histogram(msgspec.Struct, frozen=True):
    """Bins without gaps.

    ``scale``: ``linear`` or ``log``; ``whole``: all values are whole numbers; ``apart``: customers that are not in a
    bin, for on a log scale zero and less have no place, and where many are zero they would hide the rest; ``negative``:
    those of them that are below zero.
    """

    scale: str
    whole: bool
    apart: int
    negative: int
    bins: list[Bin]


class FeatureFigures(msgspec.Struct, frozen=True):
    """One feature over all customers.

    ``customers`` have a value; ``missing`` have none, or one that is no finite number; ``outside`` lie beyond the
    feature's range. ``deviation`` is the sample standard deviation (n - 1). Quantiles are interpolated linearly
    (Hyndman and Fan's type 7, as in NumPy and Excel).
    """

    name: str
    unit: str
    meaning: str
    customers: int
    missing: int
    zeros: int
    zero_share: float | None
    outside: int
    distinct: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    deviation: float | None
    quantiles: dict[str, float]
    histogram: Histogram


class Correlations(msgspec.Struct, frozen=True):
    """Correlation of each two features over the ``customers`` that have them all; None with a constant."""

    names: list[str]
    customers: int
    pearson: list[list[float | None]]
    spearman: list[list[float | None]]


class TopShare(msgspec.Struct, frozen=True):
    """The ``customers`` that spend most, which are the ``top`` of all, hold ``share`` of what is spent."""

    top: float
    customers: int
    share: float


class Concentration(msgspec.Struct, frozen=True):
    """How unevenly money is spread over customers, by ``feature``.

    ``total`` is the sum (to the cent); ``curve`` the points (share of customers, the largest first; share of money),
    a hundred at most; ``below_zero`` customers count as zero.
    """

    feature: str
    customers: int
    total: float
    below_zero: int
    gini: float | None
    top: list[TopShare]
    curve: list[tuple[float, float]]


class Band(msgspec.Struct, frozen=True):
    """Days or visits from ``least`` to ``most``, both included; None: without end."""

    least: int
    most: int | None


class Crossing(msgspec.Struct, frozen=True):
    """Customers by recency (columns, the latest first) and frequency (rows, the fewest visits first)."""

    recency: list[Band]
    frequency: list[Band]
    customers: list[list[int]]


class Fifth(msgspec.Struct, frozen=True):
    """A fifth of the customers by spend (1 spends most), and how many of them have a score above zero."""

    fifth: int
    customers: int
    scored: int


class Loyalty(msgspec.Struct, frozen=True):
    """Customers with a loyalty score above zero; a score that was never passed is zero, too.

    ``median_spend`` and ``median_spend_others``: of those with and without a score.
    """

    customers: int
    scored: int
    share: float | None
    median_score: float | None
    median_spend: float | None
    median_spend_others: float | None
    fifths: list[Fifth]


class AsOf(msgspec.Struct, frozen=True):
    """One as-of date of a file that holds several."""

    as_of: str
    customers: int
    total: float
    median_spend: float | None
    median_visits: float | None
    median_recency: float | None


class Figures(msgspec.Struct, frozen=True):
    """All there is to say of one set of vectors. ``as_of``: the date they are of, where the rows state it."""

    customers: int
    as_of: str | None
    features: list[FeatureFigures]
    correlations: Correlations
    concentration: Concentration
    crossing: Crossing
    loyalty: Loyalty

    def feature(self, name: str) -> FeatureFigures:
        """The figures of one feature. Raises KeyError."""
        for found in self.features:
            if found.name == name:
                return found
        raise KeyError(name)


class Counted(msgspec.Struct, frozen=True):
    """A fault or warning of the run by its name, how often it was found, and a sentence about it."""

    name: str
    count: int
    says: str


class Source(msgspec.Struct, frozen=True):
    """One source of the run: its name and its rows."""

    name: str
    rows: int


class Run(msgspec.Struct, frozen=True):
    """What the manifest says of the run: ``rows_in = used + excluded + quarantined`` where ``reconciled``."""

    definition: str
    today: list[str]
    rows_in: int
    used: int
    excluded: int
    quarantined: int
    reconciled: bool
    faults: list[Counted]
    warnings: list[Counted]
    options: dict[str, str]
    sources: list[Source]


class DriftBin(msgspec.Struct, frozen=True):
    """Customers above ``lower`` up to ``upper`` (None: without end) in the older and the newer file."""

    lower: float | None
    upper: float | None
    older: int
    newer: int


class FeatureDrift(msgspec.Struct, frozen=True):
    """How far one feature's distribution moved.

    ``psi`` over ``bins``; ``ks`` the largest distance of the two cumulative distributions, which is at ``ks_at``;
    ``ks_chance`` what chance alone reaches in 5 of 100 pairs of samples this large; ``level``: ``stable``,
    ``moderate`` or ``large``, the worse of ``psi_level`` and ``ks_level``. None where a file has no values.
    """

    name: str
    unit: str
    older_median: float | None
    newer_median: float | None
    psi: float | None
    psi_level: str | None
    ks: float | None
    ks_level: str | None
    ks_at: float | None
    ks_chance: float | None
    level: str | None
    bins: list[DriftBin]
    older: Histogram
    newer: Histogram


class Move(msgspec.Struct, frozen=True):
    """One customer: by its id where that was asked for, else as ``customer 1``, the same in all lists of a report."""

    customer: str
    older: float | None
    newer: float | None
    change: float | None


class Movement(msgspec.Struct, frozen=True):
    """One feature over the customers of both files: how many moved which way, and those that moved most."""

    name: str
    unit: str
    up: int
    down: int
    same: int
    median_change: float | None
    most: list[Move]


class Group(msgspec.Struct, frozen=True):
    """Customers that came or went: how many, what they spent in all, and those that spent most."""

    customers: int
    total: float
    most: list[Move]


class Comparison(msgspec.Struct, frozen=True):
    """The older file beside the newer one.

    ``differences``: what the two runs were told differently, by which the vectors differ, too; ``change_of_stayed``: in
    what those spent that are in both; ``few``: one of the files has too few customers to tell drift from chance.
    """

    name: str
    as_of: str | None
    customers: int
    total: float
    stayed: int
    change_of_stayed: float
    came: Group
    went: Group
    few: bool
    differences: list[str]
    drift: list[FeatureDrift]
    movements: list[Movement]


class Report(msgspec.Struct, frozen=True):
    """Everything that a report shows. ``as_of``: the date of the rows, or else of the run; None where it is unknown."""

    name: str
    as_of: str | None
    ids_shown: bool
    figures: Figures
    history: list[AsOf]
    run: Run | None
    comparison: Comparison | None
