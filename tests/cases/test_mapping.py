"""Cases of mapping expressions, through every door: the columns that a name means, and texts that are numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import customer_features
from customer_features.definition.options import DIALECTS
from customer_features.errors import ColumnError, CustomerFeaturesError, InvalidOption
from customer_features.query.columns import FIELDS

from .value_doors import HERE, HTTP, WAREHOUSES, Door, Some

LOOKED = [*HERE, "postgres", "clickhouse", pytest.param("spark", marks=pytest.mark.slow)]
"""Doors that know the columns of what they read."""
DOORS = [*LOOKED, "printed"]
ENGINES = ["pyarrow", *LOOKED[len(HERE) :]]
"""One door of each engine, for what would be said again by the other doors of the same."""


def through(*names: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("door", names, indirect=True)


def rows(**more: Sequence[str | None]) -> pa.Table:
    """Rows of text of the customers c0 and c1."""
    count = len(next(iter(more.values()))) if more else 2
    own = {
        "customer_id": [f"c{place}" for place in range(count)],
        "transaction_id": [str(place) for place in range(count)],
        "date": ["2025-04-01"] * count,
        "product_id": ["p"] * count,
    }
    columns = {**{name: value for name, value in own.items() if name not in more}, **more}
    return pa.table({name: pa.array(value, pa.string()) for name, value in columns.items()})


# -- M1: a name stands for a column, or the run is refused ----------------------------------------------

SHOP = rows(
    **{
        "Total": ["1.00", "2.00"],
        "Total Collected": ["10.00", "20.00"],
        "Created": ["2020-01-01", "2020-01-01"],
        "Created at": ["2025-04-01", "2025-04-02"],
    }
)


@through(*LOOKED)
def test_m1_a_misspelt_name_is_no_other_column(door: Door) -> None:
    for columns, meant in (
        ({"amount": "Total Colected", "date": "Created at"}, "Total Collected"),
        ({"amount": "Total Collectd", "date": "Created at"}, "Total Collected"),
        ({"amount": "Total collect", "date": "Created at"}, "Total Collected"),
        ({"amount": '"Total Colected"', "date": "Created at"}, "Total Collected"),
        ({"amount": "Total Collected", "date": "Created att"}, "Created at"),
        ({"amount": "Totl", "date": "Created at"}, "Total"),
    ):
        with pytest.raises(CustomerFeaturesError, match="there is no column") as caught:
            door(SHOP, columns)
        assert f"(did you mean '{meant}'?)" in str(caught.value)


@through(*ENGINES)
def test_m1_an_alias_is_refused(door: Door) -> None:
    for amount in ("Total AS Collected", "Total x", 'Total AS "Total Collected"'):
        with pytest.raises(CustomerFeaturesError, match=f"there is no column '{re.escape(amount)}'"):
            door(SHOP, {"amount": amount, "date": "Created at"})


@through(*HTTP)
def test_m1_over_http(door: Door) -> None:
    with pytest.raises(CustomerFeaturesError, match="amount: there is no column 'Total Colected'"):
        door(SHOP, {"amount": "Total Colected", "date": "Created at"})
    assert door(SHOP, {"amount": "Total Collected", "date": "Created at"}) == ({"c0": 10.0, "c1": 20.0}, {})


# -- M2: names with blanks, brackets, points and quotes -------------------------------------------------

NAMES = [
    "Total Collected",
    "Email (Billing)",
    "Amount in $",
    "Order #",
    "Client Nr.",
    "order",
    "select",
    "sum",
    "count",
    "Total-Net",
    "50%",
    "a'b",
    "Größe",
    "価格",
]


def in_quotes(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@through("csv", *ENGINES, "printed")
def test_m2_a_name_in_quotes_is_the_column(door: Door, some: Some) -> None:
    for name in some([*NAMES, 'a"b']):
        found = door(rows(**{name: ["1.50", "2.50"]}), {"amount": in_quotes(name)})
        assert found == ({"c0": 1.5, "c1": 2.5}, {}), name


@through("csv", *ENGINES, "printed")
def test_m2_a_name_as_it_stands_is_the_column(door: Door) -> None:
    for name in ("Total Collected", "Email (Billing)", "Amount in $", "Client Nr."):
        assert door(rows(**{name: ["1.50", "2.50"]}), {"amount": name}) == ({"c0": 1.5, "c1": 2.5}, {})


@through(*DOORS)
def test_m2_names_in_quotes_within_an_expression(door: Door) -> None:
    table = rows(**{"Lineitem price": ["2.50", "3.00"], "Lineitem quantity": ["2", "3"]})
    assert door(table, {"amount": '"Lineitem price" * "Lineitem quantity"'}) == ({"c0": 5.0, "c1": 9.0}, {})


@through(*DOORS)
def test_m2_an_id_is_the_column_and_not_its_name(door: Door) -> None:
    table = rows(amount=["1.00", "2.00"]).rename_columns(
        [
            "transaction_id" if name == "transaction_id" else "Client Nr." if name == "customer_id" else name
            for name in rows(amount=["1.00", "2.00"]).column_names
        ]
    )
    assert door(table, {"customer_id": '"Client Nr."'}) == ({"c0": 1.0, "c1": 2.0}, {})


TICKED = ("bigquery", "spark")


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        (dialect, name)
        for dialect in DIALECTS
        for name in ("Total Collected", "Email (Billing)", "Client Nr.", "Amount in $")
        if not (dialect == "bigquery" and "." in name)  # BigQuery has no such names
    ],
)
def test_m2_the_text_of_every_dialect(dialect: str, name: str) -> None:
    quoted = f"`{name}`" if dialect in TICKED else f'"{name}"'
    for written in (name, f'"{name}"'):
        text = customer_features.sql(dialect, columns={"amount": written, "customer_id": written}, today="2025-04-24")
        assert f"{quoted} AS amount" in text
        assert f"'{name}'" not in text
        assert f'"{name}"' not in text or dialect not in TICKED
    model = customer_features.sql(dialect, columns={"amount": name}, today="2025-04-24", form="dbt")
    assert f"{quoted} AS amount" in model


# -- M3: a mapping reads a column; constants are said ---------------------------------------------------


@through("csv", *ENGINES, "printed")
def test_m3_what_reads_no_column_is_refused(door: Door) -> None:
    for field, sql in (
        ("customer_id", "'customer_id'"),
        ("customer_id", "'Client Nr.'"),
        ("amount", "1"),
        ("amount", "1 + 1"),
        ("amount", "NULL"),
        ("product_id", "lower('X')"),
        ("date", "current_date"),
        ("date", "CAST('2025-04-01' AS DATE)"),
    ):
        with pytest.raises(CustomerFeaturesError, match=rf"reads no column.*--constant {field}=VALUE"):
            door(rows(amount=["1.00", "2.00"]), {field: sql})


@through(*DOORS)
def test_m3_a_constant(door: Door) -> None:
    table = rows(amount=["1.00", "2.00"]).drop_columns(["product_id"])
    assert door(table, {}, constant={"product_id": "unknown"}) == ({"c0": 1.0, "c1": 2.0}, {})
    assert door(table.drop_columns(["customer_id"]), {}, constant={"product_id": "x", "customer_id": "all's"}) == (
        {"all's": 3.0},
        {},
    )
    with pytest.raises(CustomerFeaturesError, match="mapped as well; give one of the two"):
        door(table, {"product_id": "transaction_id"}, constant={"product_id": "x"})


@through(*HTTP)
def test_m3_a_constant_over_http(door: Door) -> None:
    table = rows(amount=["1.00", "2.00"]).drop_columns(["product_id"])
    assert door(table, {}, constant={"product_id": "unknown"}) == ({"c0": 1.0, "c1": 2.0}, {})
    with pytest.raises(CustomerFeaturesError, match="mapped as well; give one of the two"):
        door(table, {"product_id": "transaction_id"}, constant={"product_id": "x"})
    for wrong in ("prod=x", "product_id=", "x"):
        field, _, value = wrong.partition("=")
        with pytest.raises(CustomerFeaturesError, match=r"is not a field|not of the form FIELD=VALUE"):
            door(table, {}, constant={field: value} if value else [wrong])


# -- M4: texts that are numbers compare, add and sort as numbers ----------------------------------------

NUMBERS: dict[str, list[str | None]] = {
    "amount": ["0.40", "12.00"],
    "list_price": ["99", "99"],
    "qty": ["2", "10"],
    "price": ["10.5", "3"],
    "discount": [None, "0.5"],
    "kind": ["sale", "gift"],
    "code": ["007", "8"],
    "note": ["n/a", "5"],
}
# The right totals of c0 and c1, each worked out by hand.
RIGHT: dict[str, tuple[float, float]] = {
    "coalesce(nullif(amount, 0), list_price)": (0.4, 12.0),
    "coalesce(nullif(amount, '0'), list_price)": (0.4, 12.0),
    "coalesce(nullif(qty, 10.0), price)": (2.0, 3.0),
    "coalesce(nullif(discount, ''), price)": (10.5, 0.5),
    "coalesce(nullif(note, 'n/a'), price)": (10.5, 5.0),
    "coalesce(nullif(note, 'n/a'), '7')": (7.0, 5.0),
    "nullif(price, '')": (10.5, 3.0),
    "greatest(qty, price)": (10.5, 10.0),
    "least(qty, price)": (2.0, 3.0),
    "least(qty, 5)": (2.0, 5.0),
    "greatest(qty, '5')": (5.0, 10.0),
    "greatest(coalesce(qty, '0'), coalesce(price, '0'))": (10.5, 10.0),
    "greatest(trim(qty), trim(price))": (10.5, 10.0),
    "floor(price)": (10.0, 3.0),
    "COALESCE(discount, 0) * price": (0.0, 1.5),
    "coalesce(discount, '0') * price": (0.0, 1.5),
    "price * qty + 1": (22.0, 31.0),
    "price - 2": (8.5, 1.0),
    "-(-price)": (10.5, 3.0),
    "CASE WHEN qty > 5 THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty IN (10, 11) THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty BETWEEN 9 AND 11 THEN price ELSE list_price END": (99.0, 3.0),
    "CASE qty WHEN 10 THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN kind = 'sale' THEN price ELSE 0 END": (10.5, 0.0),
    "CASE WHEN kind = 'sale' THEN price ELSE '0' END": (10.5, 0.0),
    "CASE WHEN discount IS NULL THEN price ELSE discount END": (10.5, 0.5),
    "CAST(price AS DECIMAL(10, 2)) * qty": (21.0, 30.0),
}
# Where only the values tell that a column holds numbers.
BY_VALUES: dict[str, tuple[float, float]] = {
    "CASE WHEN qty > price THEN 1 ELSE 2 END": (2.0, 1.0),
    "CASE WHEN qty > '5' THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN '5' < qty THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty >= '+5' THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty >= ' 5.' THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty = '10.0' THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty <> '2.00' THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty IN ('10.0', '11') THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN qty BETWEEN '9' AND '11' THEN price ELSE list_price END": (99.0, 3.0),
    "CASE qty WHEN '10.0' THEN price ELSE list_price END": (99.0, 3.0),
    "CASE WHEN trim(qty) > trim(price) THEN 1 ELSE 2 END": (2.0, 1.0),
    "CASE WHEN coalesce(qty, '0') > coalesce(price, '0') THEN 1 ELSE 2 END": (2.0, 1.0),
    # Codes begin with zeros, and are equal to themselves alone.
    "CASE WHEN code = '007' THEN 1 ELSE 2 END": (1.0, 2.0),
    "CASE WHEN code = '08' THEN 1 ELSE 2 END": (2.0, 2.0),
}


@through("csv", "ndjson", "parquet", "pandas", "polars", "duckdb")
def test_m4_the_case_itself(door: Door) -> None:
    for sql in ("coalesce(nullif(amount, 0), list_price)", "greatest(qty, price)", "floor(price)"):
        assert door(rows(**NUMBERS), {"amount": sql}) == (dict(zip(("c0", "c1"), RIGHT[sql], strict=True)), {})
    found = door(rows(**NUMBERS), {"amount": "CASE WHEN note > 3 THEN price ELSE 0 END"})
    assert found == ({"c1": 3.0}, {"unreadable_amount": 1})


@through(*ENGINES, "printed")
def test_m4_texts_are_numbers(door: Door, some: Some) -> None:
    for sql, (first, second) in some(RIGHT.items()):
        assert door(rows(**NUMBERS), {"amount": sql}) == ({"c0": first, "c1": second}, {}), sql


@through(*ENGINES)
def test_m4_the_values_tell(door: Door, some: Some) -> None:
    for sql, (first, second) in some(BY_VALUES.items()):
        assert door(rows(**NUMBERS), {"amount": sql}) == ({"c0": first, "c1": second}, {}), sql


@pytest.mark.parametrize(
    "sql",
    [
        "coalesce(nullif(amount, 0), list_price)",
        "coalesce(nullif(amount, '0'), list_price)",
        "greatest(qty, price)",
        "least(qty, 5)",
        "greatest(qty, '5')",
        "CASE WHEN qty > 5 THEN price ELSE list_price END",
        "CASE WHEN qty > '5' THEN price ELSE list_price END",
        "CASE WHEN qty IN (10, 11) THEN price ELSE list_price END",
        "CASE WHEN qty BETWEEN 9 AND 11 THEN price ELSE list_price END",
        "CASE qty WHEN 10 THEN price ELSE list_price END",
        "CASE WHEN kind = 'sale' THEN price ELSE qty END",
    ],
)
def test_m4_printed_sql_that_is_told_no_type(sql: str) -> None:
    right = {**RIGHT, **BY_VALUES, "CASE WHEN kind = 'sale' THEN price ELSE qty END": (10.5, 10.0)}[sql]
    typed = rows(**NUMBERS)
    for name in ("amount", "list_price", "qty", "price"):
        numbers = typed[name].cast(pa.decimal128(18, 4))
        typed = typed.set_column(typed.column_names.index(name), name, numbers)
    text = customer_features.sql("duckdb", columns={"amount": sql}, types={"date": "VARCHAR"}, today="2025-04-24")
    for table in (rows(**NUMBERS), typed):
        with duckdb.connect() as connection:
            connection.register("transactions", table)
            found = connection.sql(text).to_arrow_table()
        assert tuple(found["purchase_total"].to_pylist()) == right


@pytest.mark.parametrize("dialect", DIALECTS)
def test_m4_the_text_of_every_dialect(dialect: str) -> None:
    text = customer_features.sql(dialect, columns={"amount": "greatest(qty, price)"}, today="2025-04-24")
    read = " ".join(line.strip() for line in text.splitlines() if not line.startswith("--")).lower()
    assert re.search(r"greatest\( ?cast\(.qty. as [^,]+, ?cast\(.price. as ", read)


@pytest.mark.parametrize("sql", BY_VALUES)
def test_m4_printed_sql_asks_where_the_values_tell(sql: str) -> None:
    if "0" in sql and "code" in sql:
        return
    with pytest.raises(InvalidOption, match="is to be compared as text or as a number is not known; write a CAST"):
        customer_features.sql("duckdb", columns={"amount": sql}, types={"amount": "VARCHAR"}, today="2025-04-24")


@through("csv", *ENGINES, "printed")
def test_m4_a_cell_that_is_no_number_is_a_fault_of_its_row(door: Door, some: Some) -> None:
    computed = {
        "CASE WHEN note > 3 THEN price ELSE 0 END": 3.0,
        "coalesce(note, 0)": 5.0,
        "coalesce(note * 1, 0)": 5.0,
        "greatest(note, qty)": 10.0,
        "CASE WHEN kind = 'gift' THEN note ELSE note END": 5.0,
    }
    for sql, right in some(computed.items()):
        assert door(rows(**NUMBERS), {"amount": sql}) == ({"c1": right}, {"unreadable_amount": 1}), sql


@through(*ENGINES)
def test_m4_so_is_one_that_an_id_or_a_day_is_computed_of(door: Door) -> None:
    own: dict[str, list[str | None]] = {**NUMBERS, "amount": ["1.00", "2.00"]}
    table = rows(**own)
    for columns in (
        {"customer_id": "CASE WHEN note > 3 THEN customer_id ELSE kind END"},
        {"date": "CASE WHEN note > 3 THEN date ELSE '2025-01-01' END"},
    ):
        assert door(table, columns) == ({"c1": 2.0}, {"unreadable_amount": 1})


@through("csv", *ENGINES, "printed")
def test_m4_a_word_is_no_number(door: Door) -> None:
    for sql in ("coalesce(price, 'none')", "price * 'x'", "greatest(price, 'x')"):
        with pytest.raises(InvalidOption if door.__name__ == "printed" else CustomerFeaturesError) as caught:
            door(rows(**NUMBERS), {"amount": sql})
        assert re.search(r"the text '(none|x)' stands where a number is needed", str(caught.value))


@pytest.mark.parametrize(
    ("sql", "right"),
    [
        ("it.price * it.qty", (21.0, 30.0)),
        ("greatest(it.price, it.qty)", (10.5, 10.0)),
        ("CASE WHEN it.qty > it.price THEN 1 ELSE 2 END", (2.0, 1.0)),
        ("list_max([qty, price])", (10.5, 10.0)),
        ("greatest(xs[1], xs[2])", (10.5, 10.0)),
        ("greatest(d, e)", (10.5, 10.0)),
        ("d * 2", (4.0, 20.0)),
        ("CASE WHEN d > '5' THEN 1 ELSE 2 END", (2.0, 1.0)),
        ("coalesce(nullif(d, '10'), e)", (2.0, 3.0)),
        ("greatest(i, price)", (10.5, 5.0)),
        ("CASE WHEN i = '5' THEN qty ELSE '0' END", (2.0, 10.0)),
        ("CASE WHEN dec < price THEN qty ELSE 0 END", (2.0, 0.0)),
    ],
)
def test_m4_parts_of_structs_lists_and_dictionaries(sql: str, right: tuple[float, float]) -> None:
    table = rows(qty=["2", "10"], price=["10.5", "3"])
    more = {
        "it": pa.array([{"price": "10.5", "qty": "2"}, {"price": "3", "qty": "10"}]),
        "xs": pa.array([["2", "10.5"], ["10", "3"]]),
        "d": table["qty"].dictionary_encode(),
        "e": table["price"].dictionary_encode(),
        "i": pa.array([5, 5]),
        "dec": pa.array([5.25, 5.25]).cast(pa.decimal128(10, 2)),
    }
    for name, column in more.items():
        table = table.append_column(name, column)
    found = customer_features.build(table, columns={"amount": sql}, today="2025-04-24", grain="line")
    assert tuple(found["purchase_total"].to_pylist()) == right


# -- M5: a cell that cannot be read is said, with its column --------------------------------------------


READ = ("coalesce(preis * menge, 0)", "preis * menge", "coalesce(preis, 0)", "CAST(preis AS DECIMAL(10, 2))")


@through(*ENGINES)
def test_m5_a_cell_that_cannot_be_read_is_never_null(door: Door, some: Some) -> None:
    table = rows(preis=["1.250,00", "5,00"], menge=["1", "2"])
    for sql in some(READ):
        assert door(table, {"amount": sql}) == ({}, {"unreadable_amount": 2}), sql


@pytest.mark.parametrize("door", HERE, indirect=True)
def test_m5_the_decimal_option_reads_it(door: Door) -> None:
    table = rows(preis=["1.250,00", "5,00"], menge=["1", "2"])
    for sql in ("coalesce(preis * menge, 0)", "preis * menge"):
        assert door(table, {"amount": sql}, decimal=",") == ({"c0": 1250.0, "c1": 10.0}, {})
    assert door(table, {"amount": "CASE WHEN preis > 100 THEN 1 ELSE 2 END"}, decimal=",") == (
        {"c0": 1.0, "c1": 2.0},
        {},
    )


@through("pyarrow", pytest.param("spark", marks=pytest.mark.slow))
def test_m5_a_try_cast_of_such_a_cell_is_no_nothing(door: Door) -> None:
    table = rows(preis=["x", "5.00"], menge=["1", "2"])
    assert door(table, {"amount": "coalesce(TRY_CAST(preis AS DOUBLE), 0)"}) == ({"c1": 5.0}, {"unreadable_amount": 1})


def test_m5_the_message_names_the_cell_and_its_column() -> None:
    table = rows(preis=["1.250,00", "5,00"], menge=["1", "2"])
    faulty = customer_features.check(table, columns={"amount": "coalesce(preis * menge, 0)"}, today="2025-04-24")
    assert "amount '1.250,00' in column 'preis' cannot be read" in faulty["message"][0].as_py()


# -- M6: what stands in a name cannot break out ---------------------------------------------------------

BROKEN = [
    "new\nline",
    "new\r\nline",
    "a -- b",
    "a /* b",
    "a */ b",
    "a; DROP TABLE transactions",
    "a\u2028b",
    "tab\tbed",
]


@pytest.mark.parametrize("name", BROKEN)
def test_m6_a_line_break_in_a_name(name: str) -> None:
    table = rows(**{name: ["1.50", "2.50"]})
    columns = {"amount": in_quotes(name)}
    text = customer_features.sql("duckdb", columns=columns, types={"date": "VARCHAR", "amount": "VARCHAR"})
    with duckdb.connect() as connection:
        connection.register("transactions", table)
        found = connection.sql(text).to_arrow_table()
    assert found["purchase_total"].to_pylist() == [1.5, 2.5]
    assert customer_features.build(table, columns=columns)["purchase_total"].to_pylist() == [1.5, 2.5]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("form", ["query", "dbt"])
def test_m6_in_the_comments_of_every_dialect(dialect: str, form: str) -> None:
    text = customer_features.sql(dialect, columns={"amount": '"new\nline"'}, table="a\nb", form=form)
    comments = [line for line in text.split("\n") if line.startswith("--")]
    assert any("new\\nline" in line for line in comments)
    head = text[: text.index("WITH")].split("\n") if form == "query" else []
    assert all(not line or line.startswith("--") for line in head)


@pytest.mark.parametrize(
    "text", ["amount * 2 -- x", "amount /* x */", "amount; SELECT 1", "amount FROM x", "(SELECT 1)"]
)
def test_m6_comments_and_statements_are_refused(text: str) -> None:
    for call in (
        lambda: customer_features.build(rows(amount=["1", "2"]), columns={"amount": text}),
        lambda: customer_features.sql("duckdb", columns={"amount": text}),
    ):
        with pytest.raises((InvalidOption, ColumnError)):
            call()


# -- H3: names with blanks go in double quotes ----------------------------------------------------------


@through(*LOOKED)
def test_h3_an_expression_over_names_with_blanks(door: Door) -> None:
    table = rows(**{"Lineitem price": ["2.50", "3.00"], "Lineitem quantity": ["2", "3"]})
    with pytest.raises(CustomerFeaturesError) as caught:
        door(table, {"amount": "Lineitem price * Lineitem quantity"})
    said = str(caught.value)
    assert "names with blanks go in double quotes" in said
    [shown] = re.findall(r'amount=("Lineitem price" \* "Lineitem quantity")', said)
    assert door(table, {"amount": shown}) == ({"c0": 5.0, "c1": 9.0}, {})


def test_every_field_can_be_a_constant() -> None:
    values = dict(zip(FIELDS, ("c", "t", "2025-04-01", "1.50", "p", "0.5"), strict=True))
    for name in FIELDS:
        table = rows(amount=["1.50"], customer_id=["c"])
        table = table.drop_columns([name]) if name in table.column_names else table
        found = customer_features.build(table, constant={name: values[name]}, today="2025-04-24")
        assert found["purchase_total"].to_pylist() == [1.5]
        assert found["loyalty_score"].to_pylist() == [0.5 if name == "loyalty_score" else 0.0]


assert set(WAREHOUSES) == {"printed", "postgres", "clickhouse", "spark"}


# -- Long ids, whole quotients ---------------------------------------------------------------------------

ODD, EVEN = "9007199254740993", "9007199254740992"
"""Two whole numbers of one double."""
BIGINT = {"clickhouse": "Int64"}
TEXT = {"postgres": "text", "clickhouse": "String", "spark": "string"}


def kinds_of(request: Any) -> tuple[str, str]:
    """The words of a door's dialect for a whole number of 64 bits and for text."""
    name = request.node.callspec.params["door"]
    return BIGINT.get(name, "bigint"), TEXT.get(name, "varchar")


