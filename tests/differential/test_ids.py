"""Ids in text are compared to the letter through every door: none is trimmed, folded, read as a number or as null."""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa
import pytest

from tests import spark_door, warehouses
from tests.differential import doors
from tests.differential.id_texts import ids

pytestmark = pytest.mark.slow

COUNT = 50_000 if os.environ.get("THOROUGH") else 3_000
EVERYBODY = "everybody's"


def differences(door: doors.Door) -> list[Any]:
    """Each id is a customer's, with its place for an amount, and an order's and a product's of one customer of all."""
    texts = ids(COUNT)
    places = [float(place) for place in range(COUNT)]
    table = pa.concat_tables(
        [
            doors.purchases(COUNT, customer_id=texts, amount=places),
            doors.purchases(COUNT, customer_id=[EVERYBODY] * COUNT, transaction_id=texts, product_id=texts),
        ]
    )
    frame, faults = door(table, {"today": doors.LAST, "grain": "line"})
    assert not faults
    customers = frame["customer_id"].to_pylist()
    expected = {**dict(zip(texts, places, strict=True)), EVERYBODY: float(COUNT)}
    found = dict(zip(customers, frame["purchase_total"].to_pylist(), strict=True))
    wrong: list[Any] = [(text, found.get(text), total) for text, total in expected.items() if found.get(text) != total]
    wrong += [(text, total, None) for text, total in found.items() if text not in expected]
    if not wrong:
        in_order = sorted(expected, key=str.encode)
        wrong += [(*pair, "out of order") for pair in zip(customers, in_order, strict=True) if pair[0] != pair[1]][:3]
        place = customers.index(EVERYBODY)
        counts = [frame[name][place].as_py() for name in ("visit_frequency", "product_diversity")]
        wrong += [] if counts == [COUNT, COUNT] else [counts]
    return wrong


@pytest.mark.parametrize("name", doors.HERE)
def test_doors_of_this_process(name: str) -> None:
    assert differences(doors.HERE[name]) == []


def test_postgresql(database: Any) -> None:
    assert differences(doors.warehouse(warehouses.postgres(database))) == []


@pytest.mark.resource("clickhouse")
def test_clickhouse() -> None:
    assert differences(doors.warehouse(warehouses.clickhouse())) == []


def test_spark(spark_session: Any) -> None:
    assert differences(doors.warehouse(spark_door.spark(spark_session))) == []
