"""Properties over both engines: whatever is asked, they answer the oracle's bits."""

from __future__ import annotations

import random
from datetime import date, timedelta
from itertools import pairwise
from math import nextafter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from tests.agreement import oracle
from tests.agreement.doors import answered, built, table, vectors_of
from tests.agreement.oracle import Row
from tests.conftest import examples

pytestmark = pytest.mark.filterwarnings("ignore::customer_features.frames.Suspicious")

TODAY = date(2025, 3, 31)

AMOUNTS = st.one_of(
    st.sampled_from([0.0, 0.00005, nextafter(0.00005, 0), 0.005, 0.015, 1e11, nextafter(1e11, 0), 5e-324, 1e-310]),
    st.integers(0, 10**7).map(lambda cents: cents / 100),
    st.integers(0, 10**9).map(lambda units: units / 10000),
    st.integers(0, 10**6).map(lambda halves: halves / 200),  # ties at the half cent
    st.floats(0, 1e11),
)
IDS = st.one_of(
    st.sampled_from(
        ["a", "A", "a ", " a", "00123", "123", "é", "e\u0301", "🛒", "a\0", "a\0b", "'", '"', "a\nb", "\u2028"]
    ),
    st.text(min_size=1, max_size=6),
)
FEW = st.sampled_from(["a", "b", "a ", "e\u0301", "é", "0", "00", "a\0"])
DAYS = st.one_of(
    st.dates(max_value=TODAY),
    st.dates(date(2025, 1, 1), date(2025, 4, 30)),
    st.sampled_from([date.min, date(2024, 2, 29), date(2025, 2, 28), date(2025, 3, 1), TODAY, date.max]),
)
ROWS = st.lists(st.builds(Row, IDS | FEW, FEW | IDS, DAYS, AMOUNTS, FEW | IDS), min_size=1, max_size=25)
WINDOWS = st.sampled_from(
    [None, (1, "months"), (12, "months"), (1, "days"), (31, "days"), (540, "days"), (2000, "months")]
)
GRAINS = st.sampled_from(["transaction", "line", "repeated_total"])


def as_orders(rows: list[Row]) -> list[Row]:
    """The same rows where each line of an order repeats its total and its date."""
    first: dict[tuple[str, str], Row] = {}
    for row in rows:
        first.setdefault((row.customer_id, row.transaction_id), row)
    return [
        Row(row.customer_id, row.transaction_id, order.day, order.amount, row.product_id)
        for row in rows
        for order in [first[row.customer_id, row.transaction_id]]
    ]


def as_text(window: tuple[int, str] | None) -> str | None:
    return None if window is None else f"{window[0]} {window[1]}"


@given(
    rows=ROWS,
    grain=GRAINS,
    window=WINDOWS,
    text=st.booleans(),
    seed=st.randoms(use_true_random=False),
)
@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_both_engines_answer_the_oracles_bits(
    rows: list[Row], grain: str, window: tuple[int, str] | None, text: bool, seed: random.Random
) -> None:
    """Whatever the grain, the window and the ids; and the order of rows does not matter."""
    if grain == "repeated_total":
        rows = as_orders(rows)
    expected = oracle.all_bits(oracle.vectors(rows, TODAY, grain=grain, window=window))
    options: dict[str, Any] = {"grain": grain, "window": as_text(window), "future": "exclude"}
    assert answered(rows, TODAY, **options) == expected
    found = built(rows, TODAY, text=text, **options)
    assert found == expected
    assert list(found) == sorted(expected, key=str.encode)
    shuffled = seed.sample(rows, len(rows))
    assert answered(shuffled, TODAY, **options) == expected
    assert list(built(shuffled, TODAY, text=text, **options).items()) == list(found.items())


