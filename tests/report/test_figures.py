"""The figures equal those of an independent calculation, whatever the order of rows and the number of threads."""

from __future__ import annotations

import math
import random
import statistics
from typing import Any

import duckdb
import msgspec
import pytest

from customer_features.definition import features
from customer_features.errors import InvalidOption
from customer_features.report.bands import of_band
from customer_features.report.figures import figures, history
from customer_features.report.shapes import QUANTILES, Figures
from tests.conftest import ROOT

from . import oracle
from .conftest import Files, table

CLOSE = 1e-9


def of(**columns: Any) -> Figures:
    """The figures of vectors in a table."""
    vectors = table(**columns)
    with duckdb.connect() as connection:
        connection.register("the vectors", vectors)
        return figures(connection, '"the vectors"')


@pytest.fixture(scope="module")
def found(files: Files) -> Figures:
    with duckdb.connect() as connection:
        return figures(connection, f"read_parquet('{files.newer}')")


@pytest.mark.parametrize("name", features.names())
def test_each_feature(name: str, files: Files, found: Figures) -> None:
    values, feature = files.column(files.newer, name), found.feature(name)
    assert (feature.customers, feature.missing, feature.outside) == (len(values), 0, 0)
    assert (feature.minimum, feature.maximum) == (min(values), max(values))
    assert feature.mean == oracle.mean(values)
    assert feature.deviation == pytest.approx(statistics.stdev(values), rel=CLOSE)
    assert (feature.zeros, feature.distinct) == (values.count(0), len(set(values)))
    assert feature.zero_share == values.count(0) / len(values)
    for quantile, share in QUANTILES.items():
        assert feature.quantiles[quantile] == pytest.approx(oracle.quantile(values, share), rel=CLOSE)


@pytest.mark.parametrize("name", features.names())
def test_each_histogram_holds_every_customer_once(name: str, files: Files, found: Figures) -> None:
    values, histogram = files.column(files.newer, name), found.feature(name).histogram
    last = histogram.bins[-1]
    for one in histogram.bins:
        inside = [value for value in values if one.lower <= value < one.upper or (one is last and value == one.upper)]
        apart = histogram.apart if one.lower <= 0 < one.upper and histogram.scale == "linear" else 0
        assert one.customers == len(inside) - apart
    assert sum(one.customers for one in histogram.bins) + histogram.apart == len(values)
    assert all(one.upper == two.lower for one, two in zip(histogram.bins, histogram.bins[1:], strict=False))
    assert 3 < len(histogram.bins) < 70


def test_the_correlations(files: Files, found: Figures) -> None:
    columns = {name: files.column(files.newer, name) for name in features.names()}
    places = {name: oracle.ranks(values) for name, values in columns.items()}
    assert found.correlations.names == list(features.names())
    assert found.correlations.customers == found.customers
    for row, one in enumerate(features.names()):
        for column, other in enumerate(features.names()):
            expected = oracle.pearson(columns[one], columns[other])
            assert found.correlations.pearson[row][column] == pytest.approx(expected, abs=CLOSE)
            expected = oracle.pearson(places[one], places[other])
            assert found.correlations.spearman[row][column] == pytest.approx(expected, abs=1e-12)


def test_the_concentration(files: Files, found: Figures) -> None:
    spent = files.column(files.newer, "purchase_total")
    concentration = found.concentration
    assert concentration.total == round(math.fsum(spent), 2)
    assert concentration.gini == pytest.approx(oracle.gini(spent), rel=1e-12)
    for top in concentration.top:
        count, share = oracle.top_share(spent, round(top.top * 100))
        assert (top.customers, top.share) == (count, pytest.approx(share, rel=1e-12))
    assert concentration.curve[0] == (0, 0)
    assert concentration.curve[-1] == (1, 1)
    assert len(concentration.curve) == 101
    for customers, share in concentration.curve[1:]:
        held = sorted(spent, reverse=True)[: round(customers * len(spent))]
        assert share == pytest.approx(math.fsum(held) / math.fsum(spent), rel=1e-12)


