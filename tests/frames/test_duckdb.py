"""DuckDB relations."""

from __future__ import annotations

import gc
from datetime import date
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from customer_features import ColumnError, SourceError, build, check
from tests.conftest import EXAMPLE_VECTORS, TODAY, example_columns
from tests.test_frames import columns

NOW = date.fromisoformat(TODAY)


def test_a_relation_lives_on_in_its_own_connection() -> None:
    """Also where that connection has tables of the same names, and after everything else is gone."""
    connection = duckdb.connect()
    rows = pa.table(example_columns())  # noqa: F841
    for name in ("transactions", "same", "table", "vectors", "quarantine"):
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM rows')
    built = build(connection.table("transactions"), today=TODAY)
    again = build(connection.table("same"), today=TODAY)
    gc.collect()
    assert [row[0] for row in built.fetchall()] == list(EXAMPLE_VECTORS)
    assert [row[0] for row in again.fetchall()] == list(EXAMPLE_VECTORS)
    joined = connection.sql("SELECT COUNT(*) FROM transactions JOIN built USING (customer_id)")
    assert joined.fetchall() == [(4,)]
    assert connection.sql("SELECT COUNT(*) FROM transactions").fetchall() == [(4,)]
    views = connection.sql("SELECT COUNT(*) FROM duckdb_views() WHERE NOT internal").fetchall()
    assert views == [(0,)]


@pytest.fixture
def connection() -> Any:
    connection = duckdb.connect()
    rows = pa.table(columns(("a", "1", "2025-04-20", 1.0, "p"), ("b", "2", "2025-04-21", -2.0, "q")))  # noqa: F841
    connection.execute("CREATE TABLE t AS SELECT * FROM rows")
    return connection


def test_types_that_arrow_has_not_come_back(connection: Any) -> None:
    more = connection.sql(
        "SELECT *, uuid() AS u, 'x'::ENUM('x', 'y') AS e, 340282366920938463463374607431768211455::UHUGEINT AS h,"
        " '101'::BIT AS b, TIME '10:00' AS t, INTERVAL 3 DAY AS i, MAP {'a': 1} AS m, 7::HUGEINT AS g FROM t"
    )
    connection.execute("CREATE TABLE more AS SELECT * FROM more")
    found = check(connection.table("more"), today=TODAY)
    [row] = found.fetchall()
    assert found.types[4:] == more.types
    assert row[4:] == connection.sql("FROM more WHERE amount < 0").fetchall()[0]


def test_numbers_of_128_bits(connection: Any) -> None:
    most, wide = 2**128 - 1, 2**127 - 1
    sums = connection.sql(
        f"SELECT {most}::UHUGEINT AS customer_id, {wide}::HUGEINT AS transaction_id, DATE '2025-04-20' AS date,"
        " SUM(3) AS amount, 1 AS product_id"
    )
    [row] = build(sums, today=TODAY).fetchall()
    assert row[:2] == (str(most), 3.0)


def test_relations_that_fail(connection: Any) -> None:
    broken = connection.sql("SELECT * REPLACE (CAST(product_id AS INTEGER) AS product_id) FROM t")
    for door in (build, check):
        with pytest.raises(SourceError, match=r"^transactions: a DuckDB relation cannot be computed: .*'p'") as caught:
            door(broken, today=TODAY)
        assert "\n" not in str(caught.value)
    gone = connection.table("t")
    connection.close()
    with pytest.raises(SourceError, match=r"^transactions: a DuckDB relation cannot be computed: .*[Cc]losed"):
        build(gone, today=TODAY)


def test_names_that_sql_takes_for_one(connection: Any) -> None:
    alike = connection.sql("SELECT * REPLACE (1.0 AS amount), 7 AS AMOUNT, FROM t")
    said = "transactions: several columns are named 'amount' .SQL does not tell capitals apart.; rename all but one"
    for door in (build, check):
        with pytest.raises(ColumnError, match=said):
            door(alike, columns={"amount": "amount"}, today=TODAY)


@pytest.mark.filterwarnings("ignore::customer_features.frames.FaultsQuarantined")
def test_only_what_is_needed_is_computed(connection: Any) -> None:
    dear = connection.sql("SELECT *, error('dear') AS never FROM t")
    assert build(dear, today=TODAY, returns="net", on_fault="quarantine", max_faults=1).fetchall()[0][0] == "a"


def test_ids_of_json_are_read_by_an_expression_alone(connection: Any) -> None:
    """A string in JSON stands in quotes, which are no part of an id."""
    ids = connection.sql("SELECT * REPLACE (to_json(customer_id) AS customer_id) FROM t")
    for door in (build, check):
        with pytest.raises(
            ColumnError, match="'customer_id' is of type JSON and cannot be customer_id: allowed is text"
        ):
            door(ids, today=TODAY, returns="net", on_fault="quarantine", max_faults=1)
    given = {
        "returns": "net",
        "on_fault": "quarantine",
        "max_faults": 1,
        "columns": {"customer_id": "customer_id ->> '$'"},
    }
    with pytest.warns():
        assert build(ids, today=TODAY, **given).fetchall()[0][0] == "a"
