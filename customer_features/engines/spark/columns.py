"""The columns of a Spark frame as a source of the portable query: names, types, and what can be which field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from customer_features.errors import ColumnError, MissingExtra
from customer_features.query.columns import Mapped
from customer_features.query.dialects import Kind, Type
from customer_features.query.dialects.spark import DIALECT
from customer_features.query.steps import IDS, Source

try:
    from pyspark.errors import PySparkException
    from pyspark.sql import types
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building on Spark", "spark") from error

_BINARY = "UTF8_BINARY"
"""The collation in which texts are equal that are the same bytes."""


@dataclass(frozen=True, slots=True)
class _Allowed:
    kinds: tuple[Kind, ...]
    said: str


_NUMBER = _Allowed((Kind.TEXT, Kind.WHOLE, Kind.DOUBLE, Kind.DECIMAL), "a number, or text holding one")
_ALLOWED = {
    **dict.fromkeys(IDS, _Allowed((Kind.TEXT, Kind.WHOLE), "text or a whole number")),
    "date": _Allowed((Kind.TEXT, Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT), "a date, a timestamp, or text YYYY-MM-DD"),
    "amount": _NUMBER,
}


def check_names(frame: Any, source: str) -> None:
    """Raise ColumnError where two columns of a frame share a name; Spark itself tells capitals apart only if asked."""
    seen: dict[str, str] = {}
    for name in frame.columns:
        if name.lower() in seen:
            raise ColumnError(
                f"{source}: two columns share a name, '{seen[name.lower()]}' and '{name}' (Spark takes capitals for"
                " the same); rename or drop one of them first"
            )
        seen[name.lower()] = name


def texts_and_numbers(frame: Any) -> tuple[set[str], set[str]]:
    """The columns of text and those of numbers of a frame."""
    kinds = {field.name: _known(field.dataType) for field in frame.schema.fields}
    texts = {name for name, kind in kinds.items() if kind is not None and kind.kind is Kind.TEXT}
    numeric = (Kind.WHOLE, Kind.DOUBLE, Kind.DECIMAL)
    return texts, {name for name, kind in kinds.items() if kind is not None and kind.kind in numeric}


def source_of(frame: Callable[[str], Any], relation: str, fields: Mapping[str, Mapped], name: str) -> Source:
    """The source of fields over a relation, each expression of a type that the field can be of.

    ``frame`` makes a frame of a query; no row is read. Raises ColumnError.
    """
    sql, kinds = {}, {}
    for field, mapped in fields.items():
        sql[field], kinds[field] = _read(field, mapped, _type(frame, relation, field, mapped, name), name)
    return Source(relation, sql, kinds)


def _type(frame: Callable[[str], Any], relation: str, field: str, mapped: Mapped, source: str) -> Any:
    try:
        return frame(f"SELECT {mapped.sql} AS x FROM {relation}").schema.fields[0].dataType
    except PySparkException as error:
        raise ColumnError(f"{source}: {field}={mapped.shown} cannot be computed: {first_line(error)}") from None


def _read(field: str, mapped: Mapped, kind: Any, source: str) -> tuple[str, Type]:
    """SQL of a field and its type, as the portable query takes them."""
    sql, found = mapped.sql, _known(kind)
    if isinstance(kind, types.NullType):
        return DIALECT.text(sql), Type(Kind.TEXT)
    if isinstance(kind, types.StringType) and getattr(kind, "collation", _BINARY) != _BINARY:
        sql = f"({sql}) COLLATE {_BINARY}"
    allowed = _ALLOWED.get(field, _NUMBER)
    whole = found == Type(Kind.DECIMAL, 0) and Kind.DECIMAL not in allowed.kinds
    if whole and Kind.WHOLE in allowed.kinds:
        found = Type(Kind.WHOLE)
    if found is None or found.kind not in allowed.kinds:
        raise ColumnError(
            f"{source}: '{mapped.shown}' is of type {kind.simpleString()} and cannot be {field}: allowed is"
            f" {allowed.said}; convert it with columns={{'{field}': '...'}}"
        )
    return sql, found


def _known(kind: Any) -> Type | None:
    if isinstance(kind, types.DecimalType):
        return Type(Kind.DECIMAL, kind.scale)
    for known, spark in (
        (Kind.TEXT, (types.StringType, types.CharType, types.VarcharType)),
        (Kind.WHOLE, types.IntegralType),
        (Kind.DOUBLE, (types.DoubleType, types.FloatType)),
        (Kind.DATE, types.DateType),
        (Kind.INSTANT, types.TimestampType),
        (Kind.TIMESTAMP, types.TimestampNTZType),
    ):
        if isinstance(kind, spark):
            return Type(known)
    return None


def first_line(error: Exception) -> str:
    """What Spark says of an error, without the stack of its own calls: the first cause that has a name, or the root."""
    cause, said = getattr(error, "java_exception", None), str(error)
    while cause is not None:
        said = str(cause.getMessage() or cause.toString())
        if said.startswith("["):
            break
        cause = cause.getCause()
    return next((line.strip() for line in said.splitlines() if line.strip()), type(error).__name__)
