"""Arrow columns in types that the engine reads as what they are.

The engine takes run-ends of a dictionary for their numbers, stops at times that are far away, and knows no type for
some columns at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from customer_features.errors import MissingExtra
from customer_features.query.columns import quoted

try:
    import duckdb
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading tables", "bulk") from error

_KNOWN_EXTENSIONS = {"arrow.uuid", "arrow.json", "arrow.bool8"}
NUMBERS = b"customer_features: decimal numbers as text"
"""Marks a field whose text is a decimal number, which may be of any length, infinite or NaN."""
FAR = 9 * 10**12
"""Seconds from 1970, either way, that the engine still makes days of; no calendar of ours reaches there."""
_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_INFINITE = [2**63 - 1, 1 - 2**63]
_A_DAY = 86_400_000


@dataclass(slots=True)
class Fitted:
    """A table that the engine reads.

    ``numerics``: its columns of numbers in text, quoted; ``unread``: columns that it left out, and their types.
    """

    table: Any
    numerics: frozenset[str] = frozenset()
    unread: dict[str, str] = field(default_factory=dict)


def fitted(table: Any) -> Fitted:
    """The table in types that the engine reads as what they are, without the columns for which there are none."""
    numerics: set[str] = set()
    unread: dict[str, str] = {}
    columns, fields = [], []
    for place, own in enumerate(table.schema):
        column = _fitted(table.column(place))
        if column is None or not (_simple(column.type) or _registers(column.type)):
            unread[own.name] = _called(own.type)
            continue
        columns.append(column)
        fields.append(own.with_type(column.type))
        numeric = pa.types.is_decimal(own.type) and pa.types.is_string(column.type)
        if numeric or NUMBERS in (own.metadata or {}):
            numerics.add(quoted(own.name))
    schema = pa.schema(fields, metadata=table.schema.metadata)
    # Without columns a table would forget how many rows it has.
    kept = pa.Table.from_arrays(columns, schema=schema) if columns else table.select([])
    return Fitted(kept, frozenset(numerics), unread)


def _called(kind: Any) -> str:
    return str(kind.extension_name) if isinstance(kind, pa.BaseExtensionType) else str(kind)


@lru_cache(maxsize=256)
def _registers(kind: Any) -> bool:
    """Whether the engine knows a type."""
    connection = duckdb.connect()
    try:
        connection.register("known", pa.schema([("x", kind)]).empty_table())
        connection.execute("DESCRIBE SELECT * FROM known").fetchall()
    except (duckdb.Error, pa.ArrowException):
        return False
    finally:
        connection.close()
    return True


def _simple(kind: Any) -> bool:
    of = pa.types
    if of.is_dictionary(kind):
        return _simple(kind.value_type)
    simple = (of.is_integer, of.is_string, of.is_large_string, of.is_date, of.is_timestamp, of.is_decimal128)
    return any(is_of(kind) for is_of in simple) or kind in (pa.float32(), pa.float64(), pa.bool_())


def _fitted(column: Any) -> Any:
    """The column in a type that the engine knows; None where there is none that holds the very values."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return column if kind.extension_name in _KNOWN_EXTENSIONS else None
    if _coded(kind):
        if _in_lists(kind):
            return None
        column = pa.chunked_array([_plain(chunk) for chunk in column.chunks], type=_plain_type(kind))
        kind = column.type
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if pa.types.is_decimal(kind) and (pa.types.is_decimal256(kind) or kind.scale < 0):
        try:
            return column.cast(pa.decimal128(38, max(kind.scale, 0)))
        except (pa.ArrowInvalid, ValueError):  # more than 38 digits
            return column.cast(pa.string())
    if pa.types.is_date64(kind):
        return _days(column)
    if pa.types.is_dictionary(kind) and pa.types.is_temporal(kind.value_type):
        return _fitted(column.cast(kind.value_type))
    return near(column) if pa.types.is_timestamp(kind) else column


# -- runs and dictionaries ---------------------------------------------------------------------------------------------


