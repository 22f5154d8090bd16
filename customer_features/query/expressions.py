"""SQL expressions over one row of a source: parsing, the columns that they name, and quoting for a dialect.

One meaning in every dialect: double quotes stand around names, single quotes around text, as in standard SQL. A name
that stands alone must be a column. An expression that reads no column is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence, Set
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Any

from customer_features.errors import ColumnError, InvalidOption, MissingExtra, did_you_mean

try:
    import sqlglot
    from sqlglot import exp
    from sqlglot.dialects.dialect import Dialect
    from sqlglot.errors import SqlglotError
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading tables", "bulk") from error

_NAME_ALONE = re.compile(r"[^\W\d]\w*(?: +[\w#$%€£&./?:()-]+)+")
"""Words with blanks between them, which are no SQL: the name of a column, as it stands in a file's header."""
_RANDOM = {
    *("rand", "randn", "random", "uuid", "uuidv4", "uuidv7", "generateuuidv4", "generateuuidv7", "rand32", "rand64"),
    *("randcanonical", "nextval", "setseed"),
}
"""Functions that give other values at each run."""
_CLAUSE = re.compile(r"\b(as|from|where|group|having|order by|limit|union)\b", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_CALL_APART = re.compile(r"[\w ]*\w +\([^()'\",*]*\)")
"""A word, a blank and brackets: ``Email (Billing)``."""
_WITH_PARTS = ("duckdb", "spark")
"""Dialects in which ``a.b`` can be the part ``b`` of a column ``a``."""
_NEAR = 0.8
"""How near the text of an expression is to a column's name to be taken for a misspelling of it."""


def resolved(field: str, text: str, columns: Sequence[str], source: str, dialect: str = "duckdb") -> exp.Expression:
    """Parse an expression over a source whose columns are known.

    Every column in the tree bears the source's own spelling, quoted. ``a.b`` is the part ``b`` of a column ``a``.

    Raises ColumnError where a name is no column, InvalidOption where the text is no expression over one row or reads
    no column.
    """
    if (same := _same(text, columns)) is not None:
        return exp.column(same, quoted=True)
    try:
        tree = parsed(field, text, dialect)
    except InvalidOption as error:
        if near := _misspelled(text, columns):
            raise _no_column(source, text, field, columns, near) from None
        if shown := _with_quotes(text, columns, dialect):
            raise InvalidOption(
                "map", f"{error.reason}; names with blanks go in double quotes: {field}={shown}"
            ) from None
        raise
    if isinstance(tree, exp.Alias) or (not isinstance(tree, exp.Column) and _misspelled(text, columns)):
        raise _no_column(source, text, field, columns)
    for column in list(tree.find_all(exp.Column)):
        parts = [part.name for part in column.parts]
        name = _same(parts[0], columns)
        if name is None and len(alike := [one for one in columns if one.lower() == parts[0].lower()]) > 1:
            listed = " or ".join(f"'{other}'" for other in alike)
            raise ColumnError(
                f"{source}: '{parts[0]}' for {field} could be {listed}; write it in quotes, as it is spelled"
            )
        if name is None or (len(parts) > 1 and dialect not in _WITH_PARTS):
            raise _no_column(source, column.sql(dialect=dialect), field, columns, did_you_mean(column.name, columns))
        whole: exp.Expression = exp.column(name, quoted=True)
        for part in parts[1:]:
            if dialect == "spark":  # its own extraction leaves names without quotes
                whole = exp.Dot(this=whole, expression=exp.to_identifier(part, quoted=True))
            else:
                whole = exp.StructExtract(this=whole, expression=exp.Literal.string(part))
        if column is tree:
            return whole
        column.replace(whole)
    _refuse_constant(field, text, tree, columns)
    return tree


def unresolved(field: str, text: str, dialect: str) -> tuple[exp.Expression, bool]:
    """Parse an expression over a source whose columns are not known; whether the text is a column's name to the letter.

    Words with blanks between them (``Total Collected``) and a word with brackets apart (``Email (Billing)``) are the
    name of a column. Raises InvalidOption as :func:`resolved`.
    """
    if quoted := _QUOTED.fullmatch(text):
        return exp.column(quoted[1].replace('""', '"'), quoted=True), True
    if _CALL_APART.fullmatch(text) or (_NAME_ALONE.fullmatch(text) and re.search("[#$€£]", text)):
        return exp.column(text, quoted=True), True
    try:
        tree = parsed(field, text, dialect)
        if isinstance(tree, exp.Alias):
            raise InvalidOption("map", f"{field}={text} names its result; leave that name out")
    except InvalidOption:
        if not _NAME_ALONE.fullmatch(text) or _CLAUSE.search(text):
            raise
        return exp.column(text, quoted=True), True
    _refuse_constant(field, text, tree, ())
    return tree, False


def parsed(field: str, text: str, dialect: str, option: str = "map") -> exp.Expression:
    """Parse an SQL expression over one row, its names as they are written. Raises InvalidOption where it is none."""
    shown = f"{field}={text}" if option == "map" else text
    try:
        trees = [tree for tree in sqlglot.parse(f"SELECT {text}", dialect=_spoken(dialect)) if tree is not None]
    except SqlglotError as error:
        raise InvalidOption(option, f"{shown} cannot be read as an SQL expression: {_first(error)}") from None
    tree = trees[0] if len(trees) == 1 else None
    clauses = {name for name, value in tree.args.items() if value} if isinstance(tree, exp.Select) else set()
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or clauses - {"expressions"}:
        raise InvalidOption(option, f"{shown} must be one column or one SQL expression")
    inner: exp.Expression = tree.expressions[0]
    if inner.find(exp.AggFunc, exp.Window, exp.Query, exp.Star):
        raise InvalidOption(option, f"{shown} must be an expression over one row: no sums, no queries")
    for function in inner.find_all(exp.Func):
        name = (function.name if isinstance(function, exp.Anonymous) else function.sql_name()).lower()
        if name in _RANDOM:
            raise InvalidOption(option, f"{shown} gives other values at each run: {name}() is not allowed")
    if inner.find(exp.Placeholder, exp.Parameter):
        raise InvalidOption(
            option, f'{shown} has a parameter; a name with $, ? or : in it goes in double quotes, as in "date"."$date"'
        )
    if any(node.comments for node in inner.walk()):
        raise InvalidOption(option, f"{shown} must be an expression over one row, without comments")
    return _with_steps(inner) if dialect == "duckdb" else inner


def _with_steps(tree: exp.Expression) -> exp.Expression:
    """A tree of DuckDB whose steps of time stay what they are.

    SQLGlot takes the second argument of ``date_add`` for a number of days, also where it is ``to_days(...)``.
    """

    def step(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.DateBin) and isinstance(node.args.get("unit"), exp.Var):
            raise InvalidOption(
                "map",
                "a text as the third argument of time_bucket is not read; give a timezone with timezone('NAME', ...)"
                " around the instant, or an origin as TIMESTAMP '...'",
            )
        if not isinstance(node, exp.DateAdd) or isinstance(node.expression, exp.Interval):
            return node
        return exp.paren(exp.Add(this=exp.paren(node.this), expression=exp.paren(node.expression)))

    return tree.transform(step)


def columns_in(sql: str, dialect: str = "duckdb") -> set[str]:
    """The names of the columns that an expression reads."""
    return {column.parts[0].name for column in sqlglot.parse_one(sql, dialect=dialect).find_all(exp.Column)}


def is_column(sql: str, dialect: str = "duckdb") -> bool:
    """Whether an expression is a column, or a constant in the place of one, and computes nothing."""
    return isinstance(sqlglot.parse_one(sql, dialect=dialect), (exp.Column, exp.Literal))


def without_tokens(sql: str, texts: Set[str], tokens: Sequence[str], dialect: str = "duckdb") -> str:
    """An expression whose text columns, ``texts``, hold nothing where they hold one of the tokens."""
    if not tokens:
        return sql
    root = exp.Paren(this=sqlglot.parse_one(sql, dialect=dialect))
    parts = (exp.JSONExtract, exp.JSONExtractScalar, exp.StructExtract)
    found: list[Any] = list(root.find_all(exp.Column, exp.JSONExtractScalar))
    for node in found:
        if node.find_ancestor(*parts):
            continue
        of_text = isinstance(node, exp.JSONExtractScalar) or (not node.table and node.name in texts)
        if of_text and not _asked_alone(node):
            kept: Any = node.copy()
            for token in tokens:
                kept = exp.Nullif(this=kept, expression=exp.Literal.string(token))
            node.replace(kept)
    return written(root.this, dialect)


def written(tree: Any, dialect: str) -> str:
    """Return a tree as SQL of a dialect."""
    if dialect == "clickhouse":
        # SQLGlot writes its DIV as a cast of a quotient of doubles, which is another number.
        root = exp.Paren(this=tree.copy())
        for node in list(root.find_all(exp.IntDiv)):
            node.replace(exp.Anonymous(this="intDiv", expressions=[node.this, node.expression]))
        tree = root.this
    return str(tree.sql(dialect=dialect, normalize_functions=False))


def _asked_alone(node: exp.Expression) -> bool:
    """Whether a column is asked whether it is JSON, which its whole text is."""
    return node.parent is not None and node.parent.sql().upper().startswith("JSON_VALID(")


@lru_cache
def _spoken(dialect: str) -> Any:
    """A dialect in which double quotes stand around names: some take what stands in them for text."""
    base = type(Dialect.get_or_raise(dialect))
    tokenizer = base.tokenizer_class
    if '"' in tokenizer._IDENTIFIERS:
        return dialect
    own = type(
        "Tokenizer",
        (tokenizer,),
        {"QUOTES": ["'"], "IDENTIFIERS": [*tokenizer.IDENTIFIERS, '"'], "RAW_STRINGS": [], "BYTE_STRINGS": []},
    )
    return type(f"{base.__name__}Named", (base,), {"Tokenizer": own})


def _same(name: str, columns: Sequence[str]) -> str | None:
    """The column of a name: to the letter, or else the only one that differs by case alone."""
    if name in columns:
        return name
    same = [column for column in columns if column.lower() == name.lower()]
    return same[0] if len(same) == 1 else None


def _misspelled(text: str, columns: Sequence[str]) -> str:
    """A hint where an expression's text is nearly the name of a column that is no plain word, or nothing."""
    if re.search(r"[\"'`]", text):
        return ""
    plain = text.lower()
    near = [
        (SequenceMatcher(None, plain, column.lower()).ratio(), column)
        for column in columns
        if not column.isidentifier()
    ]
    ratio, column = max(near, default=(0.0, ""))
    return f" (did you mean '{column}'?)" if ratio >= _NEAR else ""


def _no_column(source: str, name: str, field: str, columns: Sequence[str], hint: str | None = None) -> ColumnError:
    hint = did_you_mean(name, columns) if hint is None else hint
    return ColumnError(
        f"{source}: there is no column '{name}' for {field}{hint}; columns found: {', '.join(columns) or 'none'}"
    )


def _refuse_constant(field: str, text: str, tree: exp.Expression, columns: Sequence[str]) -> None:
    if tree.find(exp.Column) is None:
        bare = text.strip().strip("\"'`")
        raise InvalidOption(
            "map",
            f"{field}={text} reads no column{did_you_mean(bare, columns)};"
            f" give a column, or a constant with --constant {field}=VALUE"
            f" (in Python: constant={{'{field}': 'VALUE'}})",
        )


def _with_quotes(text: str, columns: Sequence[str], dialect: str) -> str:
    """The expression with every column whose name needs quotes in them, where that makes it one; else nothing."""
    odd = sorted((column for column in columns if not column.isidentifier()), key=len, reverse=True)
    pattern = "|".join(rf"(?<![\w\"]){re.escape(column)}(?![\w\"])" for column in odd)
    if not odd or '"' in text or not re.search(pattern, text, re.IGNORECASE):
        return ""
    spelled = {column.lower(): column for column in odd}

    def quote(found: re.Match[str]) -> str:
        return str(exp.to_identifier(spelled[found[0].lower()], quoted=True).sql(dialect="duckdb"))

    shown = re.sub(pattern, quote, text, flags=re.IGNORECASE)
    try:
        parsed("", shown, dialect)
    except InvalidOption:
        return ""
    return shown


def _first(error: SqlglotError) -> str:
    if isinstance(error, sqlglot.ParseError) and error.errors:
        return str(error.errors[0]["description"])
    return str(error.__cause__ or error).splitlines()[0]
