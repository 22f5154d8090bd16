"""Which numbers are days; tests/cases/test_day_numbers.py has them through the doors."""

from __future__ import annotations

from itertools import pairwise

from customer_features.engines.duckdb.day_numbers import COUNTS


def test_no_number_is_in_two_ranges() -> None:
    ranges = sorted((one.lowest, one.past) for one in COUNTS)
    assert all(past < lowest for (_, past), (lowest, _) in pairwise(ranges))


def test_the_ranges_are_from_1980_to_2099() -> None:
    for one in COUNTS:
        assert [str(one.day(number)) for number in (one.lowest, one.past - 1)] == ["1980-01-01", "2099-12-31"]
    assert COUNTS[0].lowest == 29221  # as Excel shows 1 January 1980


def test_a_day_of_eight_digits_is_in_none() -> None:
    assert not any(one.lowest <= day < one.past for one in COUNTS for day in (19800101, 20991231, 2025, 250401))
