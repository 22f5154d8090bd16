"""PostgreSQL as target: features, quarantine and manifest as three tables, in one transaction.

``TABLE`` holds the vectors, ``TABLE_quarantine`` the rows that were set aside (it is dropped where there are none)
and ``TABLE_manifest`` one row, the manifest. Until the commit every other session sees the tables as they were;
whatever stops the run before it, the server undoes all of it. Writers of one table wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from customer_features.connections.addresses import shown
from customer_features.connections.postgresql import Session, Table, connected, quoted, table_of
from customer_features.definition import features
from customer_features.engines.results import Results
from customer_features.errors import MissingExtra, OutputError
from customer_features.query.columns import quoted as quoted_column
from customer_features.sources.parts import first_line
from customer_features.targets.formats import Published, describe, groups, vectors_schema
from customer_features.targets.postgresql_tables import (
    LONGEST_NAME,
    Standing,
    count,
    locked,
    not_ours,
    replaced,
    schema_for,
    standing,
    unlike,
)

try:
    import duckdb
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

_QUARANTINE, _MANIFEST = "_quarantine", "_manifest"
_ENDING = "; nothing was published"
_INCOMING = Table("pg_temp", "customer_features_incoming")
_ASIDE = ("source", "row_number", "fault", "faults", "message")


def check_target(out: str, if_exists: str = "replace") -> None:
    """Raise OutputError where ``out`` names no table that can become the features, before any work is done."""
    with connected(out, OutputError) as session:
        table = _table(session, out)
        found = standing(session, table)
        if found is not None and not _of_features(found.columns):
            raise session.fail(not_ours(table, found))
        if found is not None and if_exists == "upsert":
            _check_upsert(session, table, found, _columns("as_of" in found.columns))
        for suffix, ours in ((_QUARANTINE, _of_quarantine), (_MANIFEST, _of_manifest)):
            beside = _beside(table, suffix)
            found = standing(session, beside)
            if found is not None and not ours(found.columns):
                raise session.fail(not_ours(beside, found))


def publish(engine: Results, out: str, if_exists: str = "replace") -> Published:
    """Put the vectors of a judged run into a table, with quarantine and manifest in two others beside it.

    ``if_exists``: of a table that is there, ``replace`` all rows, or ``upsert``: rows of the same key are
    updated, others stay.

    Raises OutputError when something cannot be written; nothing is published then.
    """
    try:
        with connected(out, OutputError, _ENDING) as session:
            table = _table(session, out)
            # One writer of a table at a time: the next one waits here until this one has ended.
            session.rows(
                "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))::text", f"customer-features {table}"
            )
            rows = _put_vectors(session, engine, table, if_exists)
            aside = _put_quarantine(session, engine, table)
            output = {"path": str(table), "rows": rows, "bytes": None, "sha256": None}
            described = describe(engine, {**output, "if_exists": if_exists}, aside)
            _put_manifest(session, table, described)
            session.commit()
    except (duckdb.Error, pa.ArrowException) as error:
        raise OutputError(f"{shown(out)}: cannot be written: {first_line(error)}{_ENDING}") from None
    name = f"{shown(out).partition('#')[0]}#{table}"
    return Published(name, f"{table}{_MANIFEST}", f"{name}{_QUARANTINE}" if aside else None, described)


def planned(engine: Results, out: str) -> list[tuple[str, str]]:
    """The tables of a run, and what is in each."""
    with connected(out, OutputError) as session:
        table = _table(session, out)
    place = shown(out).partition("#")[0]
    return [
        (f"{place}#{table}", "the features"),
        (f"{place}#{_beside(table, _QUARANTINE)}", "the rows set aside, where there are any"),
        (f"{place}#{_beside(table, _MANIFEST)}", "the manifest, in the same transaction"),
    ]


def _table(session: Session, out: str) -> Table:
    """The table that an address names, with its schema."""
    table = table_of(out, OutputError)
    if table is None:
        raise session.fail("names no table; give one after #, for example #public.customer_features")
    most = LONGEST_NAME - len(_QUARANTINE)
    if len(table.name.encode()) > most:
        raise session.fail(f"the table's name is longer than {most} bytes, which leave room for '{_QUARANTINE}'")
    return Table(schema_for(session, table), table.name)


def _beside(table: Table, suffix: str) -> Table:
    return Table(table.schema, table.name + suffix)


def _of_features(columns: Collection[str]) -> bool:
    ours = {"customer_id", "as_of", *features.names()}
    return "customer_id" in columns and len(columns) > 1 and set(columns) <= ours


def _of_quarantine(columns: Collection[str]) -> bool:
    return set(_ASIDE) <= set(columns)


def _of_manifest(columns: Collection[str]) -> bool:
    return set(columns) == {"manifest"}


# -- vectors ---------------------------------------------------------------------------------------------------


def _columns(several_days: bool) -> dict[str, str]:
    """The columns of the features and their types."""
    days = {"as_of": "date"} if several_days else {}
    return {"customer_id": "text", **days, **dict.fromkeys(features.names(), "double precision")}


def _key(columns: Collection[str]) -> list[str]:
    return [name for name in ("customer_id", "as_of") if name in columns]


def _put_vectors(session: Session, engine: Results, table: Table, if_exists: str) -> int:
    """Put the vectors into their table; how many there are."""
    columns = _columns(bool(engine.options.as_of))
    written: list[int] = []

    def fill(into: Table) -> None:
        written.append(_fill(session, engine, into))

    if if_exists == "upsert" and standing(session, table) is not None:
        _upsert(session, table, columns, fill)
    else:
        replaced(session, table, columns, fill, ours=_of_features, key=_key(columns))
    return written[0]


def _fill(session: Session, engine: Results, into: Table) -> int:
    written = 0
    for rows in groups(engine.vectors(), vectors_schema(engine)):
        odd = rows.filter(pc.match_substring(rows["customer_id"], "\0"))
        if odd.num_rows:
            name = odd["customer_id"][0].as_py()
            raise session.fail(f"customer_id {name!r} holds a NUL character, which PostgreSQL cannot keep")
        session.append(into, rows, temporary=into is _INCOMING)
        written += rows.num_rows
    held = count(session, into)
    if held != written:
        raise session.fail(f"{written:,} rows were written to {into} but it holds {held:,}; has it a trigger?")
    return written


def _upsert(session: Session, table: Table, columns: dict[str, str], fill: Callable[[Table], None]) -> None:
    """Update the rows of keys that are there, and insert the others."""
    locked(session, table)
    _check_upsert(session, table, standing(session, table), columns)
    session.execute(f"CREATE TEMP TABLE {quoted(_INCOMING.name)} (LIKE {table.sql}) ON COMMIT DROP")
    fill(_INCOMING)
    names = ", ".join(map(quoted, columns))
    key = _key(columns)
    updated = ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in columns if name not in key)
    session.execute(
        f"INSERT INTO {table.sql} ({names}) SELECT {names} FROM {_INCOMING.sql}"
        f" ON CONFLICT ({', '.join(map(quoted, key))}) DO UPDATE SET {updated}"
    )


def _check_upsert(session: Session, table: Table, found: Standing | None, columns: dict[str, str]) -> None:
    """Raise OutputError where a table has other columns than those to come, or no key to tell rows by."""
    there = found.columns if found is not None else {}
    if there != columns:
        listed = [", ".join(f"{name} {kind}" for name, kind in some.items()) for some in (there, columns)]
        raise session.fail(f"cannot upsert into {table}: its columns are {listed[0]}; needed are {listed[1]}")
    key = _key(columns)
    if found is None or frozenset(key) not in found.keys:
        raise session.fail(f"cannot upsert into {table}: it has no unique key of {' and '.join(key)} alone")


# -- what stands beside them -----------------------------------------------------------------------------------


def _put_quarantine(session: Session, engine: Results, table: Table) -> dict[str, Any] | None:
    """The rows that were set aside as text, but for their number; what the manifest says of them."""
    beside = _beside(table, _QUARANTINE)
    relation = engine.quarantine()
    if relation is None:
        found = standing(session, beside)
        if found is not None and not _of_quarantine(found.columns):
            raise session.fail(not_ours(beside, found))
        session.execute(f"DROP TABLE IF EXISTS {beside.sql}")
        return None
    names = unlike(relation.columns)
    columns = {name: "bigint" if name == "row_number" else "text" for name in names}
    # A NUL, which the server cannot keep, is shown by the sign for it.
    shown_as = [
        f"{quoted_column(name)} AS {quoted_column(new)}"
        if new == "row_number"
        else f"REPLACE(CAST({quoted_column(name)} AS VARCHAR), chr(0), '␀') AS {quoted_column(new)}"
        for name, new in zip(relation.columns, names, strict=True)
    ]
    rows = relation.project(", ".join(shown_as))
    schema = pa.schema([pa.field(name, pa.int64() if name == "row_number" else pa.string()) for name in names])

    def fill(into: Table) -> None:
        for some in groups(rows, schema):
            session.append(into, some)

    replaced(session, beside, columns, fill, ours=_of_quarantine)
    return {"path": str(beside), "rows": engine.outcome.quarantined, "bytes": None, "sha256": None}


def _put_manifest(session: Session, table: Table, described: dict[str, Any]) -> None:
    beside = _beside(table, _MANIFEST)
    text = msgspec.json.encode(described).decode()

    def fill(into: Table) -> None:
        session.execute(f"INSERT INTO {into.sql} (manifest) VALUES ($1::text::json)", text)

    replaced(session, beside, {"manifest": "json"}, fill, ours=_of_manifest)
