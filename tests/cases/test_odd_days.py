"""The warnings ``stale_data`` and ``placeholder_dates``, through every door."""

from __future__ import annotations

import json
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import customer_features
from customer_features.definition.options import Options
from customer_features.engines import warnings as repetitions
from tests import spark_door, warehouses
from tests.conftest import Cli, manifest_of

DAYS = ["1900-01-01"] * 3 + ["2024-12-31", "2025-01-31"]
TODAY = date(2025, 4, 24)
EXPECTED = [("placeholder_dates", 3), ("stale_data", 83)]


@pytest.fixture(autouse=True)
def _today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("customer_features.definition.options.current_day", lambda zone: TODAY)
    monkeypatch.setattr("customer_features.engines.rows.engine.current_day", lambda zone: TODAY)


def purchases() -> pa.Table:
    places = [str(place) for place in range(len(DAYS))]
    return pa.table(
        {
            "customer_id": ["a"] * len(DAYS),
            "transaction_id": places,
            "date": DAYS,
            "amount": [1.0] * len(DAYS),
            "product_id": places,
            "loyalty_score": pa.nulls(len(DAYS), pa.float64()),
        }
    )


def named(found: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(one["name"], one["count"]) for one in found]


@pytest.mark.parametrize("exact", [None, 2])
def test_in_python(exact: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if exact is not None:  # so many rows that only the first of them are looked at
        monkeypatch.setattr(repetitions, "EXACT_ROWS", exact)
        monkeypatch.setattr(repetitions, "FIRST_ROWS", 4)
    with pytest.warns(customer_features.Suspicious) as said:
        customer_features.build(purchases())
    assert [str(one.message).partition(":")[0] for one in said] == [name for name, _ in EXPECTED]
    assert "3 rows of 1900-01-01" in str(said[0].message)
    assert "the newest row is of 2025-01-31, 83 days before 2025-04-24" in str(said[1].message)
    with warnings.catch_warnings(record=True) as calm:
        customer_features.build(purchases(), today="2025-04-24", window="5 years")
    assert [str(one.message).partition(":")[0] for one in calm] == ["placeholder_dates"]


def test_on_the_command_line(cli: Cli, tmp_path: Path) -> None:
    source, out = tmp_path / "rows.csv", tmp_path / "out.parquet"
    lines = [f"a,{place},{day},1.00,p{place}" for place, day in enumerate(DAYS)]
    source.write_text("\n".join(["customer_id,order_id,date,amount,sku", *lines, "a,9,9999-12-31,1.00,p"]))
    ran = cli("build", source, "--out", out, "--future", "exclude")
    assert ran.code == 0, ran.err
    found = manifest_of(out)["warnings"]
    assert named(found) == [("placeholder_dates", 4), ("stale_data", 83)]
    assert "3 rows of 1900-01-01, 1 row of 9999-12-31" in found[0]["message"]
    assert "Warning:    stale_data: the newest row is of 2025-01-31" in ran.err


def test_a_request_is_no_data_set_that_could_be_old() -> None:
    """A request may be of one customer who left long ago, and so may its every piece."""
    rows = [
        {"transaction_id": str(place), "date": day, "amount": 1, "product_id": "p"} for place, day in enumerate(DAYS)
    ]
    body = {"customers": [{"customer_id": "a", "transactions": rows}]}
    assert "warnings" not in json.loads(customer_features.answer(json.dumps(body).encode()))


def test_postgresql(database: Any) -> None:
    from customer_features.engines.duckdb.session import connected
    from customer_features.engines.postgres.engine import PushDown

    database.load("purchases", purchases())
    with connected() as connection:
        engine = PushDown(connection, database.table("purchases"), None, Options.parse())
        assert named(engine.judge().warnings) == EXPECTED


@pytest.mark.resource("clickhouse")
def test_clickhouse() -> None:
    from customer_features.engines.clickhouse.engine import Run

    warehouses.put_into_clickhouse("odd_days", purchases())
    run = Run(warehouses.clickhouse_session(), "odd_days", Options.parse())
    with run.judged():
        assert named(run.outcome.warnings) == EXPECTED


@pytest.mark.slow
def test_spark(spark_session: Any) -> None:
    from customer_features.spark.frames import engine_over

    with engine_over(spark_door.frame_of(spark_session, purchases()), Options.parse()) as engine:
        assert named(engine.judge().warnings) == EXPECTED
        engine.warehouse.drop()