@given(rows=ROWS, returned=st.lists(st.builds(Row, FEW, FEW, DAYS, AMOUNTS, FEW), max_size=15), grain=GRAINS)
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_returns_are_netted_alike(rows: list[Row], returned: list[Row], grain: str) -> None:
    back = [
        Row(row.customer_id, f"back {row.transaction_id}", row.day, -row.amount, row.product_id) for row in returned
    ]
    rows = rows + back
    rows += [Row(row.customer_id, "kept", date(2025, 3, 1), 0.0, "kept") for row in rows]  # everyone buys something
    if grain == "repeated_total":
        rows = as_orders(rows)
    expected = oracle.all_bits(oracle.vectors(rows, TODAY, grain=grain))
    options: dict[str, Any] = {"grain": grain, "returns": "net", "future": "exclude"}
    assert answered(rows, TODAY, **options) == expected
    assert built(rows, TODAY, **options) == expected


@given(cents=st.lists(st.integers(0, 10**6), min_size=1, max_size=20), factor=st.sampled_from([2, 10, 100, 1000]))
@settings(max_examples=examples(15), deadline=None)
def test_scaling_every_amount_scales_the_total(cents: list[int], factor: int) -> None:
    def rows(times: int) -> list[Row]:
        return [Row("c", str(place), TODAY, cent * times / 100, "p") for place, cent in enumerate(cents)]

    for door in (answered, built):
        [once], [scaled] = door(rows(1), TODAY).values(), door(rows(factor), TODAY).values()
        assert once[:8] == oracle.bits([sum(cents) / 100])
        assert scaled[:8] == oracle.bits([sum(cents) * factor / 100])
        assert once[8:16] == scaled[8:16]  # visits
        assert once[24:] == scaled[24:]  # products, loyalty, recency


@given(odd=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
@settings(max_examples=examples(15), deadline=None)
def test_every_two_visit_customer_with_odd_cents_is_a_tie(odd: list[int]) -> None:
    rows = []
    for place, half in enumerate(odd):
        cents = 2 * half + 1
        rows += [
            Row(f"c{place}", "1", TODAY, cents // 3 / 100, "p"),
            Row(f"c{place}", "2", TODAY, (cents - cents // 3) / 100, "q"),
        ]
    expected = {f"c{place}": (half + 1) / 100 for place, half in enumerate(odd)}
    for door in (answered, built):
        assert {name: vector[16:24] for name, vector in door(rows, TODAY).items()} == {
            name: oracle.bits([average]) for name, average in expected.items()
        }


@pytest.mark.sampled(3)
@pytest.mark.parametrize("day", [date.min, date(4, 2, 29), date(1600, 2, 29), date(2024, 2, 29), date(9999, 12, 31)])
def test_the_whole_calendar(day: date) -> None:
    for today in {date.max, date(9996, 2, 29), day, min(date.max - timedelta(days=1), day) + timedelta(days=1)}:
        if today >= day:
            rows = [Row("c", "1", day, 1.0, "p")]
            expected = oracle.all_bits(oracle.vectors(rows, today))
            assert answered(rows, today) == built(rows, today) == expected


@pytest.mark.parametrize("count", [1, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
def test_one_and_a_hundred_thousand_transactions(count: int, grain: str) -> None:
    rows = [
        Row(
            "c",
            str(place // 3),
            TODAY - timedelta(days=place // 3 % 700),
            place // 3 % 9973 / 100 + 0.005,
            str(place % 997),
        )
        for place in range(count)
    ]
    expected = oracle.all_bits(oracle.vectors(rows, TODAY, grain=grain, bulk=True))
    assert answered(rows, TODAY, grain=grain) == expected
    assert built(rows, TODAY, grain=grain) == expected


@given(rows=ROWS, cuts=st.lists(st.integers(0, 25), max_size=4))
@settings(max_examples=examples(12), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_splitting_a_customer_over_files_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row], cuts: list[int]
) -> None:
    folder: Path = tmp_path_factory.mktemp("split")
    expected = oracle.all_bits(oracle.vectors(rows, TODAY))
    places = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for number, (begin, end) in enumerate(pairwise(places)):
        pq.write_table(table(rows[begin:end], text=number % 2 == 0), folder / f"{number}.parquet")
    with connected() as connection, opened([str(folder / "*.parquet")], connection) as parts:
        engine = Engine(connection, parts, Options.parse(today=TODAY, future="exclude"))
        outcome = engine.judge()
        assert outcome.rows_in == len(rows)
        assert vectors_of(engine.vectors().to_arrow_table()) == expected
