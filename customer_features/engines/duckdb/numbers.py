"""Text columns of numbers: which columns hold numbers, and those whose decimal mark has two readings.

A few rows are looked at first. All are looked at where these do not tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from customer_features.definition.counts import counted
from customer_features.engines.duckdb.date_formats import SAMPLED
from customer_features.engines.duckdb.json_types import without_numbers
from customer_features.errors import ColumnError
from customer_features.query.text_numbers import Evidence, Marks, evidence, evidence_items, number_of_text, refusal

if TYPE_CHECKING:
    import duckdb

    from customer_features.sources.parts import Part


def holds_numbers(connection: duckdb.DuckDBPyConnection, part: Part, sql: str, marks: Marks) -> bool:
    """Whether most of the first values of a text, in SQL, are numbers."""
    number = number_of_text("text", marks)
    rows = connection.execute(
        f"SELECT {number} IS NOT NULL FROM (SELECT {sql} AS text FROM {part.sound_rows})"
        f" WHERE text IS NOT NULL AND text <> '' LIMIT {SAMPLED}"
    ).fetchall()
    return 2 * sum(bool(readable) for (readable,) in rows) > len(rows)


def refuse_two_readings(
    connection: duckdb.DuckDBPyConnection,
    part: Part,
    field: str,
    texts: Mapping[str, str],
    *,
    sampled: bool = True,
) -> None:
    """Raise ColumnError where the numbers of a column can be read with a decimal point or with a decimal comma.

    ``texts``: SQL of what is read as a number, by the name that people know it by; ``sampled``: a few rows of a file
    may settle it. Each file is asked by itself: another one may be written in another way.
    """
    for shown, sql in texts.items():
        for name, relation in _by_file(part):
            if sampled and _sample(connection, sql, relation).settled:
                continue
            found = _evidence(connection, sql, relation)
            if found.in_doubt is not None and (strings := without_numbers(part, sql)) != sql:
                # Numbers of JSON are in no doubt, and tell nothing of the texts beside them.
                found = _evidence(connection, strings, part.relation)
            if found.in_doubt is not None:
                raise ColumnError(f"{name}: {refusal(shown, field, found)}")


def _by_file(part: Part) -> Iterator[tuple[str, str]]:
    """Give each file of a part by its name, with the rows that are sound in it, or the part if it has no files."""
    if len(part.files) < 2:
        yield part.name, part.sound_rows
        return
    for file in part.files:
        yield file.name, part.over([file], "ignore_errors=true" if part.kind == "csv" else "")


def _evidence(connection: duckdb.DuckDBPyConnection, sql: str, relation: str) -> Evidence:
    [row] = connection.execute(
        f"SELECT {evidence_items('text')} FROM (SELECT {sql} AS text FROM {relation})"
    ).fetchall()
    return Evidence(*row)


def _sample(connection: duckdb.DuckDBPyConnection, sql: str, relation: str) -> Evidence:
    rows = connection.execute(
        f"SELECT text FROM (SELECT {sql} AS text FROM {relation}) WHERE text IS NOT NULL AND text <> '' LIMIT {SAMPLED}"
    ).fetchall()
    return evidence([str(text) for (text,) in rows])


def refuse_currencies(connection: duckdb.DuckDBPyConnection, relation: str, shown: str, source: str) -> str | None:
    """Give the one currency that stands beside the amounts, None where none does.

    Raises ColumnError where there are several.
    """
    rows = connection.execute(
        f"SELECT currency_mark, COUNT(*) FROM {relation} WHERE currency_mark IS NOT NULL AND number IS NOT NULL"
        " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10"
    ).fetchall()
    found: Counter[str] = Counter()
    for marks, count in rows:  # an expression may read several amounts of a row
        for mark in set(marks.split("\n")):
            found[mark] += int(count)
    if len(found) > 1:
        listed = ", ".join(f"'{mark}' ({counted(count, 'row')})" for mark, count in found.most_common())
        raise ColumnError(
            f"{source}: '{shown}' holds amounts in several currencies: {listed}; convert them to one first"
        )
    return next(iter(found), None)
