"""Which column is which field: recognition by common names, and ``--map FIELD=EXPR``.

Nothing is guessed in silence: what was recognised is reported, and two columns that would serve
equally well are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from customer_features.errors import ColumnError, InvalidOption, MissingExtra, did_you_mean

try:
    import sqlglot
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


def check_fields(mapping: Mapping[str, str]) -> None:
    """Raise InvalidOption for a field that does not exist."""
    for field in mapping:
        if field not in FIELDS:
            raise InvalidOption(
                "map", f"'{field}' is not a field; allowed are {', '.join(FIELDS)}{did_you_mean(field, FIELDS)}"
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
    trees = (sqlglot.parse_one(mapped.sql, dialect="duckdb") for mapped in fields.values())
    spoken = {column.name for tree in trees for column in tree.find_all(exp.Column)}
    return spoken & set(columns)


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
    for same in (
        [column for column in columns if column == expression],
        [column for column in columns if column.lower() == expression.lower()],
    ):
        if len(same) == 1:
            return Mapped(quoted(same[0], dialect), same[0], recognised=False)
    tree = _parse(field, expression, dialect)
    by_lower = {column.lower(): column for column in columns}
    tree = _inside(tree, by_lower, dialect)
    for column in tree.find_all(exp.Column):
        name = column.name
        if column.table or name.lower() not in by_lower:
            raise ColumnError(
                f"{source}: there is no column '{column.sql(dialect=dialect)}' for {field}"
                f"{did_you_mean(name, columns)}; columns found: {', '.join(columns)}"
            )
        alike = [other for other in columns if other.lower() == name.lower()]
        if name not in columns and len(alike) > 1:
            listed = " or ".join(f"'{other}'" for other in alike)
            raise ColumnError(f"{source}: '{name}' for {field} could be {listed}; write it in quotes, as it is spelled")
        column.set("this", exp.to_identifier(name if name in columns else by_lower[name.lower()], quoted=True))
    return Mapped(tree.sql(dialect=dialect), expression, recognised=False)


def _inside(tree: exp.Expression, columns: Mapping[str, str], dialect: str) -> exp.Expression:
    """The expression with ``customer.id`` as what stands inside the column ``customer``, where there is one."""

    def extracted(node: exp.Expression) -> exp.Expression:
        if not isinstance(node, exp.Column) or node.parts[0].name.lower() not in columns:
            return node
        first, *names = node.parts
        value: exp.Expression = exp.column(first.copy())
        for name in names:
            value = exp.StructExtract(this=value, expression=exp.Literal.string(name.name))
        return value

    return tree.transform(extracted) if dialect in ("duckdb", "spark") else tree


def _parse(field: str, expression: str, dialect: str) -> exp.Expression:
    try:
        tree = sqlglot.parse_one(f"SELECT {expression}", dialect=dialect)
    except (sqlglot.ParseError, sqlglot.TokenError) as error:
        raise InvalidOption(
            "map", f"{field}={expression} cannot be read as an SQL expression: {_first(error)}"
        ) from None
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1 or set(_clauses(tree)) - {"expressions"}:
        raise InvalidOption("map", f"{field}={expression} must be one column or one SQL expression")
    inner = tree.expressions[0]
    if inner.find(exp.AggFunc, exp.Window, exp.Query, exp.Star):
        raise InvalidOption("map", f"{field}={expression} must be an expression over one row: no sums, no queries")
    unnamed: exp.Expression = inner.this if isinstance(inner, exp.Alias) else inner
    return unnamed


def _clauses(tree: exp.Expression) -> Iterable[str]:
    return (name for name, value in tree.args.items() if value)


def _first(error: sqlglot.ParseError | sqlglot.TokenError) -> str:
    if isinstance(error, sqlglot.ParseError) and error.errors:
        return str(error.errors[0]["description"])
    return str(error.__cause__ or error).splitlines()[0]


def number_of_text(sql: str, decimal: str = ".") -> str:
    """SQL of the number that a text holds, null where it holds none; thousands separators are not read."""
    if decimal == ".":
        # The cast allows 1_000; a plain number does not.
        return f"CASE WHEN NOT CONTAINS({sql}, '_') THEN TRY_CAST({sql} AS DOUBLE) END"
    point = f"TRY_CAST(REPLACE({sql}, {literal(decimal)}, '.') AS DOUBLE)"
    return f"CASE WHEN NOT CONTAINS({sql}, '_') AND NOT CONTAINS({sql}, '.') THEN {point} END"


def arithmetic_over_text(sql: str, decimal: str = ".") -> str:
    """The expression with columns under arithmetic read as numbers: in a text file all are text."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    arithmetic = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Abs, exp.Round)

    def cast(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and isinstance(node.parent, (*arithmetic, exp.Paren)):
            number: exp.Expression = exp.maybe_parse(
                number_of_text(node.sql(dialect="duckdb"), decimal), dialect="duckdb"
            )
            return number
        return node

    return tree.transform(cast).sql(dialect="duckdb")
