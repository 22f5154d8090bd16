"""Ids in text that are whole numbers written as floats: ``17850.0`` through a whole column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customer_features.engines.duckdb.date_formats import SAMPLED

if TYPE_CHECKING:
    import duckdb


def written_as_floats(
    connection: duckdb.DuckDBPyConnection, name: str, rows: str, sql: str, relation: str, *, several: bool, kept: bool
) -> bool:
    """Whether ids are whole numbers that are written as floats, in each file that writes any so.

    ``rows``, ``sql``: the field's rows at their source, and SQL of it there; ``relation``: the same rows, staged;
    ``several``: they are of several files; ``kept``: they are kept in a table, of which all are looked at. Of others a
    few rows are looked at first.
    """
    if not kept:
        first = connection.execute(
            f"SELECT text FROM (SELECT {sql} AS text FROM {rows}) WHERE text IS NOT NULL AND text <> '' LIMIT {SAMPLED}"
        ).fetchall()
        if not first or not all(text.removesuffix(".0").isdecimal() and text.isascii() for (text,) in first):
            return False
    (floats,) = connection.execute(f"SELECT COUNT(*) FROM {relation} WHERE suffix({name}, '.0')").fetchall()[0]
    if not floats:
        return False
    file = "source_file" if several else "NULL"
    mixed = connection.execute(
        f"SELECT 1 FROM {relation} WHERE {name} <> '' GROUP BY {file}"
        f" HAVING COUNT(*) FILTER (suffix({name}, '.0')) > 0"
        f" AND COUNT(*) FILTER (NOT regexp_full_match({name}, '[0-9]+([.]0)?')) > 0 LIMIT 1"
    ).fetchall()
    return not mixed


def whole_number(sql: str) -> str:
    """SQL of the whole number in an id that is written as a float."""
    return f"CASE WHEN suffix({sql}, '.0') THEN left({sql}, -2) ELSE {sql} END"
