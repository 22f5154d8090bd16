"""The ClickHouse door: the bits of the DuckDB engine and of the oracle, every type read or refused, clear errors."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import clickhouse_connect
import pyarrow as pa
import pytest

import customer_features
from customer_features import ColumnError, DataFaults, FaultsQuarantined, InvalidOption, SourceError, clickhouse
from customer_features.engines import warnings
from tests.agreement import oracle
from tests.clickhouse_server import serving
from tests.conftest import TODAY
from tests.warehouses import clickhouse_session, put_into_clickhouse

DAY = date.fromisoformat(TODAY)
NAMES = ("customer_id", "transaction_id", "date", "amount", "product_id", "loyalty_score")
pytestmark = [
    pytest.mark.slow,  # with all of its kind too long for every change; `make test-slow` runs it
    pytest.mark.resource("clickhouse"),
    pytest.mark.filterwarnings(
        "ignore::customer_features.frames.Suspicious", "ignore::customer_features.frames.FaultsQuarantined"
    ),
]


@pytest.fixture(scope="module")
def http() -> Iterator[Any]:
    """A client of clickhouse-connect, over HTTP."""
    with serving() as port:
        client = clickhouse_connect.get_client(host="127.0.0.1", port=port)
        yield client
        client.close()


def dirty(seed: int, *, repeated: bool = False) -> pa.Table:
    """Rows of text with every fault that a table can hold."""
    chance, rows, first = random.Random(seed), [], {}
    for _ in range(500):
        row: list[Any] = [
            f"c{chance.randrange(90)}" + chance.choice(["", "é", " ", "a\0"]),
            f"t{chance.randrange(4)}",
            (DAY - timedelta(days=chance.randrange(-20, 500))).isoformat(),
            repr(chance.choice([chance.randrange(10**4) / 100, chance.randrange(2000) / 200, chance.random() * 1e4])),
            f"p{chance.randrange(9)}",
            chance.choice(["0.5", "0.25", "7", "x"]) if chance.random() < 0.02 else None,
        ]
        if repeated:
            row[2:4] = first.setdefault((row[0], row[1]), row[2:4])
        if chance.random() < 0.08:
            place = chance.randrange(5)
            odd = {
                2: ["2025-02-30", "x", "0001-01-01", "2025-01-01 23:30+02"],
                3: ["abc", "1e12", "nan", "1e999", " 5", "-3.5"],
            }
            row[place] = chance.choice([None, "", *odd.get(place, [])])
        rows.append(row)
    rows += [["rich", f"t{place}", TODAY, "1e11", "p", None] for place in range(901)]
    return pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(NAMES)})


MONTHS = ["2024-12-31", "2025-01-31", "2025-03-31"]
GRAINS = ("line", "repeated_total")
"""Those that the agreement suite alone looks at on every change."""
OPTIONS: dict[str, dict[str, Any]] = {
    "alone": {"today": TODAY},
    "later rows are left out": {"today": TODAY, "future": "exclude", "timezone": "America/New_York"},
    "returns": {"today": TODAY, "future": "exclude", "returns": "net"},
    "a window": {"today": TODAY, "future": "exclude", "window": "6 months"},
    "dates": {"today": MONTHS, "future": "exclude", "window": "3 months", "returns": "net"},
}


def _bits() -> Iterator[Any]:
    for number, (name, options) in enumerate(OPTIONS.items()):
        yield pytest.param("transaction", options, id=f"{name}-transaction")
        for place, grain in enumerate(GRAINS):
            mark = pytest.mark.slow if (number + place) % 2 == 0 else pytest.mark.thorough
            yield pytest.param(grain, options, id=f"{name}-{grain}", marks=mark)


@pytest.mark.parametrize(("grain", "options"), list(_bits()))
def test_the_bits_of_the_duckdb_engine(grain: str, options: dict[str, Any]) -> None:
    table = dirty(len(options), repeated=grain == "repeated_total")
    put_into_clickhouse("orders", table)
    given = {**options, "grain": grain}
    expected = customer_features.build(table, on_fault="quarantine", max_faults=1.0, **given)
    with pytest.warns(FaultsQuarantined) as said:
        found = clickhouse.build(clickhouse_session(), "orders", on_fault="quarantine", max_faults=1.0, **given)
    assert found.equals(expected.cast(found.schema))
    for name in found.column_names[-6:]:
        assert oracle.bits(found[name].to_pylist()) == oracle.bits(expected[name].to_pylist())
    aside = customer_features.check(table, **given).drop_columns(["row_number"]).to_pylist()
    listed = clickhouse.check(clickhouse_session(), "orders", **given)
    assert listed.column_names == ["fault", "faults", "message", *NAMES]

    def key(row: dict[str, Any]) -> str:
        return repr([value for name, value in row.items() if name != "message"])

    assert sorted(map(key, listed.to_pylist())) == sorted(map(key, aside))
    assert str(len(aside)) in str(said[0].message)
    assert clickhouse_session().query("SELECT count() FROM system.tables WHERE is_temporary", "CSV").data() == "0\n"


def test_the_oracles_bits(http: Any) -> None:
    chance = random.Random(4)
    rows = [
        oracle.Row(
            f"c{chance.randrange(50)}é",
            str(place // 2),
            DAY - timedelta(days=chance.randrange(900)),
            chance.randrange(10**6) / 200,
            f"p{chance.randrange(7)}",
        )
        for place in range(700)
    ]
    expected = oracle.vectors(rows, DAY)
    columns = ("customer_id", "transaction_id", "day", "amount", "product_id")
    table = pa.table({name: [getattr(row, name) for row in rows] for name in columns})
    put_into_clickhouse("orders", table)
    for client in (clickhouse_session(), http):
        found = clickhouse.build(client, "SELECT * FROM orders;", columns={"date": "day"}, today=TODAY)
        ids, *values = (column.to_pylist() for column in found.columns)
        assert ids == oracle.in_byte_order(expected)
        assert [oracle.bits(row) for row in zip(*values, strict=True)] == [oracle.bits(expected[name]) for name in ids]


ROW = "'c' AS customer_id, 't' AS transaction_id, toDate('2025-04-20') AS date, 2.5 AS amount, 'p' AS product_id"
IDS = {
    "LowCardinality": ("CAST('a' AS LowCardinality(Nullable(String)))", "a"),
    "FixedString": ("toFixedString('abc', 5)", "abc"),
    "UUID": ("toUUID('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11')", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "Enum": ("CAST('glad' AS Enum8('glad' = 1))", "glad"),
    "UInt64": ("toUInt64('18446744073709551615')", "18446744073709551615"),
    "Nullable(Int32)": ("CAST(-7 AS Nullable(Int32))", "-7"),
    "Int256": (f"toInt256('{10**45 + 1}')", str(10**45 + 1)),
    "Float64": ("toFloat64(12345678901234)", "12345678901234"),
    "Decimal": ("toDecimal128('12345678901234567890', 0)", "12345678901234567890"),
    "a NUL": ("'a\\0b'", "a\0b"),
}


@pytest.mark.parametrize(("sql", "expected"), IDS.values(), ids=IDS)
def test_ids_of_every_type(sql: str, expected: str) -> None:
    query = f"SELECT {sql} AS customer_id, {sql} AS transaction_id, {sql} AS product_id, today() AS date, 1 AS amount"
    found = clickhouse.build(clickhouse_session(), query, timezone="UTC", future="exclude", today="2999-01-01")
    assert found["customer_id"].to_pylist() == [expected]


AMOUNTS = {
    "Decimal(18, 5)": ("toDecimal64('-1.00005', 5) + toDecimal64('3.00010', 5)", 2.0),
    "Decimal(76, 20)": ("toDecimal256('0.00499999999999999999', 20)", 0.01),
    "Nullable(Decimal)": ("CAST('520.55' AS Nullable(Decimal(10, 2)))", 520.55),
    "Float32": ("toFloat32(0.5)", 0.5),
    "UInt8": ("toUInt8(7)", 7.0),
    "UInt256": ("toUInt256(100000000000)", 1e11),
    "text": ("' 520.55 '", 520.55),
    "LowCardinality": ("CAST('5e-1' AS LowCardinality(String))", 0.5),
}


@pytest.mark.parametrize(("sql", "expected"), AMOUNTS.values(), ids=AMOUNTS)
def test_amounts_of_every_type(sql: str, expected: float) -> None:
    found = clickhouse.build(clickhouse_session(), f"SELECT {ROW}, {sql} AS x", columns={"amount": "x"}, today=TODAY)
    assert found["purchase_total"].to_pylist() == [expected]


DAYS = {
    "Date": ("toDate('2025-04-20')", 4.0),
    "Date32": ("toDate32('1900-01-01')", 45769.0),
    "DateTime of a zone": ("toDateTime('2025-04-20 20:30:00', 'America/New_York')", 3.0),
    "DateTime64": ("toDateTime64('2025-04-20 23:30:00.123456', 6, 'UTC')", 3.0),
    "Nullable(DateTime)": ("CAST(toDateTime('2025-04-20 10:30:00', 'UTC') AS Nullable(DateTime('Asia/Tokyo')))", 4.0),
    "text": ("'0001-01-01'", 739364.0),
    "text with an offset": ("'2025-04-20 23:30:00+00'", 3.0),
}


@pytest.mark.parametrize(("sql", "expected"), DAYS.values(), ids=DAYS)
def test_days_of_every_type(sql: str, expected: float) -> None:
    query, columns = f"SELECT {ROW}, {sql} AS x", {"date": "x"}
    found = clickhouse.build(clickhouse_session(), query, columns=columns, today=TODAY, timezone="Europe/Berlin")
    assert found["recency_days"].to_pylist() == [expected]


def test_what_a_query_means_is_what_it_means_in_the_session() -> None:
    """Our statements set settings of their own; those of the session hold inside of the query."""
    query = (
        "SELECT toString(t.a + 1) AS customer_id, toString(t.a) AS transaction_id, today() AS date, s.b AS product_id,"
        " t.a * 2 AS a, toFloat64(a + 1) AS amount"
        " FROM (SELECT number + 5 AS a FROM numbers(1)) t LEFT JOIN (SELECT 6 AS a, 'x' AS b) s ON t.a = s.a"
    )
    counts = clickhouse.check(clickhouse_session(), query, today="2999-01-01", future="exclude")
    assert counts["fault"].to_pylist() == ["missing_product_id"]
    assert counts["product_id"].to_pylist() == [""]
    assert counts["amount"].to_pylist() == [11.0]


def test_names_of_the_steps_are_the_users_own() -> None:
    for name in ("purchases", "readings", "counted", "orders", "products", "customers", "loyalty_scores", "faulty"):
        clickhouse_session().query(f"DROP TABLE IF EXISTS {name}")
        clickhouse_session().query(f"CREATE TABLE {name} ENGINE = Memory AS SELECT {ROW}")
        found = clickhouse.build(clickhouse_session(), name, grain="repeated_total", today=TODAY)
        assert found["purchase_total"].to_pylist() == [2.5]


@pytest.mark.slow
def test_loyalty_from_clickhouse_or_a_frame(http: Any) -> None:
    table = dirty(8).drop_columns(["loyalty_score"])
    put_into_clickhouse("orders", table)
    scores = pa.table({"customer_id": ["c1", "c2", "c2", "c3", "no"], "loyalty_score": [0.5, 0.1, 0.2, 7.0, 0.3]})
    put_into_clickhouse("scores", scores)
    given: dict[str, Any] = {"today": TODAY, "on_fault": "quarantine", "max_faults": 1.0}
    expected = customer_features.build(table, loyalty=scores, **given)
    for client in (clickhouse_session(), http):
        for loyalty in (scores, scores.to_pandas(), "scores", "SELECT * FROM scores"):
            found = clickhouse.build(client, "orders", loyalty=loyalty, **given)
            assert found.equals(expected.cast(found.schema))


def test_warnings_are_those_of_the_other_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[f"c{place // 2 % 40}", str(place // 2), TODAY, "5", "p", None] for place in range(400)]
    table = pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(NAMES)})
    put_into_clickhouse("orders", table)
    with pytest.warns(customer_features.Suspicious) as there:
        customer_features.build(table, today=TODAY)
    with pytest.warns(customer_features.Suspicious) as here:
        clickhouse.build(clickhouse_session(), "orders", today=TODAY)
    assert [str(one.message) for one in here] == [str(one.message) for one in there]
    assert here[0].filename == __file__
    for name, count in (("EXACT_ROWS", 100), ("FIRST_ROWS", 50), ("SAMPLED_ROWS", 100)):
        monkeypatch.setattr(warnings, name, count)
    with pytest.warns(customer_features.Suspicious, match="seen in a sample"):
        clickhouse.build(clickhouse_session(), "orders", today=TODAY)


def test_faults_stop_a_run() -> None:
    put_into_clickhouse("orders", dirty(1))
    with pytest.raises(DataFaults, match="rows are faulty") as raised:
        clickhouse.build(clickhouse_session(), "orders", today=TODAY)
    assert len(raised.value.found) == 100
    assert raised.value.counts["future_date"]
    with pytest.raises(DataFaults, match=r"more than the 1\.00% allowed by max_faults"):
        clickhouse.build(clickhouse_session(), "orders", today=TODAY, on_fault="quarantine")


def test_nothing_is_wrong_and_no_rows() -> None:
    clean = clickhouse.check(clickhouse_session(), f"SELECT {ROW}", today=TODAY)
    assert clean.num_rows == 0
    assert clean.column_names == ["fault", "faults", "message", *NAMES[:5]]
    none = clickhouse.build(clickhouse_session(), f"SELECT {ROW} WHERE 0", today=TODAY)
    assert (none.num_rows, none.num_columns) == (0, 7)
    assert [str(kind) for kind in none.schema.types] == ["string", *["double"] * 6]


REFUSED: dict[str, tuple[str, dict[str, Any], type[Exception], str]] = {
    "no such table": ("ordrs", {}, SourceError, "ordrs: ClickHouse: Unknown table expression identifier 'ordrs'"),
    "no table's name": ("a b", {}, SourceError, "'a b' is neither a query (SELECT or WITH) nor a table's name"),
    "two statements": (f"SELECT {ROW}; SELECT 1", {}, SourceError, "ClickHouse: Syntax error"),
    "no column": ("SELECT 1 AS custmer_id", {}, ColumnError, "columns found: custmer_id"),
    "no such column": (
        f"SELECT {ROW}",
        {"columns": {"amount": "amuont"}},
        ColumnError,
        "there is no column 'amuont' for amount (did you mean 'amount'?)",
    ),
    "an expression that is none": (
        f"SELECT {ROW}, [1] AS x",
        {"columns": {"amount": "amount + x"}},
        ColumnError,
        "amount=amount + x cannot be computed: ClickHouse: ",
    ),
    "a fraction as an id": (
        f"SELECT {ROW}, 1.5 AS x",
        {"columns": {"customer_id": "x"}},
        ColumnError,
        "'x' holds 1.5, which is no whole number below 2^53 and so no id",
    ),
    "an array as an amount": (
        f"SELECT {ROW}, [1] AS x",
        {"columns": {"amount": "x"}},
        ColumnError,
        "'x' is of type Array(UInt8) and cannot be amount: allowed is a number, or text holding one",
    ),
    "a day as an id": (
        f"SELECT {ROW}, toDate('2025-04-20') AS x",
        {"columns": {"product_id": "x"}},
        ColumnError,
        "is of type Date and cannot be product_id",
    ),
    "an option": (f"SELECT {ROW}", {"grain": "lines"}, InvalidOption, "did you mean 'line'?"),
    "a field": (f"SELECT {ROW}", {"columns": {"amout": "x"}}, InvalidOption, "did you mean 'amount'?"),
    "text that is not UTF-8": (
        f"SELECT {ROW}, unhex('e9') AS x",
        {"columns": {"customer_id": "x"}},
        SourceError,
        "UTF-8",
    ),
}


@pytest.mark.parametrize(("query", "options", "kind", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(query: str, options: dict[str, Any], kind: type[Exception], says: str, http: Any) -> None:
    for client in (clickhouse_session(), http):
        with pytest.raises(kind) as raised:
            clickhouse.build(client, query, **{"today": TODAY, **options})
        assert says in str(raised.value), raised.value
        assert "\n  0x" not in str(raised.value)


def test_clients(http: Any) -> None:
    for odd in (None, "clickhouse://localhost", object()):
        with pytest.raises(SourceError, match="allowed are a session or connection of chdb and a client of"):
            clickhouse.build(odd, "orders")
    port = http.url.rpartition(":")[2]
    without = clickhouse_connect.get_client(host="127.0.0.1", port=int(port), autogenerate_session_id=False)
    with pytest.raises(SourceError, match="has no session, which temporary tables need"):
        clickhouse.build(without, "orders")
    without.close()


def test_a_table_that_changes_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without transactions it is found out, and nothing is handed out."""
    from customer_features.engines.clickhouse.engine import Warehouse

    clickhouse_session().query("DROP TABLE IF EXISTS orders")
    clickhouse_session().query(f"CREATE TABLE orders ENGINE = Memory AS SELECT {ROW}")
    real = Warehouse.rows

    def disturbed(self: Any, sql: str) -> Any:
        if "rows_in" in sql:
            clickhouse_session().query(f"INSERT INTO orders SELECT {ROW}")
        return real(self, sql)

    monkeypatch.setattr(Warehouse, "rows", disturbed)
    with pytest.raises(RuntimeError, match=r"rows do not add up: 2 in, 1 used"):
        clickhouse.build(clickhouse_session(), "orders", today=TODAY)
