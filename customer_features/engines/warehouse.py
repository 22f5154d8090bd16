"""What the engines that compute where the data are have in common: the steps of a run, in SQL of ``query/steps.py``.

A warehouse runs SQL and keeps the result of a query under a name. Clean data cost one roll-up and one count; the
faulty rows are listed only where the two do not balance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from customer_features.definition.faults import FAULTS
from customer_features.definition.options import Grain, Options
from customer_features.engines.outcome import Outcome
from customer_features.engines.warnings import NAMED
from customer_features.errors import ColumnError, FoundFault
from customer_features.query.dialects import Dialect
from customer_features.query.faulty_rows import faulty_rows
from customer_features.query.steps import Portable
from customer_features.query.text_numbers import Evidence, refusal
from customer_features.query.typed_fields import SAMPLED

LISTED = 100
"""So many faulty rows are named in an exception."""


class Warehouse(Protocol):
    """An engine that computes where the data are."""

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        """The rows of a query, all of them in memory."""
        ...

    def keep(self, name: str, sql: str) -> str:
        """Compute a query once and keep its rows for the time of the run; the relation that holds them, as SQL."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A run whose rows are judged: what remains is to read ``vectors`` and ``faulty`` (queries of the warehouse)."""

    outcome: Outcome
    vectors: str
    faulty: str | None
    """A relation that holds the rows set aside: fault, faults, message, then the row; None where there are none."""
    portable: Portable
    """The definition over what was computed once."""

    def rows_that_count(self) -> str:
        """A relation of the rows of which vectors are made."""
        return f"({self.portable.rows_that_count(all_sound=self.faulty is None)}) c"


def judge(
    warehouse: Warehouse,
    portable: Portable,
    source: str,
    originals: tuple[str, ...] = (),
    *,
    more: tuple[str, ...] = (),
    find: Callable[[str], list[FoundFault]] | None = None,
    listing: Callable[[Any, tuple[str, ...]], str] | None = None,
) -> Judged:
    """Roll the rows up and set the faulty ones aside; nothing is handed out yet.

    ``source``: its name, for people; ``originals``: the names of the original columns that ``portable.source`` lists;
    ``more``: as for :func:`faulty_rows`; ``find``: the first faulty rows, given the relation that holds them, where an
    engine knows more of them than :func:`found` does;
    ``listing``: the query of the faulty rows, where an engine has a better one.

    Raises DataFaults where the options say to stop, RuntimeError where the rows do not add up.
    """
    options, outcome = portable.options, Outcome()
    listed = portable.source
    if (currency := _look_at_texts(warehouse, portable, source)) is not None:
        outcome.notes.append(f"'{currency}' beside the amounts is read as their currency")
    for name in listed.whole:
        outcome.note_whole(name)
    # Original columns are carried where they are listed alone: one may be dear, or keep an engine from going parallel.
    portable = replace(portable, source=replace(listed, originals=()))
    if options.grain is Grain.REPEATED_TOTAL and "orders" not in portable.ready:
        portable = portable.made_ready(orders=warehouse.keep("orders", portable.orders()))
        disagreeing = int(warehouse.rows(portable.disagreeing())[0][0])
        portable = replace(portable, all_agree=disagreeing == 0)
    portable = portable.made_ready(customers=warehouse.keep("customers", portable.customers()))
    ((rows_in, after_today, before_window),) = warehouse.rows(portable.balance())
    outcome.rows_in = int(rows_in)
    outcome.exclude(int(after_today), int(before_window))
    outcome.used, outcome.customers = _numbers(warehouse, portable.used())
    outcome.rows_by_source = {source: outcome.rows_in}
    if portable.loyalty is not None:
        named, unknown = _numbers(warehouse, portable.scores())
        outcome.loyalty = {"customers": named, "unknown_customers": unknown}
        if unknown:
            near = warehouse.rows(portable.near_scores(NAMED))
            outcome.near_scores = [(str(one), str(other), int(count)) for one, other, count in near]
    faulty = None
    if outcome.rows_in != outcome.used + outcome.excluded:
        # What could not be read may tell of the others.
        for shown, sql in portable.source.texts.items():
            _refuse_two_readings(source, shown, _evidence(warehouse, portable.evidence(sql)))
        whole = replace(portable, source=listed)
        query = faulty_rows(whole, originals, more) if listing is None else listing(whole, originals)
        faulty = warehouse.keep("faulty", query)
        counts = {
            str(name): int(count)
            for name, count in warehouse.rows(f"SELECT fault, COUNT(*) AS n FROM {faulty} GROUP BY fault")
        }
        outcome.faults = {rule.name: counts[rule.name] for rule in FAULTS if rule.name in counts}
        outcome.quarantined = sum(outcome.faults.values())
        ((incomplete,),) = warehouse.rows(portable.incomplete())
        outcome.customers_incomplete = int(incomplete)
        ((gone,),) = warehouse.rows(portable.without_vector())
        outcome.note_gone(int(gone))
    outcome.reconcile()
    outcome.stop_on_faults(
        options, lambda: found(warehouse, faulty, source) if find is None or faulty is None else find(faulty)
    )
    return Judged(outcome, portable.vectors(), faulty, portable)


def found(warehouse: Warehouse, faulty: str | None, source: str) -> list[FoundFault]:
    """The first hundred of the rows set aside; a row of a table has no number, so each is counted as listed."""
    if faulty is None:
        return []
    rows = warehouse.rows(f"SELECT fault, message FROM {faulty} LIMIT {LISTED}")
    return [FoundFault(source, place, str(fault), str(message)) for place, (fault, message) in enumerate(rows, 1)]


def _look_at_texts(warehouse: Warehouse, portable: Portable, source: str) -> str | None:
    """Look for amounts in text that have two readings or several currencies; the one currency, if there is one.

    Raises ColumnError.
    """
    marks: set[str] = set()
    for shown, sql in portable.source.texts.items():
        found = _evidence(warehouse, portable.evidence(sql, SAMPLED))
        if not found.settled:
            found = _evidence(warehouse, portable.evidence(sql))
        _refuse_two_readings(source, shown, found)
        [row] = warehouse.rows(portable.currencies(sql))
        marks |= {str(mark) for mark in row if mark is not None}
    if len(marks) > 1:
        listed = ", ".join(f"'{mark}'" for mark in sorted(marks))
        raise ColumnError(
            f"{source}: the amounts are in several currencies, {listed} among them; convert them to one first"
        )
    return next(iter(marks), None)


def _evidence(warehouse: Warehouse, query: str) -> Evidence:
    [row] = warehouse.rows(query)
    *examples, points, commas = row
    point, comma, either_point, either_comma = (None if text is None else str(text) for text in examples)
    return Evidence(point, comma, either_point, either_comma, int(points), int(commas))


def _refuse_two_readings(source: str, shown: str, found: Evidence) -> None:
    if found.in_doubt is not None:
        raise ColumnError(f"{source}: {refusal(shown, 'amount', found)}")


def refuse_two_scores(
    warehouse: Warehouse, dialect: Dialect, relation: str, column: str, options: Options, error: ColumnError
) -> None:
    """Raise the error where a column of rows, which would serve as loyalty_score, holds anything."""
    text = dialect.text(dialect.quoted(column))
    nothing = ", ".join(map(dialect.literal, ("", *options.null)))
    if warehouse.rows(f"SELECT 1 AS one FROM {relation} WHERE {text} NOT IN ({nothing}) LIMIT 1"):
        raise error


def _numbers(warehouse: Warehouse, sql: str) -> tuple[int, int]:
    ((first, second),) = warehouse.rows(sql)
    return int(first), int(second)
