"""The Spark engine on two threads of this machine, against the oracle, by the bits."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from customer_features.definition.options import Options
from customer_features.engines.spark import warnings
from customer_features.errors import ColumnError, DataFaults
from customer_features.spark import build, check, release
from customer_features.spark.frames import engine_over
from tests.agreement import oracle
from tests.agreement.oracle import Row
from tests.conftest import FIELDS
from tests.spark_door import spark

pytestmark = pytest.mark.slow

TODAY = date(2025, 3, 1)
DATES = (date(2024, 6, 30), date(2024, 12, 31), TODAY)


def purchases(seed: int, count: int = 250, *, orders: bool = False) -> list[Row]:
    """Rows with every awkward id and amount; ``orders``: all rows of an order share its day and amount."""
    chance = random.Random(seed)
    of_order: dict[tuple[str, str], tuple[date, float]] = {}
    rows = []
    for _ in range(count):
        customer = f"c{chance.randrange(25)}" + chance.choice(["", "é", " ", "\0", "🙂"])
        order = f"t{chance.randrange(4)}"
        day = TODAY + timedelta(days=chance.randrange(-500, 60))
        amount = chance.choice(
            [
                chance.randrange(100_000) / 100,
                chance.randrange(2_000) / 200,  # a half of a cent
                chance.random() * 1e4,
                -chance.randrange(20_000) / 200,
                1e11,
                0.00005,
            ]
        )
        if orders:
            day, amount = of_order.setdefault((customer, order), (day, amount))
        rows.append(Row(customer, order, day, amount, f"p{chance.randrange(9)}"))
    return rows


def table(rows: list[Row], *, text: bool = True) -> pa.Table:
    kinds = [pa.string(), pa.string(), pa.date32(), pa.float64(), pa.string()]
    values = [
        [row.customer_id for row in rows],
        [row.transaction_id for row in rows],
        [row.day.isoformat() if text else row.day for row in rows],
        [repr(row.amount) if text else row.amount for row in rows],
        [row.product_id for row in rows],
    ]
    columns = zip(values, [pa.string()] * 5 if text else kinds, strict=True)
    made = {name: pa.array(value, kind) for name, (value, kind) in zip(FIELDS, columns, strict=True)}
    return pa.table({**made, "loyalty_score": pa.nulls(len(rows), pa.string())})


def bits_of(vectors: pa.Table) -> dict[Any, bytes]:
    """Bits by customer (and date), in the order of the table."""
    keys = [name for name in vectors.column_names if name not in oracle.NAMES]
    ids = zip(*(vectors[name].to_pylist() for name in keys), strict=True)
    values = zip(*(vectors[name].to_pylist() for name in oracle.NAMES), strict=True)
    return {key[0] if len(key) == 1 else key: oracle.bits(value) for key, value in zip(ids, values, strict=True)}


CASES: list[dict[str, Any]] = [
    {"grain": "transaction", "as_of": DATES, "text": False},
    {"grain": "line", "as_of": DATES, "window": "90 days", "text": True},
    {"grain": "repeated_total", "window": "400 days", "text": False},
]
MORE: list[dict[str, Any]] = [
    {"grain": "transaction", "window": "6 months", "text": True},
    {"grain": "line", "text": False},
    {"grain": "repeated_total", "as_of": DATES, "text": True},
]


@pytest.mark.parametrize(
    "case",
    [*CASES, *(pytest.param(case, marks=pytest.mark.thorough) for case in MORE)],
    ids=lambda case: "-".join(str(v) for v in case.values() if v is not DATES),
)
def test_the_very_bits_of_the_oracle(case: dict[str, Any], spark_session: Any) -> None:
    options = {name: value for name, value in case.items() if name != "text"}
    grain, window = options["grain"], options.get("window")
    rows = purchases(len(str(case)), orders=grain == "repeated_total")
    size = None if window is None else (int(window.split()[0]), window.split()[1])
    expected: dict[Any, bytes] = {}
    for day in options.get("as_of", (TODAY,)):
        found = oracle.all_bits(oracle.vectors(rows, day, grain=grain, window=size))
        expected |= found if "as_of" not in options else {(customer, day): one for customer, one in found.items()}
    given = {**options, "future": "exclude", "returns": "net", "on_fault": "quarantine", "max_faults": 1.0}
    if "as_of" not in given:
        given["today"] = TODAY
    vectors, balance, faults = spark(spark_session)(table(rows, text=case["text"]), given)
    # Customers with nothing but returns are set aside by all doors; the oracle has no vector for them.
    assert set(faults) <= {"only_returns"}
    assert balance["in"] == len(rows) == balance["used"] + balance["excluded"] + balance["quarantined"]
    found = bits_of(vectors)
    assert found == expected
    order = [(key if isinstance(key, tuple) else (key,)) for key in found]
    assert order == sorted(order, key=lambda key: (key[0].encode(), *key[1:]))


FAULTY = """
VALUES ('ok','1','2025-01-31','10.0050','p',NULL), (NULL,'1','2025-01-31','1','p',NULL), ('','','','','',''),
 ('a','1',NULL,'1','p',NULL), ('a','2','2025-02-30','1','p',NULL), ('a','3','2025-03-02','1','p',NULL),
 ('a','4','2025-01-01',NULL,'p',NULL), ('a','5','2025-01-01','1_0','p',NULL), ('a','6','2025-01-01','1e12','p',NULL),
 ('a','7','2025-01-01','nan','p',NULL), ('a','8','2025-01-01','-1','p',NULL), ('a','9','2025-01-01\\n','1','p',NULL),
 ('b','1','2025-01-01','1','p','7'), ('b','2','2025-01-01','1','p','x'), ('c','1','2025-01-01','1','p','0.5'),
 ('c','2','2025-01-01','1','p','0.25'), ('ok','2','2025-01-31T23:59','.5 ','q','-0.0')
 AS t(customer_id, transaction_id, date, amount, product_id, loyalty_score)
