"""Generated SQL: the definition as one readable query that runs where the data are, with nothing installed there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from customer_features.definition.options import Options, dates
from customer_features.errors import InvalidOption, MissingExtra, did_you_mean
from customer_features.query.columns import NUMBERS, Constant, Mapped, check_fields, check_scores, with_constants
from customer_features.query.dialects import Dialect, Kind, Type, dialect
from customer_features.query.expressions import columns_in, parsed, unresolved
from customer_features.query.instants import on_local_clock
from customer_features.query.printing import text_of
from customer_features.query.steps import FIELDS, IDS, LOYALTY, Portable, Source
from customer_features.query.typed_fields import amount_texts, typed
from customer_features.query.untyped_columns import with_doubles

try:
    import sqlglot
    from sqlglot import exp
    from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("generated SQL", "sql") from error

FORMS = ("query", "dbt")
_TYPES = {
    **dict.fromkeys(IDS, Type(Kind.TEXT)),
    "date": Type(Kind.DATE),
    "amount": Type(Kind.DOUBLE),
    LOYALTY: Type(Kind.DOUBLE),
    "points": Type(Kind.DOUBLE),
}
"""What is taken of a column whose type is not told: whatever its engine can turn into that."""
_DAY = re.compile(r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}\s*")
_PART = r'(?:"(?:[^"]|"")+"|`(?:[^`]|``)+`|[A-Za-z_][A-Za-z0-9_$-]*)'


def sql(
    dialect_name: str,
    *,
    table: str = "transactions",
    columns: Mapping[str, str] | None = None,
    constant: Mapping[str, str] | None = None,
    types: Mapping[str, str] | None = None,
    today: object = None,
    loyalty: str | None = None,
    max_points: object = None,
    grain: str = "transaction",
    future: str = "fault",
    returns: str = "fault",
    window: str | None = None,
    timezone: str | None = None,
    form: str = "query",
    faults: bool = False,
) -> str:
    """The definition as SQL: a query that gives one exact vector per customer, or the faulty rows.

    Parameters
    ----------
    dialect_name
        ``"duckdb"``, ``"postgres"``, ``"spark"`` (Databricks too), ``"clickhouse"``, ``"snowflake"``, ``"bigquery"``,
        ``"redshift"`` or ``"trino"``.
    table
        What is read, as ``orders``, ``shop.orders`` or ``"shop"."Orders"``. Whatever is no such name is taken as the
        name of one table, to the letter.
    columns
        Field to column name or SQL expression of the dialect over one row; a field that is not named is the column of
        its own name. Words with blanks between them are a column's name, to the letter; in an expression such names go
        in double quotes. ``loyalty_score`` is read where it is named.
    constant
        Field to a value that is the same in every row: ``{"product_id": "unknown"}``.
    types
        Field to its column's type in the dialect, where that is not text for an id, a date for ``date`` or a number
        for ``amount``: ``{"date": "TIMESTAMPTZ", "amount": "DECIMAL(18, 6)"}``. A type of text makes the query read
        dates and numbers with care: what is none is a fault, not an error.
    today
        A date, several (a column ``as_of`` stands after ``customer_id`` then), or an SQL expression such as
        ``"CURRENT_DATE"``. By default the current date in ``timezone`` at the time of the query.
    loyalty
        A table with ``customer_id`` and ``loyalty_score``, or ``points`` with ``max_points``. With it ``columns``
        names the ``loyalty_score`` of this table.
    grain, future, returns, window, timezone
        As in :func:`customer_features.build`.
    form
        ``"query"``, or ``"dbt"``: a dbt model, its schema file and a test of ranges, each under its file's name.
    faults
        The query that lists faulty rows with their faults and a sentence, instead of the vectors.

    Returns
    -------
    The text: the same call gives the same bytes. The query leaves faulty rows out, as
    ``build(..., on_fault="quarantine")`` does, but cannot stop where they are many.

    Raises
    ------
    InvalidOption
        A dialect, form, option, type or expression that is not one of those allowed.
    """
    if form not in FORMS:
        raise InvalidOption("as", f"'{form}' is not one of {', '.join(FORMS)}{did_you_mean(form, FORMS)}")
    made = portable(
        dialect(dialect_name),
        table=table,
        columns=with_constants(columns or {}, constant),
        types=types,
        today=today,
        loyalty=loyalty,
        max_points=max_points,
        grain=grain,
        future=future,
        returns=returns,
        window=window,
        timezone=timezone,
    )
    if form == "dbt":
        from customer_features.query.dbt import files  # what it needs beside is needed there alone

        return "\n".join(f"{_comment(name)}\n{text}" for name, text in files(made, table, loyalty, faults).items())
    return text_of(made, faults)


def _comment(name: str) -> str:
    return f"{'#' if name.endswith('.yml') else '--'} {name}"


def portable(
    spoken: Dialect,
    *,
    table: str,
    columns: Mapping[str, str] | None,
    types: Mapping[str, str] | None,
    today: object,
    loyalty: str | None,
    max_points: object,
    **choices: Any,
) -> Portable:
    """The definition under the choices of :func:`sql`."""
    check_fields(columns or {})
    given = dict(columns or {})
    fields = {name: expression_of(spoken, name, given.pop(name, name)) for name in FIELDS}
    if spoken.name == "duckdb":
        zone = Options.parse(timezone=choices.get("timezone")).timezone
        fields["date"] = on_local_clock(fields["date"], zone, lambda sql: None, (columns or {}).get("date", "date"))
    if loyalty is not None:
        check_scores(columns or {}, with_points=max_points is not None)
    elif LOYALTY in given:
        fields[LOYALTY] = expression_of(spoken, LOYALTY, given[LOYALTY])
    score = LOYALTY if max_points is None else "points"
    kinds = {**_TYPES, **_told(spoken, types or {}, [*fields, *([] if loyalty is None else [score])])}
    shown, texts = dict(fields), {}
    for name in NUMBERS:
        if name not in fields or isinstance((columns or {}).get(name), Constant):
            continue
        made = _number(spoken, name, fields[name], kinds[name])
        fields[name] = made.sql
        if name == "amount":
            texts = amount_texts(made, is_text=kinds[name].kind is Kind.TEXT)
    expression = None
    if isinstance(today, str) and not _DAY.fullmatch(today):
        expression = spoken.a_day(expression_of(spoken, "today", today))
    elif today is None:
        expression = spoken.today(Options.parse(timezone=choices.get("timezone")).timezone)
    options = Options.parse(
        **(dates(today) if expression is None else {"today": date.max}), max_points=max_points, **choices
    )
    scores = None
    if max_points is not None and loyalty is None:
        raise InvalidOption("max_points", "goes with the table that holds the points: give loyalty")
    if loyalty is not None:
        names = {"customer_id": expression_of(spoken, "customer_id", "customer_id")}
        names[score] = _number(spoken, score, expression_of(spoken, score, given.get(score, score)), kinds[score]).sql
        scores = Source(table_of(spoken, loyalty), names, kinds, name=loyalty)
    return Portable(
        spoken,
        options,
        Source(table_of(spoken, table), fields, kinds, shown=shown, texts=texts),
        expression,
        scores,
        guarded=True,
    )


def _told(spoken: Dialect, types: Mapping[str, str], fields: list[str]) -> dict[str, Type]:
    found = {}
    for name, text in types.items():
        if name not in fields:
            hint = did_you_mean(name, fields)
            raise InvalidOption("type", f"'{name}' is not a field that is read; these are {', '.join(fields)}{hint}")
        found[name] = spoken.type_of(name, text)
        allowed = {
            "date": (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT, Kind.TEXT),
            "amount": (Kind.DOUBLE, Kind.DECIMAL, Kind.WHOLE, Kind.TEXT),
            **dict.fromkeys((LOYALTY, "points"), (Kind.DOUBLE, Kind.DECIMAL, Kind.WHOLE, Kind.TEXT)),
        }.get(name, (Kind.TEXT, Kind.WHOLE))
        if found[name].kind not in allowed:
            raise InvalidOption("type", f"{name}={text}: {name} is read from {', '.join(allowed)}")
    return found


def table_of(spoken: Dialect, name: str) -> str:
    """A table's name, as SQL: its parts, each quoted as the dialect understands it unquoted; else one identifier."""
    if not name:
        raise InvalidOption("table", "the name is empty")
    if not re.fullmatch(rf"{_PART}(\.{_PART}){{0,3}}", name):
        return spoken.quoted(name)
    try:
        tree: Any = exp.to_table(name, dialect=spoken.sqlglot)
    except (sqlglot.ParseError, sqlglot.TokenError):
        return spoken.quoted(name)
    return _quoted(spoken, tree)


