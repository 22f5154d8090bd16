"""Numbers and money in text: one grammar, as SQL of the DuckDB engine.

A plain number is read as it stands. Around it may stand what exports write: a currency sign or code, brackets or a
trailing minus for a negative amount, a typographic minus, an apostrophe in front, blanks, and marks between thousands.
A text that fits no form is no number; nothing is cut out of a text to make one of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from customer_features.definition.number_grammar import BESIDE_NUMBER, EVIDENCE, FEW, NEGATIVE
from customer_features.definition.number_grammar import Marks as Marks
from customer_features.definition.options import Options
from customer_features.query.columns import literal

PLAIN = Marks()

_OF_THE_CAST = ("_", "+-", "(")
"""In a text that the engine's cast takes, and that is no number: 1_000, +-1, nan(1)."""


def marks_of(options: Options) -> Marks:
    """Return the marks that the options say."""
    return Marks(options.decimal or ".", options.thousands)


def plain_number(sql: str, marks: Marks = PLAIN) -> str:
    """SQL of the number that a text holds and nothing else, null where it holds none."""
    plain = " AND ".join(f"NOT CONTAINS({sql}, '{mark}')" for mark in _OF_THE_CAST)
    if marks.decimal == ".":
        return f"CASE WHEN {plain} THEN TRY_CAST({sql} AS DOUBLE) END"
    point = f"TRY_CAST(REPLACE({sql}, {literal(marks.decimal)}, '.') AS DOUBLE)"
    return f"CASE WHEN {plain} AND NOT CONTAINS({sql}, '.') THEN {point} END"


def number_of_text(sql: str, marks: Marks = PLAIN) -> str:
    """SQL of the number that a text holds, be it money; null where it holds none."""
    # The second is computed for the texts alone that the first does not read.
    return f"COALESCE({plain_number(sql, marks)}, {_of_money(sql, 'DOUBLE', marks)})"


def _of_money(sql: str, kind: str, marks: Marks) -> str:
    """SQL of the number in a text of money, of a type; null where it is none."""
    bare = f"regexp_replace({sql}, {literal(marks.beside_digits)}, '', 'g')"
    value = f"TRY_CAST(REPLACE({bare}, {literal(marks.decimal)}, '.') AS {kind})"
    signed = f"CASE WHEN regexp_matches({sql}, {literal(NEGATIVE)}) THEN -{value} ELSE {value} END"
    return (
        f"CASE WHEN regexp_full_match({sql}, {literal(marks.money)})"
        f" AND NOT regexp_matches({sql}, {literal(marks.no_money)}) THEN {signed} END"
    )


def decimal_of_text(sql: str, scale: int, marks: Marks = PLAIN) -> str:
    """SQL of the decimal of so many places that a text holds; null where it holds no number, or one of many digits."""
    kind = f"DECIMAL(38, {scale})"
    point = sql if marks.decimal == "." else f"REPLACE({sql}, {literal(marks.decimal)}, '.')"
    plain = f"CASE WHEN {plain_number(sql, marks)} IS NOT NULL THEN TRY_CAST({point} AS {kind}) END"
    return f"COALESCE({plain}, {_of_money(sql, kind, marks)})"


def exact_operation(operation: str, left: str, right: str) -> str:
    """SQL of the whole quotient (``//``) or the remainder (``%``) of two numbers of at most 12 places, exactly."""
    # The engine's own operators take decimals for doubles, so this is computed in units of the last place.
    units, divisor = _in_last_places(left), f"NULLIF({_in_last_places(right)}, 0)"
    if operation == "//":
        return f"{units} // {divisor}"
    return f"CAST({units} % {divisor} AS DOUBLE) / 1e12"


def _in_last_places(sql: str) -> str:
    return f"CAST(REPLACE(CAST(TRY_CAST({sql} AS DECIMAL(38, 12)) AS VARCHAR), '.', '') AS HUGEINT)"


def currency_of_text(sql: str, marks: Marks = PLAIN) -> str:
    """SQL of the currency that stands in a text beside a number, null where none does."""
    bare = f"regexp_replace({sql}, {literal(BESIDE_NUMBER)}, '', 'g')"
    return f"CASE WHEN {plain_number(sql, marks)} IS NULL THEN NULLIF({bare}, '') END"


@dataclass(slots=True)
class Evidence:
    """What texts tell of their decimal mark: an example of each kind, None where there is none.

    ``point``, ``comma``: can only be read with that decimal mark; ``either_point``, ``either_comma``: one mark before
    three digits, which may be a decimal mark or part thousands.
    """

    point: str | None = None
    comma: str | None = None
    either_point: str | None = None
    either_comma: str | None = None
    points: int = 0
    """How many texts can only be read with a decimal point; ``commas``: with a decimal comma."""
    commas: int = 0

    @property
    def settled(self) -> bool:
        """Whether a decimal point is certain: commas as decimal marks are rare, and so faults of single rows."""
        return self.points > FEW * self.commas

    @property
    def in_doubt(self) -> str | None:
        """A text with two readings, where the others do not tell which it is."""
        either = self.either_point or self.either_comma
        return either if either is not None and not self.settled else None


def evidence(texts: list[str]) -> Evidence:
    """What some texts tell of their decimal mark."""
    found = Evidence()
    for text in texts:
        for name, form in EVIDENCE.items():
            if re.fullmatch(form, text):
                setattr(found, name, getattr(found, name) or text)
                found.points += name == "point"
                found.commas += name == "comma"
    return found


def evidence_items(sql: str) -> str:
    """Select items, in the order of :class:`Evidence`, of an example of each kind among all texts of a column."""
    found = {
        name: f"CASE WHEN regexp_full_match({sql}, {literal(form)}) THEN {sql} END" for name, form in EVIDENCE.items()
    }
    counts = (f"COUNT({found[name]}) AS {name}s" for name in ("point", "comma"))
    return ", ".join([*(f"MIN({text}) AS {name}" for name, text in found.items()), *counts])


def refusal(shown: str, field: str, found: Evidence) -> str:
    """Say that a column has two readings, with both."""
    text = found.in_doubt or ""
    mark = "." if text == found.either_point else ","
    digits = re.sub(r"^[^0-9]*|[^0-9]*$", "", text)
    whole, decimals = digits.replace(mark, ""), digits.replace(mark, ".")
    of_point, of_comma = (decimals, whole) if mark == "." else (whole, decimals)
    said = f"'{shown}' holds '{text}', which could be {of_point} (--decimal .) or {of_comma} (--decimal ,)"
    if found.comma is not None and found.point is None:
        return f"{said}; '{found.comma}' stands in the same column, which only a decimal comma explains"
    if found.comma is not None:
        return f"{said}, and '{found.point}' and '{found.comma}' stand in the same column; write {field} in one way"
    return f"{said}; say which"


def amount_hint_sql(found: str, marks: Marks = PLAIN) -> str:
    """SQL of what to say, beside the message, of an amount that only the other decimal mark explains.

    Where both marks are given nothing is proposed: the other one would change the value of what is read now.
    """
    if marks.thousands is not None:
        return "''"
    hint = {
        ".": "; a decimal comma is read with --decimal , alone",
        ",": "; a decimal point is read without --decimal , alone",
    }[marks.decimal]
    return f"CASE WHEN regexp_full_match({found}, {literal(marks.with_other_decimal)}) THEN {literal(hint)} ELSE '' END"
