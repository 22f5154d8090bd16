"""Errors of the engine that an expression of a mapping causes: they name the field and the expression, not the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from customer_features.errors import ColumnError, MissingExtra
from customer_features.query.columns import Mapped, quoted
from customer_features.query.expressions import columns_in, is_column
from customer_features.sources.parts import Part, reason_of

try:
    import duckdb
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

_CAUSED = (
    *(duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException),
    *(duckdb.BinderException, duckdb.CatalogException, duckdb.NotImplementedException),
)
"""What an expression can end with. A damaged file can, too."""


@contextmanager
def blamed(
    connection: duckdb.DuckDBPyConnection, mappings: Sequence[tuple[Part, Mapping[str, Mapped]]]
) -> Iterator[None]:
    """Raise ColumnError for an error of the engine that an expression over a part causes, whose columns can be read."""
    try:
        yield
    except _CAUSED:
        for part, fields in mappings:
            for name, mapped in fields.items():
                if not is_column(mapped.sql) and (reason := _failing(connection, part, mapped.sql)) is not None:
                    raise ColumnError(f"{part.name}: {name}={mapped.shown} cannot be computed: {reason}") from None
        raise


def _failing(connection: duckdb.DuckDBPyConnection, part: Part, sql: str) -> str | None:
    """What the engine says of an expression, where it is the expression that it cannot compute."""
    columns = ", ".join(map(quoted, sorted(columns_in(sql))))
    if not columns or _error(connection, part, f"HASH({columns})") is not None:
        return None
    return _error(connection, part, f"HASH({sql})")


def _error(connection: duckdb.DuckDBPyConnection, part: Part, sql: str) -> str | None:
    try:
        # The values themselves are asked for: a count would be answered by a file's statistics.
        connection.execute(f"SELECT BIT_XOR({sql}) FROM {part.relation}").fetchall()
    except _CAUSED as error:
        return reason_of(error)
    except duckdb.Error as error:
        return reason_of(error) if type(error) is duckdb.Error else None
    return None
