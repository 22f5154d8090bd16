"""Tables that stand in a PostgreSQL database: what they are, whether they are ours, and their rows replaced."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from customer_features.connections.postgresql import Session, Table, quoted
from customer_features.errors import did_you_mean

_KINDS = {"v": "a view", "m": "a materialised view", "f": "a foreign table", "S": "a sequence", "i": "an index"}
LONGEST_NAME = 63
"""Bytes of a name; the server cuts off what follows."""
_INCOMING = "_incoming"


@dataclass(frozen=True, slots=True)
class Standing:
    """A table that is there: the type of each column, and the columns of each unique key."""

    columns: dict[str, str]
    keys: list[frozenset[str]]


def schema_for(session: Session, table: Table) -> str:
    """The schema that a table is or will be in. Raises OutputError where there is none, or no right to make tables."""
    if table.schema is None:
        [(schema,)] = session.rows("SELECT current_schema()::text")
        if schema is None:
            raise session.fail("no schema is set; name one, as in #SCHEMA.TABLE")
    else:
        schema = table.schema
    schemas = dict(session.rows("SELECT nspname::text, has_schema_privilege(oid, 'CREATE') FROM pg_namespace"))
    if schema not in schemas:
        raise session.fail(f"there is no schema '{schema}'{did_you_mean(schema, schemas)}; make it first")
    if not schemas[schema]:
        [(user,)] = session.rows("SELECT current_user::text")
        raise session.fail(f"user '{user}' may not make tables in schema '{schema}': CREATE on it is needed")
    return str(schema)


def standing(session: Session, table: Table) -> Standing | None:
    """What stands under a name; None where nothing does. Raises OutputError where it is no table."""
    found = session.rows(
        "SELECT c.oid::bigint, c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1::text AND c.relname = $2::text",
        table.schema,
        table.name,
    )
    if not found:
        return None
    [(number, kind)] = found
    if kind not in "rp":
        raise session.fail(f"{table} is {_KINDS.get(kind, 'no table')}; give the name of a table")
    columns = session.rows(
        "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = $1::bigint::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        number,
    )
    keys: dict[int, set[str]] = {}
    for index, column in session.rows(
        "SELECT i.indexrelid::bigint, a.attname::text FROM pg_index i"
        " CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
        " WHERE i.indrelid = $1::bigint::oid AND i.indisunique AND i.indisvalid AND i.indimmediate"
        " AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.indnkeyatts",
        number,
    ):
        keys.setdefault(index, set()).add(column)
    return Standing(dict(columns), [frozenset(key) for key in keys.values()])


def locked(session: Session, table: Table) -> None:
    """Keep other writers from a table until the end of the transaction; readers go on reading."""
    session.execute(f"LOCK TABLE {table.sql} IN SHARE ROW EXCLUSIVE MODE")


def replaced(
    session: Session,
    table: Table,
    columns: Mapping[str, str],
    fill: Callable[[Table], None],
    *,
    ours: Callable[[Collection[str]], bool],
    key: Collection[str] = (),
) -> None:
    """Have a table hold just the rows that ``fill`` puts into it.

    A table that has these columns already is emptied row by row, so that it keeps its rights, views and indexes,
    and a reader of any isolation level sees its rows of before or of after. One of ours with other columns gives
    way to a new one: at the very end where it has a ``key``, at once where not. ``columns``: SQL type of each, as
    the server writes it.

    Raises OutputError where a table stands there that is not ``ours`` by its columns.
    """
    found = standing(session, table)
    if found is not None and not ours(found.columns):
        raise session.fail(not_ours(table, found))
    if found is not None and found.columns == dict(columns):
        locked(session, table)
        session.execute(f"DELETE FROM {table.sql}")
        fill(table)
        return
    made = table
    if found is not None and key:
        made = Table(table.schema, f"{table.name}{_INCOMING}")  # its readers go on until it is written
    elif found is not None:
        session.execute(f"DROP TABLE {table.sql}")
    rule = " NOT NULL" if key else ""
    declared = ", ".join(f"{quoted(name)} {type_name}{rule}" for name, type_name in columns.items())
    session.execute(f"CREATE TABLE {made.sql} ({declared})")
    fill(made)
    if made is not table:
        session.execute(f"DROP TABLE {table.sql}")
        session.execute(f"ALTER TABLE {made.sql} RENAME TO {quoted(table.name)}")
    if key:
        session.execute(f"ALTER TABLE {table.sql} ADD PRIMARY KEY ({', '.join(map(quoted, key))})")


def not_ours(table: Table, found: Standing) -> str:
    """What is said of a table that this program did not make."""
    return (
        f"there is a table {table} with other columns ({', '.join(found.columns)}); it is not replaced,"
        " so give another name or drop it first"
    )


def unlike(names: Iterable[str], taken: Collection[str] = ()) -> list[str]:
    """Names of columns that the server takes: of at most 63 bytes, none twice, none of its own columns'."""
    given: list[str] = []
    reserved = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", *taken}
    for name in names:
        short = name.encode()[:LONGEST_NAME].decode(errors="ignore")
        number = 1
        while short in reserved or short in given:
            number += 1
            mark = f"_{number}"
            short = name.encode()[: LONGEST_NAME - len(mark)].decode(errors="ignore") + mark
        given.append(short)
    return given


def count(session: Session, table: Table) -> int:
    """How many rows a table holds."""
    [(number,)] = session.rows(f"SELECT count(*) FROM {table.sql}")
    return int(number)
