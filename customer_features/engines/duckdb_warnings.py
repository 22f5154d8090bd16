"""Warnings of the DuckDB engine: what is suspicious about rows that are legal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from customer_features.engines.rows_warnings import SUSPICIOUS_SHARE
from customer_features.faults import WARNINGS
from customer_features.options import Grain, Options

if TYPE_CHECKING:
    import duckdb

NAMED = 3
"""So many examples are named in a warning."""


EXACT_ROWS = 1_000_000
"""Up to so many rows everything is looked at; beyond, only if the first rows give reason to."""

FIRST_ROWS = 100_000
"""So many rows are looked at first: proving of all that nothing repeats costs half as much as the roll-up."""

SAMPLED_ROWS = 1_000_000
"""About so many rows are looked at when the first gave reason to: whole customers, so that shares are true."""


def find_warnings(
    connection: duckdb.DuckDBPyConnection, counted: str, options: Options, rows: int, *, exact: bool
) -> list[dict[str, Any]]:
    """Warnings about the rows that counted: name, number of cases and a sentence with examples.

    ``rows``: how many counted; ``exact``: look at all of them, however many.
    """
    sampled = rows > EXACT_ROWS and not exact
    first = f"(SELECT * FROM {counted} LIMIT {FIRST_ROWS})" if sampled else counted
    if not _any_repeats(connection, first, options):
        return []
    share = max(rows // SAMPLED_ROWS, 1) if sampled else 1
    if share > 1:
        # Customers chosen by a hash of their id: the same data give the same sample.
        counted = f"(SELECT * FROM {counted} WHERE hash(customer_id) % {share} = 0)"
    found: list[dict[str, Any]] = []
    if options.grain is Grain.TRANSACTION:
        found += _repeated_ids(connection, counted)
    found += _duplicate_rows(connection, counted)
    if share > 1:
        for warning in found:
            warning["message"] += f" (seen in a sample, 1/{share} of the customers; check looks at all)"
    return found


def _any_repeats(connection: duckdb.DuckDBPyConnection, counted: str, options: Options) -> bool:
    """Whether anything repeats at all. Two ids may share a hash, one id has but one: "no" is certain."""
    key = "customer_id, transaction_id"
    if options.grain is not Grain.TRANSACTION:
        key += ", product_id, day, units"
    rows, distinct = connection.sql(f"SELECT COUNT(*), COUNT(DISTINCT hash({key})) FROM {counted}").fetchall()[0]
    return bool(distinct < rows)


def _repeated_ids(connection: duckdb.DuckDBPyConnection, counted: str) -> list[dict[str, Any]]:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE repeated_ids AS SELECT customer_id, transaction_id, COUNT(*) AS n,"
        f" MIN(units) = MAX(units) AS alike FROM {counted} GROUP BY customer_id, transaction_id HAVING n > 1"
    )
    several, alike, surplus = connection.sql(
        "SELECT COUNT(*), COUNT_IF(alike), SUM(n - 1) FROM repeated_ids"
    ).fetchall()[0]
    if not several:
        return []
    examples = connection.sql(
        f"SELECT customer_id, transaction_id, n FROM repeated_ids ORDER BY customer_id, transaction_id LIMIT {NAMED}"
    ).fetchall()
    listed = "; ".join(f"'{order}' of customer '{customer}' stands {n} times" for customer, order, n in examples)
    found = [_warning("repeated_transaction_id", several, f"{several} transaction ids repeat, e.g. {listed}")]
    if alike / several >= SUSPICIOUS_SHARE:
        rows = connection.sql(f"SELECT COUNT(*) FROM {counted}").fetchall()[0][0]
        orders = rows - surplus
        what = f"{alike} of {orders} ({alike / orders:.1%})"
        found.insert(0, _warning("looks_like_repeated_totals", alike, what))
    return found


def _duplicate_rows(connection: duckdb.DuckDBPyConnection, counted: str) -> list[dict[str, Any]]:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE duplicate_rows AS SELECT customer_id, transaction_id, COUNT(*) AS n"
        f" FROM {counted} GROUP BY customer_id, transaction_id, product_id, day, units HAVING n > 1"
    )
    count = connection.sql("SELECT COUNT(*) FROM duplicate_rows").fetchall()[0][0]
    if not count:
        return []
    examples = connection.sql(
        "SELECT customer_id, transaction_id, n FROM duplicate_rows ORDER BY customer_id, transaction_id, n"
        f" LIMIT {NAMED}"
    ).fetchall()
    listed = "; ".join(f"one of '{order}' of customer '{customer}' {n} times" for customer, order, n in examples)
    return [_warning("duplicate_row", count, f"{count} rows are repeated, e.g. {listed}")]


def _warning(name: str, count: int, what: str) -> dict[str, Any]:
    return {"name": name, "count": int(count), "message": WARNINGS[name].says(what)}
