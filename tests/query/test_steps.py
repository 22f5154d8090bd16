"""The portable query answers the oracle's bits: in DuckDB, in the form of every dialect that DuckDB can be given."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlglot

from customer_features.definition.options import Options
from customer_features.query.dialects import DIALECTS, Kind, Type, dialect
from customer_features.query.printing import text_of
from customer_features.query.steps import FIELDS, Portable, Source
from tests.agreement import oracle
from tests.agreement.doors import Found, table
from tests.agreement.oracle import Row

pytestmark = pytest.mark.sampled(6)

TODAY = date(2025, 3, 31)
WINDOW = (6, "months")
OUR_WORDS = """
CREATE MACRO AT_TIMEZONE(moment, zone) AS timezone(zone, moment);
CREATE MACRO TRY_TO_TIMESTAMP_TZ(text, form) AS TRY_CAST(text AS TIMESTAMPTZ);
"""
"""Words of Trino and Snowflake that SQLGlot leaves as they are, and DuckDB does not know."""
BY_TRANSLATION = [name for name in DIALECTS if name not in ("postgres", "clickhouse", "spark")]
"""Those that SQLGlot can turn into DuckDB's form; the others run on their own engines: see agreement/every_door."""


def rows(seed: int, grain: str, returns: bool) -> list[Row]:
    luck = random.Random(seed)
    made = []
    for place in range(400):
        customer = f"c{luck.randrange(60)}" + luck.choice(["", "é", " ", "'"])
        order = f"t{luck.randrange(5)}"
        day = TODAY - timedelta(days=luck.randrange(-60, 700))
        amount = luck.choice([luck.randrange(10**4) / 100, luck.randrange(2001) / 200, luck.random() * 10**4, 1e11])
        if returns and place % 4 == 0:
            amount = -amount
        made.append(Row(customer, order, day, amount, f"p{luck.randrange(9)}"))
    if returns:
        made += [Row(row.customer_id, "kept", date(2025, 3, 1), 0.005, "kept") for row in made]
    if grain == "repeated_total":
        first: dict[tuple[str, str], Row] = {}
        for row in made:
            first.setdefault((row.customer_id, row.transaction_id), row)
        made = [
            Row(row.customer_id, row.transaction_id, one.day, one.amount, row.product_id)
            for row in made
            for one in [first[row.customer_id, row.transaction_id]]
        ]
    return made


def portable(name: str, text: bool = False, **options: Any) -> Portable:
    spoken = dialect(name)
    kinds = dict.fromkeys(FIELDS, Type(Kind.TEXT)) | ({} if text else {"amount": Type(Kind.DOUBLE)})
    fields = {field: spoken.quoted(field) for field in FIELDS}
    return Portable(spoken, Options.parse(**options), Source(spoken.quoted("rows of shop"), fields, kinds))


def run(query: str, made: list[Row], text: bool = False) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.execute(OUR_WORDS)
        connection.register("rows of shop", table(made, text))
        return connection.execute(query).fetchall()


def in_duckdb(name: str, query: str) -> str:
    # DuckDB compares byte by byte under a collation of another name than that of Snowflake or Redshift.
    query = re.sub(r"COLLATE\((.*?), '(utf8|case_sensitive)'\)", r"\1", query)
    tree = sqlglot.parse_one(query, read=dialect(name).sqlglot)
    if name == "redshift":
        # It replaces every match, which SQLGlot takes for PostgreSQL's first one.
        for found in tree.find_all(sqlglot.exp.RegexpReplace):
            found.set("modifiers", sqlglot.exp.Literal.string("g"))
    return str(tree.sql(dialect="duckdb"))


CASES = [
    pytest.param(grain, returns, window, id=f"{grain}-{'net' if returns else 'fault'}-{'window' if window else 'all'}")
    for grain in ("transaction", "line", "repeated_total")
    for returns, window in ((False, None), (True, WINDOW))
]


@pytest.mark.parametrize(("grain", "returns", "window"), CASES)
def test_one_date(grain: str, returns: bool, window: tuple[int, str] | None) -> None:
    made = rows(1, grain, returns)
    expected = oracle.all_bits(oracle.vectors(made, TODAY, grain=grain, window=window))
    options = {
        "today": TODAY,
        "grain": grain,
        "returns": "net" if returns else "fault",
        "future": "exclude",
        "window": window and f"{window[0]} {window[1]}",
    }
    for name in BY_TRANSLATION:
        text = name in ("trino", "snowflake")
        query = in_duckdb(name, text_of(portable(name, text, **options), False))
        found: Found = {customer: oracle.bits(vector) for customer, *vector in run(query, made, text)}
        assert found == expected, name
        assert list(found) == oracle.in_byte_order(expected), name


