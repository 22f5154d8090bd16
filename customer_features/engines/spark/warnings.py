"""Warnings of the Spark engine: what is suspicious about rows that are legal.

As in the DuckDB engine, all rows are looked at up to a million; beyond, the first rows, and only where those give
reason to, a sample of whole customers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from customer_features.definition.faults import WARNINGS
from customer_features.definition.options import Grain, Options
from customer_features.engines.odd_days import as_day, placeholders, warnings_of
from customer_features.engines.rows.warnings import SUSPICIOUS_SHARE
from customer_features.engines.warnings import repeated_ids, repeated_rows
from customer_features.query.one_pass import OnePass

if TYPE_CHECKING:
    from customer_features.engines.spark.session import Warehouse

NAMED = 3
"""So many examples are named in a warning."""
EXACT_ROWS = 1_000_000
"""Up to so many rows everything is looked at."""
FIRST_ROWS = 20_000
"""So many rows are looked at first: they come to the driver, which makes a relation of them."""
SAMPLED_ROWS = 1_000_000
"""About so many rows are looked at when the first gave reason to: whole customers, so that shares are true."""

_ROW = "customer_id, transaction_id, product_id, day, units"


def find_warnings(warehouse: Warehouse, portable: OnePass, rows: int) -> list[dict[str, Any]]:
    """Warnings about the rows that count: name, number of cases and a sentence with examples."""
    orders = portable.options.grain is Grain.TRANSACTION
    counted = warehouse.frame(portable.query_over(f"SELECT {_ROW} FROM {portable.name('counted')}"))
    share = 1
    if rows > EXACT_ROWS:
        # Collected, a limit reads no more partitions than it takes; within a query, each would send so many rows.
        first = warehouse.view(
            "first", warehouse.session.createDataFrame(counted.limit(FIRST_ROWS).collect(), counted.schema)
        )
        odd = _odd_days(warehouse, first, portable.options, counted)
        if not _found(warehouse, first, orders):
            return odd
        share = max(rows // SAMPLED_ROWS, 1)
        counted = counted.where(f"PMOD(XXHASH64(customer_id), {share}) = 0")
    looked_at = warehouse.view("looked_at", counted)
    found = _found(warehouse, looked_at, orders)
    if share > 1:
        for warning in found:
            warning["message"] += f" (seen in a sample, 1/{share} of the customers)"
        return found + odd
    return found + _odd_days(warehouse, looked_at, portable.options)


def _odd_days(warehouse: Warehouse, relation: str, options: Options, counted: Any = None) -> list[dict[str, Any]]:
    """The warnings about days; ``counted``: a frame of all rows where the relation holds the first of them."""
    counts = _by_day(warehouse, relation)
    newest = max(counts, default=None)
    if counted is not None and placeholders(counts):
        counts = _by_day(warehouse, warehouse.view("counted", counted))
    if counted is not None and not options.today_given:
        ((last,),) = counted.selectExpr("MAX(day)").collect()
        newest = as_day(last)
    return warnings_of(counts, newest, options)


def _by_day(warehouse: Warehouse, relation: str) -> dict[date, int]:
    rows = warehouse.rows(f"SELECT day, COUNT(*) FROM {relation} GROUP BY day")
    return {as_day(day): int(count) for day, count in rows}


def _found(warehouse: Warehouse, relation: str, orders: bool) -> list[dict[str, Any]]:
    rows = f"SELECT {_ROW}, COUNT(*) AS n FROM {relation} GROUP BY {_ROW}"
    by_id = (
        "SELECT customer_id, transaction_id, SUM(n) AS n, MIN(units) = MAX(units) AS alike, COUNT_IF(n > 1) AS repeated"
        f" FROM ({rows}) GROUP BY customer_id, transaction_id"
    )
    ((ids, several, alike, repeated),) = warehouse.rows(
        f"SELECT COUNT(*), COUNT_IF(n > 1), COUNT_IF(n > 1 AND alike), COALESCE(SUM(repeated), 0) FROM ({by_id})"
    )
    found: list[dict[str, Any]] = []
    if several and orders:
        listed = "; ".join(
            f"'{order}' of customer '{customer}' stands {n} times" for customer, order, n in _examples(warehouse, by_id)
        )
        found.append(_warning("repeated_transaction_id", several, f"{repeated_ids(several)}, e.g. {listed}"))
        if alike / several >= SUSPICIOUS_SHARE:
            found.insert(0, _warning("looks_like_repeated_totals", alike, f"{alike} of {ids} ({alike / ids:.1%})"))
    if repeated:
        found.append(_warning("duplicate_row", repeated, repeated_rows(repeated, _examples(warehouse, rows))))
    return found


def _examples(warehouse: Warehouse, relation: str) -> Sequence[Sequence[Any]]:
    return warehouse.rows(
        f"SELECT customer_id, transaction_id, n FROM ({relation}) WHERE n > 1 ORDER BY 1, 2, 3 LIMIT {NAMED}"
    )


def _warning(name: str, count: int, what: str) -> dict[str, Any]:
    return {"name": name, "count": int(count), "message": WARNINGS[name].says(what)}
