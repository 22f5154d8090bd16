"""Fields of warehouses whose expressions compute with text columns: the texts are read as numbers there too.

The result of such an expression is text again: of the number, or of the first cell that is none. So a cell that cannot
be read is found, named and set aside like any other amount in text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace

from customer_features.query.columns import NUMBERS, Mapped, cells_of_others
from customer_features.query.dialects import Dialect
from customer_features.query.expressions import is_column, without_tokens
from customer_features.query.numeric_columns import numeric
from customer_features.query.reading import in_column

SAMPLED = 1000
"""The number of texts that are looked at to find out what a column holds."""


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

    ``texts``, ``numbers``: the columns of text, and those of numbers; ``holds_numbers``: whether a text, in SQL, does.
    ``tokens``: texts that stand for nothing; ``money``: as of the dialect.
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
        shown=f"{field}={mapped.shown}",
        wants_number=wanted,
        exact=lambda text, scale: dialect.decimal_of_text(text, scale, money=money),
        exact_operation=dialect.exact_operation,
        dialect=dialect.sqlglot,
    )
    typed_sql = replace(mapped, sql=made.sql, read=made.read, unheld=made.unheld)
    return _with_cells(typed_sql, made.read, made.unheld, dialect, number) if wanted and made.read else typed_sql


def all_typed(
    fields: Mapping[str, Mapped],
    texts: Set[str],
    numbers: Set[str],
    dialect: Dialect,
    holds_numbers: Callable[[str], bool],
    tokens: Sequence[str] = (),
) -> dict[str, Mapped]:
    """All fields as :func:`typed`. A cell that an id or a day is computed of is found beside those of the number."""
    made = {
        name: typed(name, mapped, texts, numbers, dialect, holds_numbers, tokens) for name, mapped in fields.items()
    }
    read, unheld = cells_of_others(made)
    if read:
        number = next(name for name in NUMBERS if name in made)
        mapped = made[number]
        own = mapped.read or ({mapped.shown: mapped.sql} if mapped.shown in texts else {})
        found = _with_cells(mapped, read, unheld, dialect, dialect.number_of_text)
        made[number] = replace(found, read={**own, **read}, unheld={**mapped.unheld, **unheld})
    return made


def _with_cells(
    mapped: Mapped,
    read: Mapping[str, str],
    unheld: Mapping[str, str],
    dialect: Dialect,
    number: Callable[[str], str],
) -> Mapped:
    """The text of a number, or of the first cell that is to be one and is none."""
    tests = [(shown, f"{sql} IS NOT NULL AND {sql} <> '' AND ({number(sql)}) IS NULL") for shown, sql in read.items()]
    cases = [
        f"WHEN {test} THEN {dialect.text(read[shown])} || {dialect.literal(in_column(shown))}"
        for shown, test in [*tests, *unheld.items()]
    ]
    return replace(mapped, sql=f"CASE {' '.join(cases)} ELSE {dialect.text(f'({mapped.sql})')} END")


def most_are_numbers(dialect: Dialect, text: str, relation: str) -> str:
    """A query of one row: how many of the first values of a text, in SQL, are numbers, and how many there are."""
    first = f"SELECT {text} AS t FROM {relation} WHERE {text} IS NOT NULL AND {text} <> '' LIMIT {SAMPLED}"
    readable = f"SUM(CASE WHEN ({dialect.number_of_text('t')}) IS NOT NULL THEN 1 ELSE 0 END)"
    return f"SELECT COALESCE({readable}, 0) AS numbers, COUNT(*) AS texts FROM ({first}) s"


def amount_texts(mapped: Mapped, *, is_text: bool) -> dict[str, str]:
    """What amounts in text are read of: SQL by the name that people know it by."""
    if mapped.read:
        return dict(mapped.read)
    return {mapped.shown: mapped.sql} if is_text else {}
