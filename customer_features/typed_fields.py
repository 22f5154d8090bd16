"""Fields of warehouses whose expressions compute with text columns: the texts are read as numbers there too.

The result of such an expression is text again: of the number, or of the first cell that is none. So a cell that cannot
be read is found, named and set aside like any other amount in text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import replace

from customer_features.columns import Mapped
from customer_features.dialects import Dialect
from customer_features.expressions import is_column, without_tokens
from customer_features.numeric_columns import numeric

NUMBERS = ("amount", "loyalty_score", "points")
"""Fields that are numbers."""
IN_COLUMN = "' in column '"
"""Stands between a cell's text and its column's name, inside the quotes of a message."""


def typed(
    field: str,
    mapped: Mapped,
    texts: Set[str],
    numbers: Set[str],
    dialect: Dialect,
    holds_numbers: Callable[[str], bool],
    tokens: Sequence[str] = (),
    *,
    money: bool = True,
) -> Mapped:
    """The field with the text columns that its expression computes with read as numbers.

    ``tokens``: texts that stand for nothing; ``money``: as of the dialect.
    ``texts``, ``numbers``: the columns of text, and those of numbers; ``holds_numbers``: whether a text column does.
    """
    plain = is_column(mapped.sql, dialect.sqlglot)
    mapped = replace(mapped, sql=without_tokens(mapped.sql, texts, tokens, dialect.sqlglot))
    if plain:
        return mapped
    wanted = field in NUMBERS

    def number(sql: str) -> str:
        return dialect.number_of_text(sql, money=money)

    made = numeric(
        mapped.sql,
        texts,
        numbers,
        number,
        holds_numbers,
        wants_number=wanted,
        dialect=dialect.sqlglot,
    )
    if not wanted or not made.read:
        return replace(mapped, sql=made.sql)
    cases = [
        f"WHEN {sql} IS NOT NULL AND {sql} <> '' AND ({number(sql)}) IS NULL"
        f" THEN {dialect.text(sql)} || {dialect.literal(IN_COLUMN + shown)}"
        for shown, sql in made.read.items()
    ]
    whole = f"CASE {' '.join(cases)} ELSE {dialect.text(f'({made.sql})')} END"
    return replace(mapped, sql=whole, read=made.read)


def most_are_numbers(dialect: Dialect, column: str, relation: str, sampled: int) -> str:
    """A query of one row: how many of a text column's first values are numbers, and how many there are."""
    name = dialect.quoted(column)
    first = f"SELECT {name} AS t FROM {relation} WHERE {name} IS NOT NULL AND {name} <> '' LIMIT {sampled}"
    readable = f"SUM(CASE WHEN ({dialect.number_of_text('t')}) IS NOT NULL THEN 1 ELSE 0 END)"
    return f"SELECT COALESCE({readable}, 0) AS numbers, COUNT(*) AS texts FROM ({first}) s"


def amount_texts(mapped: Mapped, *, is_text: bool) -> dict[str, str]:
    """What amounts in text are read of: SQL by the name that people know it by."""
    if mapped.read:
        return dict(mapped.read)
    return {mapped.shown: mapped.sql} if is_text else {}
