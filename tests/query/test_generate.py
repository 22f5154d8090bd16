"""What ``sql`` prints: the same bytes every time, in which no name is anything but a name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from customer_features import InvalidOption, sql
from customer_features.query.dialects import DIALECTS, dialect
from tests.database import PASSWORD, Database
from tests.golden.__main__ import CALLS, path, query
from tests.installed import installed
from tests.spark_door import QUICK_JAVA, java

pytestmark = pytest.mark.sampled(5)

ROWS = "examples/purchases.csv"
MAPPED = {"transaction_id": "order_id", "date": "order_date", "amount": "total", "product_id": "sku"}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", DIALECTS)
def test_golden(name: str, call: str) -> None:
    """``python -m tests.golden`` writes them anew."""
    assert query(name, call) == path(name, call).read_text("utf-8")
    assert query(name, call) == query(name, call)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_printed_parses_to_itself(name: str, call: str) -> None:
    spoken = dialect(name).sqlglot
    (tree,) = sqlglot.parse(query(name, call), dialect=spoken)
    assert isinstance(tree, exp.Select)
    again = tree.sql(dialect=spoken, comments=False)
    assert sqlglot.parse_one(again, dialect=spoken).sql(dialect=spoken) == again
    tables = {table.name for table in tree.find_all(exp.Table)}
    steps = {step.alias for step in tree.find_all(exp.CTE)}
    assert tables - steps <= {"transactions", "order_lines", "ORDER_LINES", "TRANSACTIONS", "members", "MEMBERS"}


def test_comments_say_what_it_is() -> None:
    said = sql("postgres", today="2025-04-24", window="12 months", timezone="Asia/Tokyo")
    assert said.startswith("-- One feature vector per customer, for PostgreSQL: customer-features, ")
    assert "today: 2025-04-24; window: 12 months; future: fault; returns: fault; timezone: Asia/Tokyo." in said
    assert said.count("\n-- ") >= 8
    assert said.endswith("ORDER BY\n  customer_id\n")


@pytest.mark.parametrize("name", DIALECTS)
@pytest.mark.parametrize(
    "odd",
    [
        "orders; drop table x",
        'a"b',
        "a`b",
        "a'b",
        "--x",
        "/* x */",
        "x) UNION SELECT 1 --",
        "Ünï cödé",
        "a\\b",
        "1st",
        " ",
    ],
)
def test_an_odd_name_is_a_name_and_nothing_else(name: str, odd: str) -> None:
    spoken = dialect(name).sqlglot
    (tree,) = sqlglot.parse(sql(name, table=odd, today="2025-04-24"), dialect=spoken)
    assert tree is not None
    tables = {table.name for table in tree.find_all(exp.Table)} - {step.alias for step in tree.find_all(exp.CTE)}
    assert tables == {odd}


def test_the_odd_name_is_read_where_there_is_such_a_table() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE x AS SELECT 1; CREATE TABLE \"orders; drop table x\" AS SELECT 'c' AS customer_id,"
            " 't' AS transaction_id, DATE '2025-01-01' AS date, 1.0 AS amount, 'p' AS product_id"
        )
        found = connection.execute(sql("duckdb", table="orders; drop table x", today="2025-01-02")).fetchall()
        assert found == [("c", 1.0, 1.0, 1.0, 1.0, 0.0, 1.0)]
        assert connection.execute("SELECT * FROM x").fetchall() == [(1,)]


@pytest.mark.parametrize(
    ("name", "table", "written"),
    [
        ("postgres", "Shop.Orders", '"shop"."orders"'),
        ("postgres", '"Shop"."Orders"', '"Shop"."Orders"'),
        ("snowflake", "shop.orders", '"SHOP"."ORDERS"'),
        ("snowflake", '"shop".orders', '"shop"."ORDERS"'),
        ("bigquery", "my-project.shop.Orders", "`my-project`.`shop`.`Orders`"),
        ("spark", "shop.orders", "`shop`.`orders`"),
        ("clickhouse", "shop.Orders", '"shop"."Orders"'),
        ("trino", "lake.shop.orders", '"lake"."shop"."orders"'),
    ],
)
def test_a_plain_name_means_what_it_means_unquoted(name: str, table: str, written: str) -> None:
    assert f"FROM {written}\n" in sql(name, table=table, today="2025-04-24")


def test_every_default_of_today_is_the_business_day_at_the_time_of_the_query() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "SET TimeZone = 'UTC'; CREATE TABLE transactions AS SELECT 'c' AS customer_id, 't' AS transaction_id,"
            " CAST(timezone('Pacific/Kiritimati', now()) AS DATE) AS date, 1.0 AS amount, 'p' AS product_id"
        )
        (vector,) = connection.execute(sql("duckdb", timezone="Pacific/Kiritimati")).fetchall()
        assert vector[-1] == 0.0
        # In the westernmost zone that day is still to come.
        assert connection.execute(sql("duckdb", timezone="Pacific/Pago_Pago")).fetchall() == []
        (vector,) = connection.execute(
            sql("duckdb", timezone="Pacific/Kiritimati", today="CURRENT_DATE + 30", window="3 months")
        ).fetchall()
        assert vector[-1] in (29.0, 30.0, 31.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dialect_name": "postgresq"}, "did you mean 'postgresql'"),
        ({"dialect_name": "oracle"}, "duckdb, postgres, spark, clickhouse, snowflake, bigquery, redshift, trino"),
        ({"form": "dbtt"}, "'dbtt' is not one of query, dbt (did you mean 'dbt'?)"),
        ({"columns": {"amout": "x"}}, "did you mean 'amount'"),
        ({"columns": {"amount": "SUM(x)"}}, "must be an expression over one row"),
        ({"columns": {"amount": "(SELECT 1)"}}, "must be an expression over one row"),
        ({"columns": {"amount": "1; DROP TABLE x"}}, "must be one column or one SQL expression"),
        ({"columns": {"amount": "a FROM b"}}, "must be one column or one SQL expression"),
        ({"columns": {"amount": "(a"}}, "amount=(a cannot be read as an SQL expression"),
        ({"today": "2025-02-30"}, "not a day of the calendar"),
        ({"today": "CURRENT_DATE; DROP TABLE x"}, "must be one column or one SQL expression"),
        ({"types": {"amount": "DATE"}}, "amount is read from double, decimal, whole number, text"),
        ({"types": {"date": "JSON"}}, "date=JSON"),
        ({"types": {"dates": "DATE"}}, "did you mean 'date'"),
        ({"types": {"customer_id": "DOUBLE PRECISION"}}, "customer_id is read from text, whole number"),
        ({"grain": "lines"}, "did you mean 'line'"),
        ({"window": "a year"}, "is not a window"),
        ({"timezone": "Mars"}, "not an IANA timezone"),
        ({"max_points": 5}, "goes with the table that holds the points"),
        ({"table": ""}, "the name is empty"),
    ],
)
def test_bad_input_ends_in_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidOption, match=re.escape(said)):
        sql(**{"dialect_name": "postgres", **given})


def example_in(database: Database) -> None:
    database.run(
        "CREATE TABLE orders (customer_id text, order_id text, order_date text, total numeric, sku text)",
        *(
            "INSERT INTO orders VALUES ('{}', '{}', '{}', {}, '{}')".format(*line.split(","))
            for line in Path(ROWS).read_text().splitlines()[1:]
        ),
    )


@pytest.mark.parametrize("faults", [False, True])
def test_pasted_into_psql(database: Database, tmp_path: Path, faults: bool) -> None:
    example_in(database)
    types = {"date": "TEXT", "amount": "NUMERIC"}
    text = sql("postgres", table="orders", columns=MAPPED, types=types, today="2025-04-24", faults=faults)
    (tmp_path / "query.sql").write_text(f"{text};\n")
    psql = installed("psql")
    ran = subprocess.run(
        [
            psql,
            "-X",
            "-q",
            "-A",
            "-t",
            "-h",
            "127.0.0.1",
            "-p",
            str(database.port),
            "-U",
            database.user,
            "-f",
            tmp_path / "query.sql",
            database.name,
        ],
        env={"PGPASSWORD": PASSWORD},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = ran.stdout.splitlines()
    if faults:
        assert lines == [
            "unreadable_date|unreadable_date|date '2025-02-30' cannot be read: allowed are calendar days from"
            " 0001-01-01 to 9999-12-31, written YYYY-MM-DD|C-1003|T-006|2025-02-30|18.00|P-01"
        ]
    else:
        assert lines == [
            "C-1001|918.95|2|459.48|2|0|3",
            "C-1002|195.9|2|97.95|2|0|109",
            "C-1003|12.5|1|12.5|1|0|54",
        ]


@pytest.mark.slow
def test_pasted_into_spark_sql(tmp_path: Path) -> None:
    """Both queries in one session of the shell: to start one takes longer than they do."""
    java()
    types = {"date": "STRING", "amount": "STRING"}
    queries = [
        sql("spark", table="orders", columns=MAPPED, types=types, today="2025-04-24", faults=faults)
        for faults in (False, True)
    ]
    view = f"CREATE TEMPORARY VIEW orders USING csv OPTIONS (path '{Path(ROWS).absolute()}', header 'true');"
    (tmp_path / "query.sql").write_text("".join([f"{view}\n", *(f"{query};\n" for query in queries)]))
    programs = Path(sys.executable).parent
    ran = subprocess.run(
        [
            *(programs / "spark-sql", "--conf", "spark.ui.enabled=false", "--conf", "spark.driver.host=127.0.0.1"),
            *("--conf", "spark.sql.shuffle.partitions=2"),
            *("--conf", f"spark.sql.warehouse.dir={tmp_path / 'warehouse'}", "-f", "query.sql"),
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYSPARK_PYTHON": sys.executable,
            "JDK_JAVA_OPTIONS": QUICK_JAVA,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    *vectors, fault = [line for line in ran.stdout.splitlines() if "\t" in line]
    assert vectors == [
        "C-1001\t918.95\t2.0\t459.48\t2.0\t0.0\t3.0",
        "C-1002\t195.9\t2.0\t97.95\t2.0\t0.0\t109.0",
        "C-1003\t12.5\t1.0\t12.5\t1.0\t0.0\t54.0",
    ]
    assert fault.split("\t")[0] == "unreadable_date"