"""
FAULTS = {
    "missing_customer_id": 2,
    "missing_date": 1,
    "unreadable_date": 2,
    "future_date": 1,
    "missing_amount": 1,
    "unreadable_amount": 1,
    "amount_out_of_range": 2,
    "negative_amount": 1,
    "loyalty_out_of_range": 2,
    "conflicting_loyalty": 2,
}
OF_OK = {"ok": oracle.bits((10.51, 2.0, 5.25, 2.0, 0.0, 29.0))}


@contextmanager
def settings(session: Any, **values: str) -> Iterator[None]:
    before = {name: session.conf.get(name) for name in values}
    for name, value in values.items():
        session.conf.set(name, value)
    try:
        yield
        assert {name: session.conf.get(name) for name in values} == values  # nothing leaks
    finally:
        for name, value in before.items():
            session.conf.set(name, value)


OTHER = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.session.timeZone": "Pacific/Auckland",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.caseSensitive": "true",
    "spark.sql.parser.escapedStringLiterals": "true",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
}


@pytest.mark.parametrize("ansi", [True, False])
def test_every_fault_under_other_settings_of_the_session(ansi: bool, spark_session: Any) -> None:
    frame = spark_session.sql(f"SELECT * FROM {FAULTY}")
    given: dict[str, Any] = {"today": TODAY, "on_fault": "quarantine", "max_faults": 1.0}
    with settings(spark_session, **({} if ansi else OTHER)), engine_over(frame, Options.parse(**given)) as engine:
        outcome = engine.judge()
        assert outcome.faults == FAULTS
        assert bits_of(engine.vectors().toArrow()) == OF_OK
        rows = engine.faulty_rows().collect()
        engine.warehouse.drop()
    assert list(rows[0].asDict())[:4] == ["fault", "faults", "message", "customer_id"]
    every = {tuple(row.faults.split(",")): row for row in rows}
    empty = ("missing_customer_id", "missing_transaction_id", "missing_product_id", "missing_date", "missing_amount")
    assert every[empty].amount == ""
    assert {row.message for row in rows if row.transaction_id == "8"} == {
        "amount -1 is negative: allowed are 0 and more, or the option returns=net"
    }
    assert Counter(row.fault for row in rows) == FAULTS
    assert spark_session.catalog.listTables() == []


def test_types_and_timezones(spark_session: Any) -> None:
    """A day by each type, an amount by each type; each customer has one row of each way to say the same."""
    frame = spark_session.sql("""
