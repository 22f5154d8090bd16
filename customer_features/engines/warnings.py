"""Warnings about rows that are legal but suspicious, for every engine that speaks SQL: what repeats, and odd days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol

from customer_features.definition.counts import are
from customer_features.definition.counts import counted as in_words
from customer_features.definition.faults import WARNINGS
from customer_features.definition.options import Grain, Options
from customer_features.engines.odd_days import as_day, placeholders, warnings_of
from customer_features.engines.rows.warnings import SUSPICIOUS_SHARE

NAMED = 3
"""So many examples are named in a warning."""

EXACT_ROWS = 1_000_000
"""Up to so many rows everything is looked at; beyond, only if the first rows give reason to."""

FIRST_ROWS = 100_000
"""So many rows are looked at first: proving of all that nothing repeats costs half as much as the roll-up."""

SAMPLED_ROWS = 1_000_000
"""About so many rows are looked at when the first gave reason to: whole customers, so that shares are true."""


class Searched(Protocol):
    """An engine, as far as it is needed here."""

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows of a query."""
        ...

    def keep(self, name: str, sql: str) -> str:
        """Compute a query once and keep its rows for the time of the run; the relation that holds them, as SQL."""
        ...

    def hashed(self, columns: Sequence[str]) -> str:
        """SQL of a hash of 64 bits of some columns, none of which is null."""
        ...

    def remainder(self, column: str, count: int) -> str:
        """SQL of a number from 0 to ``count`` that follows from a column of text."""
        ...


def find_warnings(
    engine: Searched, counted: str, options: Options, rows: int, *, exact: bool, read: str | None = None
) -> list[dict[str, Any]]:
    """Warnings about the rows that counted: name, number of cases and a sentence with examples.

    ``counted``: a relation of those rows; ``rows``: how many they are; ``exact``: look at all of them, however many;
    ``read``: a relation of all rows with their ``day``, where there is one.
    """
    sampled = rows > EXACT_ROWS and not exact
    repeated = _repetitions(engine, counted, options, rows, sampled)
    return repeated + _odd_days(engine, counted, read or counted, options, sampled)


def _odd_days(engine: Searched, counted: str, read: str, options: Options, sampled: bool) -> list[dict[str, Any]]:
    some = f"(SELECT day FROM {read} WHERE day IS NOT NULL LIMIT {FIRST_ROWS}) f" if sampled else read
    counts = _by_day(engine, some)
    newest = max((day for day in counts if day <= options.today), default=None)
    if sampled and placeholders(counts):
        counts = _by_day(engine, read)
    if sampled and not options.today_given:
        newest = as_day(engine.rows(f"SELECT MAX(day) FROM {counted}")[0][0])
    return warnings_of(counts, newest, options)


def _by_day(engine: Searched, relation: str) -> dict[date, int]:
    rows = engine.rows(f"SELECT day, COUNT(*) FROM {relation} WHERE day IS NOT NULL GROUP BY day")
    return {as_day(day): int(count) for day, count in rows}


def _repetitions(engine: Searched, counted: str, options: Options, rows: int, sampled: bool) -> list[dict[str, Any]]:
    first = f"(SELECT * FROM {counted} LIMIT {FIRST_ROWS}) f" if sampled else counted
    if not _any_repeats(engine, first, options):
        return []
    share = max(rows // SAMPLED_ROWS, 1) if sampled else 1
    if share > 1:
        # Customers chosen by a hash of their id: the same data give the same sample.
        counted = f"(SELECT * FROM {counted} WHERE {engine.remainder('customer_id', share)} = 0) f"
    found: list[dict[str, Any]] = []
    if options.grain is Grain.TRANSACTION:
        found += _repeated_ids(engine, counted)
    found += _duplicate_rows(engine, counted)
    if share > 1:
        for warning in found:
            warning["message"] += f" (seen in a sample, 1/{share} of the customers; check looks at all)"
    return found


def _any_repeats(engine: Searched, counted: str, options: Options) -> bool:
    """Whether anything repeats at all. Two ids may share a hash, one id has but one: "no" is certain."""
    key = ["customer_id", "transaction_id"]
    if options.grain is not Grain.TRANSACTION:
        key += ["product_id", "day", "units"]
    [(rows, distinct)] = engine.rows(f"SELECT COUNT(*), COUNT(DISTINCT {engine.hashed(key)}) FROM {counted}")
    return int(distinct) < int(rows)


def _repeated_ids(engine: Searched, counted: str) -> list[dict[str, Any]]:
    repeated = engine.keep(
        "repeated_ids",
        "SELECT customer_id, transaction_id, COUNT(*) AS n, MIN(units) = MAX(units) AS alike"
        f" FROM {counted} GROUP BY customer_id, transaction_id HAVING COUNT(*) > 1",
    )
    [(several, alike, surplus)] = engine.rows(
        f"SELECT COUNT(*), SUM(CASE WHEN alike THEN 1 ELSE 0 END), SUM(n - 1) FROM {repeated}"
    )
    if not int(several):
        return []
    several, alike, surplus = int(several), int(alike), int(surplus)
    examples = engine.rows(
        f"SELECT customer_id, transaction_id, n FROM {repeated} ORDER BY customer_id, transaction_id LIMIT {NAMED}"
    )
    listed = "; ".join(f"'{order}' of customer '{customer}' stands {n} times" for customer, order, n in examples)
    found = [_warning("repeated_transaction_id", several, f"{repeated_ids(several)}, e.g. {listed}")]
    if alike / several >= SUSPICIOUS_SHARE:
        rows = int(engine.rows(f"SELECT COUNT(*) FROM {counted}")[0][0])
        orders = rows - surplus
        what = f"{alike} of {orders} ({alike / orders:.1%})"
        found.insert(0, _warning("looks_like_repeated_totals", alike, what))
    return found


def _duplicate_rows(engine: Searched, counted: str) -> list[dict[str, Any]]:
    repeated = engine.keep(
        "duplicate_rows",
        "SELECT customer_id, transaction_id, COUNT(*) AS n"
        f" FROM {counted} GROUP BY customer_id, transaction_id, product_id, day, units HAVING COUNT(*) > 1",
    )
    count = int(engine.rows(f"SELECT COUNT(*) FROM {repeated}")[0][0])
    if not count:
        return []
    examples = engine.rows(
        f"SELECT customer_id, transaction_id, n FROM {repeated} ORDER BY customer_id, transaction_id, n LIMIT {NAMED}"
    )
    return [_warning("duplicate_row", count, repeated_rows(count, examples))]


def repeated_ids(count: int) -> str:
    """How many transaction ids repeat, in words."""
    return f"{in_words(count, 'transaction id')} {'repeats' if count == 1 else 'repeat'}"


def repeated_rows(count: int, examples: Sequence[Sequence[Any]]) -> str:
    """How many rows are repeated, in words; ``examples``: customers, orders and how often a row of each stands."""
    listed = "; ".join(
        f"a row of order '{order}' of customer '{customer}' stands {n} times" for customer, order, n in examples
    )
    return f"{in_words(count, 'row')} {are(count)} repeated, e.g. {listed}"


def _warning(name: str, count: int, what: str) -> dict[str, Any]:
    return {"name": name, "count": count, "message": WARNINGS[name].says(what)}
