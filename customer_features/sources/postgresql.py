"""A PostgreSQL query or table as source: its rows as they arrive, kept in a Parquet file for the time of the run.

One statement sees one state of the database, and the copy lets the run read the rows as often as it must. What
Parquet holds exactly travels in binary. NUMERIC and MONEY travel as text and become DECIMAL where all their digits
fit; a column in which they do not (or that holds NaN or Infinity) stays text that is read digit by digit.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from customer_features.connections.addresses import shown
from customer_features.connections.postgresql import Session, connected, table_of
from customer_features.errors import MissingExtra, SourceError
from customer_features.sources.parts import File

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error

AS_IS = {"bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar", "bpchar"}
"""Types that arrive as they are; those of neither this nor the tables below arrive as text."""
DECIMAL = {"numeric": "{}::text", "money": "{}::numeric::text"}
DATED = {
    "date": "date 'epoch' + {}",
    "timestamp": "timestamp 'epoch' + 24 * interval '{} hours'",
    "timestamptz": "timestamptz 'epoch' + 24 * interval '{} hours'",
}
"""Types that know infinity, for which the driver has no value, and SQL of a day by its number since 1970."""
_FIRST_DAY, _LAST_DAY = -2_440_000, 106_000_000
"""What stands for -infinity and infinity on the way, and for days beyond; nothing near them can be read anyhow."""
_FIRST_ROWS = 1000
_MOST_DIGITS = 38
_SELECT = "must be one SELECT (or WITH, VALUES, TABLE), and nothing else is run"


def fetched(address: str, folder: Path, query: str | None = None, *, beginning: bool = False) -> File:
    """A copy of what a query gives, or of the table that the address names; ``beginning``: of its first rows.

    Raises SourceError: not reachable, not allowed, no query of rows, two columns of one name.
    """
    query = query_of(address, query)
    path = Path(tempfile.mkdtemp(dir=folder)) / "rows.parquet"
    with connected(address, SourceError) as session:
        session.execute("SET TRANSACTION READ ONLY")
        columns = columns_of(session, query)
        odd = keep(session, columns, path, f"\nLIMIT {_FIRST_ROWS}" if beginning else "")
    no_ids = {name: kind for name, kind in zip(columns.schema.names, columns.types, strict=True) if holds_no_ids(kind)}
    return replace(File.of(path, shown(address)), kind="parquet", numerics=frozenset(odd), no_ids=no_ids, cut=beginning)


def holds_no_ids(type_name: str) -> bool:
    """Whether values of a type are objects or arrays, which as text would look like ids."""
    return type_name in ("json", "jsonb", "record") or type_name.startswith("_")


def query_of(address: str, query: str | None) -> str:
    """The query that says what is read from an address. Raises SourceError where nothing does."""
    table = table_of(address, SourceError)
    if query is None and table is not None:
        query = f"SELECT * FROM {table.sql}"
    if query is None:
        raise SourceError(
            f"{shown(address)}: say what to read, with --query 'SELECT ...' or by a table's name after #,"
            f" for example {shown(address)}#public.orders"
        )
    return query


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a query: their Arrow schema, their types in the database, and the query that sends them.

    ``relation``: the query itself in parentheses.
    """

    schema: Any
    types: list[str]
    query: str
    relation: str


def columns_of(session: Session, query: str) -> Columns:
    """The columns of a query, which is not run. Raises SourceError where it is no query of rows."""
    query = query.rstrip("; \t\r\n")
    if not query:
        raise session.fail("the query is empty; give for example --query 'SELECT * FROM orders'")
    described = session.described(query)
    if not len(described):
        raise session.fail(f"the query gives no columns; it {_SELECT}")
    names: set[str] = set()
    for name in described.names:
        if name.lower() in names:
            raise session.fail(f"two columns of the query are named '{name}'; give each its own name with AS")
        names.add(name.lower())
    types = [(field.metadata or {}).get(b"POSTGRESQL:type", b"").decode() for field in described]
    fields = [
        pa.field(field.name, field.type if type_name in AS_IS or type_name in DATED else pa.string())
        for field, type_name in zip(described, types, strict=True)
    ]
    own = [f"c{place}" for place in range(len(fields))]
    sent = ", ".join(_sent(name, type_name) for name, type_name in zip(own, types, strict=True))
    relation = f"(\n{query}\n)"
    query = f"SELECT {sent} FROM {relation} AS q({', '.join(own)})"
    session.described(query, f"the query {_SELECT}: ")
    return Columns(pa.schema(fields), types, query, relation)


