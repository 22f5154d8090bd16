"""A relation of vectors that figures are computed over, and sums that no order of rows can change.

An engine adds doubles in whatever order its threads come by, so the last bits of a mean would differ from run to run.
Here values are scaled to integers first, by a power of two (which is exact), and added as integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from customer_features.definition import features
from customer_features.engines.duckdb.session import translated
from customer_features.errors import InvalidOption, MissingExtra
from customer_features.query.columns import literal, quoted

try:
    import duckdb
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("figures", "bulk") from error

CENTS = 100
_BITS = 40
"""Bits of a value's place between the least and the largest, where products are added: 2^-41 of the range is lost."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """The vectors of one as-of date: a connection and a query that gives ``customer_id`` and the features.

    Each feature is a DOUBLE that is finite or null; ``dates`` are the as-of dates of the relation and how many
    vectors each has, none where it has no column ``as_of``.
    """

    connection: duckdb.DuckDBPyConnection
    query: str
    as_of: str | None
    dates: dict[str, int]

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, relation: str, as_of: str | None = None) -> Vectors:
        """The vectors in ``relation`` (SQL for a FROM clause), at ``as_of`` (YYYY-MM-DD; default: the latest date).

        Raises InvalidOption where there are none of that date.
        """
        columns = {str(row[0]) for row in connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
        dates: dict[str, int] = {}
        if "as_of" in columns:
            found = connection.execute(f"SELECT CAST(as_of AS VARCHAR), COUNT(*) FROM {relation} GROUP BY 1 ORDER BY 1")
            dates = dict(found.fetchall())
        if as_of is not None and as_of not in dates:
            raise InvalidOption("as_of", f"there are no vectors of {as_of}; {_allowed(dates)}")
        if as_of is None and dates:
            as_of = max(dates)
        doubles = {name: f"CAST({quoted(name)} AS DOUBLE)" for name in features.names()}
        values = ", ".join(
            f"CASE WHEN ISFINITE({double}) THEN {double} + 0 END AS {quoted(name)}" for name, double in doubles.items()
        )
        where = "" if as_of is None else f" WHERE as_of = DATE {literal(as_of)}"
        query = f"SELECT CAST(customer_id AS VARCHAR) AS customer_id, {values} FROM {relation}{where}"
        return cls(connection, query, as_of, dates)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query over ``vectors``."""
        with translated():
            return self.connection.execute(f"WITH vectors AS ({self.query}) {query}").fetchall()

    def row(self, query: str) -> tuple[Any, ...]:
        """The only row of a query over ``vectors``."""
        return self.rows(query)[0]

    def quantiles(self, name: str, shares: Iterable[float], where: str = "TRUE") -> list[float]:
        """Quantiles of a feature, interpolated linearly; none where nobody has a value."""
        wanted = ", ".join(map(repr, shares))
        (found,) = self.row(f"SELECT QUANTILE_CONT({quoted(name)}, [{wanted}]) FROM vectors WHERE {where}")
        return list(found or [])

    def median(self, name: str, where: str = "TRUE") -> float | None:
        """The median of a feature; None where nobody has a value."""
        return next(iter(self.quantiles(name, [0.5], where)), None)

    def total(self, name: str, largest: float, where: str = "TRUE") -> Fraction:
        """The sum of a feature whose largest absolute value is known, exact to 2^-62 of that for each value."""
        bits = min(62 - math.frexp(largest)[1], 1000)
        scaled = f"CAST({quoted(name)} * {number(2.0**bits)} AS HUGEINT)"
        (found,) = self.row(f"SELECT SUM({scaled}) FROM vectors WHERE {where}")
        return Fraction(int(found or 0)) / Fraction(2) ** bits

    def cents(self, name: str, where: str = "TRUE") -> int:
        """The sum of an amount of money in cents."""
        (found,) = self.row(f"SELECT SUM({in_cents(quoted(name))}) FROM vectors WHERE {where}")
        return int(found or 0)

    def tallied(self, name: str, lowers: Sequence[float], inclusive: bool = True) -> list[int]:
        """How many customers' values begin at each of some rising lower edges; ``inclusive``: an edge is in its bin."""
        edges = ", ".join(f"({place}, {number(lower)})" for place, lower in enumerate(lowers))
        found = self.rows(
            f""", counted AS (SELECT {quoted(name)} AS value, COUNT(*) AS customers FROM vectors GROUP BY 1)
SELECT place, SUM(customers) FROM counted ASOF JOIN (VALUES {edges}) AS bins(place, lower)
  ON value {">=" if inclusive else ">"} lower GROUP BY 1"""
        )
        by_place = {int(place): int(customers) for place, customers in found}
        return [by_place.get(place, 0) for place in range(len(lowers))]


def in_cents(money: str) -> str:
    """SQL of an amount of money, itself SQL, in cents."""
    return f"CAST(ROUND({money} * {CENTS}) AS HUGEINT)"


def number(value: float) -> str:
    """A double as SQL."""
    return f"CAST({literal(repr(value))} AS DOUBLE)"


def placed(name: str, lowest: float, highest: float) -> str:
    """SQL of a value's place between two ends as an integer of 40 bits."""
    span = highest - lowest
    return f"CAST(ROUND(({quoted(name)} - {number(lowest)}) / {number(span)} * {2**_BITS}) AS BIGINT)"


def deviation(customers: int, first: int, second: int, span: float) -> float | None:
    """The sample standard deviation from sums of :func:`placed` values and of their squares."""
    if customers < 2:
        return None
    variance = Fraction(customers * second - first * first, customers * (customers - 1))
    return math.sqrt(variance) / float(2**_BITS) * span


def _allowed(dates: dict[str, int]) -> str:
    if not dates:
        return "the file holds one as-of date and no column as_of"
    first, last = min(dates), max(dates)
    listed = ", ".join(dates) if len(dates) <= 12 else f"{len(dates)} dates from {first} to {last}"
    return f"there are {listed}"
