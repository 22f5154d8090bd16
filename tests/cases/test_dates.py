"""Cases of dates: what a text, a window and a list of dates mean, through every door."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

import customer_features
from customer_features.definition.options import Options
from customer_features.errors import InvalidOption
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


NEW_YORK = "America/New_York"
EVENING = 1743559200
"""2025-04-02T02:00:00Z, which is the evening of 1 April in New York."""


def days_read(table: pa.Table, expression: str | None, timezone: str = NEW_YORK, **options: Any) -> list[date]:
    """The days that the DuckDB engine reads, in the order of the rows."""
    from customer_features.engines.duckdb.engine import Engine
    from customer_features.engines.duckdb.session import connected
    from customer_features.sources.parts import Part

    with connected() as connection:
        connection.register("given", table)
        kinds = {name: str(kind) for name, kind, *_ in connection.execute("DESCRIBE given").fetchall()}
        part = Part("given", "given", kinds, table=table)
        chosen = Options.parse(today="2026-01-01", timezone=timezone, **options)
        engine = Engine(connection, [part], chosen, columns={"date": expression} if expression else {})
        engine.judge()
        rows = connection.sql(engine.counted_rows()).to_arrow_table()
        return rows.sort_by("transaction_id")["day"].to_pylist()


@pytest.mark.parametrize(
    ("text", "date_format", "day"),
    [
        ("2025-04-02T02:00:00Z", "%Y-%m-%dT%H:%M:%SZ", 1),
        ("2025-04-02T02:00:00.5Z", "%Y-%m-%dT%H:%M:%S.%fZ", 1),
        ("2025-04-02 02:00 Z", "%Y-%m-%d %H:%M Z", 1),
        ("02/04/2025 02:00:00 UTC", "%d/%m/%Y %H:%M:%S UTC", 1),
        ("02/04/2025 02:00:00 GMT", "%d/%m/%Y %H:%M:%S GMT", 1),
        ("2025-04-02T05:59:00+02:00", "%Y-%m-%dT%H:%M:%S+02:00", 1),
        ("2025-04-02T06:00:00+0200", "%Y-%m-%dT%H:%M:%S+0200", 2),
        ("2025-04-02 00:30:00-03", "%Y-%m-%d %H:%M:%S-03", 1),
        ("2025-04-02T02:00:00", "%Y-%m-%dT%H:%M:%S", 2),
        ("Wed Apr 02 2025 05:30:00 GMT+0200", "%a %b %d %Y %H:%M:%S GMT+0200", 1),
        ("Wed Apr 02 2025 05:30:00 GMT+0200", "%a %b %d %Y %H:%M:%S GMT%z", 1),
        ("02:00Z 02.04.2025", "%H:%MZ %d.%m.%Y", 1),
    ],
)
def test_d2_a_literal_offset_in_the_format_makes_instants(text: str, date_format: str, day: int) -> None:
    assert days_read(purchases([text]), None, date_format=date_format) == [date(2025, 4, day)]
    assert days_read(purchases([text]), f"try_strptime(date, '{date_format}')") == [date(2025, 4, day)]
    assert days_read(purchases([text]), f"CAST(strptime(date, '{date_format}') AS DATE)") == [date(2025, 4, day)]


@pytest.mark.parametrize("date_format", ["%Y-%m-%dZ", "%d.%m.%Y+02:00", "%Y-%m-%d%z", "%Y-%m-%dT%H:%M:%S+15:00"])
def test_d2_an_offset_needs_a_time_of_day(date_format: str) -> None:
    with pytest.raises(InvalidOption, match="offset"):
        Options.parse(date_format=date_format)


def test_d2_on_the_command_line(cli: Any, tmp_path: Any) -> None:
    source, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    source.write_text("customer_id,order_id,date,amount,sku\na,1,2025-04-02T02:00:00Z,1.00,p\n")
    words = ["--today", "2025-04-24", "--date-format", "%Y-%m-%dT%H:%M:%SZ", "--timezone", NEW_YORK]
    ran = cli("build", source, "--out", out, *words)
    assert ran.code == 0, ran.err
    assert out.read_text().splitlines()[1].endswith(",23.0")


@pytest.mark.parametrize(
    ("expression", "day"),
    [
        ("epoch_ms(ts * 1000)", 1),
        ("make_timestamp(ts * 1000000)", 1),
        ("make_timestamp_ms(ts * 1000)", 1),
        ("make_timestamp_ns(ts * 1000000000)", 1),
        ("to_timestamp(ts)", 1),
        ("CAST(to_timestamp(ts) AS DATE)", 1),
        ("CAST(epoch_ms(ts * 1000) AS DATE)", 1),
        ("date_trunc('day', to_timestamp(ts))", 1),
        ("date_trunc('day', epoch_ms(ts * 1000))", 1),
        ("coalesce(epoch_ms(ts * 1000), TIMESTAMP '2025-01-01')", 1),
        ("CASE WHEN ts > 0 THEN epoch_ms(ts * 1000) END", 1),
        ("CASE WHEN ts > 0 THEN make_timestamp(epoch_ms(TIMESTAMP '2025-04-02 02:00:00') * 1000) END", 1),
        ("make_date(year(to_timestamp(ts)), month(to_timestamp(ts)), day(to_timestamp(ts)))", 1),
        ("CAST(instant AS DATE)", 1),
        ("CAST(instant AS TIMESTAMP)", 1),
        ("instant", 1),
        ("CAST(date AS TIMESTAMP)", 1),
        ("CAST(date AS DATE)", 1),
        ("TRY_CAST(date AS TIMESTAMP)", 1),
        ("CAST(date AS TIMESTAMPTZ)", 1),
        ("CASE WHEN ts > 0 THEN CAST('2025-04-02 02:00:00' AS TIMESTAMPTZ) END", 2),
        ("CASE WHEN ts > 0 THEN CAST(TIMESTAMP '2025-04-02 02:00:00' AS TIMESTAMPTZ) END", 2),
        ("date", 1),
        ("epoch_ms(ts * 1000) AT TIME ZONE 'UTC'", 1),
        ("epoch_ms(ts * 1000) AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Tokyo'", 2),
        ("timezone('Europe/Paris', to_timestamp(ts))", 2),
        ("CASE WHEN ts > 0 THEN TIMESTAMP '2025-04-02 02:00:00' END", 2),
        ("CASE WHEN ts > 0 THEN CAST('2025-04-02 02:00:00' AS TIMESTAMP) END", 2),
        ("DATE '1970-01-01' + CAST(ts // 86400 AS INTEGER)", 2),
        ("CASE WHEN ts > 0 THEN make_timestamp(2025, 4, 2, 2, 0, 0) END", 2),
    ],
)
def test_d2_what_makes_an_instant_of_a_number_is_one(expression: str, day: int) -> None:
    rows = purchases(["2025-04-02T02:00:00Z"]).append_column("ts", pa.array([EVENING]))
    rows = rows.append_column("instant", pa.array([EVENING * 10**6], pa.timestamp("us", "UTC")))
    assert days_read(rows, expression) == [date(2025, 4, day)]
    assert days_read(rows, expression, "UTC")[0] == date(2025, 4, 2)


@pytest.mark.parametrize("kind", [None, "TIMESTAMP", "DATE"])
def test_d2_printed_sql(kind: str | None) -> None:
    rows = purchases(["2025-04-02T02:00:00Z"]).append_column("ts", pa.array([EVENING * 1000]))
    asked = {"columns": {"date": "epoch_ms(ts)"}, "today": "2025-04-24", "timezone": NEW_YORK}
    with duckdb.connect() as connection:
        connection.register("transactions", rows)
        query = customer_features.sql("duckdb", **asked, types={} if kind is None else {"date": kind})
        assert connection.sql(query).to_arrow_table()["recency_days"].to_pylist() == [23.0]


INSTANT = pa.table(
    {
        **{name: ["a"] for name in ("customer_id", "transaction_id", "product_id")},
        "amount": [1.0],
        "seconds": [EVENING],
        "ts": pa.array([EVENING * 1_000_000], pa.timestamp("us", "UTC")),
        "local": pa.array([EVENING * 1_000_000], pa.timestamp("us")),
    }
)


@pytest.mark.parametrize(
    ("expression", "day"),
    [
        ("time_bucket(interval 1 day, ts)", 1),
        ("time_bucket(interval 1 day, ts, timestamptz '2025-01-01 05:00:00+00')", 1),
        ("time_bucket(interval 1 day, local)", 2),
        ("date_trunc('day', ts)", 1),
        ("strptime(strftime(ts, '%Y-%m-%d'), '%Y-%m-%d')", 1),
        ("make_date(year(ts), month(ts), date_part('day', ts))", 1),
        ("make_date(2025, 4, extract(day from ts))", 1),
        ("make_date(2025, 4, CASE dayname(ts) WHEN 'Tuesday' THEN 1 ELSE 2 END)", 1),
        ("make_date(2025, 4, isodow(ts) - 1)", 1),
        ("substring(ts::varchar, 1, 10)", 1),
        ("substring(ts || '', 1, 10)", 1),
        ("ts::date", 1),
        ("ts::timestamp_s", 1),
        ("ts - interval 1 hour", 1),
        ("date_add(ts, interval 1 day)", 2),
        ("to_timestamp(epoch(ts))", 1),
        ("to_timestamp(extract(epoch from ts))", 1),
        ("to_timestamp(date_part('epoch', ts))", 1),
        ("epoch_ms(epoch_ms(ts))", 1),
        ("make_timestamp(seconds * 1000000)", 1),
        ("timestamp '1970-01-01' + to_seconds(seconds)", 1),
        ("timestamp 'epoch' + seconds * interval 1 second", 1),
        ("date '1970-01-01' + to_days(20180 + 0 * seconds::int)", 2),
        ("make_timestamptz(2025, 4, day(local), 2, 0, 0)", 2),
        ("coalesce(ts, local)", 1),
        ("CASE WHEN ts < '2025-04-02' THEN date '2025-04-01' ELSE date '2025-04-02' END", 1),
        ("CASE WHEN ts < '2025-04-02T00:00:00Z' THEN date '2025-04-01' ELSE date '2025-04-02' END", 2),
        ("ts AT TIME ZONE 'UTC'", 2),
        ("timezone('UTC', ts)", 2),
    ],
)
def test_functions_of_an_instant_go_by_the_timezone(expression: str, day: int) -> None:
    assert days_read(INSTANT, expression) == [date(2025, 4, day)]


def test_the_end_of_an_instants_month_goes_by_the_timezone() -> None:
    first = INSTANT.set_column(5, "ts", pa.array([1743476400_000_000], pa.timestamp("us", "UTC")))
    assert days_read(first, "last_day(ts)") == [date(2025, 3, 31)]


def test_a_text_beside_a_bucket_is_refused() -> None:
    with pytest.raises(InvalidOption, match="third argument of time_bucket is not read"):
        days_read(INSTANT, "time_bucket(interval 1 day, ts, 'America/New_York')")
