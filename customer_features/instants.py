"""Which values of an SQL expression are instants, and the expression with each on the business timezone's clock.

DuckDB keeps an instant made of a number (``epoch_ms``) or of a text with a literal ``Z`` as a timestamp without a
timezone, in UTC, and takes the day of one with a timezone in the session's. Either would be taken for local time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp

from customer_features.date_texts import literal_offset
from customer_features.errors import ColumnError

_EPOCH = {"make_timestamp_ms", "make_timestamp_ns"}
_CONVERTED = {"timezone"}
_PARTS = {"date_part", "datepart", "strftime", "last_day", "monthname", "dayname"}

TypeOf = Callable[[str], str | None]
"""The engine's type of an expression; None where it is not known."""


def instant_sql(stamp: str, offset: int) -> str:
    """SQL of the instant of a timestamp on the clock of an offset."""
    shifted = stamp if not offset else f"{stamp} - INTERVAL ({offset}) MINUTE"
    return f"timezone('UTC', {shifted})"


def on_local_clock(sql: str, timezone: str, type_of: TypeOf, shown: str) -> str:
    """The expression with every instant in it on the clock of a timezone, as far as it would be taken for local.

    Raises ColumnError for an expression of which that cannot be said.
    """
    tree = _parsed(sql)
    if isinstance(tree, exp.Column):
        return sql
    made = _Rewriting(timezone, type_of, shown).of(tree)
    return sql if made == tree else _sql(made)


@dataclass(frozen=True, slots=True)
class _Rewriting:
    timezone: str
    type_of: TypeOf
    shown: str

    def of(self, node: exp.Expression) -> Any:
        if isinstance(node, exp.AtTimeZone) or _name(node) in _CONVERTED:
            return node  # its author converts it
        if _counts_from_1970(node):
            kind = self.type_of(_sql(node))
            return node if kind is not None and not _is_naive(kind) else self._local(instant_sql(_sql(node), 0))
        if (offset := self._offset(node)) is not None:
            return self._local(instant_sql(_sql(node), offset))
        made = node.copy()
        for child in list(made.iter_expressions()):
            child.replace(self.of(child))
        if isinstance(made, exp.Cast | exp.Date):
            return self._cast(made)
        if isinstance(made, _OF_A_DAY) or _name(made) in _PARTS:
            for child in list(made.iter_expressions()):
                if _is_instant(self.type_of(_sql(child))):
                    child.replace(self._local(_sql(child)))
        return made

    def _cast(self, node: exp.Expression) -> Any:
        """A cast between instants and days or timestamps goes by the session's timezone: here it goes by ours."""
        if node.is_type("TIMESTAMPTZ"):
            return self._cast_to_instant(node)
        if isinstance(node, exp.Cast) and not node.is_type("DATE", "TIMESTAMPNTZ", "TIMESTAMP"):
            return node
        inner, kind = _sql(node.this), self.type_of(_sql(node.this))
        if kind != "VARCHAR":
            if _is_instant(kind):
                node.set("this", self._local(inner))
            return node
        # Of a text with an offset the cast would keep the day as it is written.
        cast = node.copy()
        cast.set("this", self._local(f"{_word(node)}({inner} AS TIMESTAMPTZ)"))
        return _parsed(f"CASE WHEN {_with_offset(inner)} THEN {_sql(cast)} ELSE {_sql(node)} END")

    def _cast_to_instant(self, node: exp.Expression) -> Any:
        inner, kind = _sql(node.this), self.type_of(_sql(node.this))
        if kind is not None and _is_naive(kind):
            return self._local(inner)
        if kind == "VARCHAR":
            local = _sql(self._local(f"{_word(node)}({inner} AS TIMESTAMP)"))
            return _parsed(f"CASE WHEN {_with_offset(inner)} THEN {_sql(node)} ELSE {local} END")
        return node

    def _offset(self, node: exp.Expression) -> int | None:
        if isinstance(node, exp.StrToTime):
            form = node.args["format"]
        elif _name(node) in {"strptime", "try_strptime"} and len(node.expressions) == 2:
            form = node.expressions[1]
        else:
            return None
        if isinstance(form, exp.Literal) and form.is_string:
            return literal_offset(form.name)
        if any(literal_offset(one.name) is not None for one in form.find_all(exp.Literal) if one.is_string):
            raise ColumnError(
                f"date={self.shown} lists a format with an offset among others; read each format by itself, e.g."
                " coalesce(try_strptime(...), try_strptime(...))"
            )
        return None

    def _local(self, instant: str) -> Any:
        """What stands on the clock of the timezone of an instant; or the instant of what stands on it."""
        zone = exp.Literal.string(self.timezone).sql(dialect="duckdb")
        return _parsed(f"timezone({zone}, {instant})")


_OF_A_DAY = (
    *(exp.TimestampTrunc, exp.DateTrunc, exp.Extract, exp.TimeToStr),
    *(exp.Year, exp.Month, exp.Day, exp.LastDay, exp.DayOfYear, exp.Week),
)


def _counts_from_1970(node: exp.Expression) -> bool:
    """Whether it makes a timestamp of a number since 1970 that stands for UTC."""
    if isinstance(node, exp.UnixToTime):
        return node.args.get("scale") is not None
    return _name(node) in _EPOCH


def _with_offset(text: str) -> str:
    """SQL of whether a text ends with an offset behind its time."""
    return f"regexp_matches({text}, ':[0-9.]+ ?(Z|[-+][0-9]{{2}}(:?[0-9]{{2}})?)$')"


def _word(cast: exp.Expression) -> str:
    return "TRY_CAST" if isinstance(cast, exp.TryCast) else "CAST"


def _name(node: exp.Expression) -> str:
    return node.name.lower() if isinstance(node, exp.Anonymous) else ""


def _is_instant(kind: str | None) -> bool:
    return kind is not None and (kind.startswith("TIMESTAMPTZ") or "WITH TIME ZONE" in kind)


def _is_naive(kind: str) -> bool:
    return kind.startswith("TIMESTAMP") and not _is_instant(kind)


def _sql(node: exp.Expression) -> str:
    return node.sql(dialect="duckdb")


def _parsed(sql: str) -> Any:
    return sqlglot.parse_one(sql, dialect="duckdb")