def _coded(kind: Any) -> bool:
    """Whether runs, or dictionaries of dictionaries, stand anywhere in a type."""
    if pa.types.is_run_end_encoded(kind):
        return True
    if pa.types.is_dictionary(kind):
        return bool(pa.types.is_dictionary(kind.value_type)) or _coded(kind.value_type)
    return any(_coded(kind.field(place).type) for place in range(kind.num_fields))


def _in_lists(kind: Any) -> bool:
    """Whether they stand in something else than structs."""
    if pa.types.is_run_end_encoded(kind) or pa.types.is_dictionary(kind):
        return _in_lists(kind.value_type) if _coded(kind.value_type) else False
    inner = [kind.field(place).type for place in range(kind.num_fields)]
    return any(_coded(one) and (not pa.types.is_struct(kind) or _in_lists(one)) for one in inner)


def _plain_type(kind: Any) -> Any:
    if pa.types.is_run_end_encoded(kind) or (pa.types.is_dictionary(kind) and _coded(kind)):
        return _plain_type(kind.value_type)
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_struct(kind) and _coded(kind):
        fields = [kind.field(place) for place in range(kind.num_fields)]
        return pa.struct([one.with_type(_plain_type(one.type)) for one in fields])
    return kind


def _plain(array: Any) -> Any:
    """The values themselves, without runs and dictionaries."""
    kind = array.type
    if pa.types.is_run_end_encoded(kind):
        ends = array.run_ends.to_numpy(zero_copy_only=False)
        rows = np.arange(array.offset, array.offset + len(array))
        return _plain(array.values).take(pa.array(np.searchsorted(ends, rows, side="right")))
    if pa.types.is_dictionary(kind):
        return _plain(array.dictionary).take(array.indices)
    if pa.types.is_struct(kind) and _coded(kind):
        wanted = _plain_type(kind)
        return pa.StructArray.from_arrays(
            [_plain(one) if _coded(one.type) or pa.types.is_dictionary(one.type) else one for one in array.flatten()],
            fields=[wanted.field(place) for place in range(wanted.num_fields)],
            mask=array.is_null(),
        )
    return array


# -- times and days ----------------------------------------------------------------------------------------------------


def _days(column: Any) -> Any:
    """Milliseconds of whole days as days; of those beyond what the engine counts, the last."""
    return pa.chunked_array(
        [_days_of(chunk.view(pa.int64())).cast(pa.int32()).view(pa.date32()) for chunk in column.chunks],
        type=pa.date32(),
    )


def _days_of(numbers: Any) -> Any:
    days = pc.divide(numbers, _A_DAY)
    rest = pc.subtract(numbers, pc.multiply(days, _A_DAY))
    days = pc.subtract(days, pc.less(rest, 0).cast(pa.int64()))  # towards the past, where it is before 1970
    return _between(days, FAR // 86_400)


def near(column: Any) -> Any:
    """Times in which those beyond what the engine makes days of are the last of these."""
    return pa.chunked_array(
        [_between(chunk.view(pa.int64()), limit_of(column.type.unit)).view(column.type) for chunk in column.chunks],
        type=column.type,
    )


def limit_of(unit: str) -> int:
    """Return the number of units from 1970, either way, beyond which the engine stops at a time."""
    return min(FAR * _A_SECOND[unit], 2**63 - 2)


def is_far(numbers: Any, most: int) -> Any:
    """Return whether each time is beyond the limit; infinity, which the engine knows in microseconds, is not."""
    far = pc.or_(pc.greater(numbers, most), pc.less(numbers, -most))
    if most == limit_of("us"):
        far = pc.and_not(far, pc.is_in(numbers, pa.array(_INFINITE, pa.int64())))
    return far


def _between(numbers: Any, most: int) -> Any:
    far = is_far(numbers, most)
    if not pc.any(far).as_py():
        return numbers
    last = pc.if_else(pc.less(numbers, 0), pa.scalar(-most, pa.int64()), pa.scalar(most, pa.int64()))
    return pc.if_else(far, last, numbers)
