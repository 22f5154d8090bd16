"""Measures at many as-of dates from one pass over the rows.

The dates that see a row stand side by side: from the first that is not before its day up to the first whose window
opens on it or later. So a row adds to a sum at the one and takes away at the other, and running totals over the
dates give the sum at each. Of several rows with the same product only the dates that no earlier one is seen from
count. Days that the same dates see are one *piece* of the calendar.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import pyarrow as pa

from customer_features.definition.options import Grain, Options, Returns
from customer_features.engines.duckdb.distinct import Array, Words, array, arrow
from customer_features.engines.duckdb.products import BATCH, BYTES_A_WORD, number_products
from customer_features.engines.duckdb.session import threads_of
from customer_features.engines.prefetch import ahead
from customer_features.errors import MissingExtra
from customer_features.query import duckdb_as_of

try:
    import numpy as np
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

if TYPE_CHECKING:
    import duckdb

_NEVER = np.iinfo(np.int32).min
_EPOCH = date(1970, 1, 1).toordinal()
_BEFORE_ALL = -_EPOCH
"""The day before the calendar's first one, as days since 1970."""
FEWEST = 1 << 10
"""Customers that are measured in one pass over the rows, however little memory there is."""
_WRITTEN = 1 << 16
"""Customers whose measures are handed to the engine at a time."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which of some ascending dates see a row of some day: those from ``first`` up to ``past`` of its piece.

    No date sees it where the two are equal; ``past`` is never before ``first``, as a window opens before its date.
    """

    dates: Array
    earliest: int
    pieces: Array
    first: Array
    past: Array

    @classmethod
    def of(cls, options: Options) -> Calendar:
        """The calendar of the options' as-of dates and window."""
        dates = np.array(options.as_of, "datetime64[D]").astype(np.int32)
        opens = None
        if options.window is not None:
            # A window that opens before the calendar's first day opens on the day before it: NumPy makes a number of
            # any date that is missing, too.
            days = [options.window.opens_after(day) for day in options.as_of]
            opens = np.array([_BEFORE_ALL if day is None else _number(day) for day in days], np.int32)
        cuts = np.unique(dates if opens is None else np.concatenate((dates, opens)))
        # A piece ends with its cut; the last one is what comes after all cuts.
        ends = np.append(cuts, cuts[-1] + 1)
        first = np.searchsorted(dates, ends)
        past = np.full(len(ends), len(dates))
        if opens is not None:
            past = np.searchsorted(opens, ends)
        pieces = np.searchsorted(cuts, np.arange(cuts[0], cuts[-1] + 2, dtype=np.int32))
        return cls(dates, int(cuts[0]), pieces, first, past)

    def piece(self, days: Array) -> Array:
        """The piece of each day (days since 1970)."""
        return np.take(self.pieces, days - self.earliest, mode="clip")


def measure(
    connection: duckdb.DuckDBPyConnection, counted: str, options: Options, customers_out: bool, rows: int, memory: int
) -> None:
    """Make the table ``as_of_measured`` of the ``rows`` rows that count, in the order of the vectors.

    One row for each customer and date at which it has a visit: customer_id, as_of, units, visits, products, last_day,
    loyalty. ``memory`` is how many bytes may be held outside the engine.
    """
    connection.execute(f"CREATE OR REPLACE TEMP TABLE customers_ranked AS {duckdb_as_of.ranked(customers_out)}")
    (customers,) = connection.sql("SELECT COUNT(*) FROM customers_ranked").fetchall()[0]
    product_bits = number_products(connection, counted)
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE as_of_measured (customer_id VARCHAR, as_of DATE, units BIGINT, visits BIGINT,"
        " products BIGINT, last_day DATE, loyalty DOUBLE)"
    )
    calendar = Calendar.of(options)
    piece_bits = max(len(calendar.first) - 1, 1).bit_length()
    rows_each = rows / max(customers, 1)
    # Four numbers at each date, of 20 bytes together, and a word for each row.
    at_once = int(memory / (20 * (len(calendar.dates) + 1) + BYTES_A_WORD * rows_each))
    at_once = min(max(at_once, FEWEST), 1 << (64 - product_bits - piece_bits), max(customers, 1))
    for low in range(0, max(customers, 1), at_once):
        high = min(low + at_once, customers)
        ranks = duckdb_as_of.ranks(low, high, customers)
        words = Words(int(rows_each * (high - low)) + BATCH, threads_of(connection))
        measures = _Measures(calendar, high - low, words, product_bits, piece_bits)
        measures.take(connection, counted, options, ranks)
        ids = connection.sql(duckdb_as_of.ids(ranks)).to_arrow_table()
        for table in ahead(measures.tables(ids)):
            connection.register("measures", table)
            connection.execute("INSERT INTO as_of_measured SELECT * FROM measures")
            connection.unregister("measures")


