"""Expressions over one row: names are columns, double quotes stand around names in every dialect."""

from __future__ import annotations

import pytest

from customer_features.errors import ColumnError, InvalidOption
from customer_features.query.expressions import columns_in, is_column, resolved, unresolved, without_tokens

COLUMNS = ["Total", "Total Collected", "Created at", "Email (Billing)", "Lineitem price", "Lineitem quantity", "qty"]
DIALECTS = ("duckdb", "postgres", "clickhouse", "spark", "snowflake", "bigquery", "redshift", "trino")
TICKS = ("spark", "bigquery")


def marked(name: str, dialect: str) -> str:
    return f"`{name}`" if dialect in TICKS else f'"{name}"'


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_name_is_a_column_in_every_dialect(dialect: str) -> None:
    for text, name in (
        ("Total Collected", "Total Collected"),
        ("total collected", "Total Collected"),
        ("Email (Billing)", "Email (Billing)"),
        ('"Total Collected"', "Total Collected"),
        ("TOTAL", "Total"),
    ):
        assert resolved("amount", text, COLUMNS, "s", dialect).sql(dialect=dialect) == marked(name, dialect)
    product = resolved("amount", '"Lineitem price" * "Lineitem quantity"', COLUMNS, "s", dialect)
    assert (
        product.sql(dialect=dialect) == f"{marked('Lineitem price', dialect)} * {marked('Lineitem quantity', dialect)}"
    )


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Total Colected", "Total Collected"),
        ("Created att", "Created at"),
        ("Emial (Billing)", "Email (Billing)"),
        ("Totl", "Total"),
        ("Total AS x", "Total"),
    ],
)
def test_what_is_nearly_a_name_is_refused(dialect: str, text: str, meant: str) -> None:
    with pytest.raises(ColumnError, match="there is no column") as caught:
        resolved("amount", text, COLUMNS, "s", dialect)
    assert f"there is no column '{text}' for amount (did you mean '{meant}'?)" in str(caught.value)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("text", ["'customer_id'", "'Total'", "1", "NULL", "lower('x')", "current_date", "1 + 1"])
def test_what_reads_no_column_is_refused(dialect: str, text: str) -> None:
    with pytest.raises(InvalidOption, match=r"reads no column.*--constant customer_id=VALUE"):
        resolved("customer_id", text, COLUMNS, "s", dialect)
    with pytest.raises(InvalidOption, match="reads no column"):
        unresolved("customer_id", text, dialect)


def test_names_with_blanks_are_shown_in_quotes() -> None:
    with pytest.raises(InvalidOption) as caught:
        resolved("amount", "Lineitem price * Lineitem quantity", COLUMNS, "s")
    shown = str(caught.value).rpartition("amount=")[2]
    assert shown == '"Lineitem price" * "Lineitem quantity"'
    assert columns_in(resolved("amount", shown, COLUMNS, "s").sql()) == {"Lineitem price", "Lineitem quantity"}


@pytest.mark.parametrize("text", ["qty -- the rest", "qty /* x */ + 1"])
def test_comments_are_refused(text: str) -> None:
    with pytest.raises(InvalidOption, match="without comments"):
        resolved("amount", text, COLUMNS, "s")


@pytest.mark.parametrize("text", ["qty + ?", "qty + $1", "qty.$date"])
def test_a_name_with_the_mark_of_a_parameter_needs_quotes(text: str) -> None:
    with pytest.raises(InvalidOption, match="goes in double quotes"):
        resolved("amount", text, COLUMNS, "s")
    assert columns_in(resolved("date", '"qty"."$date"', COLUMNS, "s").sql()) == {"qty"}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "name", ["Total Collected", "Email (Billing)", "Date (UTC)", "Amount in $", "Order #", "Client Nr."]
)
def test_words_are_a_name_where_no_column_is_known(dialect: str, name: str) -> None:
    tree, alone = unresolved("amount", name, dialect)
    assert alone
    assert tree.sql(dialect=dialect) == marked(name, dialect)
    tree, _ = unresolved("amount", f'"{name}"', dialect)
    assert tree.sql(dialect=dialect) == marked(name, dialect)


def test_an_expression_where_no_column_is_known() -> None:
    tree, alone = unresolved("amount", "price * qty", "duckdb")
    assert not alone
    assert tree.sql() == "price * qty"
    for text in ("price AS x", "a b + c", "a, b"):
        with pytest.raises(InvalidOption):
            unresolved("amount", text, "duckdb")


def test_columns_that_differ_by_case_alone() -> None:
    assert resolved("amount", "Amount", ["amount", "Amount"], "s").sql() == '"Amount"'
    with pytest.raises(ColumnError, match="'AMOUNT' for amount could be 'amount' or 'Amount'"):
        resolved("amount", "AMOUNT", ["amount", "Amount"], "s")


def test_parts_of_a_column() -> None:
    tree = resolved("customer_id", "customer.id", ["customer", "x"], "s")
    assert tree.sql(dialect="duckdb") == "STRUCT_EXTRACT(\"customer\", 'id')"
    assert columns_in(tree.sql(dialect="duckdb")) == {"customer"}
    assert resolved("customer_id", "customer.id", ["customer"], "s", "spark").sql(dialect="spark") == "`customer`.`id`"
    with pytest.raises(ColumnError, match="there is no column"):
        resolved("customer_id", "customer.id", ["customer"], "s", "postgres")


def test_tokens_that_stand_for_nothing() -> None:
    sql = without_tokens('"a" || "n"', {"a"}, ("NULL", "it's"))
    assert sql == """NULLIF(NULLIF("a", 'NULL'), 'it''s') || "n\""""
    assert is_column('"a"')
    assert not is_column('"a" || "b"')
