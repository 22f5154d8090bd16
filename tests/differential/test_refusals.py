"""A column of amounts that has two readings, or several currencies, is refused as a whole through every door.

A query that is printed cannot refuse: it reads plain numbers alone, and none that is in doubt.
"""

from __future__ import annotations

from typing import Any

import pytest

from customer_features.errors import ColumnError
from tests import spark_door, warehouses
from tests.differential import doors

REFUSED = {
    "points": ["1.250", "12.500", "80"],
    "commas": ["1,250", "12,500", "80"],
    "both": ["1,250", "10.50", "12,5"],
    "a point behind many whole numbers": [*["80"] * 2100, "1.250"],
    "commas behind many points": [*["10.50"] * 2100, "1,250", *["12,5"] * 200],
    "two signs": ["$5", "7", "\u20ac7.50"],
    "a code and a sign": ["USD 5", "$7", "0.005"],
    "two dollars": ["5 A$", "7 US$"],
}
READ = {
    "points": (["1.250", "12.50"], 13.75),
    "thousands": (["1,250", "12.50"], 1262.5),
    "one currency": (["$1,250", "12.50", "($2.50)"], 1260.0),
    "one comma among many points": ([*["10.50"] * 30, "1,250", "12,5"], 1565.0),
    "a currency of what is no number": (["$5", "\u20ac7\u20ac", "1"], 6.0),
}


def total(door: doors.Door, amounts: list[str]) -> float:
    table = doors.purchases(len(amounts), customer_id=["one"] * len(amounts), amount=amounts)
    frame, _ = door(table, {"today": doors.LAST, "returns": "net"})
    return float(sum(frame["purchase_total"].to_pylist()))


def judged(door: doors.Door) -> None:
    for amounts in REFUSED.values():
        with pytest.raises((ColumnError, doors.Refused)):
            print(amounts[-3:], total(door, amounts))
    for amounts, right in READ.values():
        assert total(door, amounts) == right, amounts


@pytest.mark.parametrize("name", ["dataframe", "CSV", "NDJSON"])
def test_files_and_dataframes(name: str) -> None:
    judged(doors.HERE[name])


@pytest.mark.parametrize("name", [name for name in doors.HERE if name.startswith("SQL")])
def test_a_printed_query_reads_nothing_that_is_in_doubt(name: str) -> None:
    door = doors.HERE[name]
    assert total(door, REFUSED["points"]) == total(door, REFUSED["commas"]) == 80
    assert total(door, REFUSED["both"]) == 10.5
    assert total(door, REFUSED["two signs"]) == 7
    assert total(door, READ["points"][0]) == 13.75
    assert total(door, READ["thousands"][0]) == 12.5


def test_postgresql(database: Any) -> None:
    judged(doors.warehouse(warehouses.postgres(database)))


@pytest.mark.resource("clickhouse")
def test_clickhouse() -> None:
    judged(doors.warehouse(warehouses.clickhouse()))


@pytest.mark.slow
def test_spark(spark_session: Any) -> None:
    judged(doors.warehouse(spark_door.spark(spark_session)))