def _sent(column: str, type_name: str) -> str:
    """SQL of a column as it is sent."""
    if type_name in AS_IS:
        return column
    if day := DATED.get(type_name):
        first, last = day.format(_FIRST_DAY), day.format(_LAST_DAY)
        return f"CASE WHEN {column} >= {last} THEN {last} WHEN {column} <= {first} THEN {first} ELSE {column} END"
    return DECIMAL.get(type_name, "{}::text").format(column)


def keep(session: Session, columns: Columns, path: Path, limit: str = "") -> list[str]:
    """Write the rows to a file; the names of the columns of decimals that are left as text."""
    digits = {
        name: _Digits()
        for name, type_name in zip(columns.schema.names, columns.types, strict=True)
        if type_name in DECIMAL
    }
    try:
        with pq.ParquetWriter(path, columns.schema) as writer:
            for batch in session.batches(columns.query + limit):
                received = [
                    _with_infinity(column, field.type) for column, field in zip(batch, columns.schema, strict=True)
                ]
                kept = pa.RecordBatch.from_arrays(received, schema=columns.schema)
                kept.validate(full=True)  # a database that checks no encoding may send any bytes as text
                for name, found in digits.items():
                    found.count(kept[name])
                writer.write_batch(kept)
        if digits:
            _make_decimal(path, digits)
    except pa.ArrowInvalid as error:
        raise session.fail(f"holds text that is not UTF-8: {error}") from None
    except OSError as error:
        raise session.fail(f"cannot be kept in {path.parent}: {error.strerror or error}; set TMPDIR") from None
    return [name for name, found in digits.items() if found.type is None]


def _with_infinity(column: Any, arrow_type: Any) -> Any:
    """A column in which infinite days are those of the engine."""
    if not pa.types.is_temporal(arrow_type):
        return column.cast(arrow_type)
    size, a_day = (pa.int32(), 1) if pa.types.is_date(arrow_type) else (pa.int64(), 86_400_000_000)
    most = 2 ** (size.bit_width - 1) - 1
    numbers = column.view(size)
    for day, infinite in ((_FIRST_DAY, -most), (_LAST_DAY, most)):
        met = pc.equal(numbers, pa.scalar(day * a_day, size))
        numbers = pc.if_else(met, pa.scalar(infinite, size), numbers)
    return numbers.view(arrow_type)


@dataclass(slots=True)
class _Digits:
    """How many digits the decimals of a column have at most, and whether one of them is no finite number."""

    whole: int = 1
    fraction: int = 0
    finite: bool = True

    def count(self, column: Any) -> None:
        """Look at some more of them, as text."""
        dots, lengths = pc.find_substring(column, "."), pc.binary_length(column)
        whole = pc.if_else(pc.less(dots, 0), lengths, dots)
        self.whole = max(self.whole, pc.max(whole).as_py() or 0)
        fraction = pc.subtract(pc.subtract(lengths, whole), 1)
        self.fraction = max(self.fraction, pc.max(fraction).as_py() or 0)
        self.finite = self.finite and not pc.any(pc.is_in(column, pa.array(["NaN", "Infinity", "-Infinity"]))).as_py()

    @property
    def type(self) -> Any:
        """The DECIMAL that holds them all, with a digit to spare for rounding; None where there is none."""
        precision = self.whole + 1 + self.fraction
        return pa.decimal128(precision, self.fraction) if self.finite and precision <= _MOST_DIGITS else None


def _make_decimal(path: Path, digits: dict[str, _Digits]) -> None:
    """Write the file again, with each column of decimals in its type."""
    text = path.rename(path.with_suffix(".text"))
    with pq.ParquetFile(text) as file:
        schema = pa.schema(
            [
                field.with_type(digits[field.name].type or field.type) if field.name in digits else field
                for field in file.schema_arrow
            ]
        )
        with pq.ParquetWriter(path, schema) as writer:
            for batch in file.iter_batches():
                writer.write_batch(batch.cast(schema))
    text.unlink()
