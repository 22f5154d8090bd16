"""Recognising columns and mapping them: what is taken, what is refused, and in which words."""

from __future__ import annotations

import duckdb
import pytest

from customer_features.errors import ColumnError, InvalidOption
from customer_features.query.columns import FIELDS, REQUIRED, check_fields, literal, parse_mapping, quoted, resolve

CONTRACT = list(FIELDS)


def shown(columns: list[str], mapping: dict[str, str] | None = None) -> dict[str, str]:
    return {field: mapped.shown for field, mapped in resolve(columns, mapping or {}, "s.csv").items()}


def test_the_contracts_own_names() -> None:
    assert shown(CONTRACT) == {field: field for field in FIELDS}


def test_loyalty_is_optional() -> None:
    assert "loyalty_score" not in shown(list(REQUIRED))


@pytest.mark.parametrize(
    "columns",
    [
        ["household_id", "basket_id", "transaction_timestamp", "sales_value", "product_id"],
        ["Customer ID", "Invoice No", "Invoice Date", "Line Total", "Stock Code"],
        ["CUSTOMERID", "orderId", "order-date", "order_total", "SKU"],
        ["user_id", "receipt_no", "purchased_at", "revenue", "upc"],
        ["  client_id ", "txn id", "Date", "AMOUNT", "item"],
    ],
)
def test_common_names(columns: list[str]) -> None:
    assert list(shown(columns).values()) == columns


def test_exact_names_win_over_common_ones() -> None:
    columns = [*CONTRACT, "order_id", "order_date", "order_total", "sku", "household_id", "loyalty"]
    assert shown(columns) == {field: field for field in FIELDS}


def test_two_that_fit_are_refused() -> None:
    columns = ["customer_id", "transaction_id", "order_date", "timestamp", "amount", "product_id"]
    with pytest.raises(ColumnError, match=r"s\.csv: 'order_date' and 'timestamp' would both serve as date") as caught:
        shown(columns)
    assert "--map date=order_date" in str(caught.value)
    assert "columns={'date': 'order_date'}" in str(caught.value)
    assert shown(columns, {"date": "timestamp"})["date"] == "timestamp"


def test_a_name_with_spaces_is_shown_as_the_shell_takes_it() -> None:
    columns = ["customer_id", "transaction_id", "Order Date", "Sale Date", "amount", "product_id"]
    with pytest.raises(ColumnError, match="""--map date='"Order Date"'"""):
        shown(columns)


def test_what_is_missing_is_listed_and_nothing_is_proposed_by_name_alone() -> None:
    with pytest.raises(ColumnError) as caught:
        shown(["customr_id", "transaction_id", "date", "amout", "product_id"])
    said = str(caught.value)
    assert "no column was recognised as customer_id, amount" in said
    assert "columns found: customr_id, transaction_id, date, amout, product_id" in said
    assert "did you mean" not in said
    assert "--map customer_id=COLUMN" in said


def test_nothing_at_all() -> None:
    with pytest.raises(ColumnError, match="columns found: none"):
        shown([])


def test_only_the_fields_asked_for_are_looked_at() -> None:
    found = resolve(["customer_id", "loyalty", "total", "spend"], {}, "l.csv", ("customer_id", "loyalty_score"), ())
    assert {field: mapped.shown for field, mapped in found.items()} == {
        "customer_id": "customer_id",
        "loyalty_score": "loyalty",
    }


def test_mapped_to_a_column_that_is_not_there() -> None:
    with pytest.raises(ColumnError, match=r"no column 'amuont' for amount \(did you mean 'amount'\?\)"):
        shown(CONTRACT, {"amount": "amuont"})
    with pytest.raises(ColumnError, match="no column 'qty' for amount"):
        shown([*CONTRACT, "price"], {"amount": "price * qty"})
    with pytest.raises(ColumnError, match=r"no column 't\.amount'"):
        shown(CONTRACT, {"amount": "t.amount"})


def test_an_expression_over_columns() -> None:
    columns = [*CONTRACT, "Price", "quantity", "a b"]
    mapped = resolve(columns, {"amount": 'price * QUANTITY + "a b"'}, "s")["amount"]
    assert mapped.sql == '"Price" * "quantity" + "a b"'
    assert mapped.shown == 'price * QUANTITY + "a b"'
    assert not mapped.recognised


def test_a_column_whose_name_is_no_identifier_needs_no_quotes() -> None:
    columns = ["customer_id", "transaction_id", "date", "product_id", "Total (€)", "select"]
    assert resolve(columns, {"amount": "Total (€)"}, "s")["amount"].sql == '"Total (€)"'
    assert resolve(columns, {"amount": "SELECT"}, "s")["amount"].sql == '"select"'


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("SUM(amount)", "no sums, no queries"),
        ("amount + MAX(amount)", "no sums, no queries"),
        ("ROW_NUMBER() OVER ()", "no sums, no queries"),
        ("(SELECT 1)", "no sums, no queries"),
        ("*", "no sums, no queries"),
        ("amount * random()", r"gives other values at each run: rand\(\) is not allowed"),
        ("amount || gen_random_uuid()", r"gives other values at each run: uuid\(\) is not allowed"),
        ("amount, date", "one column or one SQL expression"),
        ("amount FROM other", "one column or one SQL expression"),
        ("amount WHERE 1 = 1", "one column or one SQL expression"),
        ("amount; DROP TABLE x", "one column or one SQL expression"),
        ("amount +", "cannot be read as an SQL expression"),
        ("(amount", "cannot be read as an SQL expression"),
        ("amount LIMIT 3", "one column or one SQL expression"),
        ("'open", "cannot be read as an SQL expression"),
    ],
)
def test_what_is_no_expression_over_one_row(expression: str, says: str) -> None:
    with pytest.raises(InvalidOption, match=says) as caught:
        shown(CONTRACT, {"amount": expression})
    assert caught.value.option == "map"


def test_assignments() -> None:
    assert parse_mapping(["amount = price*quantity", "date=a=b"]) == {"amount": "price*quantity", "date": "a=b"}


@pytest.mark.parametrize(
    ("assignments", "says"),
    [
        (["amount"], "not of the form FIELD=EXPR"),
        (["amount="], "not of the form FIELD=EXPR"),
        (["amout=x"], r"'amout' is not a field; .*did you mean 'amount'"),
        (["amount=x", "amount=y"], "amount is mapped twice"),
    ],
)
def test_wrong_assignments(assignments: list[str], says: str) -> None:
    with pytest.raises(InvalidOption, match=says):
        parse_mapping(assignments)


def test_fields_are_checked() -> None:
    check_fields({"amount": "x"})
    with pytest.raises(InvalidOption, match="'total' is not a field"):
        check_fields({"total": "x"})


@pytest.mark.parametrize(
    "text", ["plain", "it's", 'a "b"', "back\\slash", "new\nline", "tab\t", "é 🛒", "{files}", "%s"]
)
def test_names_and_literals_are_quoted_for_the_engine(text: str) -> None:
    relation = duckdb.sql(f"SELECT {literal(text)} AS {quoted(text)}")
    assert relation.columns == [text]
    assert relation.fetchall() == [(text,)]