@through("csv", *ENGINES, "printed")
def test_long_ids_cast_to_an_integer_stay_apart(door: Door, request: Any) -> None:
    whole, text = kinds_of(request)
    table = rows(customer_id=[f"000{ODD}", f"000{EVEN}"], amount=["3.50", "1.50"])
    for sql, end in (
        (f"cast(customer_id as {whole})", ""),
        (f"cast(coalesce(customer_id, '0') as {whole})", ""),
        (f"cast(nullif(customer_id, '0') as {whole})", ""),
        (f"concat(cast(cast(customer_id as {whole}) as {text}), '-x')", "-x"),
    ):
        assert door(table, {"customer_id": sql}) == ({f"{ODD}{end}": 3.5, f"{EVEN}{end}": 1.5}, {}), sql


@through("csv", *ENGINES)
def test_an_id_that_a_product_would_round_is_a_fault_of_its_row(door: Door, some: Some, request: Any) -> None:
    whole, _ = kinds_of(request)
    table = rows(customer_id=["12", "9007199254740993", "9007199254740991"], amount=["1", "2", "4"])
    for product in some(["customer_id * 1", "coalesce(customer_id * 1, 0)", "customer_id / 1", "round(customer_id)"]):
        found = door(table, {"customer_id": f"cast({product} as {whole})"})
        assert found == ({"12": 1.0, "9007199254740991": 4.0}, {"unreadable_amount": 1}), product


