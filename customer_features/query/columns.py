"""Which column is which field: recognition by common names, and ``--map FIELD=EXPR``.

Nothing is guessed in silence: what was recognised is reported, and two columns that would serve
equally well are refused.
"""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from customer_features.errors import ColumnError, InvalidOption, MissingExtra, did_you_mean
from customer_features.query.expressions import columns_in, resolved, written

try:
    from sqlglot import exp
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading tables", "bulk") from error

REQUIRED = ("customer_id", "transaction_id", "date", "amount", "product_id")
OPTIONAL = ("loyalty_score",)
FIELDS = REQUIRED + OPTIONAL
IDS = ("customer_id", "transaction_id", "product_id")
"""Fields that are ids."""
NUMBERS = ("amount", "loyalty_score", "points")
"""Fields that are numbers."""

# Lower case, everything but letters and digits dropped; the contract's own name always comes first.
_COMMON: dict[str, str] = {
    "customer_id": "customer cust_id cust_no customer_no customer_number customer_code customer_key client_id"
    " client household_id household_key user_id member_id account_id shopper_id buyer_id",
    "transaction_id": "transaction txn_id trans_id transaction_no transaction_number order_id order_no"
    " order_number order_key basket_id invoice invoice_id invoice_no invoice_number receipt_id receipt_no"
    " receipt_number ticket_id ticket_no purchase_id sale_id bill_no",
    "date": "transaction_date transaction_timestamp transaction_datetime transaction_time order_date"
    " order_timestamp order_datetime ordered_at purchase_date purchase_timestamp purchased_at invoice_date"
    " receipt_date sale_date sales_date datetime timestamp",
    "amount": "transaction_amount order_total order_amount total_amount total total_price line_total"
    " line_amount net_amount sales_value sales_amount sales revenue spend purchase_amount",
    "product_id": "product product_code product_key product_sku sku item_id item item_code stock_code article_id"
    " article article_no article_number upc ean gtin asin category_id",
    "loyalty_score": "loyalty",
    "points": "loyalty_points points_balance",
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One field's expression: SQL over the source's columns, and how people would name it."""

    sql: str
    shown: str
    recognised: bool
    read: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Texts that the expression reads as numbers: SQL of each, by the name that people know it by."""
    unheld: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """SQL of whether such a text is a number that the expression cannot hold, such as ``nan`` cast to an integer."""


def cells_of_others(fields: Mapping[str, Mapped]) -> tuple[dict[str, str], dict[str, str]]:
    """Return ``read`` and ``unheld`` of the fields that are no numbers: ids and days that are computed of numbers."""
    others = [mapped for name, mapped in fields.items() if name not in NUMBERS]
    read = {shown: sql for mapped in others for shown, sql in mapped.read.items()}
    return read, {shown: sql for mapped in others for shown, sql in mapped.unheld.items()}


class Constant(str):
    """A constant value of a field, given instead of a column or an expression."""


class MissingColumns(ColumnError):
    """No column was recognised as some fields.

    ``taken``: the columns that serve as other fields; ``proposed``: columns for a field, found by their values;
    ``more``: another hint.
    """

    def __init__(
        self,
        source: str,
        missing: list[str],
        columns: list[str],
        taken: set[str],
        proposed: dict[str, list[str]] | None = None,
        more: str = "",
    ) -> None:
        super().__init__(source, missing, columns, taken, proposed, more)
        self.source, self.missing, self.columns, self.taken = source, missing, columns, taken
        self.proposed = proposed or {}
        self.more = more

    def proposing(self, proposed: dict[str, list[str]], more: str) -> MissingColumns:
        """The same error with hints."""
        return MissingColumns(self.source, self.missing, self.columns, self.taken, proposed, more)

    def __str__(self) -> str:
        lines = [f"{self.source}: no column was recognised as {', '.join(self.missing)}"]
        lines.append(f"  columns found: {', '.join(self.columns) if self.columns else 'none'}")
        for field, columns in self.proposed.items():
            listed = " or ".join(f"'{column}'" for column in columns)
            lines.append(f"  did you mean {listed} for {field}?")
        if self.more:
            lines.append(f"  {self.more}")
        sure = {field: columns[0] for field, columns in self.proposed.items() if len(columns) == 1}
        named = {field: sure.get(field, "COLUMN") for field in self.missing}
        options = " ".join(f"--map {field}={_shell(column)}" for field, column in named.items())
        lines.append(f"  say which with {options} (in Python: columns={named!r})")
        return "\n".join(lines)


def quoted(name: str, dialect: str = "duckdb") -> str:
    """A column or table name as a quoted SQL identifier."""
    return exp.to_identifier(name, quoted=True).sql(dialect=dialect)


def words_of_mapping(mapped: Mapped, columns: Iterable[str]) -> str:
    """A field's column or expression as it stands within another expression."""
    return quoted(mapped.shown) if mapped.shown in columns else mapped.shown


def shell_map(field: str, column_or_expression: str, columns: Iterable[str] = ()) -> str:
    """The option that maps a field, as a shell takes it: to one of the columns, or else to an expression."""
    if column_or_expression in columns:
        return f"--map {field}={_shell(column_or_expression)}"
    return f"--map {shlex.quote(f'{field}={column_or_expression}')}"


def literal(text: str) -> str:
    """A text as an SQL string literal."""
    return exp.Literal.string(text).sql(dialect="duckdb")


def path_literal(path: Path) -> str:
    """Return SQL of a path, in which the engine takes no ``~`` at the beginning for the home folder."""
    return literal(f"{os.curdir}{os.sep}{path}" if str(path).startswith("~") else str(path))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


@lru_cache(maxsize=1)
def _common_names() -> dict[str, str]:
    return {_plain(name): field for field, names in _COMMON.items() for name in names.split()}


def parse_mapping(assignments: Iterable[str]) -> dict[str, str]:
    """``["date=order_ts", ...]`` as a mapping. Raises InvalidOption."""
    mapping: dict[str, str] = {}
    for assignment in assignments:
        field, equals, expression = assignment.partition("=")
        field, expression = field.strip(), expression.strip()
        if not equals or not expression:
            raise InvalidOption("map", f"'{assignment}' is not of the form FIELD=EXPR, e.g. amount=order_total")
        if field in mapping:
            raise InvalidOption("map", f"{field} is mapped twice")
        mapping[field] = expression
    check_fields(mapping)
    return mapping


def parse_constants(assignments: Iterable[str]) -> dict[str, Constant]:
    """``["product_id=unknown", ...]`` as constants of fields. Raises InvalidOption."""
    constants: dict[str, Constant] = {}
    for assignment in assignments:
        field, equals, value = assignment.partition("=")
        if not equals or not value:
            raise InvalidOption("constant", f"'{assignment}' is not of the form FIELD=VALUE, e.g. product_id=unknown")
        if field.strip() in constants:
            raise InvalidOption("constant", f"{field.strip()} is given twice")
        constants[field.strip()] = Constant(value)
    check_fields(constants, "constant")
    return constants


def with_constants(mapping: Mapping[str, str], constants: Mapping[str, object] | None) -> dict[str, str]:
    """Add constant fields to a mapping. Raises InvalidOption where a field is given twice."""
    constants = constants or {}
    check_fields(constants, "constant")
    if twice := [field for field in constants if field in mapping]:
        raise InvalidOption("constant", f"{twice[0]} is mapped as well; give one of the two")
    return {**mapping, **{field: Constant(value) for field, value in constants.items()}}


def check_fields(mapping: Mapping[str, object], option: str = "map") -> None:
    """Raise InvalidOption for a field that does not exist."""
    for field in mapping:
        if field not in FIELDS:
            raise InvalidOption(
                option, f"'{field}' is not a field; allowed are {', '.join(FIELDS)}{did_you_mean(field, FIELDS)}"
            )


def resolve(
    columns: Iterable[str],
    mapping: Mapping[str, str],
    source: str,
    fields: Iterable[str] = REQUIRED,
    optional: Iterable[str] = OPTIONAL,
    *,
    dialect: str = "duckdb",
) -> dict[str, Mapped]:
    """The expression of each field over a source's columns.

    ``fields`` are those that must be found; one of ``optional`` is taken when it is there. ``dialect``: SQLGlot's
    name for the SQL that computes over the source, in which the mapping is written then. Raises ColumnError when one
    is missing, when two columns would serve, or when a mapped column is unknown.
    """
    fields = tuple(fields)
    columns = list(columns)
    found: dict[str, Mapped] = {}
    missing: list[str] = []
    for field in (*fields, *optional):
        if field in mapping:
            found[field] = _mapped(field, mapping[field], columns, source, dialect)
            continue
        candidates = serving(field, columns)
        if len(candidates) > 1:
            raise ColumnError(_choice(field, candidates, source))
        if candidates:
            found[field] = Mapped(quoted(candidates[0], dialect), candidates[0], recognised=True)
        elif field in fields:
            missing.append(field)
    _refuse_twice(found, columns, source)
    if missing:
        # A column that serves as another field already is no guess for this one.
        taken = {mapped.shown for mapped in found.values()}
        raise MissingColumns(source, missing, columns, taken)
    return found


def _refuse_twice(found: Mapping[str, Mapped], columns: list[str], source: str) -> None:
    """Raise ColumnError where a column is to be the amount or the date, and an id as well."""
    for field in ("amount", "date"):
        shown = found[field].shown if field in found else None
        for other in ("customer_id", "transaction_id", "product_id", "date", "amount"):
            if other != field and shown in columns and other in found and found[other].shown == shown:
                raise ColumnError(
                    f"{source}: the column '{shown}' is read as {other} and as {field}; map one of them to another"
                )


def serving(field: str, columns: Iterable[str]) -> list[str]:
    """List the columns named like the field or, if there are none, by one of its common names."""
    columns = list(columns)
    own = [column for column in columns if _plain(column) == _plain(field)]
    return own or [column for column in columns if _common_names().get(_plain(column)) == field]


def resolve_loyalty(
    columns: Iterable[str],
    mapping: Mapping[str, str],
    source: str,
    score: str = "loyalty_score",
    *,
    dialect: str = "duckdb",
) -> dict[str, Mapped]:
    """:func:`resolve` of a source of loyalty scores, whose fields are the customer's id and ``score``."""
    check_scores(mapping, with_points=score == "points")
    columns, needed = list(columns), ("customer_id", score)
    mapping = {name: sql for name, sql in mapping.items() if name in needed}
    try:
        return resolve(columns, mapping, source, needed, (), dialect=dialect)
    except ColumnError:
        # The customers' column may bear another name here than among the transactions.
        if mapping.pop("customer_id", None) is None:
            raise
        return resolve(columns, mapping, source, needed, (), dialect=dialect)


def check_scores(mapping: Mapping[str, str], *, with_points: bool) -> None:
    """Raise InvalidOption where the mapping does not go with a source of loyalty scores, or of points."""
    for field, reason in (
        ("loyalty_score", "the loyalty source gives a score for each customer"),
        ("customer_id", "every score of the loyalty source would be of this one customer"),
    ):
        if isinstance(mapping.get(field), Constant):
            raise InvalidOption("constant", f"{field} does not go with loyalty: {reason}; give one of the two")
    if with_points and "loyalty_score" in mapping:
        raise InvalidOption(
            "max_points",
            "makes the score of the loyalty source's points, and loyalty_score is mapped as well; give one of the two",
        )


def scores_of_rows(columns: Iterable[str], mapping: Mapping[str, str]) -> list[str]:
    """List the columns of rows that would serve as loyalty_score, where a mapping does not name that of the scores."""
    return [] if "loyalty_score" in mapping else serving("loyalty_score", columns)


def two_scores(column: str, source: str, scores: str, names: Iterable[str], max_points: float | None) -> ColumnError:
    """Make the error for rows that hold scores beside a loyalty source, ``scores``, of the columns ``names``."""
    found = serving("loyalty_score" if max_points is None else "points", names)
    named = found[0] if found else "COLUMN"
    if max_points is None:
        option, expression, instead = shell_map("loyalty_score", named, found), named, ""
    else:
        expression = f"{quoted(named)} / {max_points:.15g}"
        option, instead = shell_map("loyalty_score", expression), " in the place of max_points"
    return ColumnError(
        f"{source}: '{column}' holds loyalty scores, and so does {scores}; take those of {scores} with"
        f" {option}{instead} (in Python: columns={{'loyalty_score': {expression!r}}}), or leave the loyalty source out"
        " for those of the rows"
    )


def columns_used(fields: Mapping[str, Mapped], columns: Iterable[str]) -> set[str]:
    """The columns that resolved expressions speak of."""
    spoken: set[str] = set()
    return spoken.union(*(columns_in(mapped.sql) for mapped in fields.values())) & set(columns)


def _shell(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else shlex.quote(quoted(name))


def _choice(field: str, candidates: list[str], source: str) -> str:
    """What to say of columns that would serve equally well: which it is only people know."""
    listed = " and ".join(f"'{column}'" for column in candidates)
    both = "both" if len(candidates) == 2 else "all"
    either = " or ".join(f"--map {field}={_shell(column)}" for column in candidates)
    in_python = " or ".join(f"columns={{'{field}': {column!r}}}" for column in candidates)
    return f"{source}: {listed} would {both} serve as {field}; choose one with {either} (in Python: {in_python})"


def _mapped(field: str, expression: str, columns: list[str], source: str, dialect: str) -> Mapped:
    if isinstance(expression, Constant):
        return Mapped(exp.Literal.string(expression).sql(dialect=dialect), f"constant '{expression}'", recognised=False)
    tree = resolved(field, expression, columns, source, dialect)
    shown = tree.name if isinstance(tree, exp.Column) else expression
    return Mapped(written(tree, dialect), shown, recognised=False)