def test_recency_by_frequency(files: Files, found: Figures) -> None:
    vectors = files.vectors(files.newer).values()
    crossing = found.crossing
    assert sum(map(sum, crossing.customers)) == len(vectors)
    for visits, cells in zip(crossing.frequency, crossing.customers, strict=True):
        for days, cell in zip(crossing.recency, cells, strict=True):
            assert cell == sum(
                visits.least <= vector["visit_frequency"] <= (visits.most or math.inf)
                and days.least <= vector["recency_days"] <= (days.most or math.inf)
                for vector in vectors
            )


def test_the_bands_are_those_of_the_documentation() -> None:
    days = [0, 7, 8, 14, 15, 30, 31, 60, 61, 90, 91, 180, 181, 365, 366, 730, 731, 9999]
    visits = [1, 1, 2, 2, 3, 3, 4, 5, 6, 10, 11, 20, 21, 50, 51, 100, 101, 9999]
    found = of(recency_days=list(map(float, days)), visit_frequency=list(map(float, visits))).crossing
    # The first and the last value of each band, together in one cell each.
    assert found.customers == [[2 * (row == column) for column in range(9)] for row in range(9)]
    page = (ROOT / "docs" / "report.md").read_text("utf-8")
    for bands in (found.recency, found.frequency):
        assert f"({', '.join(map(of_band, bands))})" in page


def test_the_loyalty(files: Files, found: Figures) -> None:
    vectors = files.vectors(files.newer)
    with_score = [vector for vector in vectors.values() if vector["loyalty_score"] > 0]
    without = [vector for vector in vectors.values() if vector["loyalty_score"] == 0]
    loyalty = found.loyalty
    assert 0 < len(with_score) < len(vectors)
    assert (loyalty.customers, loyalty.scored) == (len(vectors), len(with_score))
    assert loyalty.share == len(with_score) / len(vectors)
    assert loyalty.median_score == statistics.median(vector["loyalty_score"] for vector in with_score)
    assert loyalty.median_spend == pytest.approx(statistics.median(v["purchase_total"] for v in with_score))
    assert loyalty.median_spend_others == pytest.approx(statistics.median(v["purchase_total"] for v in without))
    ordered = [v for _, v in sorted(vectors.items(), key=lambda item: (-item[1]["purchase_total"], item[0]))]
    fifth = len(ordered) // 5
    assert [one.customers for one in loyalty.fifths] == [fifth] * 5
    assert [one.scored for one in loyalty.fifths] == [
        sum(vector["loyalty_score"] > 0 for vector in ordered[start : start + fifth])
        for start in range(0, len(ordered), fifth)
    ]


def test_the_order_of_rows_and_the_threads_change_nothing(files: Files) -> None:
    given = []
    for threads, order in ((1, "customer_id"), (2, "hash(customer_id)"), (2, "purchase_total DESC")):
        with duckdb.connect(config={"threads": threads}) as connection:
            connection.execute(f"CREATE TABLE t AS SELECT * FROM read_parquet('{files.newer}') ORDER BY {order}")
            given.append(msgspec.json.encode(figures(connection, "t")))
    assert len(set(given)) == 1


def test_nothing_is_left_in_the_database(files: Files) -> None:
    """The explorer gives its own connection, whose settings and tables are its own business."""
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW vectors AS SELECT * FROM read_parquet('{files.newer}')")
        connection.execute("SET lock_configuration = true")
        settings = connection.execute("SELECT * FROM duckdb_settings() ORDER BY name").fetchall()
        assert figures(connection, "vectors").customers == 400
        assert connection.execute("SELECT * FROM duckdb_settings() ORDER BY name").fetchall() == settings
        assert connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall() == [
            ("vectors",)
        ]
        assert connection.execute("SELECT COUNT(*) FROM duckdb_tables()").fetchall() == [(0,)]


def test_sums_are_exact_where_doubles_are_not() -> None:
    values = [0.1] * 10 + [2**53 / 100, 0.01, 0.02]
    random.Random(1).shuffle(values)
    found = of(purchase_total=values)
    assert found.feature("purchase_total").mean == oracle.mean(values)
    assert found.concentration.total == 90071992547410.95
    assert found.feature("purchase_total").histogram.scale == "log"


