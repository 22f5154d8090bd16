"""Columns of a PostgreSQL query as fields: what each type is read as, so that the bits are those of a copied table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from customer_features.connections.postgresql import Session
from customer_features.errors import ColumnError, SourceError
from customer_features.query.columns import Mapped
from customer_features.query.dialects import Kind, Type, dialect
from customer_features.query.reading import FIT, unfit
from customer_features.query.steps import IDS
from customer_features.query.typed_fields import most_are_numbers
from customer_features.sources.postgresql import holds_no_ids

TYPED_SINCE = 160_000
"""The version of the server that can say whether a text is a number or a day without failing."""
_WHOLE = {"int2", "int4", "int8"}
FLOATS = {"float4", "float8"}
_MOMENTS = {"date": Kind.DATE, "timestamp": Kind.TIMESTAMP, "timestamptz": Kind.INSTANT}
TEXTS = {"text", "varchar", "bpchar", "citext", "name"}
_NO_TEXT = {"bool", *_MOMENTS}


def types_of(session: Session, relation: str, fields: Mapping[str, Mapped], source: str) -> dict[str, str]:
    """The server's names for the types of the fields' expressions, without running anything.

    Raises ColumnError for an expression that the server cannot compute.
    """
    found: dict[str, str] = {}
    for name, mapped in fields.items():
        try:
            [field] = session.described(f"SELECT {mapped.sql} AS x FROM {relation} AS q")
        except SourceError as error:
            reason = str(error).partition(f"{source}: ")[2] or str(error)
            raise ColumnError(f"{source}: {name}={mapped.shown} cannot be computed: {reason}") from None
        found[name] = (field.metadata or {}).get(b"POSTGRESQL:type", b"text").decode()
    return found


def as_field(name: str, mapped: Mapped, type_name: str, source: str) -> tuple[str, Type]:
    """The SQL and the kind of a column of a type, as a field.

    Raises ColumnError for a type that cannot be what it is mapped to.
    """
    sql = f"({mapped.sql})"
    if name in IDS:
        if type_name in {*_NO_TEXT, "money"} or holds_no_ids(type_name):
            raise unfit(name, mapped, type_name, source, FIT[name])
        # A whole number in a floating column is the whole number; that there are no others is looked at before.
        return (f"{sql}::bigint::text" if type_name in FLOATS else _text(sql, type_name)), Type(Kind.TEXT)
    if type_name in _MOMENTS and name == "date":
        return sql, Type(_MOMENTS[type_name])
    if name != "date" and type_name in {*_WHOLE, *FLOATS, "numeric", "money"}:
        if type_name in _WHOLE:
            return sql, Type(Kind.WHOLE)
        if type_name in FLOATS:
            return sql, Type(Kind.DOUBLE)
        return f"{sql}::numeric", Type(Kind.DECIMAL)
    if type_name in {*_NO_TEXT, *_WHOLE, *FLOATS, "numeric", "money"}:
        raise unfit(name, mapped, type_name, source, FIT[name])
    # Byte by byte, since not every collation goes with regular expressions.
    return f'{_text(sql, type_name)} COLLATE "C"', Type(Kind.TEXT)


def _text(sql: str, type_name: str) -> str:
    if type_name == "bpchar":
        return f"CASE WHEN {sql} IS NOT NULL THEN CONCAT({sql}) END"  # a cast would drop the blanks at its end
    return f"{sql}::text"


def refuse_fractions(session: Session, relation: str, mapped: Mapped, type_name: str, source: str) -> None:
    """Raise ColumnError where a column of ids holds a number that is not whole."""
    sql = f"({mapped.sql})"
    if type_name in FLOATS:
        # NaN is the greatest number here, and so beyond what is allowed.
        broken = f"NOT ({sql} = FLOOR({sql}) AND ABS({sql}) < 9007199254740992)"
    elif type_name == "numeric":
        broken = f"SCALE({sql}) > 0"
    else:
        return
    for (value,) in session.rows(f"SELECT {sql}::text FROM {relation} AS q WHERE {broken} LIMIT 1"):
        allowed = " below 2^53" if type_name in FLOATS else ""
        raise ColumnError(
            f"{source}: '{mapped.shown}' holds {value}, which is no whole number{allowed} and so no id;"
            " give ids as text"
        )


def texts_and_numbers(columns: Any) -> tuple[set[str], set[str]]:
    """The columns of text and those of numbers among the columns of a query."""
    kinds = dict(zip(columns.schema.names, columns.types, strict=True))
    texts = {name for name, kind in kinds.items() if kind in TEXTS}
    return texts, {name for name, kind in kinds.items() if kind in {*_WHOLE, *FLOATS, "numeric", "money"}}


def holds_numbers(session: Session, columns: Any, text: str) -> bool:
    """Whether most of the first values of a text, in SQL, are numbers."""
    query = most_are_numbers(dialect("postgres"), text, f"{columns.relation} AS q")
    [(numbers, texts)] = session.rows(query)
    return 2 * int(numbers) > int(texts)


def needs_typed_text(types: Mapping[str, Type]) -> list[str]:
    """The fields that are read of text."""
    return [name for name, kind in types.items() if kind.kind is Kind.TEXT and name not in IDS]


def check_version(version: int, types: Mapping[str, Type], fail: Callable[[str], Exception]) -> None:
    """Raise SourceError where a server is too old to read a field of text."""
    if version < TYPED_SINCE and (texts := needs_typed_text(types)):
        raise fail(
            f"the server is PostgreSQL {version // 10_000}, and --push-down reads {' and '.join(texts)} of text with"
            " version 16 or newer alone; convert them in --query or with --map, or run without --push-down"
        )