def expression_of(spoken: Dialect, field: str, text: str) -> str:
    """An SQL expression of the dialect over one row, parsed and written again with every name quoted.

    Raises InvalidOption where it is no such expression.
    """
    if isinstance(text, Constant):
        return spoken.literal(text)
    if field == "today":
        return _quoted(spoken, parsed("today", text, spoken.sqlglot, "today"))
    tree, to_the_letter = unresolved(field, text, spoken.sqlglot)
    if to_the_letter:
        return str(tree.sql(dialect=spoken.sqlglot))
    return _quoted(spoken, tree)


def _number(spoken: Dialect, field: str, sql: str, kind: Type) -> Mapped:
    """An expression whose columns are read as numbers, where they are text or their type is not told."""
    if kind.kind is Kind.TEXT:
        return _of_texts(spoken, field, sql)
    if kind.kind is Kind.DOUBLE:
        sql = with_doubles(sql, spoken.sqlglot, lambda column: spoken.cast(column, spoken.double))
    return Mapped(sql, sql, recognised=False)


def _of_texts(spoken: Dialect, field: str, sql: str) -> Mapped:
    """An expression over columns of text, which are read as numbers where it computes with them."""

    def holds_numbers(text: str) -> bool:
        raise InvalidOption(
            "map", f"{field}: whether {text} is to be compared as text or as a number is not known; write a CAST"
        )

    texts = columns_in(sql, spoken.sqlglot)
    mapped = Mapped(sql, sql, recognised=False)
    return typed(field, mapped, texts, set(), spoken, holds_numbers, money=False)


def _quoted(spoken: Dialect, tree: Any) -> str:
    """SQL of a tree in which every name is quoted, in the case in which the dialect takes it unquoted."""
    tree = normalize_identifiers(tree, dialect=spoken.sqlglot)
    for name in tree.find_all(exp.Identifier):
        name.set("quoted", True)
    for node in tree.walk():
        node.comments = None
    return str(tree.sql(dialect=spoken.sqlglot, normalize_functions=False))