@through("csv", *ENGINES, "printed")
def test_long_ids_compared_with_a_number_stay_apart(door: Door, some: Some) -> None:
    table = rows(**{"order_ref": [ODD, EVEN], "amount": ["3.50", "1.50"]})
    tests = [
        f"order_ref = {ODD}",
        f"order_ref IN (5, {ODD})",
        f"order_ref >= {ODD}",
        f"order_ref BETWEEN {ODD} AND 9900000000000000000",
        f"nullif(order_ref, {ODD}) IS NULL",
    ]
    for test in some(tests):
        found = door(table, {"amount": f"CASE WHEN {test} THEN 0 ELSE amount END"})
        assert found == ({"c0": 0.0, "c1": 1.5}, {}), test
    assert door(table, {"amount": f"CASE order_ref WHEN {ODD} THEN 0 ELSE amount END"}) == ({"c0": 0.0, "c1": 1.5}, {})
    customers = {"customer_id": f"CASE WHEN order_ref <> {ODD} THEN customer_id ELSE 'x' END"}
    assert door(table, customers) == ({"x": 3.5, "c1": 1.5}, {})


@through("csv", *ENGINES)
def test_long_ids_in_two_columns_stay_apart(door: Door) -> None:
    table = rows(**{"order_ref": [ODD, EVEN], "other": [ODD, ODD], "amount": ["3.50", "1.50"]})
    for test in ("order_ref = other", f"order_ref = '{ODD}'", f"order_ref IN ('{ODD}')", "order_ref >= other"):
        found = door(table, {"amount": f"CASE WHEN {test} THEN 0 ELSE amount END"})
        assert found == ({"c0": 0.0, "c1": 1.5}, {}), test


