"""A features file, whatever its format, as a table that figures are computed over.

Sentences about a file name rows by their number and never by what is in them: a customer's id stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from customer_features.connections.addresses import named, scheme_of
from customer_features.definition import features
from customer_features.engines.duckdb.session import translated
from customer_features.errors import ColumnError, MissingExtra, SourceError, did_you_mean
from customer_features.query.columns import REQUIRED, quoted, resolve
from customer_features.query.text_numbers import plain_number
from customer_features.report.run import run_of
from customer_features.report.shapes import Run
from customer_features.sources.opening import opened
from customer_features.sources.parts import Part, table_part
from customer_features.system.temporary import scratch
from customer_features.targets.manifest import vouched, vouched_copy

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading features", "bulk") from error

LARGEST = 1e17
"""No feature of the definition comes near: a total is at most 2^53 - 1 cents."""
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBERS = {"DOUBLE", "FLOAT", "DECIMAL", *_INTEGERS, *(f"U{name}" for name in _INTEGERS)}


@dataclass(frozen=True, slots=True)
class FeaturesFile:
    """One that was read: its name for people, its table, its run where a manifest stands beside it."""

    name: str
    relation: str
    run: Run | None


class _Entry(msgspec.Struct):
    customer_id: str
    features: dict[str, float]


class _Answer(msgspec.Struct):
    customers: list[_Entry]


def read(name: str, connection: duckdb.DuckDBPyConnection, table: str, *, place: Path | None = None) -> FeaturesFile:
    """Read what ``build`` wrote, or the service answered, into a table ``table`` of the connection.

    ``name``: a file, ``-``, or an address; ``place``: where copies are kept meanwhile. Raises SourceError for what
    cannot be read or is no features file, and for a file that is not the one its manifest vouches for.
    """
    path = Path(name) if scheme_of(name) is None and name != "-" else None
    if name.endswith(".manifest.json"):
        raise SourceError(f"{named(name)}: is a manifest; give the features file that it stands beside")
    manifest = vouched(path) if path is not None and path.is_file() else None
    if path is not None and (answer := _answer(path)) is not None:
        return FeaturesFile(path.name, _staged(table_part(answer, name, connection), connection, table), None)
    with opened([name], connection, place=place) as parts:
        files = [file for part in parts for file in part.files]
        if len(files) != 1:
            raise SourceError(f"{named(name)}: names {len(files)} files; a report is of one features file")
        if scheme_of(name) == "s3":
            manifest = _manifest_in_store(name, files[0].path, place)
        relation = _staged(parts[0], connection, table)
        if not files[0].unchanged():
            raise SourceError(f"{files[0].name}: changed while it was read; run again")
    return FeaturesFile(_shown(name), relation, None if manifest is None else run_of(manifest, named(name)))


def _shown(name: str) -> str:
    if name == "-":
        return "standard input"
    return named(name) if scheme_of(name) is not None else Path(name).name


def _manifest_in_store(address: str, copy: Path, place: Path | None) -> dict[str, Any] | None:
    """The manifest beside an object, which must vouch for the copy of it; None where there is none."""
    fetched = import_module("customer_features.sources.s3").fetched
    with scratch(place) as folder:
        try:
            (manifest,) = fetched(f"{address}.manifest.json", folder)
        except SourceError:
            return None
        return vouched_copy(copy, manifest.path, named(address))


def _answer(path: Path) -> Any:
    """The table of a service's answer, where the file holds one."""
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    try:
        entries = msgspec.json.decode(path.read_bytes(), type=_Answer).customers
    except (msgspec.MsgspecError, OSError):
        return None  # what else it may be is told by those who read files
    columns: dict[str, Any] = {"customer_id": pa.array([entry.customer_id for entry in entries], pa.string())}
    for feature in features.names():
        if not entries or any(feature in entry.features for entry in entries):
            columns[feature] = pa.array([entry.features.get(feature) for entry in entries], pa.float64())
    return pa.table(columns)


