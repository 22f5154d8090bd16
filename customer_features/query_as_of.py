"""Vectors at many as-of dates from one pass over the rows.

The as-of dates and the starts of their windows cut the calendar into *pieces*; each as-of date sees a run of
pieces. Sums, counts and latest days are taken for each date side by side. A distinct count cannot be added up
over pieces, so each (customer, product) keeps a bit for every piece in which it occurs, and counts at a date when
one of the date's bits is set.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from customer_features.options import Grain, Options, Returns
from customer_features.query import HASH, date_literal, feature_items, inside, orders

MOST_PIECES = 62
"""Bits of one word; more dates than fit are computed in batches, a pass each."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """One as-of date: its day, the last day before its window, and the bits of its pieces."""

    day: date
    opens_after: date | None
    bits: int


@dataclass(frozen=True, slots=True)
class Batch:
    """As-of dates that are computed together, and the days that cut their pieces."""

    name: str
    dates: list[AsOf]
    cuts: list[date]


def batches(options: Options) -> Iterator[Batch]:
    """The options' as-of dates, as many at a time as there are bits for."""
    windows = [(None if options.window is None else options.window.opens_after(day), day) for day in options.as_of]
    waiting: list[tuple[date | None, date]] = []
    number = 0
    for window in windows:
        if len(_cuts([*waiting, window])) > MOST_PIECES:
            yield _batch(number, waiting)
            waiting, number = [], number + 1
        waiting.append(window)
    yield _batch(number, waiting)


def _cuts(windows: list[tuple[date | None, date]]) -> list[date]:
    return sorted({day for window in windows for day in window if day is not None})


def _batch(number: int, windows: list[tuple[date | None, date]]) -> Batch:
    cuts = _cuts(windows)
    dates = []
    for opens_after, day in windows:
        first = 0 if opens_after is None else bisect_left(cuts, opens_after) + 1
        last = bisect_left(cuts, day)
        dates.append(AsOf(day, opens_after, sum(1 << piece for piece in range(first, last + 1))))
    return Batch(f"as_of_{number}", dates, cuts)


def _bit(cuts: list[date]) -> str:
    """The bit of the piece in which ``day`` stands: a piece ends with its cut."""
    cases = " ".join(f"WHEN day <= {date_literal(cut)} THEN {1 << piece}" for piece, cut in enumerate(cuts))
    return f"CAST(CASE {cases} ELSE 0 END AS UBIGINT)"


def measured(relation: str, options: Options, batch: Batch, by_hash: bool, customers_out: bool) -> str:
    """Counted rows by customer, with each measure at each date of a batch: ``units_0``, ``visits_0``, ..."""
    purchase = " AND number >= 0" if options.returns is Returns.NET else ""
    rows = relation
    if options.grain is Grain.REPEATED_TOTAL:
        # An order's lines agree on its total and its date: conflicting orders were left out.
        rows = f"""(SELECT customer_id, highest_units AS units, highest_units AS number, last_day AS day
  FROM ({orders(relation)}))"""
    items = []
    for number, as_of in enumerate(batch.dates):
        seen = inside(as_of.opens_after, as_of.day)
        items.append(f"SUM(CASE WHEN {seen} THEN units END) AS units_{number}")
        items.append(f"MAX(CASE WHEN {seen}{purchase} THEN day END) AS last_day_{number}")
        if options.grain is not Grain.LINE:
            items.append(f"COUNT(CASE WHEN {seen}{purchase} THEN 1 END) AS visits_{number}")
    sums = f"SELECT customer_id, {', '.join(items)} FROM {rows} GROUP BY customer_id"
    key = HASH.format("s.customer_id") if by_hash else "s.customer_id"
    products = _distinct(relation, options, batch, "product_id", "products", by_hash)
    joined = f"({sums}) s JOIN ({products}) p ON p.customer = {key}"
    if options.grain is Grain.LINE:
        # Transaction ids are as many as orders: a proof that their hashes differ would cost what it saves.
        visits = _distinct(relation, options, batch, "transaction_id", "visits", by_hash=False)
        joined += f" JOIN ({visits}) v ON v.customer = s.customer_id"
    without = " WHERE s.customer_id NOT IN (SELECT customer_id FROM faulty_customers)" if customers_out else ""
    return f"SELECT * EXCLUDE (customer) FROM {joined}{without}"


def _distinct(relation: str, options: Options, batch: Batch, field: str, name: str, by_hash: bool) -> str:
    """The number of distinct values of a field by customer, at each date of a batch."""
    customer, value = (HASH.format("customer_id"), HASH.format(field)) if by_hash else ("customer_id", field)
    purchases = " WHERE number >= 0" if options.returns is Returns.NET else ""
    seen = f"""SELECT {customer} AS customer, {value} AS value, BIT_OR({_bit(batch.cuts)}) AS bits
  FROM {relation}{purchases} GROUP BY ALL"""
    counts = ", ".join(
        f"COUNT_IF(bits & CAST({as_of.bits} AS UBIGINT) <> 0) AS {name}_{number}"
        for number, as_of in enumerate(batch.dates)
    )
    return f"SELECT customer, {counts} FROM ({seen}) GROUP BY customer"


def vectors(options: Options, measured_tables: dict[str, Batch]) -> str:
    """The features at each as-of date, ordered by customer_id in byte order and then by date.

    ``measured_tables`` names the table of each batch; ``customers_measured`` gives the loyalty.
    """
    one_by_one = " UNION ALL ".join(
        f"""SELECT customer_id, {date_literal(as_of.day)} AS as_of, {date_literal(as_of.day)} AS today,
    CAST(units_{number} AS BIGINT) AS units, visits_{number} AS visits, products_{number} AS products,
    last_day_{number} AS last_day FROM {table} WHERE visits_{number} > 0"""
        for table, batch in measured_tables.items()
        for number, as_of in enumerate(batch.dates)
    )
    measures = f"""SELECT d.*, COALESCE(c.lowest_loyalty, 0) AS loyalty
  FROM ({one_by_one}) d JOIN customers_measured c USING (customer_id)"""
    return f"SELECT customer_id, as_of, {feature_items()} FROM ({measures}) ORDER BY customer_id, as_of"
