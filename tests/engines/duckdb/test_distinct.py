"""Distinct words, whatever comes in which order and however little room there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_features.engines.duckdb import distinct as module
from customer_features.engines.duckdb.distinct import Words, counts_of_groups, starts_of_runs

NUMBERS = st.one_of(st.integers(0, 5), st.integers(0, 2**64 - 1))


@given(st.lists(st.lists(NUMBERS, max_size=30), max_size=12), st.integers(0, 40))
def test_distinct_in_ascending_order(batches: list[list[int]], expected: int) -> None:
    words = Words(expected)
    for batch in batches:
        words.add(np.array(batch, np.uint64))
    distinct = sorted({number for batch in batches for number in batch})
    assert words.sorted().tolist() == distinct
    assert words.sorted().tolist() == distinct


def test_blocks_join_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 4)
    numbers = [number // 3 for number in range(100)]
    words = Words(100)
    words.add(np.array(numbers, np.uint64))
    assert words.sorted().tolist() == sorted(set(numbers))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_threads_sort_shares_of_the_words(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 64)
    numbers = [number * 7919 % 1000 // 3 for number in range(1000)]  # three of each, in no order, across every cut
    words = Words(1000, threads)
    words.add(np.array(numbers, np.uint64))
    assert words.sorted().tolist() == sorted(set(numbers))


def test_what_repeats_needs_no_more_room() -> None:
    words = Words(1000)
    for _ in range(50):
        words.add(np.arange(100, dtype=np.uint64))
    assert len(words._words) == 1000
    assert words.sorted().tolist() == list(range(100))


@given(st.lists(st.integers(0, 2**20 - 1), unique=True), st.integers(1, 19))
def test_counts_of_groups(numbers: list[int], bits: int) -> None:
    groups, counts = counts_of_groups(np.array(sorted(numbers), np.uint64), bits)
    expected: dict[int, int] = {}
    for number in sorted(numbers):
        expected[number >> bits << bits] = expected.get(number >> bits << bits, 0) + 1
    assert dict(zip(groups.tolist(), counts.tolist(), strict=True)) == expected


def test_runs() -> None:
    assert starts_of_runs(np.array([], np.uint64)).tolist() == []
    assert starts_of_runs(np.array([5, 5, 6, 5], np.uint64)).tolist() == [0, 2, 3]
