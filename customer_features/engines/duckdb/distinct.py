"""Distinct counts by sorting: what is to be counted is packed into 64-bit words, the group in the upper bits.

Sorting words takes less time and memory than a hash table of pairs, and equal words end up side by side. Columns of
Arrow become arrays of NumPy and back over the same memory; by Arrow's own ways it would import pandas.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from customer_features.errors import MissingExtra

try:
    import numpy as np
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

Array = Any
"""A NumPy array of one dimension."""

_BLOCK = 1 << 20


class Words:
    """Distinct words, collected in one array that grows no further than distinct words make it.

    ``expected``: how many words are likely to come, duplicates counted; ``threads`` sort them.
    """

    def __init__(self, expected: int, threads: int = 1) -> None:
        self._threads = threads
        self._words = np.empty(max(expected, 1), np.uint64)
        self._count = 0

    def add(self, words: Array) -> None:
        """Take in some words (uint64)."""
        if self._count + len(words) > len(self._words):
            self._make_room(len(words))
        self._words[self._count : self._count + len(words)] = words
        self._count += len(words)

    def sorted(self) -> Array:
        """The distinct words in ascending order: a view, good until more words are added."""
        held = self._words[: self._count]
        _sort(held, self._threads)
        self._count = _squeezed(held)
        return self._words[: self._count]

    def _make_room(self, wanted: int) -> None:
        self.sorted()
        # Sorted again too often, a nearly full array would cost more than a larger one.
        if self._count + wanted > len(self._words) * 3 // 4:
            larger = np.empty(2 * (self._count + wanted), np.uint64)
            larger[: self._count] = self._words[: self._count]
            self._words = larger


def _sort(words: Array, threads: int) -> None:
    """Sort in place, a share of the words in each thread: a cut is where the words below it are all smaller."""
    if threads < 2 or len(words) < _BLOCK:
        words.sort()
        return
    cuts = [len(words) * share // threads for share in range(1, threads)]
    words.partition(cuts)
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: part.sort(), np.split(words, cuts)))


def _squeezed(words: Array) -> int:
    """Move the distinct words of a sorted array to its front; how many there are."""
    kept = 0
    last = None
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK]
        new = np.empty(len(block), np.bool_)
        new[0] = last is None or block[0] != last
        np.not_equal(block[1:], block[:-1], out=new[1:])
        last = block[-1]
        distinct = block[new]
        words[kept : kept + len(distinct)] = distinct
        kept += len(distinct)
    return kept


def starts_of_runs(values: Array) -> Array:
    """Where each run of equal neighbours begins, as indexes."""
    if not len(values):
        return np.empty(0, np.intp)
    return np.concatenate((np.zeros(1, np.intp), np.flatnonzero(values[1:] != values[:-1]) + 1))


def counts_of_groups(words: Array, bits: int) -> tuple[Array, Array]:
    """Of sorted distinct words: each group, with ``bits`` zeros below it, and how many words it has.

    The array is overwritten.
    """
    words >>= np.uint64(bits)
    starts = starts_of_runs(words)
    return words[starts] << np.uint64(bits), np.diff(starts, append=len(words))


def array(column: pa.Array) -> Array:
    """A column of numbers without nulls, not to be written to."""
    return np.from_dlpack(column)


def arrow(values: Array) -> pa.Array:
    """An array of numbers as a column of their type."""
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])