SELECT CAST(7 AS TINYINT) AS customer_id, CAST(id AS DECIMAL(20, 0)) AS transaction_id, id AS product_id, id AS n,
 TIMESTAMP '2025-01-31 23:59:59.999999 America/Sao_Paulo' AS instant,
 TIMESTAMP_NTZ '2025-01-31 23:59:59.999999' AS local,
 '2025-02-01T02:59:59.999999999Z' AS written, CAST(0.00005 AS DECIMAL(38, 30)) AS half,
 CAST('-0.000050000000000000000000000001' AS DECIMAL(38, 30)) AS more_than_half, FLOAT(0.1) AS f, SMALLINT(3) AS i
FROM range(2)""")
    for kind, amount, units in [
        ("instant", "half", oracle.units_of(Decimal("0.00005"))),
        ("local", "more_than_half", oracle.units_of(Decimal("-0.000050000000000000000000000001"))),
        ("written", "f", oracle.units_of(0.10000000149011612)),
        ("CAST(local AS DATE)", "i", 30_000),
    ]:
        mapping = {"date": kind, "amount": f"{amount}"}
        # The units themselves: what is kept before anything is rounded.
        given = Options.parse(today="2025-02-01", timezone="America/Sao_Paulo", returns="net")
        with engine_over(frame, given, mapping) as engine:
            portable = engine._portable()
            rows = engine.warehouse.rows(f"SELECT day, units FROM {portable.name('counted')}")
        assert [tuple(row) for row in rows] == [(date(2025, 1, 31), units)] * 2


def test_sums_beyond_64_bits(spark_session: Any) -> None:
    """Ten thousand times the greatest amount is 10^19 units: a fault, and exact where returns bring it back."""
    amount = "IF(id % 2 = 0, 99999999999.25D, -99999999999D)"
    frame = spark_session.sql(
        "SELECT 'a' AS customer_id, id AS transaction_id, DATE '2025-01-01' AS date, 1e11 AS amount, 'p' AS product_id"
        f" FROM range(10000) UNION ALL SELECT 'b', id, DATE '2025-01-01', {amount}, 'p' FROM range(20001)"
    )
    given = {"today": TODAY, "returns": "net", "on_fault": "quarantine", "max_faults": 1.0}
    with engine_over(frame, Options.parse(**given)) as engine:
        outcome = engine.judge(warn=False)
        vectors = engine.vectors().toArrow()
        engine.warehouse.drop()
    assert outcome.faults == {"total_out_of_range": 10_000}
    units = 10_001 * 999_999_999_992_500 - 10_000 * 999_999_999_990_000
    total, average = oracle.two_decimals(units, 1), oracle.two_decimals(units, 10_001)
    assert bits_of(vectors) == {"b": oracle.bits((total, 10_001.0, average, 1.0, 0.0, 59.0))}


def test_orders_that_disagree(spark_session: Any) -> None:
    """They are set aside with all their rows, and their products do not count."""
    good = purchases(3, 60, orders=True)
    bad = [Row("c1", "x", TODAY, 1.0, "only here"), Row("c1", "x", TODAY, 2.0, "only here")]
    bad += [Row("c2", "y", TODAY, 1.0, "only here"), Row("c2", "y", TODAY - timedelta(days=1), 1.0, "p1")]
    given = {"today": TODAY, "grain": "repeated_total", "future": "exclude", "returns": "net"}
    vectors, balance, faults = spark(spark_session)(
        table([*good, *bad]), {**given, "on_fault": "quarantine", "max_faults": 1.0}
    )
    assert bits_of(vectors) == oracle.all_bits(oracle.vectors(good, TODAY, grain="repeated_total"))
    assert (faults["conflicting_order_total"], faults["conflicting_order_date"]) == (2, 2)
    assert balance["quarantined"] == sum(faults.values())


def test_what_stays_behind(spark_session: Any, tmp_path: Any) -> None:
    """Measures are persisted and read by the vectors, until they are released; the catalogue is as it was."""
    persisted = spark_session.sparkContext._jsc.getPersistentRDDs
    before = persisted().size()  # what other tests of this process left to be released
    frame = spark_session.sql(f"SELECT *, 'mine' AS fault, 'c' AS `a.b``c` FROM {FAULTY}").drop("loyalty_score")
    scores = spark_session.sql("SELECT 'ok' AS customer, 0.25 AS loyalty_score UNION ALL SELECT 'nobody', 1")
    given: dict[str, Any] = {"today": "2025-03-01", "loyalty": scores, "max_faults": 1.0}
    with pytest.warns(UserWarning, match=r"11 of 17 rows are faulty and left out \(missing_customer_id: 2, "):
        vectors = build(frame, **given, on_fault="quarantine", quarantine=str(tmp_path / "aside"))
    assert persisted().size() == before + 1
    assert "InMemoryTableScan" in vectors._jdf.queryExecution().executedPlan().toString()
    found = {row.customer_id: row.loyalty_score for row in vectors.collect()}
    assert found == {"ok": 0.25, "b": 0.0, "c": 0.0}
    assert [field.nullable for field in vectors.schema.fields] == [False] * 7
    aside = spark_session.read.parquet(str(tmp_path / "aside"))
    assert aside.columns == ["fault", "faults", "message", *frame.columns[:5], "original_fault", "a.b`c"]
    assert aside.count() == 11
    listed = check(frame, **given)
    assert sorted(map(str, listed.collect())) == sorted(map(str, aside.collect()))
    release(vectors)
    release(listed)
    assert persisted().size() == before
    assert spark_session.catalog.listTables() == []
    with pytest.raises(DataFaults, match="11 of 17 rows are faulty"):
        build(frame, **given)
    assert (persisted().size(), spark_session.catalog.listTables()) == (before, [])


def test_columns_that_cannot_be(spark_session: Any) -> None:
    frame = spark_session.sql(
        f"SELECT *, TRUE AS yes, 1.5D AS half, BINARY('x') AS raw, ARRAY(1) AS list FROM {FAULTY}"
    )
    for mapping, said in [
        ({"amount": "yes"}, "'yes' is of type boolean and cannot be amount: allowed is a number, or text"),
        ({"customer_id": "half"}, "'half' is of type double and cannot be customer_id: allowed is text or a whole"),
        ({"product_id": "raw"}, "'raw' is of type binary"),
        ({"date": "list"}, "'list' is of type array<int> and cannot be date: allowed is a date, a timestamp, or text"),
        ({"date": "amout"}, r"there is no column 'amout' for date \(did you mean 'amount'\?\)"),
        ({"date": "no_such(amount)"}, r"date=no_such\(amount\) cannot be computed: .*UNRESOLVED_ROUTINE"),
    ]:
        with pytest.raises(ColumnError, match=said):
            build(frame, columns=mapping)
    twice = frame.selectExpr("*", "amount AS AMOUNT")
    with pytest.raises(ColumnError, match="two columns share a name, 'amount' and 'AMOUNT'"):
        build(twice)
    assert spark_session.catalog.listTables() == []


@pytest.mark.parametrize("sampled", [False, True])
def test_warnings(sampled: bool, spark_session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in purchases(1, 40) if row.amount >= 0]
    if sampled:
        monkeypatch.setattr(warnings, "EXACT_ROWS", 10)
        monkeypatch.setattr(warnings, "SAMPLED_ROWS", len(rows) // 2)
    # Four times the same: whichever half of the customers is looked at, or however few rows come first.
    frame = spark_session.createDataFrame(table([*rows, *rows, *rows, *rows]))
    with engine_over(frame, Options.parse(today="2026-01-01")) as engine:
        found = {one["name"]: one["message"] for one in engine.judge().warnings}
        engine.warehouse.drop()
    assert "repeated, e.g. a row of order '" in found["duplicate_row"]
    assert "repeat, e.g. '" in found["repeated_transaction_id"]
    assert ("(seen in a sample, 1/8 of the customers)" in found["duplicate_row"]) is sampled


def test_points(spark_session: Any) -> None:
    scores = spark_session.sql("SELECT 'ok' AS customer, 50 AS points UNION ALL SELECT 'c', 101")
    given = Options.parse(today=TODAY, max_points=100, on_fault="quarantine", max_faults=1.0)
    frame = spark_session.sql(f"SELECT * FROM {FAULTY}").drop("loyalty_score")
    with engine_over(frame, given, loyalty=scores) as engine:
        assert engine.judge(warn=False).faults["loyalty_out_of_range"] == 2
        assert {row.customer_id: row.loyalty_score for row in engine.vectors().collect()} == {"b": 0.0, "ok": 0.5}
        messages = {row.message for row in engine.faulty_rows().collect() if row.customer_id == "c"}
        engine.warehouse.drop()
    assert messages == {
        "loyalty_score 101 / 100 in loyalty is out of range: allowed is a number from 0 to 1, or nothing"
    }