def test_nobody() -> None:
    found = of(purchase_total=[])
    assert (found.customers, found.correlations.customers, found.loyalty.fifths) == (0, 0, [])
    for feature in found.features:
        assert (feature.customers, feature.mean, feature.zero_share, feature.quantiles) == (0, None, None, {})
        assert feature.histogram.bins == []
    assert (found.concentration.gini, found.concentration.curve, found.crossing.customers) == (None, [], [])
    assert msgspec.json.encode(found)


def test_one_customer() -> None:
    found = of(purchase_total=[12.5])
    spent = found.feature("purchase_total")
    assert (spent.mean, spent.deviation, spent.quantiles["p99"]) == (12.5, None, 12.5)
    assert [(one.lower, one.upper, one.customers) for one in spent.histogram.bins] == [(12.5, 12.5, 1)]
    assert found.concentration.gini == 0
    assert {(top.customers, top.share) for top in found.concentration.top} == {(1, 1.0)}
    assert found.correlations.pearson[0][0] is None


def test_constants_correlate_with_nothing_and_zeros_are_not_divided() -> None:
    found = of(purchase_total=[0.0, 0.0, 0.0], recency_days=[1.0, 2.0, 3.0])
    assert (found.concentration.gini, found.concentration.top, found.concentration.total) == (None, [], 0)
    assert found.feature("purchase_total").deviation == 0
    assert found.feature("purchase_total").zero_share == 1
    pearson = found.correlations.pearson
    assert pearson[5] == [None] * 5 + [1.0]


def test_what_is_no_finite_number_is_missing_and_what_is_out_of_range_is_told() -> None:
    found = of(
        purchase_total=[None, 5.0, -3.0, 8.0], avg_ticket=[math.nan, math.inf, -math.inf, 2.0],
        loyalty_score=[1.5, -0.5, 0.5, 1.0],
    )  # fmt: skip
    assert [found.feature(name).missing for name in ("purchase_total", "avg_ticket")] == [1, 3]
    assert [found.feature(name).customers for name in ("purchase_total", "avg_ticket")] == [3, 1]
    assert [found.feature(name).outside for name in ("purchase_total", "loyalty_score")] == [1, 2]
    assert found.correlations.customers == 1
    # Who is below zero counts as zero in the shares, and as what they are in the total.
    assert (found.concentration.below_zero, found.concentration.total) == (1, 10.0)
    assert found.concentration.top[0].share == 8 / 13


def test_many_zeros_are_kept_apart() -> None:
    found = of(loyalty_score=[0.0] * 30 + [place / 100 for place in range(1, 71)])
    histogram = found.feature("loyalty_score").histogram
    assert (histogram.scale, histogram.apart, histogram.negative) == ("linear", 30, 0)
    assert sum(one.customers for one in histogram.bins) == 70


def test_as_of_dates() -> None:
    days = ["2025-01-31", "2025-01-31", "2025-02-28", "2025-02-28"]
    vectors = table(purchase_total=[1.0, 2.0, 10.0, 21.0], as_of=days)  # noqa: F841 - found by its name
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT * REPLACE (CAST(as_of AS DATE) AS as_of) FROM vectors")
        latest, first = figures(connection, "t"), figures(connection, "t", "2025-01-31")
        assert (latest.as_of, latest.customers, latest.concentration.total) == ("2025-02-28", 2, 31)
        assert (first.as_of, first.concentration.total) == ("2025-01-31", 3)
        told = [(one.as_of, one.customers, one.total, one.median_spend) for one in history(connection, "t")]
        assert told == [("2025-01-31", 2, 3.0, 1.5), ("2025-02-28", 2, 31.0, 15.5)]
        with pytest.raises(InvalidOption, match="no vectors of 2024-12-31; there are 2025-01-31, 2025-02-28"):
            figures(connection, "t", "2024-12-31")


def test_a_new_feature_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = features.Feature("spread", "x", "x", lambda measures: [], "currency", None, None, "A seventh")
    monkeypatch.setattr(features, "FEATURES", [*features.FEATURES, extra])
    found = of(spread=[-2.0, 4.0])
    assert (found.feature("spread").mean, found.feature("spread").outside) == (1.0, 0)
    assert len(found.correlations.pearson) == 7