def _batches(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[pa.RecordBatch]:
    return ahead(connection.sql(sql).to_arrow_reader(BATCH), connection.interrupt)


def _number(day: date) -> int:
    return day.toordinal() - _EPOCH


def _numbers(column: pa.Array) -> Array:
    """A column without nulls as an array; days as days since 1970."""
    return array(column.view(pa.int32()) if pa.types.is_date32(column.type) else column)


class _Measures:
    """Measures of some customers at every date: arrays of dates by customers; ``words`` take in their products."""

    def __init__(self, calendar: Calendar, customers: int, words: Words, product_bits: int, piece_bits: int) -> None:
        self.calendar = calendar
        self.customers = customers
        self._product_bits = np.uint64(product_bits)
        self._piece_bits = np.uint64(piece_bits)
        # One line more than there are dates, for what no date sees any longer.
        shape = (len(calendar.dates) + 1, customers)
        self._units = np.zeros(shape, np.int64)
        self._visits = np.zeros(shape, np.int32)
        self._products = np.zeros(shape, np.int32)
        self._last = np.full(shape, _NEVER, np.int32)
        self._words = words
        # Where a piece begins and ceases to be seen, in an array of these measures laid flat.
        self._begin, self._end = calendar.first * customers, calendar.past * customers

    def take(self, connection: duckdb.DuckDBPyConnection, counted: str, options: Options, ranks: str) -> None:
        """Take in the rows of these customers."""
        other_rows = options.grain is Grain.REPEATED_TOTAL
        for batch in _batches(connection, duckdb_as_of.rows(counted, options, ranks)):
            rank, day, units, purchase = (_numbers(batch.column(place)) for place in range(4))
            product = None if other_rows else _numbers(batch.column(4))
            piece = self.calendar.piece(day)
            self._spread(self._units, rank, piece, units)
            if options.returns is Returns.NET:
                # A return takes from the total and counts as nothing else.
                purchase = purchase.view(np.bool_)
                rank, day, piece = rank[purchase], day[purchase], piece[purchase]
                product = None if product is None else product[purchase]
            # A day that no date sees is put where all that is seen is later.
            np.maximum.at(self._last.reshape(-1), self._begin[piece] + rank, day)
            if options.grain is not Grain.LINE:
                self._spread(self._visits, rank, piece, np.ones(len(rank), np.int32))
            if product is not None:
                self._add_words(rank, product, piece)
        if other_rows:
            for batch in _batches(connection, duckdb_as_of.products(counted, options, ranks)):
                rank, day, product = (_numbers(batch.column(place)) for place in range(3))
                self._add_words(rank, product, self.calendar.piece(day))
        self._count_products()
        if options.grain is Grain.LINE:
            for batch in _batches(connection, duckdb_as_of.visits(counted, options, ranks)):
                self._count_orders(batch)
        for measure in (self._units, self._visits, self._products):
            _accumulate(np.add, measure)
        _accumulate(np.maximum, self._last)

    def tables(self, ids: pa.Table) -> Iterator[pa.Table]:
        """The measures as tables, in the order of customers and then of dates, where there is a visit."""
        dates = len(self.calendar.dates)
        for low in range(0, max(self.customers, 1), _WRITTEN):
            some = slice(low, low + _WRITTEN)
            visits = self._visits[:dates, some].T
            seen = visits > 0
            line, date = np.nonzero(seen)
            of = ids.take(arrow(line + low))
            yield pa.table(
                {
                    "customer_id": of["customer_id"],
                    "as_of": arrow(self.calendar.dates[date]).view(pa.date32()),
                    "units": arrow(self._units[:dates, some].T[seen]),
                    "visits": arrow(visits[seen]),
                    "products": arrow(self._products[:dates, some].T[seen]),
                    "last_day": arrow(self._last[:dates, some].T[seen]).view(pa.date32()),
                    "loyalty": of["loyalty"],
                }
            )

    def _spread(self, measure: Array, rank: Array, piece: Array, amounts: Array) -> None:
        """Add amounts, of the measure's own type, at all dates that see the pieces, once it is accumulated."""
        flat = measure.reshape(-1)
        np.add.at(flat, self._begin[piece] + rank, amounts)
        np.subtract.at(flat, self._end[piece] + rank, amounts)

    def _add_words(self, rank: Array, product: Array, piece: Array) -> None:
        words = (rank.view(np.uint64) << self._product_bits) | product
        words <<= self._piece_bits
        words |= piece.view(np.uint64)
        self._words.add(words)

    def _count_products(self) -> None:
        words = self._words.sorted()
        pieces = np.uint64((1 << int(self._piece_bits)) - 1)
        # By blocks, which stay in the processor's cache; each begins with the word before it, counted already.
        for start in range(0, len(words), BATCH):
            before = min(start, 1)
            block = words[start - before : start + BATCH]
            pairs = block >> self._piece_bits
            again = np.zeros(len(block), np.bool_)
            np.equal(pairs[1:], pairs[:-1], out=again[1:])
            rank = (pairs >> self._product_bits).view(np.intp)
            self._spread_anew(self._products, rank, (block & pieces).view(np.intp), again, before)
        del self._words

    def _count_orders(self, batch: pa.RecordBatch) -> None:
        days = batch.column(1)
        lengths = array(days.value_lengths())
        again = np.ones(int(lengths.sum()), np.bool_)
        again[np.cumsum(lengths) - lengths] = False
        rank = np.repeat(_numbers(batch.column(0)), lengths)
        self._spread_anew(self._visits, rank, self.calendar.piece(_numbers(days.flatten())), again, 0)

    def _spread_anew(self, measure: Array, rank: Array, piece: Array, again: Array, counted: int) -> None:
        """Add 1 at each date that sees a row but not the one before it, where that is of the same thing (``again``).

        The first ``counted`` rows are there for the next one alone.
        """
        begin, end = self._begin[piece], self._end[piece]
        np.maximum(begin[1:], end[:-1] * again[1:], out=begin[1:])
        flat = measure.reshape(-1)
        one = measure.dtype.type(1)  # of the measure's own type: NumPy takes many times as long where it converts
        np.add.at(flat, (begin + rank)[counted:], one)
        np.subtract.at(flat, (end + rank)[counted:], one)


def _accumulate(operation: np.ufunc, measure: Array) -> None:
    for earlier, later in pairwise(measure):
        operation(earlier, later, out=later)
