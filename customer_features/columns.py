"""Which column is which field: recognition by common names, and ``--map FIELD=EXPR``.

Nothing is guessed in silence: what was recognised is reported, and two columns that would serve
equally well are refused.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from customer_features.errors import ColumnError, InvalidOption, MissingExtra, did_you_mean
from customer_features.expressions import columns_in, resolved

try:
    from sqlglot import exp
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading tables", "bulk") from error

REQUIRED = ("customer_id", "transaction_id", "date", "amount", "product_id")
OPTIONAL = ("loyalty_score",)
FIELDS = REQUIRED + OPTIONAL

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


class Constant(str):
    """A value that stands for a whole column, in the place of an expression."""


def quoted(name: str, dialect: str = "duckdb") -> str:
    """A column or table name as a quoted SQL identifier."""
    return exp.to_identifier(name, quoted=True).sql(dialect=dialect)


def literal(text: str) -> str:
    """A text as an SQL string literal."""
    return exp.Literal.string(text).sql(dialect="duckdb")


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
    """A mapping with the fields that a constant stands for. Raises InvalidOption where a field is given twice."""
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
        candidates = [column for column in columns if _plain(column) == _plain(field)]
        if not candidates:
            candidates = [column for column in columns if _common_names().get(_plain(column)) == field]
        if len(candidates) > 1:
            listed = " and ".join(f"'{column}'" for column in candidates)
            raise ColumnError(
                f"{source}: {listed} would both serve as {field}; choose one with --map"
                f" {field}={_shell(candidates[0])} (in Python: columns={{'{field}': {candidates[0]!r}}})"
            )
        if candidates:
            found[field] = Mapped(quoted(candidates[0], dialect), candidates[0], recognised=True)
        elif field in fields:
            missing.append(field)
    if missing:
        # A column that serves as another field already is no guess for this one.
        taken = {mapped.shown for mapped in found.values()}
        raise ColumnError(_missing(missing, columns, taken, source))
    return found


def resolve_loyalty(
    columns: Iterable[str], mapping: Mapping[str, str], source: str, score: str = "loyalty_score"
) -> dict[str, Mapped]:
    """:func:`resolve` of a source of loyalty scores, whose fields are the customer's id and ``score``."""
    needed = ("customer_id", score)
    mapping = {name: sql for name, sql in mapping.items() if name in needed}
    try:
        return resolve(columns, mapping, source, needed, ())
    except ColumnError:
        # The customers' column may bear another name here than among the transactions.
        if mapping.pop("customer_id", None) is None:
            raise
        return resolve(columns, mapping, source, needed, ())


def columns_used(fields: Mapping[str, Mapped], columns: Iterable[str]) -> set[str]:
    """The columns that resolved expressions speak of."""
    spoken: set[str] = set()
    return spoken.union(*(columns_in(mapped.sql) for mapped in fields.values())) & set(columns)


def _shell(name: str) -> str:
    return name if re.fullmatch(r"\w+", name) else f"'\"{name}\"'"


def _missing(missing: list[str], columns: list[str], taken: set[str], source: str) -> str:
    nearest: list[tuple[str, str]] = []
    for field in missing:
        if hint := _nearest(field, [column for column in columns if column not in taken]):
            nearest.append(hint)
            taken.add(hint[1])
    lines = [f"{source}: no column was recognised as {', '.join(missing)}"]
    lines.append(f"  columns found: {', '.join(columns) if columns else 'none'}")
    lines += [f"  did you mean '{column}' for {field}?" for field, column in nearest]
    field, column = nearest[0] if nearest else (missing[0], "COLUMN")
    lines.append(f"  say which with --map {field}={_shell(column)} (in Python: columns={{'{field}': {column!r}}})")
    return "\n".join(lines)


def _nearest(field: str, columns: list[str]) -> tuple[str, str] | None:
    for name in (field, *_COMMON[field].split()):
        hint = re.search(r"'(.*)'", did_you_mean(name, columns))
        if hint:
            return field, hint[1]
    return None


def _mapped(field: str, expression: str, columns: list[str], source: str, dialect: str) -> Mapped:
    if isinstance(expression, Constant):
        return Mapped(exp.Literal.string(expression).sql(dialect=dialect), f"constant '{expression}'", recognised=False)
    tree = resolved(field, expression, columns, source, dialect)
    shown = tree.name if isinstance(tree, exp.Column) else expression
    return Mapped(tree.sql(dialect=dialect, normalize_functions=False), shown, recognised=False)
