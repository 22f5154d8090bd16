"""Text columns that an expression computes with: they are read as numbers, wherever they stand in it.

A text column compares, adds and sorts as a number where the expression needs one. A cell that cannot be read is a
fault of its row, so the places that read it are listed beside the expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from customer_features.errors import InvalidOption, MissingExtra

try:
    import sqlglot
    from sqlglot import exp
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading tables", "bulk") from error

ARITHMETIC = (
    *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.Neg, exp.Abs, exp.Round, exp.Floor, exp.Ceil),
    *(exp.Sqrt, exp.Pow, exp.Exp, exp.Ln, exp.Log, exp.Sign, exp.Trunc),
)
_CHOICES = (exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least, exp.Case, exp.If, exp.Paren)
"""What gives one of its operands: a number where they are numbers."""
_SORTING = (exp.Greatest, exp.Least, exp.Array)
COMPARISONS = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.NullSafeEQ, exp.NullSafeNEQ),
    exp.Nullif,
)
ORDERING = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, *_SORTING)
_TEXTS = (
    *(exp.Replace, exp.RegexpReplace, exp.RegexpExtract, exp.Trim, exp.Lower, exp.Upper, exp.Substring, exp.Concat),
    *(exp.DPipe, exp.Left, exp.Right, exp.SplitPart, exp.JSONExtract, exp.JSONExtractScalar, exp.Pad, exp.Translate),
)
"""What gives text of text."""
_STANDS_FOR = "customer_features_number_{}_"
PLAIN = re.compile(r" *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+) *")
_LIKE_NUMBERS = re.compile(r"[-+ .,'0-9]*[0-9][-+ .,'0-9]*")
"""Texts of digits and the marks of numbers alone."""


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
    shown: str,
    wants_number: bool,
    dialect: str = "duckdb",
    anywhere: bool = False,
    type_of: Callable[[str], str | None] = lambda sql: None,
    exact: Callable[[str], str] | None = None,
) -> Numeric:
    """Read the text columns of an expression as numbers where it computes with them.

    ``texts``, ``numbers``: the columns of text, and those of numbers. ``number``: SQL of the number that a text holds,
    null where it holds none. ``holds_numbers``: whether a text, in SQL, does, asked where only the values tell.
    ``shown``: the expression in a message. ``wants_number``: the expression as a whole is to be a number; an id or a
    day stays the text that it is.
    ``anywhere``: arguments of functions that are not known are numbers too. ``type_of``: ``text`` or ``number`` for
    what is no column, such as a part of a struct; None where that is not known, or another type. ``exact``: SQL of the
    decimal that a text holds, for a cast to one.

    Raises InvalidOption where a text that is no number stands in the place of one.
    """
    work = _Reading(texts, numbers, number, holds_numbers, shown, dialect, anywhere, type_of, not wants_number, exact)
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
        shown: str,
        dialect: str,
        anywhere: bool,
        type_of: Callable[[str], str | None],
        keeps_text: bool,
        exact: Callable[[str], str] | None,
    ) -> None:
        self.texts, self.numbers, self.number, self.holds_numbers = texts, numbers, number, holds_numbers
        self.dialect, self.anywhere, self._type_of = dialect, anywhere, type_of
        self.shown, self.keeps_text, self.exact = shown, keeps_text, exact
        self.read: dict[str, str] = {}
        self._numbers: list[str] = []

    def as_number(self, node: Any) -> None:
        """Make a number of a node, in place."""
        if isinstance(node, exp.Column):
            if self._is_text(node):
                self._cast(node)
        elif isinstance(node, exp.Literal):
            if node.is_string:
                self._number_in(node)
        elif isinstance(node, exp.Case):
            self._cases(node)
        elif isinstance(node, exp.If):
            self.as_it_is(node.this)
            for branch in (node.args.get("true"), node.args.get("false")):
                if branch is not None:
                    self._choice(branch)
        elif isinstance(node, exp.Nullif) and self._compares_texts(node):
            self._cast(node)  # what is left is read
        elif isinstance(node, (*ARITHMETIC, *_CHOICES)):
            of_choice = isinstance(node, (exp.Coalesce, exp.Nullif))
            for child in list(node.iter_expressions()):
                (self._choice if of_choice else self.as_number)(child)
        elif isinstance(node, exp.Cast):
            self.as_it_is(node)
        else:
            self.as_it_is(node)
            if self._parent_computes(node) and self._is_text(node):
                self._cast(node)

    def as_it_is(self, node: Any) -> None:
        """Look for numbers below a node that may be of any type."""
        if isinstance(node, exp.Cast):
            if self.exact is not None and node.to.is_type("decimal") and self._is_text(node.this):
                self._cast(node.this, self.exact)
            elif node.to.is_type(*exp.DataType.NUMERIC_TYPES):
                self.as_number(node.this)
            else:
                self.as_it_is(node.this)
        elif isinstance(node, ARITHMETIC) and not node.find(exp.Interval):
            self.as_number(node)
        elif self.keeps_text and isinstance(node, (*_SORTING, exp.Coalesce, exp.Nullif)):
            for side in list(node.iter_expressions()):
                if isinstance(side, exp.Literal):
                    side.replace(exp.Literal.string(side.name))
                else:
                    self.as_it_is(side)
        elif isinstance(node, (*COMPARISONS, *_SORTING, exp.Coalesce)) and self._is_of_numbers(node):
            of_choice = isinstance(node, (exp.Coalesce, exp.Nullif))
            for child in list(node.iter_expressions()):
                (self._choice if of_choice else self.as_number)(child)
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
        value = self._choice if numbers else self.as_it_is
        if (subject := node.this) is not None:
            tests = [branch.this for branch in node.args["ifs"]]
            compared = exp.In(this=subject.copy(), expressions=[test.copy() for test in tests])
            of_numbers = self._compares_numbers(compared)
            for one in (subject, *tests):
                (self.as_number if of_numbers else self.as_it_is)(one)
        for branch in node.args["ifs"]:
            if subject is None:
                self.as_it_is(branch.this)
            value(branch.args["true"])
        if (default := node.args.get("default")) is not None:
            value(default)

    def _choice(self, node: Any) -> None:
        """Make a number of a value among others; an empty text is nothing."""
        if isinstance(node, exp.Literal) and node.is_string and not node.name:
            node.replace(exp.null())
        else:
            self.as_number(node)

    def _number_in(self, node: Any) -> None:
        """Make a number of a text that stands in the expression."""
        if PLAIN.fullmatch(node.name):
            node.replace(exp.Literal.number(format(Decimal(node.name.strip()), "f")))
        elif _LIKE_NUMBERS.fullmatch(node.name):
            self._cast(node)
        else:
            raise InvalidOption("map", f"{self.shown}: the text '{node.name}' stands where a number is needed")

    def _parent_computes(self, node: Any) -> bool:
        parent = node.parent
        while isinstance(parent, _CHOICES):
            if parent.parent is None:
                return False
            if not isinstance(parent, exp.Paren):
                return True
            parent = parent.parent
        return parent is not None

    def _cast(self, node: Any, number: Callable[[str], str] | None = None) -> None:
        sql = self._sql(node)
        inner: Any = node
        while isinstance(inner, (exp.Nullif, exp.Paren)):
            inner = inner.this
        self.read[inner.name if isinstance(inner, exp.Column) else sql] = sql
        # A name stands for the number until the end: parsing the dialect's own words again might change them.
        node.replace(exp.column(_STANDS_FOR.format(len(self._numbers))))
        self._numbers.append(f"({(number or self.number)(sql)})")

    def _sql(self, node: Any) -> str:
        return str(node.sql(dialect=self.dialect, normalize_functions=False))

    def filled(self, sql: str) -> str:
        """SQL with the numbers in the place of their names."""
        for place in reversed(range(len(self._numbers))):
            sql = sql.replace(_STANDS_FOR.format(place), self._numbers[place])
        return sql

    def _is_of_numbers(self, node: Any) -> bool:
        if isinstance(node, exp.Coalesce):
            return any(map(self._is_number, values_of(node)))
        return self._compares_numbers(node)

    def _compares_numbers(self, node: Any) -> bool:
        """Whether a comparison is one of numbers: one side is, or texts that hold numbers meet."""
        sides = [side for side in node.iter_expressions() if not isinstance(side, exp.Query)]
        if any(map(self._is_number, sides)):
            return True
        if self.keeps_text and not isinstance(node, ORDERING):
            return False
        literals = [side for side in sides if isinstance(side, exp.Literal)]
        texts = [side for side in sides if not isinstance(side, exp.Literal)]
        if not texts or any(map(_is_word, literals)) or not all(map(self._is_text, texts)):
            return False
        # Codes begin with zeros, and are equal to themselves alone.
        if not isinstance(node, ORDERING) and any(re.match("0[0-9]", literal.name) for literal in literals):
            return False
        return all(self.holds_numbers(self.filled(self._sql(text))) for text in texts)

    def _compares_texts(self, node: Any) -> bool:
        """Whether NULLIF compares a text with a word, or with a text that holds other things than numbers."""
        other = node.expression
        if not self._is_text(node.this):
            return False
        return _is_word(other) or (self._is_text(other) and not self._compares_numbers(node))

    def _is_text(self, node: Any) -> bool:
        if isinstance(node, exp.Column):
            return node.name in self.texts
        if isinstance(node, (exp.Paren, exp.Nullif)):
            return self._is_text(node.this)
        if values := values_of(node):
            return all(self._is_text(value) or _is_string(value) for value in values)
        return isinstance(node, _TEXTS) or self._typed(node) == "text"

    def _is_number(self, node: Any) -> bool:
        if isinstance(node, (exp.Paren, exp.Nullif)):
            return self._is_number(node.this)
        if isinstance(node, exp.Column):
            return node.name in self.numbers or node.name.startswith(_STANDS_FOR[:-3])
        if isinstance(node, exp.Literal):
            return not node.is_string
        if isinstance(node, exp.Cast):
            return bool(node.to.is_type(*exp.DataType.NUMERIC_TYPES))
        if values := values_of(node):
            return any(map(self._is_number, values))
        if isinstance(node, ARITHMETIC):
            return not node.find(exp.Interval)
        return not isinstance(node, _TEXTS) and self._typed(node) == "number"

    def _typed(self, node: Any) -> str | None:
        computed = isinstance(node, (exp.Func, exp.Bracket, exp.Dot)) and not isinstance(node, (exp.Cast, exp.Array))
        return self._type_of(self.filled(self._sql(node))) if computed else None


def values_of(node: Any) -> list[Any]:
    """What a node gives one of, as it is."""
    if isinstance(node, exp.Case):
        values = [branch.args["true"] for branch in node.args["ifs"]]
        return [*values, *([node.args["default"]] if node.args.get("default") is not None else [])]
    if isinstance(node, exp.If):
        return [value for value in (node.args.get("true"), node.args.get("false")) if value is not None]
    return list(node.iter_expressions()) if isinstance(node, (exp.Coalesce, exp.Greatest, exp.Least)) else []


def _is_string(node: Any) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _is_word(node: Any) -> bool:
    """Whether a node is a text that is no number."""
    return _is_string(node) and not _LIKE_NUMBERS.fullmatch(node.name)
