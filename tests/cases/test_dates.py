"""Cases of dates: what a text, a window and a list of dates mean, through every door."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import customer_features
from customer_features.errors import InvalidOption
from customer_features.options import Options
from tests import spark_door, warehouses

OLD = ["1960-05-05", "1970-01-01", "1970-01-02", "2024-05-01"]
"""Days around 1970, which a missing number is easily taken for."""


def purchases(days: list[str]) -> pa.Table:
    """One customer with a purchase of 1.00 on each of some days."""
    orders = [str(place) for place in range(len(days))]
    return pa.table(
        {
            "customer_id": ["a"] * len(days),
            "transaction_id": orders,
            "date": days,
            "amount": [1.0] * len(days),
            "product_id": orders,
        }
    )


def visits(frame: pa.Table) -> list[float]:
    return [float(one) for one in frame["visit_frequency"].to_pylist()]


AGES: dict[str, Any] = {"today": ["2024-06-01", "2025-01-01"], "window": "3000 years", "future": "exclude"}


@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
@pytest.mark.parametrize("window", ["3000 years", "1000000 days", "1080 months", None])
def test_d3_a_window_that_opens_before_the_first_year(grain: str, window: str | None) -> None:
    frame = customer_features.build(purchases(OLD), **{**AGES, "window": window, "grain": grain})
    assert visits(frame) == [4.0, 4.0]


def test_d3_one_window_opens_before_the_first_year_and_one_after_it() -> None:
    rows = purchases(["0001-01-01", "0001-01-02", "0001-02-01", "1970-01-01"])
    frame = customer_features.build(rows, today=["2000-01-01", "2001-01-02"], window="2000 years")
    assert visits(frame) == [4.0, 2.0]


@pytest.mark.parametrize("days", [AGES["today"], "2024-06-01"])
def test_d3_printed_sql(days: Any) -> None:
    with duckdb.connect() as connection:
        connection.register("transactions", purchases(OLD))
        frame = connection.sql(customer_features.sql("duckdb", **{**AGES, "today": days})).to_arrow_table()
    assert set(visits(frame)) == {4.0}


def test_d3_clickhouse() -> None:
    options = {"as_of": AGES["today"], "window": AGES["window"], "future": "exclude"}
    frame, rows, _ = warehouses.clickhouse()(with_loyalty(purchases(OLD)), options)
    assert visits(frame) == [4.0, 4.0]
    assert rows == {"in": 4, "used": 4, "excluded": 0, "quarantined": 0}


@pytest.mark.parametrize(
    ("window", "count"), [("3000 years", 4.0), ("100 years", 4.0), ("54 years", 1.0), ("653 months", 2.0)]
)
def test_d3_clickhouse_counts_months_back_from_an_expression(window: str, count: float) -> None:
    warehouses.put_into_clickhouse("old_days", purchases(OLD))
    today = "toDate('2024-06-01')"
    asked = customer_features.sql("clickhouse", table="old_days", types={"date": "String"}, today=today, window=window)
    told = str(warehouses.clickhouse_session().query(asked.rstrip().rstrip(";"), "CSV"))
    assert float(told.split(",")[2]) == count


def with_loyalty(rows: pa.Table) -> pa.Table:
    return rows.append_column("loyalty_score", pa.nulls(rows.num_rows, pa.float64()))


def test_d3_postgresql(database: Any) -> None:
    options = {"as_of": AGES["today"], "window": AGES["window"], "future": "exclude"}
    frame, rows, _ = warehouses.postgres(database)(with_loyalty(purchases(OLD)), options)
    assert visits(frame) == [4.0, 4.0]
    assert rows == {"in": 4, "used": 4, "excluded": 0, "quarantined": 0}


@pytest.mark.slow
def test_d3_spark(spark_session: Any) -> None:
    options = {"as_of": AGES["today"], "window": AGES["window"], "future": "exclude"}
    frame, rows, _ = spark_door.spark(spark_session)(with_loyalty(purchases(OLD)), options)
    assert visits(frame) == [4.0, 4.0]
    assert rows == {"in": 4, "used": 4, "excluded": 0, "quarantined": 0}


TOO_MANY = [date(2014, 1, 1) + timedelta(days=place) for place in range(3661)]


@pytest.mark.parametrize(
    ("days", "reason"),
    [([], "the list holds no date"), (iter(()), "the list holds no date"), (TOO_MANY, "the list holds 3661 dates")],
)
def test_d7_a_list_holds_from_one_date_to_ten_years_of_days(days: Any, reason: str) -> None:
    for door in (
        lambda: Options.parse(as_of=days),
        lambda: customer_features.build(purchases(OLD), today=days),
        lambda: customer_features.check(purchases(OLD), today=days),
        lambda: customer_features.sql("duckdb", today=days),
    ):
        with pytest.raises(InvalidOption, match=reason):
            door()


def test_d7_as_many_dates_as_are_allowed() -> None:
    assert len(Options.parse(as_of=TOO_MANY[1:]).as_of) == 3660


def test_d7_a_list_of_one_date_gives_the_column() -> None:
    rows = purchases(OLD)
    alone = customer_features.build(rows, today="2024-06-01")
    listed = customer_features.build(rows, today=["2024-06-01"])
    assert listed.column_names == ["customer_id", "as_of", *alone.column_names[1:]]
    assert listed["as_of"].to_pylist() == [date(2024, 6, 1)]
    assert listed.drop_columns("as_of").equals(alone)


def test_d7_a_list_of_one_date_gives_the_column_in_printed_sql() -> None:
    with duckdb.connect() as connection:
        connection.register("transactions", purchases(OLD))
        listed = connection.sql(customer_features.sql("duckdb", today=["2024-06-01"])).to_arrow_table()
    assert listed["as_of"].to_pylist() == [date(2024, 6, 1)]