def _staged(part: Part, connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """Stage the rows of a part, once they were found to be vectors; the table's quoted name."""
    # The engine does not tell names apart by case, nor do warehouses, which like to shout.
    types = {column.lower(): type_ for column, type_ in part.columns.items()}
    _check_columns(part.name, list(part.columns), types)
    doubles = {name: _double(part.name, name, types[name]) for name in features.names()}
    unread = " ".join(
        f"WHEN TRIM({quoted(name)}) <> '' AND {double} IS NULL THEN '{name}'"
        for name, double in doubles.items()
        if types[name] == "VARCHAR"
    )
    values = ", ".join(f"{double} AS {quoted(name)}" for name, double in doubles.items())
    dated = ", TRY_CAST(as_of AS DATE) AS as_of" if "as_of" in types else ""
    with _unquoted(), translated(part):
        connection.execute(
            f"CREATE TEMP TABLE {quoted(table)} AS SELECT ROW_NUMBER() OVER () AS number,"
            f" CAST(customer_id AS VARCHAR) AS customer_id, {f'CASE {unread} END' if unread else 'NULL'} AS unread,"
            f" {values}{dated} FROM {part.relation}"
        )
        _check_rows(part.name, quoted(table), connection, "as_of" in types)
    return quoted(table)


@contextmanager
def _unquoted() -> Iterator[None]:
    """Errors about broken lines without the line: it holds a customer's id."""
    try:
        yield
    except SourceError as error:
        raise SourceError(re.sub(r" Original Line: .*?(?= Expected | Value |$)", "", str(error))) from None


def _check_columns(name: str, columns: list[str], types: dict[str, str]) -> None:
    """Raise ColumnError where columns are missing, with what the file seems to be instead."""
    needed = ("customer_id", *features.names())
    missing = [column for column in needed if column not in types]
    if not missing:
        return
    if {"fault", "faults", "message"} <= types.keys():
        raise ColumnError(f"{name}: this is a quarantine of faulty rows; give the features file that it stands beside")
    try:
        recognised = resolve(columns, {}, name, (), REQUIRED)
    except ColumnError:
        recognised = {}
    if len(recognised) >= len(REQUIRED) - 1:
        raise ColumnError(
            f"{name}: this looks like purchase rows; build features first:"
            f" customer-features build {name} --out features.parquet"
        )
    hints = [hint for column in missing if (hint := did_you_mean(column, set(columns) - set(needed)))]
    listed = ", ".join(columns[:20]) + (f" and {len(columns) - 20} more" if len(columns) > 20 else "")
    raise ColumnError(
        f"{name}: is not a features file: there is no column {', '.join(missing)}{''.join(hints[:1])};"
        f" columns found: {listed}"
    )


def _double(file: str, name: str, type_: str) -> str:
    """SQL of a feature as a double. Raises ColumnError for a column that holds no numbers."""
    if type_ == "VARCHAR":
        return plain_number(quoted(name))
    if type_.partition("(")[0] not in _NUMBERS:
        raise ColumnError(f"{file}: column {name} is of type {type_}; a number is needed")
    return f"CAST({quoted(name)} AS DOUBLE)"


def _check_rows(file: str, table: str, connection: duckdb.DuckDBPyConnection, dated: bool) -> None:
    """Raise SourceError where a row cannot be a vector, or a customer has two."""
    large = " OR ".join(
        f"(ISFINITE({quoted(name)}) AND ABS({quoted(name)}) > {LARGEST!r})" for name in features.names()
    )
    checks = {
        "customer_id IS NULL OR customer_id = ''": "customer_id is missing",
        "unread IS NOT NULL": "{column} is not a number",
        large: f"a feature is beyond {LARGEST:.0e}, which no customer reaches",
        **({"as_of IS NULL": "as_of is not a date, written YYYY-MM-DD"} if dated else {}),
    }
    for where, said in checks.items():
        count, first, column = connection.execute(
            f"SELECT COUNT(*), MIN(number), ARG_MIN(unread, number) FROM {table} WHERE {where}"
        ).fetchall()[0]
        if count:
            more = f" and {count - 1:,} more" if count > 1 else ""
            raise SourceError(f"{file}, row {first:,}{more}: {said.replace('{column}', str(column))}")
    key = "customer_id, as_of" if dated else "customer_id"
    (twice,) = connection.execute(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM {table} GROUP BY {key} HAVING COUNT(*) > 1)"
    ).fetchall()[0]
    if twice:
        raise SourceError(
            f"{file}: {twice:,} {'customer has' if twice == 1 else 'customers have'} more than one row"
            f"{' of the same as_of' if dated else ''}; a features file holds one vector for each"
        )
