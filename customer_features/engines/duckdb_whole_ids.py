"""Ids in text that are whole numbers written as floats: ``17850.0`` through a whole column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customer_features.engines.duckdb_dates import SAMPLED

if TYPE_CHECKING:
    import duckdb

IDS = ("customer_id", "transaction_id", "product_id")


def written_as_floats(
    connection: duckdb.DuckDBPyConnection, name: str, sources: dict[str, str], relations: list[str]
) -> bool:
    """Whether every id of a field is a whole number, and some are written as floats.

    ``sources``: rows that hold the field as text, with SQL of it, of which a few are looked at first; ``relations``:
    the same as staged relations.
    """
    if not relations:
        return False
    for source, sql in sources.items():
        rows = connection.execute(
            f"SELECT text FROM (SELECT {sql} AS text FROM {source})"
            f" WHERE text IS NOT NULL AND text <> '' LIMIT {SAMPLED}"
        ).fetchall()
        if not rows or not all(text.removesuffix(".0").isdecimal() and text.isascii() for (text,) in rows):
            return False
    every = " UNION ALL ".join(f"SELECT {name} AS text FROM {relation}" for relation in relations)
    (floats,) = connection.execute(f"SELECT COUNT(*) FROM ({every}) WHERE suffix(text, '.0')").fetchall()[0]
    if not floats:
        return False
    (others,) = connection.execute(
        f"SELECT COUNT(*) FROM ({every}) WHERE text <> '' AND NOT regexp_full_match(text, '[0-9]+([.]0)?')"
    ).fetchall()[0]
    return not others


def whole_number(sql: str) -> str:
    """SQL of the whole number in an id that is written as a float."""
    return f"CASE WHEN suffix({sql}, '.0') THEN left({sql}, -2) ELSE {sql} END"
