"""Expressions over columns whose types are not told: columns that are compared or sorted as numbers are cast.

An engine compares and sorts text as text, and says nothing. A cast reads text that holds a number, changes no number
that a double holds, and ends the query where a cell is no number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlglot
from sqlglot import exp

from customer_features.query.numeric_columns import ARITHMETIC, COMPARISONS, ORDERING, PLAIN, values_of

_STANDS_FOR = "customer_features_double_{}_"


def with_doubles(sql: str, dialect: str, double: Callable[[str], str]) -> str:
    """An expression of a number, with the columns that it compares or sorts as doubles.

    ``double``: SQL of a column as a double.
    """
    work = _Casting(dialect, double)
    root = exp.Paren(this=sqlglot.parse_one(sql, dialect=dialect))
    if not work.value(root.this):
        return sql
    made = str(root.this.sql(dialect=dialect, normalize_functions=False))
    for place, cast in reversed(list(enumerate(work.casts))):
        made = made.replace(_STANDS_FOR.format(place), cast)
    return made


class _Casting:
    def __init__(self, dialect: str, double: Callable[[str], str]) -> None:
        self.dialect, self.double = dialect, double
        self.casts: list[str] = []

    def value(self, node: Any) -> bool:
        """Look below a node that gives a number; whether anything was cast."""
        before = len(self.casts)
        if isinstance(node, (exp.Greatest, exp.Least)) or (isinstance(node, exp.Nullif) and not _has_word(node)):
            self.number(node)
        elif isinstance(node, (exp.Paren, exp.Nullif)):
            self.value(node.this)
        elif choices := values_of(node):
            self._conditions(node)
            if any([self.value(one) for one in choices]):
                for one in values_of(node):
                    self.number(one)
        elif isinstance(node, ARITHMETIC):
            for child in list(node.iter_expressions()):
                self.value(child)
        else:
            self.condition(node)
        return len(self.casts) > before

    def number(self, node: Any) -> None:
        """Make a double of the columns that a node gives."""
        if isinstance(node, exp.Column):
            if not node.name.startswith(_STANDS_FOR[:-3]):
                self.casts.append(self.double(node.sql(dialect=self.dialect)))
                node.replace(exp.column(_STANDS_FOR.format(len(self.casts) - 1)))
        elif isinstance(node, exp.Literal):
            if node.is_string and PLAIN.fullmatch(node.name):
                node.replace(exp.Literal.number(node.name.strip().removeprefix("+")))
        elif isinstance(node, exp.Paren) or (isinstance(node, exp.Nullif) and _has_word(node)):
            self.number(node.this)
        elif isinstance(node, exp.Nullif):
            for child in list(node.iter_expressions()):
                self.number(child)
        elif choices := values_of(node):
            self._conditions(node)
            for one in choices:
                self.number(one)
        else:
            self.value(node)

    def condition(self, node: Any) -> None:
        """Look for comparisons of numbers below a node of any type."""
        numbers = (
            isinstance(node, COMPARISONS) and not _has_word(node) and any(map(_is_number, node.iter_expressions()))
        )
        if numbers or (isinstance(node, ORDERING) and not _has_word(node) and _has_plain(node)):
            for child in list(node.iter_expressions()):
                self.number(child)
        else:
            for child in list(node.iter_expressions()):
                self.condition(child)

    def _conditions(self, node: Any) -> None:
        if isinstance(node, exp.Case):
            tests = [branch.this for branch in node.args["ifs"]]
            if node.this is None:
                for test in tests:
                    self.condition(test)
            elif any(map(_is_number, tests)):
                for one in (node.this, *tests):
                    self.number(one)
        elif isinstance(node, exp.If):
            self.condition(node.this)


def _has_word(node: Any) -> bool:
    texts = (one for one in node.iter_expressions() if isinstance(one, exp.Literal) and one.is_string)
    return any(not PLAIN.fullmatch(one.name) for one in texts)


def _has_plain(node: Any) -> bool:
    return any(isinstance(one, exp.Literal) and one.is_string for one in node.iter_expressions())


def _is_number(node: Any) -> bool:
    if isinstance(node, (exp.Paren, exp.Neg)):
        return _is_number(node.this)
    return isinstance(node, exp.Literal) and not node.is_string