@through("csv", *ENGINES)
def test_numbers_that_no_decimal_holds_are_compared_as_doubles(door: Door) -> None:
    table = rows(**{"one": ["1e30", "1.0", ""], "other": ["2e30", "1", "3"], "amount": ["1", "1", "1"]})
    found = door(table, {"amount": "CASE WHEN one < other THEN 2 WHEN one = other THEN 3 ELSE amount END"})
    assert found == ({"c0": 2.0, "c1": 3.0, "c2": 1.0}, {})


DIVISIONS = {"postgres": "div({}, {})", "clickhouse": "{} DIV {}", "spark": "{} DIV {}"}


@through("csv", *ENGINES, "printed")
def test_a_whole_quotient_of_texts(door: Door, request: Any) -> None:
    form = DIVISIONS.get(request.node.callspec.params["door"], "{} // {}")
    table = rows(price=["1050", "199", "0.3", "12.5", "x"], size=["100", "100", "0.1", "5", "1"], amount=["1"] * 5)
    whole = {"c0": 10.0, "c1": 1.0, "c2": 3.0, "c3": 2.0}
    assert door(table, {"amount": form.format("price", "size")}) == (whole, {"unreadable_amount": 1})
    rest = {"c0": 50.0, "c1": 99.0, "c2": 0.0, "c3": 2.5}
    assert door(table, {"amount": "price % size"}) == (rest, {"unreadable_amount": 1})


