"""Which values of an SQL expression are instants, and the expression with each on the business timezone's clock.

DuckDB keeps an instant made of a number (``epoch_ms``) or of a text with a literal ``Z`` as a timestamp without a
timezone, in UTC, and takes the day of one with a timezone in the session's. Either would be taken for local time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlglot
from sqlglot import exp

from customer_features.definition.date_texts import literal_offset
from customer_features.errors import ColumnError

_EPOCH = {"make_timestamp_ms", "make_timestamp_ns"}
_CONVERTED = {"timezone"}
_OF_AN_INSTANT = {"epoch_us", "epoch_ns", "isfinite", "isinf"}
"""Functions that give the same of an instant wherever its clock stands."""
_STEPS = {"to_microseconds", "to_milliseconds", "to_seconds", "to_minutes", "to_hours"}
"""Spans of time that are no days of a calendar."""

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
        if _name(made) == "make_timestamptz":
            return self._made_of_parts(made)
        return self._on_the_clock(made) if self._is_of_the_clock(made) else made

    def _on_the_clock(self, node: exp.Expression) -> Any:
        """A node with the instants that it computes with on the clock of the timezone."""
        made = node.copy()
        for child in _values(made):
            if _is_instant(self.type_of(_sql(child))):
                child.replace(self._local(_sql(child)))
        if made != node and self.type_of(_sql(node)) is not None and self.type_of(_sql(made)) is None:
            raise ColumnError(
                f"date={self.shown}: {_sql(node)} of an instant goes by no timezone; put the instant on a clock with"
                f" timezone({exp.Literal.string(self.timezone).sql(dialect='duckdb')}, ...)"
            )
        return made

    def _is_of_the_clock(self, node: exp.Expression) -> bool:
        """Whether what a node gives of an instant depends on the clock that it is read on."""
        if isinstance(node, (exp.Add, exp.Sub)):
            return any(self.type_of(_sql(child)) == "INTERVAL" for child in node.iter_expressions())
        if isinstance(node, _MEETING):
            # Where an instant meets a day or a local time, the engine puts these on the session's clock.
            return any(self._is_local(child) for child in _values(node))
        if isinstance(node, exp.Func):
            return not isinstance(node, _KEEPING) and _name(node) not in _OF_AN_INSTANT and not _is_epoch(node)
        return isinstance(node, (exp.DPipe, exp.Like, exp.ILike, exp.SimilarTo))

    def _is_local(self, node: exp.Expression) -> bool:
        if isinstance(node, exp.Literal):
            return bool(node.is_string) and not re.search(_ENDS_WITH_OFFSET, node.name)
        kind = self.type_of(_sql(node))
        return kind is not None and (kind == "DATE" or _is_naive(kind))

    def _made_of_parts(self, node: exp.Expression) -> Any:
        """The time of a year, a month, a day and so on, which without a timezone is local."""
        if len(node.expressions) != 6:
            return node
        return exp.Anonymous(this="make_timestamp", expressions=node.expressions)

    def _cast(self, node: exp.Expression) -> Any:
        """A cast between instants and days or timestamps goes by the session's timezone: here it goes by ours."""
        if node.is_type("TIMESTAMPTZ"):
            return self._cast_to_instant(node)
        inner, kind = _sql(node.this), self.type_of(_sql(node.this))
        if isinstance(node, exp.Cast) and not node.is_type("DATE", "TIMESTAMPNTZ", "TIMESTAMP"):
            if _is_instant(kind):
                node.set("this", self._local(inner))
            return node
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


_MEETING = (
    *(exp.Coalesce, exp.Nullif, exp.Case, exp.If, exp.Greatest, exp.Least, exp.Array, exp.Between, exp.In),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ),
)
"""What compares its operands or gives one of them."""
_KEEPING = (exp.Cast, exp.TimeToUnix, exp.UnixToTime, exp.Struct, exp.Connector, exp.Try)
"""Functions of SQLGlot's that give the same of an instant wherever its clock stands, or are looked at by themselves."""
_ENDS_WITH_OFFSET = ":[0-9.]+ ?(Z|[-+][0-9]{2}(:?[0-9]{2})?)$"


def _values(node: exp.Expression) -> list[Any]:
    """What a node computes with; of a CASE and its branches, what it gives."""
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return [*(branch.args["true"] for branch in node.args["ifs"]), *([] if default is None else [default])]
    if isinstance(node, exp.If):
        return [value for value in (node.args.get("true"), node.args.get("false")) if value is not None]
    return list(node.iter_expressions())


def _counts_from_1970(node: exp.Expression) -> bool:
    """Whether it makes a timestamp of a number since 1970 that stands for UTC."""
    if isinstance(node, exp.UnixToTime):
        return node.args.get("scale") is not None
    if isinstance(node, exp.Add):
        start, step = node.this.unnest(), node.expression.unnest()
        if not _is_1970(start):
            start, step = step, start
        return _is_1970(start) and _is_time_span(step)
    return _name(node) in _EPOCH


def _is_epoch(node: exp.Expression) -> bool:
    """Whether it is the part ``epoch`` of an instant, which no clock changes."""
    if isinstance(node, exp.Extract):
        return node.name.lower() == "epoch"
    part = node.expressions[0] if _name(node) in {"date_part", "datepart"} and node.expressions else None
    return isinstance(part, exp.Literal) and part.name.lower() == "epoch"


def _is_1970(node: exp.Expression) -> bool:
    """Whether a node is the beginning of 1970, as a day or as a time without a timezone."""
    made = isinstance(node, exp.Cast) and node.is_type("DATE", "TIMESTAMP", "TIMESTAMPNTZ")
    text = node.this if made else None
    return isinstance(text, exp.Literal) and bool(re.fullmatch("epoch|1970-01-01([ T]00:00(:00)?)?", text.name))


def _is_time_span(node: exp.Expression) -> bool:
    if isinstance(node, exp.Mul):
        return any(map(_is_time_span, (node.this, node.expression)))
    if isinstance(node, exp.Interval):
        return str(node.args.get("unit") or "").upper().rstrip("S") in {"MICROSECOND", "MILLISECOND", "SECOND"}
    return _name(node) in _STEPS


def _with_offset(text: str) -> str:
    """SQL of whether a text ends with an offset behind its time."""
    return f"regexp_matches({text}, '{_ENDS_WITH_OFFSET}')"


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
