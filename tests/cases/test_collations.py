"""D4: ids are compared byte by byte, whatever the collation of a column, a session or a database."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

import customer_features
from customer_features.query.dialects import DIALECTS, dialect

IDS = ("A", "a", "à")
COLUMNS = "customer_id, transaction_id, date, amount, product_id"


def filled(connection: duckdb.DuckDBPyConnection, collation: str) -> None:
    """A table of three customers whose ids differ by case or accent, and so do their orders and products."""
    kinds = [f"{name} VARCHAR{collation}" for name in ("customer_id", "transaction_id", "product_id")]
    connection.execute(f"CREATE TABLE transactions ({', '.join(kinds)}, date DATE, amount DOUBLE)")
    for one in IDS:
        for other in IDS:
            connection.execute(
                "INSERT INTO transactions SELECT $1, $2, unnest([$2, 'p']), DATE '2025-04-01', 1",
                [one, other],
            )


EXPECTED = [("A", 6.0, 3.0, 4.0), ("a", 6.0, 3.0, 4.0), ("à", 6.0, 3.0, 4.0)]
CHOICES: dict[str, Any] = {"today": "2025-04-24", "grain": "line"}


@pytest.mark.parametrize("default", ["", "nocase", "nocase.noaccent"])
@pytest.mark.parametrize("collation", ["", " COLLATE NOCASE", " COLLATE NOACCENT"])
@pytest.mark.parametrize("more", [{}, {"today": ["2025-04-23", "2025-04-24"]}, {"loyalty": "scores"}])
def test_d4_printed_duckdb(default: str, collation: str, more: dict[str, Any]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"SET default_collation = '{default}'")
        filled(connection, collation)
        connection.execute(f"CREATE TABLE scores (customer_id VARCHAR{collation}, loyalty_score DOUBLE)")
        connection.execute("INSERT INTO scores VALUES ('A', 0.5), ('à', 0.25)")
        found = connection.sql(customer_features.sql("duckdb", **{**CHOICES, **more}))
        table = found.select("customer_id, purchase_total, visit_frequency, product_diversity, loyalty_score")
        rows = list(dict.fromkeys(table.fetchall()))
        assert [row[:4] for row in rows] == EXPECTED
        assert [row[4] for row in rows] == ([0.5, 0.0, 0.25] if "loyalty" in more else [0.0] * 3)


@pytest.mark.parametrize("grain", ["transaction", "repeated_total"])
def test_d4_printed_duckdb_lists_and_counts_in_every_grain(grain: str) -> None:
    with duckdb.connect() as connection:
        connection.execute("SET default_collation = 'nocase'")
        filled(connection, " COLLATE NOCASE")
        connection.execute("INSERT INTO transactions VALUES ('A', 'x', 'p', NULL, 1)")
        asked = {**CHOICES, "grain": grain}
        vectors = connection.sql(customer_features.sql("duckdb", **asked)).select("customer_id, visit_frequency")
        count = 3.0 if grain == "repeated_total" else 6.0
        assert vectors.fetchall() == [(one, count) for one in IDS]
        assert len(connection.sql(customer_features.sql("duckdb", faults=True, **asked)).fetchall()) == 1


def test_d4_a_relation_of_a_connection_with_a_collation() -> None:
    with duckdb.connect() as connection:
        connection.execute("SET default_collation = 'nocase'")
        filled(connection, " COLLATE NOCASE")
        found = customer_features.build(connection.table("transactions"), **CHOICES)
        columns = found.select("customer_id, purchase_total, visit_frequency, product_diversity")
        assert columns.fetchall() == EXPECTED


@pytest.mark.slow
def test_d4_printed_spark(spark_session: Any) -> None:
    values = ", ".join(
        f"('{one}', '{other}', DATE '2025-04-01', 1.0D, '{product}')"
        for one in IDS
        for other in IDS
        for product in (other, "p")
    )
    nocase = ", ".join(
        f"{name} COLLATE UNICODE_CI_AI AS {name}" for name in ("customer_id", "transaction_id", "product_id")
    )
    rows = f"SELECT {nocase}, date, amount FROM VALUES {values} AS t({COLUMNS})"
    spark_session.sql(rows).createOrReplaceTempView("transactions")
    try:
        found = spark_session.sql(customer_features.sql("spark", **CHOICES).rstrip().rstrip(";"))
        table = found.select("customer_id", "purchase_total", "visit_frequency", "product_diversity").toArrow()
    finally:
        spark_session.catalog.dropTempView("transactions")
    assert sorted(tuple(row.values()) for row in table.to_pylist()) == EXPECTED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("snowflake", """COLLATE(CAST("CUSTOMER_ID" AS VARCHAR), 'utf8')"""),
        ("bigquery", """COLLATE(CAST(`customer_id` AS STRING), '')"""),
        ("redshift", """COLLATE(CAST("customer_id" AS VARCHAR(65535)), 'case_sensitive')"""),
        ("postgres", """CAST("customer_id" AS TEXT) COLLATE "C\""""),
    ],
)
def test_d4_what_other_dialects_are_told(name: str, words: str) -> None:
    assert words in customer_features.sql(name, **CHOICES)


def test_d4_each_dialect_either_has_no_collations_or_is_told() -> None:
    """Trino and ClickHouse have no collations of columns; Spark's cast gives the binary one."""
    silent = {name for name in DIALECTS if dialect(name).identifier("x") == dialect(name).text("x")}
    assert silent == {"trino", "clickhouse", "spark"}
