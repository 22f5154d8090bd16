"""Ids that are none: objects, arrays, booleans and rounded numbers of JSON, and columns that hold nothing else.

The reader gives every value of JSON as text, in which an object cannot be told from a string that looks like one. Where
an id looks so, and nowhere else, the source is read once more with the types of its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from customer_features.engines.duckdb.json_types import EXTRACTIONS, NO_IDS, looks_rounded, no_id, rounded, tell_types
from customer_features.errors import ColumnError, did_you_mean
from customer_features.query.columns import IDS, Mapped, literal, quoted
from customer_features.query.reading import FIT, unfit
from customer_features.sources.parts import Part

if TYPE_CHECKING:
    import duckdb

_LISTED = 5
"""So many paths inside a column are named."""


def inside_json(mapped: Mapped) -> Mapped:
    """The expression with ``customer.id`` as the value inside the JSON that a column of text holds."""
    tree = sqlglot.parse_one(mapped.sql, dialect="duckdb")

    def extracted(node: exp.Expression) -> exp.Expression:
        keys: list[str] = []
        while isinstance(node, exp.StructExtract):
            keys.insert(0, node.expression.name)
            node = node.this
        if not keys or not isinstance(node, exp.Column):
            return node
        path = "$" + "".join(f'."{key}"' for key in keys)
        column = node.sql(dialect="duckdb")
        value: exp.Expression = exp.maybe_parse(
            f"CASE WHEN json_valid({column}) THEN {column} ->> {literal(path)} END", dialect="duckdb"
        )
        return value

    if tree.find(exp.StructExtract) is None:
        return mapped
    return Mapped(tree.transform(extracted).sql(dialect="duckdb"), mapped.shown, mapped.recognised)


def refuse_absent(connection: duckdb.DuckDBPyConnection, part: Part, field: str, mapped: Mapped) -> None:
    """Raise ColumnError where an expression reads what no row has inside a column of JSON: ``total.amuont``."""
    rows = part.sound_rows
    for node in sqlglot.parse_one(mapped.sql, dialect="duckdb").find_all(exp.StructExtract):
        keys: list[str] = []
        inner: Any = node
        while isinstance(inner, exp.StructExtract):
            keys.insert(0, inner.expression.name)
            inner = inner.this
        if not isinstance(inner, exp.Column) or isinstance(node.parent, exp.StructExtract):
            continue
        column = quoted(inner.name)
        at = "".join(f'."{key}"' for key in keys)
        if connection.execute(
            f"SELECT 1 FROM {rows} WHERE json_valid({column}) AND json_exists({column}, {literal(f'${at}')}) LIMIT 1"
        ).fetchall():
            continue
        above = "$" + "".join(f'."{key}"' for key in keys[:-1])
        there = connection.execute(
            f"SELECT DISTINCT unnest(json_keys({column}, {literal(above)})) FROM (SELECT {column} FROM {rows}"
            f" WHERE json_valid({column}) LIMIT 1000)"
        ).fetchall()
        hint = did_you_mean(keys[-1], [str(key) for (key,) in there])
        raise ColumnError(f"{part.name}: no row has '{'.'.join([inner.name, *keys])}', which {field} reads{hint}")


def mark(connection: duckdb.DuckDBPyConnection, part: Part, fields: Mapping[str, Mapped], staged: str | None) -> bool:
    """Have the part tell which ids are none; return whether any looks as if it were.

    ``staged``: a table that holds the ids of fields that are a column as it stands, under the fields' names.
    """
    looked_at: list[str] = []
    relation = part.relation
    for field in IDS:
        if field not in fields:
            continue
        plain = [column for column in part.columns if quoted(column) == fields[field].sql]
        if plain and staged is not None:
            if _any(connection, [field], staged):
                looked_at += plain
        elif columns := [
            column
            for column in _read_whole(fields[field])
            if column in part.columns and _any(connection, [quoted(column)], relation)
        ]:
            looked_at += columns
    if not looked_at:
        return False
    tell_types(part, looked_at)
    part.unreadable |= {column: no_id(column) for column in looked_at}
    return True


def _any(connection: duckdb.DuckDBPyConnection, columns: list[str], relation: str) -> bool:
    looks = " OR ".join(
        f"starts_with({sql}, '{{') OR starts_with({sql}, '[') OR {sql} IN ('true', 'false') OR {looks_rounded(sql)}"
        for sql in columns
    )
    return connection.sql(f"SELECT COUNT(*) FROM (SELECT 1 FROM {relation} WHERE {looks} LIMIT 1)").fetchall() == [(1,)]


def unreadable(part: Part, fields: Mapping[str, Mapped]) -> dict[str, str]:
    """Of each field of ids in which a value can be none, SQL that is true where it is."""
    found = {}
    for field in IDS:
        if field in fields:
            tests = [part.unreadable[column] for column in _read_whole(fields[field]) if column in part.unreadable]
            tests += _of_extractions(fields[field]) if part.of_json else []
            if tests:
                found[field] = " OR ".join(dict.fromkeys(tests))
    return found


def _read_whole(mapped: Mapped) -> list[str]:
    """The columns that an expression reads whole, not what stands inside them."""
    tree = sqlglot.parse_one(mapped.sql, dialect="duckdb")
    columns = tree.find_all(exp.Column)
    return list(dict.fromkeys(column.name for column in columns if not _inside(column)))


def _inside(column: exp.Column) -> bool:
    valid = column.find_ancestor(exp.JSONExtract, exp.JSONExtractScalar, exp.StructExtract)
    test = column.find_ancestor(exp.Anonymous)
    return valid is not None or (test is not None and test.name.lower() == "json_valid")


def _of_extractions(mapped: Mapped) -> list[str]:
    tree = sqlglot.parse_one(mapped.sql, dialect="duckdb")
    found = []
    for node in tree.find_all(*EXTRACTIONS):
        if isinstance(node.parent, EXTRACTIONS):
            continue
        value = node.this.sql(dialect="duckdb")
        path = node.expression.sql(dialect="duckdb")
        kind = f"CASE WHEN json_valid({value}) THEN json_type({value}, {path}) END"
        text = f"CASE WHEN json_valid({value}) THEN {value} ->> {path} END"
        found.append(f"COALESCE({kind} IN {NO_IDS} OR {rounded(kind, text)}, FALSE)")
    return found


def refuse_objects(connection: duckdb.DuckDBPyConnection, part: Part, fields: Mapping[str, Mapped]) -> None:
    """Raise ColumnError for an id column that holds only objects, naming the paths inside."""
    for field in IDS:
        for column in _read_whole(fields[field]) if field in fields else []:
            if column not in part.unreadable or not part.of_json:
                continue
            name = quoted(column)
            # What is no object gives no keys, and what is null counts for nothing.
            objects = f"CASE WHEN {part.unreadable[column]} AND starts_with({name}, '{{') THEN json_keys({name}) END"
            [(values, count)] = connection.sql(
                f"SELECT COUNT({name}), COUNT({objects}) FROM {part.relation}"
            ).fetchall()
            if count and values == count:
                inside = f"(SELECT {objects} AS keys FROM {part.relation})"
                keys = connection.sql(f"SELECT DISTINCT unnest(keys) AS key FROM {inside} ORDER BY key").fetchall()
                raise holds_objects(part.name, field, column, [str(key) for (key,) in keys])


def refuse_other_kinds(part: Part, fields: Mapping[str, Mapped]) -> None:
    """Raise ColumnError for an id field whose text is a JSON object or array."""
    for field in IDS:
        for column, kind in part.no_ids.items():
            if field in fields and fields[field].sql == quoted(column):
                raise unfit(field, fields[field], kind, part.name, FIT[field])


def refuse_structs(
    connection: duckdb.DuckDBPyConnection, part: Part, fields: Mapping[str, Mapped], types: Mapping[str, str]
) -> None:
    """Raise ColumnError where a field of ids is a column of a struct, with the paths inside."""
    for field in IDS:
        if types.get(field, "").startswith("STRUCT("):
            [kind] = connection.sql(f"SELECT {fields[field].sql} AS x FROM {part.relation} LIMIT 0").types
            raise holds_objects(part.name, field, fields[field].shown, [str(name) for name, _ in kind.children])


def holds_objects(source: str, field: str, shown: str, keys: list[str]) -> ColumnError:
    """The error for a column of objects that is to be an id."""
    base = shown if _is_name(shown) or "." in shown else quoted(shown)
    paths = [f"{base}.{key if _is_name(key) else quoted(key)}" for key in keys]
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    best = next((path for path, key in zip(paths, keys, strict=True) if key.lower() == "id"), paths[0] if paths else "")
    hint = f"; map what is the id, e.g. --map {field}={_shell(best)} (in Python: columns={{'{field}': {best!r}}})"
    return ColumnError(
        f"{source}: '{shown}' holds objects and cannot be {field}: inside are {', '.join(paths[:_LISTED])}{more}{hint}"
        if paths
        else f"{source}: '{shown}' holds empty objects and cannot be {field}: allowed is text or a whole number"
    )


def _is_name(text: str) -> bool:
    return text.isidentifier() and text.isascii()


def _shell(path: str) -> str:
    return f"'{path}'" if '"' in path else path