@through("csv", *ENGINES)
def test_a_text_cast_to_an_integer_is_cut_as_a_decimal_is(door: Door, request: Any) -> None:
    name = request.node.callspec.params["door"]
    cut = name in {"clickhouse", "spark"}
    table = rows(price=["2.5", "7", "x"], amount=["1"] * 3)
    kind = "Int32" if name == "clickhouse" else "int"
    found = door(table, {"amount": f"cast(price as {kind})"})
    assert found == ({"c0": 2.0 if cut else 3.0, "c1": 7.0}, {"unreadable_amount": 1})


@through("csv", *ENGINES, "printed")
@pytest.mark.parametrize("unheld", ["1" * 42, "-1e70", "nan"])
def test_a_number_that_a_cast_cannot_hold_is_a_fault_of_its_row(door: Door, unheld: str, request: Any) -> None:
    whole, _ = kinds_of(request)
    name = request.node.callspec.params["door"]
    table = rows(price=["5.00", unheld], amount=["1"] * 2)
    for kind, places in ((whole, 12), ("decimal(38, 2)", 2)):
        digits = {"postgres": 1000, "clickhouse": 76}.get(name, 38)
        holds = unheld != "nan" and digits > 38 and len(f"{float(unheld):.0f}".lstrip("-")) <= digits - places
        mapping = {"amount": f"coalesce(cast(price as {kind}), 0)"}
        if holds:  # its own decimal does, and the server refuses the cast
            with pytest.raises((CustomerFeaturesError, AssertionError), match=r"out of range|overflow"):
                door(table, mapping)
        else:
            assert door(table, mapping) == ({"c0": 5.0}, {"unreadable_amount": 1})


@pytest.mark.parametrize("sql", ["coalesce(price // size, 0)", "coalesce(cast(price + size as bigint), 0)"])
def test_so_is_one_that_is_computed_with_exactly(sql: str) -> None:
    table = rows(price=["6", "nan"], size=["2", "2"])
    found = customer_features.check(table, columns={"amount": sql}, today="2025-04-24")
    assert found["message"].to_pylist() == [
        "amount 'nan' in column 'price' cannot be read: allowed is a number such as 520.55"
    ]


def test_what_the_engine_cannot_compute_is_said_of_the_expression() -> None:
    sql = "CASE WHEN kind = ANY(['sale']) THEN price ELSE 0 END"
    with pytest.raises(CustomerFeaturesError, match=r"amount=CASE .* cannot be computed: TRY can not be used"):
        customer_features.build(rows(**NUMBERS), columns={"amount": sql}, today="2025-04-24")