@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
@pytest.mark.parametrize("window", [None, WINDOW])
def test_several_dates(grain: str, window: tuple[int, str] | None) -> None:
    made = rows(2, grain, returns=True)
    dates = [date(2024, 8, 31), date(2024, 12, 31), TODAY]
    at_each = {day: oracle.vectors(made, day, grain=grain, window=window) for day in dates}
    expected = {(customer, day): oracle.bits(vector) for day in dates for customer, vector in at_each[day].items()}
    options = {"as_of": dates, "grain": grain, "returns": "net", "future": "exclude"}
    options["window"] = window and f"{window[0]} {window[1]}"
    for name in BY_TRANSLATION:
        query = in_duckdb(name, text_of(portable(name, **options), False))
        found = {(customer, day): oracle.bits(vector) for customer, day, *vector in run(query, made)}
        assert found == expected, name
        assert list(found) == sorted(found, key=lambda key: (key[0].encode(), key[1])), name


@pytest.mark.parametrize("scale", [2, 4, 6, 18])
@pytest.mark.parametrize("name", [name for name in BY_TRANSLATION if name != "bigquery"])
def test_decimals_are_scaled_exactly_and_a_half_upwards(name: str, scale: int) -> None:
    # What stands for BigQuery's decimals in DuckDB holds fewer digits than they do.
    texts = ["0.00005", "-0.00005", "12.34565", "-12.34565", "0.00004999", "99999999999.99", "1.005", "-0.01"]
    with duckdb.connect() as connection:
        sql = dialect(name).units_of_decimal("x", scale)
        sql = sqlglot.transpile(f"SELECT {sql}", read=dialect(name).sqlglot, write="duckdb")[0]
        for text in texts:
            if name == "bigquery" and abs(float(text)) > 1e8:
                continue  # what stands for BIGNUMERIC in DuckDB holds fewer digits than it
            type_name = f"DECIMAL({13 + scale}, {scale})"
            (found, exact) = connection.execute(
                f"{sql}, CAST(x AS VARCHAR) FROM (SELECT CAST('{text}' AS {type_name}) AS x)"
            ).fetchall()[0]
            assert found == oracle.floor(oracle.Fraction(exact) * 10_000 + oracle.Fraction(1, 2)), text


@pytest.mark.slow
def test_sums_beyond_64_bits_are_set_aside_not_wrapped() -> None:
    made = [Row("much", str(place), TODAY, 1e11, "p") for place in range(10_000)]
    made += [Row("back", str(place), TODAY, 1e11 if place % 2 else -1e11, "p") for place in range(30_000)]
    for name in BY_TRANSLATION:
        query = in_duckdb(name, text_of(portable(name, today=TODAY, returns="net"), False))
        found = {customer: vector for customer, *vector in run(query, made)}
        assert set(found) == {"back"}, name
        assert found["back"][:2] == [0.0, 15_000.0], name


@pytest.mark.parametrize("name", DIALECTS)
def test_every_step_is_used_and_named_once(name: str) -> None:
    made = portable(name, today=TODAY, grain="repeated_total")
    names = [step.name for step in made.steps]
    assert names == ["purchases", "readings", "counted", "orders", "products", "customers"]
    for step in names[:-1]:
        assert f"FROM {step}" in made.vectors() or f"JOIN {step}" in made.vectors()
    ready = made.made_ready(customers="kept").vectors()
    assert "WITH" not in ready.replace(made.dialect.settings, "") or "kept" in ready


def test_balance() -> None:
    made = rows(3, "transaction", returns=True)
    options = {"today": TODAY, "future": "exclude", "window": "1 month"}
    query = portable("duckdb", **options)
    (rows_in, *left_out), (used, customers) = (run(sql, made)[0] for sql in (query.balance(), query.used()))
    start = oracle.window_start(TODAY, (1, "months"))
    kept = [row for row in made if row.amount >= 0 and start is not None and start < row.day <= TODAY]
    assert (rows_in, used) == (len(made), len(kept))
    sound = [row for row in made if row.amount >= 0]
    late = sum(row.day > TODAY for row in sound)
    assert left_out == [late, len(sound) - late - len(kept)]
    assert customers == len({row.customer_id for row in kept})
    assert len(run(query.rows_that_count(), made)) == used


def test_an_arrow_table_is_what_it_says() -> None:
    # The helper of the other tests: text where text is asked for.
    assert table(rows(1, "line", returns=False), text=True).schema.field("amount").type == pa.string()
