"""Text columns that an expression computes with: they are read as numbers, wherever they stand in it.

A text column compares, adds and sorts as a number where the expression needs one. A cell that cannot be read is a
fault of its row, so the places that read it are listed beside the expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from customer_features.errors import MissingExtra

try:
    import sqlglot
    from sqlglot import exp
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading tables", "bulk") from error

_ARITHMETIC = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Abs, exp.Round, exp.Floor, exp.Ceil),
    *(exp.Sqrt, exp.Pow, exp.Exp, exp.Ln, exp.Log, exp.Sign, exp.Trunc),
)
_CHOICES = (exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Case, exp.If, exp.Paren)
"""What gives one of its operands: a number where they are numbers."""
_SORTING = (exp.Greatest, exp.Least)
_COMPARISONS = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.NullSafeEQ, exp.NullSafeNEQ),
    exp.Nullif,
)
_TEXTS = (
    *(exp.Replace, exp.RegexpReplace, exp.RegexpExtract, exp.Trim, exp.Lower, exp.Upper, exp.Substring, exp.Concat),
    *(exp.DPipe, exp.Left, exp.Right, exp.SplitPart, exp.JSONExtract, exp.JSONExtractScalar, exp.Pad, exp.Translate),
)
"""What gives text of text."""
_STANDS_FOR = "customer_features_number_{}_"
_PLAIN = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Numeric:
    """An expression whose text columns are read as numbers, and the texts that it reads so: SQL by shown name."""

    sql: str
    read: Mapping[str, str]


def numeric(
    sql: str,
    texts: Set[str],
    numbers: Set[str],
    number: Callable[[str], str],
    holds_numbers: Callable[[str], bool],
    *,
    wants_number: bool,
    dialect: str = "duckdb",
    anywhere: bool = False,
) -> Numeric:
    """Read the text columns of an expression as numbers where it computes with them.

    ``texts``, ``numbers``: the columns of text, and those of numbers. ``number``: SQL of the number that a text holds,
    null where it holds none. ``holds_numbers``: whether a text column does, asked where only its values tell.
    ``wants_number``: the expression as a whole is to be a number. ``anywhere``: arguments of functions that are not
    known are numbers too.
    """
    work = _Reading(texts, numbers, number, holds_numbers, dialect, anywhere)
    root = exp.Paren(this=sqlglot.parse_one(sql, dialect=dialect))
    if wants_number:
        work.as_number(root.this)
    else:
        work.as_it_is(root.this)
    whole = root.this.sql(dialect=dialect, normalize_functions=False)
    return Numeric(work.filled(whole), {shown: work.filled(text) for shown, text in work.read.items()})


class _Reading:
    def __init__(
        self,
        texts: Set[str],
        numbers: Set[str],
        number: Callable[[str], str],
        holds_numbers: Callable[[str], bool],
        dialect: str,
        anywhere: bool,
    ) -> None:
        self.texts, self.numbers, self.number, self.holds_numbers = texts, numbers, number, holds_numbers
        self.dialect, self.anywhere = dialect, anywhere
        self.read: dict[str, str] = {}
        self._numbers: list[str] = []

    def as_number(self, node: Any) -> None:
        """Make a number of a node, in place."""
        if isinstance(node, exp.Column):
            if self._is_text(node):
                self._cast(node, node.name)
        elif isinstance(node, exp.Literal):
            if node.is_string and _PLAIN.fullmatch(node.name):
                node.replace(exp.Literal.number(node.name))
        elif isinstance(node, exp.Case):
            self._cases(node)
        elif isinstance(node, exp.If):
            self._condition(node.this)
            for branch in (node.args.get("true"), node.args.get("false")):
                if branch is not None:
                    self.as_number(branch)
        elif isinstance(node, (*_ARITHMETIC, *_CHOICES)):
            for child in list(node.iter_expressions()):
                self.as_number(child)
        elif isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
            self.as_it_is(node)
        elif isinstance(node, _TEXTS) and self._parent_computes(node):
            self.as_it_is(node)
            self._cast(node, node.sql(dialect=self.dialect))
        else:
            self.as_it_is(node)

    def as_it_is(self, node: Any) -> None:
        """Look for numbers below a node that may be of any type."""
        if isinstance(node, exp.Cast) and not isinstance(node, exp.TryCast):
            if node.to.is_type(*exp.DataType.NUMERIC_TYPES):
                self.as_number(node.this)
            else:
                self.as_it_is(node.this)
        elif isinstance(node, _ARITHMETIC) and not node.find(exp.Interval):
            self.as_number(node)
        elif (isinstance(node, _COMPARISONS) and self._compares_numbers(node)) or (
            isinstance(node, (*_SORTING, exp.Coalesce)) and self._sorts_numbers(node)
        ):
            for child in list(node.iter_expressions()):
                self.as_number(child)
        elif isinstance(node, exp.Case):
            self._cases(node, numbers=False)
        else:
            numbers = self.anywhere and isinstance(node, exp.Func) and not isinstance(node, (*_TEXTS, exp.Connector))
            for child in list(node.iter_expressions()):
                if numbers and isinstance(child, exp.Column):
                    self.as_number(child)
                else:
                    self.as_it_is(child)

    def _cases(self, node: Any, *, numbers: bool = True) -> None:
        value = self.as_number if numbers else self.as_it_is
        if (subject := node.this) is not None:
            tests = [branch.this for branch in node.args["ifs"]]
            compared = exp.In(this=subject.copy(), expressions=[test.copy() for test in tests])
            of_numbers = self._compares_numbers(compared)
            for one in (subject, *tests):
                (self.as_number if of_numbers else self.as_it_is)(one)
        for branch in node.args["ifs"]:
            if subject is None:
                self._condition(branch.this)
            value(branch.args["true"])
        if (default := node.args.get("default")) is not None:
            value(default)

    def _condition(self, node: Any) -> None:
        self.as_it_is(node)

    def _parent_computes(self, node: Any) -> bool:
        parent = node.parent
        while isinstance(parent, _CHOICES):
            if parent.parent is None:
                return False
            if not isinstance(parent, exp.Paren):
                return True
            parent = parent.parent
        return parent is not None

    def _is_text(self, node: Any) -> bool:
        return isinstance(node, exp.Column) and node.name in self.texts

    def _cast(self, node: Any, shown: str) -> None:
        sql = node.sql(dialect=self.dialect, normalize_functions=False)
        self.read[shown] = sql
        # A name stands for the number until the end: parsing the dialect's own words again might change them.
        node.replace(exp.column(_STANDS_FOR.format(len(self._numbers))))
        self._numbers.append(f"({self.number(sql)})")

    def filled(self, sql: str) -> str:
        """SQL with the numbers in the place of their names."""
        for place in reversed(range(len(self._numbers))):
            sql = sql.replace(_STANDS_FOR.format(place), self._numbers[place])
        return sql

    def _compares_numbers(self, node: Any) -> bool:
        """Whether a comparison is one of numbers: one side is, or text columns that hold numbers meet."""
        sides = [side for side in node.iter_expressions() if not isinstance(side, exp.Query)]
        if any(self._is_number(side) for side in sides):
            return True
        columns = [side for side in sides if self._is_text(side)]
        words = [side for side in sides if isinstance(side, exp.Literal) and not _PLAIN.fullmatch(side.name)]
        others = [side for side in sides if not isinstance(side, (exp.Literal, exp.Column))]
        return bool(columns) and not words and not others and all(self.holds_numbers(side.name) for side in columns)

    def _sorts_numbers(self, node: Any) -> bool:
        sides = list(node.iter_expressions())
        if isinstance(node, exp.Coalesce):
            return any(self._is_number(side) for side in sides)
        return self._compares_numbers(node)

    def _is_number(self, node: Any) -> bool:
        if isinstance(node, exp.Paren):
            return self._is_number(node.this)
        if isinstance(node, exp.Column):
            return node.name in self.numbers
        if isinstance(node, exp.Literal):
            return not node.is_string
        if isinstance(node, exp.Cast):
            return bool(node.to.is_type(*exp.DataType.NUMERIC_TYPES))
        if isinstance(node, (exp.Coalesce, exp.Nullif, *_SORTING)):
            return any(self._is_number(child) for child in node.iter_expressions())
        return isinstance(node, _ARITHMETIC) and not node.find(exp.Interval)
