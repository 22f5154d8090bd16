"""Text columns that an expression computes with: they are read as numbers, wherever they stand in it.

A text column compares, adds and sorts as a number where the expression needs one. A cell that cannot be read is a
fault of its row, so the places that read it are listed beside the expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
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
_OPERATIONS = {"divide": "//", "intdiv": "//", "fmod": "%", "modulo": "%"}
"""Functions of two operands that are another spelling of an operator on whole numbers."""
_INTERVALS = re.compile("to_(microseconds|milliseconds|seconds|minutes|hours|days|weeks|months|quarters|years)")
_EXACT_DIGITS = 15
"""A double tells two numbers of so many digits apart, and a number of so many digits from any whole number."""
_ROUNDED = 2**53
"""From here on, a double is not every whole number."""
DECIMALS = 12
"""Digits after the point of the decimals that texts are compared as."""
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
    """An expression whose text columns are read as numbers, and the texts that it reads so: SQL by shown name.

    ``unheld``: by shown name, SQL of whether a text is a number that the decimal or double which it is read as does not
    hold exactly enough.
    """

    sql: str
    read: Mapping[str, str]
    unheld: Mapping[str, str]


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
    exact: Callable[[str, int | None], str],
    exact_operation: Callable[[str, str, str], str],
    type_of: Callable[[str], str | None] = lambda sql: None,
) -> Numeric:
    """Read the text columns of an expression as numbers where it computes with them.

    ``texts``, ``numbers``: the columns of text, and those of numbers. ``number``: SQL of the number that a text holds,
    null where it holds none. ``holds_numbers``: whether a text, in SQL, does, asked where only the values tell.
    ``shown``: the expression in a message. ``wants_number``: the expression as a whole is to be a number; an id or a
    day stays the text that it is.
    ``anywhere``: arguments of functions that are not known are numbers too. ``type_of``: ``text`` or ``number`` for
    what is no column, such as a part of a struct; None where that is not known, or another type. ``exact``: SQL of the
    decimal that a text holds, with so many digits after its point (None: as an integer cast needs), null where it fits
    none. ``exact_operation``: SQL of ``//`` or ``%`` between two such decimals.

    Raises InvalidOption where a text that is no number stands in the place of one.
    """
    work = _Reading(
        *(texts, numbers, number, holds_numbers, shown, dialect, anywhere, type_of),
        *(not wants_number, exact, exact_operation),
    )
    root = exp.Paren(this=sqlglot.parse_one(sql, dialect=dialect))
    if wants_number:
        work.as_number(root.this)
    else:
        work.as_it_is(root.this)
    whole = root.this.sql(dialect=dialect, normalize_functions=False)
    read = {shown: work.filled(text) for shown, text in work.read.items()}
    unheld = {shown: work.filled(" OR ".join(tests)) for shown, tests in work.unheld.items()}
    return Numeric(work.filled(whole), read, unheld)


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
        exact: Callable[[str, int | None], str],
        exact_operation: Callable[[str, str, str], str],
    ) -> None:
        self.texts, self.numbers, self.number, self.holds_numbers = texts, numbers, number, holds_numbers
        self.dialect, self.anywhere, self._type_of = dialect, anywhere, type_of
        self.shown, self.keeps_text, self.exact, self.exact_operation = shown, keeps_text, exact, exact_operation
        self._as: Callable[[str], str] = number
        """How a text is read at the place that is looked at."""
        self._rounds = False
        """Whether the place is a product or a quotient of doubles that a cast makes a whole number or a decimal of."""
        self._compares = False
        """Whether the place is compared: what no decimal holds is compared as a double."""
        self.read: dict[str, str] = {}
        self.unheld: dict[str, list[str]] = {}
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
        elif isinstance(node, exp.Nullif):
            self._nullif(node)
        elif (operation := _operation(node)) and self._reads_text(node):
            self._operate(node, operation)
        elif isinstance(node, (*ARITHMETIC, *_CHOICES)):
            read, before = self._read_within(node), self._rounds
            self._rounds = read is self.number and (before or self._as is not self.number)
            with self._reading(read):
                for child in list(node.iter_expressions()):
                    (self._choice if isinstance(node, exp.Coalesce) else self.as_number)(child)
            self._rounds = before
        elif isinstance(node, exp.Cast):
            self.as_it_is(node)
        else:
            self.as_it_is(node)
            if self._parent_computes(node) and self._is_text(node):
                self._cast(node)

    def as_it_is(self, node: Any) -> None:
        """Look for numbers below a node that may be of any type."""
        before, self._rounds = self._rounds, False
        with self._reading(self.number):
            self._as_it_is(node)
        self._rounds = before

    def _as_it_is(self, node: Any) -> None:
        if isinstance(node, exp.Cast):
            if node.to.is_type(*exp.DataType.NUMERIC_TYPES):
                with self._reading(self._read_for(node.to)):
                    self.as_number(node.this)
            else:
                self.as_it_is(node.this)
        elif (isinstance(node, ARITHMETIC) or _operation(node)) and not _of_intervals(node):
            self.as_number(node)
        elif self.keeps_text and isinstance(node, (*_SORTING, exp.Coalesce, exp.Nullif)):
            for side in list(node.iter_expressions()):
                if isinstance(side, exp.Literal):
                    side.replace(exp.Literal.string(side.name))
                else:
                    self.as_it_is(side)
        elif isinstance(node, COMPARISONS) and self._compares_numbers(node):
            self._nullif(node) if isinstance(node, exp.Nullif) else self._compare(node)
        elif isinstance(node, (*_SORTING, exp.Coalesce)) and self._is_of_numbers(node):
            for child in list(node.iter_expressions()):
                (self._choice if isinstance(node, exp.Coalesce) else self.as_number)(child)
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
            if of_numbers and any(self._needs_exact(subject, test) for test in tests):
                for test in tests:
                    test.replace(exp.EQ(this=subject.copy(), expression=test.copy()))
                subject.pop()
                subject = None
            else:
                for one in (subject, *tests):
                    (self.as_number if of_numbers else self.as_it_is)(one)
        for branch in node.args["ifs"]:
            if subject is None:
                self.as_it_is(branch.this)
            value(branch.args["true"])
        if (default := node.args.get("default")) is not None:
            value(default)

    # -- exact readings ------------------------------------------------------------------------------------

    @contextmanager
    def _reading(self, read: Callable[[str], str]) -> Iterator[None]:
        """Read the texts below as this."""
        before, self._as = self._as, read
        try:
            yield
        finally:
            self._as = before

    def _read_for(self, to: Any) -> Callable[[str], str]:
        """How a text is read for a cast to a type of numbers: by way of a double, ids of 17 digits would merge."""
        if to.is_type(*exp.DataType.INTEGER_TYPES):
            return lambda sql: self.exact(sql, None)
        if to.is_type(*exp.DataType.FLOAT_TYPES):
            return self.number
        sizes = [size.name for size in to.expressions]
        scale = int(sizes[1]) if len(sizes) == 2 and sizes[1].isdecimal() else DECIMALS
        return lambda sql: self.exact(sql, scale)

    def _read_within(self, node: Any) -> Callable[[str], str]:
        """How the operands of a node are read, in the place of what is read as decimals or as doubles."""
        if self._as is self.number or isinstance(node, (*_CHOICES, exp.Neg, exp.Abs)):
            return self._as
        return self._decimal if isinstance(node, (exp.Add, exp.Sub)) else self.number

    def _decimal(self, sql: str) -> str:
        return self.exact(sql, DECIMALS)

    def _operate(self, node: Any, operation: str) -> None:
        """Divide to a whole number, or to its remainder, exactly: of doubles ``//`` is a plain division."""
        operands = list(node.iter_expressions())
        with self._reading(self._decimal):
            for operand in operands:
                self.as_number(operand)
        left, right = map(self._sql, node.iter_expressions())
        self._stand_in(node, self.exact_operation(operation, left, right))

    def _compare(self, node: Any) -> None:
        """Compare as numbers: as doubles where these tell all values apart, else as decimals."""
        if isinstance(node, (exp.In, exp.Between)):
            pairs: list[tuple[type[exp.Binary], Any]] = [(exp.EQ, other) for other in node.expressions]
            if isinstance(node, exp.Between):
                pairs = [(exp.GTE, node.args["low"]), (exp.LTE, node.args["high"])]
            if any(self._needs_exact(node.this, other) for _, other in pairs):
                made = [kind(this=node.this.copy(), expression=other.copy()) for kind, other in pairs]
                joined = (exp.or_ if isinstance(node, exp.In) else exp.and_)(*made, copy=False, wrap=False)
                node.replace(exp.paren(joined, copy=False))
                for one in made:
                    self._compare(one)
                return
        elif self._needs_exact(node.this, node.expression):
            # A number that no such decimal holds, such as 1e30 or infinity, is compared as a double.
            doubles, decimals = exp.paren(node), exp.paren(node)
            self._compare_as(doubles.this, self.number)
            self._compare_as(decimals.this, self._decimal)
            sides = [side.copy() for side in (decimals.this.this, decimals.this.expression) if side.find(exp.Column)]
            held = exp.and_(*(exp.Not(this=exp.Is(this=exp.paren(side), expression=exp.null())) for side in sides))
            node.replace(exp.paren(exp.Case(ifs=[exp.If(this=held, true=decimals)], default=doubles), copy=False))
            return
        self._compare_as(node, self.number)

    def _compare_as(self, node: Any, read: Callable[[str], str]) -> None:
        before, self._compares = self._compares, True
        with self._reading(read):
            for side in list(node.iter_expressions()):
                self.as_number(side)
        self._compares = before

    def _nullif(self, node: Any) -> None:
        value, other = node.this, node.expression
        if self._needs_exact(value, other) or self._as is not self.number:
            same = exp.If(this=exp.EQ(this=value.copy(), expression=other.copy()), true=exp.null())
            whole = exp.paren(exp.Case(ifs=[same], default=value.copy()), copy=False)
            node.replace(whole)
            self._compare(same.this)
            self._choice(whole.this.args["default"])
        else:
            self._choice(value)
            self._choice(other)

    def _needs_exact(self, one: Any, other: Any) -> bool:
        """Whether two values that are compared can be different numbers, and the same double."""
        constants = [side for side in (one, other) if not side.find(exp.Column)]
        if any(map(_is_short, constants)):
            return False
        return self._reads_text(one) or self._reads_text(other)

    def _reads_text(self, node: Any) -> bool:
        """Whether a node contains text outside of casts that the author of the expression wrote."""
        return any(map(self._is_text, node.walk(prune=lambda one: isinstance(one, exp.Cast))))

    # -- single values -------------------------------------------------------------------------------------

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

    def _cast(self, node: Any) -> None:
        sql = self._sql(node)
        inner: Any = node
        while isinstance(inner, (exp.Nullif, exp.Paren)):
            inner = inner.this
        shown = inner.name if isinstance(inner, exp.Column) else sql
        self.read[shown] = sql
        made = self._as(sql)
        test = ""
        if self._as is not self.number and not self._compares:
            test = f"({made}) IS NULL AND ({self.number(sql)}) IS NOT NULL"
        elif self._rounds:
            test = f"ABS({self.number(sql)}) >= {_ROUNDED}"
        if test:
            self.unheld[shown] = [*dict.fromkeys([*self.unheld.get(shown, []), test])]
        self._stand_in(node, made)

    def _stand_in(self, node: Any, sql: str) -> None:
        """Put SQL in the place of a node."""
        # A placeholder name is used until the end, because parsing dialect SQL again might change it.
        node.replace(exp.column(_STANDS_FOR.format(len(self._numbers))))
        self._numbers.append(f"({sql})")

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
            return not _of_intervals(node)
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


def _operation(node: Any) -> str | None:
    """The operator on whole numbers that a node is, if any."""
    if isinstance(node, exp.Anonymous):
        return _OPERATIONS.get(node.name.lower()) if len(node.expressions) == 2 else None
    return "//" if isinstance(node, exp.IntDiv) else "%" if isinstance(node, exp.Mod) else None


def _of_intervals(node: Any) -> bool:
    """Whether arithmetic is one of times."""
    made = (_INTERVALS.fullmatch(one.name.lower()) for one in node.find_all(exp.Anonymous))
    return node.find(exp.Interval) is not None or any(made)


def _is_short(node: Any) -> bool:
    """Whether a constant is a number of so few digits that no whole number but itself is the same double."""
    texts = [one.name for one in node.find_all(exp.Literal)]
    return all("e" not in text.lower() and sum(map(str.isdecimal, text)) <= _EXACT_DIGITS for text in texts)


def _is_string(node: Any) -> bool:
    return isinstance(node, exp.Literal) and bool(node.is_string)


def _is_word(node: Any) -> bool:
    """Whether a node is a text that is no number."""
    return _is_string(node) and not _LIKE_NUMBERS.fullmatch(node.name)
