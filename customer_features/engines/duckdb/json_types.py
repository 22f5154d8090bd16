"""Types of the values in JSON, which the reader gives as text.

A number of JSON has a decimal point, whatever mark the texts beside it have; objects, arrays and booleans are no ids.
Where that matters, and nowhere else, a column is read with the types of its values.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp

from customer_features.query.columns import literal, quoted
from customer_features.sources.parts import Part

NO_IDS = "('OBJECT', 'ARRAY', 'BOOLEAN')"
_NO_NUMBERS = "('VARCHAR', 'NULL', 'OBJECT', 'ARRAY', 'BOOLEAN')"
_DIGITS = 17
"""Digits from which on the reader gives several numbers with a fraction as one."""
EXTRACTIONS = (exp.JSONExtract, exp.JSONExtractScalar)


def no_id(column: str) -> str:
    """SQL of whether a value of a column is an object, an array or a boolean, once :func:`tell_types` was called."""
    return f"COALESCE({quoted(f'customer_features: no id {column}')}, FALSE)"


def tell_types(part: Part, columns: Iterable[str]) -> None:
    """Have the part tell what the values of columns are: numbers (``part.json_numbers``) and no ids."""
    new = [column for column in dict.fromkeys(columns) if column in part.columns and column not in part.json_numbers]
    if not new or not part.of_json:
        return
    texts, flags = [], []
    for column in new:
        name = quoted(column)
        for before in ("{", " "):
            declared = f"{before}{literal(column)}: 'VARCHAR'"
            part.reader = part.reader.replace(declared, declared.replace("'VARCHAR'", "'JSON'"))
        texts.append(
            f"CASE WHEN json_type({name}) = 'VARCHAR' THEN {name} ->> '$' ELSE CAST({name} AS VARCHAR) END AS {name}"
        )
        number = quoted(f"customer_features: number {column}")
        none = f"json_type({name}) IN {NO_IDS} OR {rounded(f'json_type({name})', f'CAST({name} AS VARCHAR)')}"
        flags.append(f"{none} AS {quoted(f'customer_features: no id {column}')}")
        flags.append(f"COALESCE(json_type({name}) NOT IN {_NO_NUMBERS}, FALSE) AS {number}")
        part.json_numbers[column] = number
    rows = f"({part.around})" if part.around else "{rows}"
    part.around = f"SELECT * REPLACE ({', '.join(texts)}), {', '.join(flags)} FROM {rows}"


def rounded(kind: str, text: str) -> str:
    """SQL of whether a value, of a type of JSON and as text, is a number that the reader has rounded to a double."""
    digits = f"LENGTH(regexp_replace({text}, '[^0-9]|e.*|[.]0$', '', 'g'))"
    fraction = f"NOT regexp_full_match({text}, '-?[0-9]+')"  # whole numbers of any length are kept as they are
    return f"({kind} = 'DOUBLE' AND {fraction} AND (ABS(TRY_CAST({text} AS DOUBLE)) >= 2**53 OR {digits} >= {_DIGITS}))"


def looks_rounded(text: str) -> str:
    """SQL of whether a text may be such a number, which costs little to say."""
    return f"(contains({text}, 'e') OR contains({text}, '.')) AND LENGTH({text}) > 16"


def is_number(part: Part, text: str) -> str | None:
    """Return SQL that is true where the value of a text, in SQL, is a number of JSON; None if no value is one."""
    tree = sqlglot.parse_one(text, dialect="duckdb")
    if isinstance(tree, exp.Column):
        tell_types(part, [tree.name])
        return part.json_numbers.get(tree.name)
    node = tree.find(*EXTRACTIONS) if part.of_json else None
    if node is None:
        return None
    value, path = (side.sql(dialect="duckdb") for side in (node.this, node.expression))
    kind = f"CASE WHEN json_valid({value}) THEN json_type({value}, {path}) END"
    return f"COALESCE({kind} NOT IN {_NO_NUMBERS}, FALSE)"


def with_comma(part: Part, text: str) -> str:
    """Return SQL of a text in which numbers of JSON are written with a decimal comma."""
    number = is_number(part, text)
    return text if number is None else f"CASE WHEN {number} THEN REPLACE({text}, '.', ',') ELSE {text} END"


def without_numbers(part: Part, text: str) -> str:
    """Return SQL of a text that is null where its value is a number of JSON."""
    number = is_number(part, text)
    return text if number is None else f"CASE WHEN NOT {number} THEN {text} END"
