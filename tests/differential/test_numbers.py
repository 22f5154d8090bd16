"""Numbers and money in text have the same value, or the same fault, through every door."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import pytest

from tests import spark_door, warehouses
from tests.differential import doors
from tests.differential.number_oracle import Amount, amount_of, currency_of, needs_decimal_comma
from tests.differential.number_texts import CURRENCIES, KINDS, amounts, with_decimal_comma

pytestmark = pytest.mark.slow

COUNT = 50_000 if os.environ.get("THOROUGH") else 3_000
OPTIONS = {"today": doors.LAST, "returns": "net"}
EVIDENT = "0.005"
"""Beside each amount stands another of the same customer: a half cent, which tells 0 from a fault, and a point from a
comma."""
Found = tuple[float, float] | None


def fits(kind: str, text: str) -> bool:
    """Whether a text may stand in a batch: neither a decimal comma nor another currency, which refuse it as a whole."""
    return not needs_decimal_comma(text) and currency_of(text) in ("", kind.partition(" ")[2])


@lru_cache(maxsize=2)
def batch(kind: str) -> list[str]:
    count = COUNT // len(CURRENCIES) if kind.startswith("money") else COUNT
    return amounts(kind, count, partial(fits, kind))


def expected(text: str, decimal: str, *, money: bool) -> Found:
    """The total and the visits of a customer with the amount in a text and half a cent."""
    found = amount_of(text, decimal, money=money)
    if isinstance(found, str):
        return 0.01, 1.0
    return (found.units + 50 + 50) // 100 / 100, 1.0 if found.negative else 2.0


def differences(door: doors.Door, texts: Sequence[str], decimal: str = ".", *, money: bool = True) -> list[Any]:
    half = EVIDENT.replace(".", decimal)
    customers = [str(place) for place in range(len(texts))]
    table = doors.purchases(2 * len(texts), customer_id=customers * 2, amount=[*[half] * len(texts), *texts])
    frame, faults = door(table, OPTIONS if decimal == "." else {**OPTIONS, "decimal": decimal})
    found: list[Found] = [None] * len(texts)
    columns = (frame[name].to_pylist() for name in ("customer_id", "purchase_total", "visit_frequency"))
    for customer, total, visits in zip(*columns, strict=True):
        found[int(customer)] = total, visits
    wrong: list[Any] = [
        (text, got, right)
        for text, got in zip(texts, found, strict=True)
        if got != (right := expected(text, decimal, money=money))
    ]
    if not wrong and faults is not None:
        named = Counter(name for text in texts if isinstance(name := amount_of(text, decimal), str))
        wrong += [
            (name, faults.get(name), named.get(name))
            for name in {*faults, *named}
            if faults.get(name) != named.get(name)
        ]
    return wrong


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", doors.HERE)
def test_doors_of_this_process(name: str, kind: str) -> None:
    # A query that is printed reads plain numbers alone.
    assert differences(doors.HERE[name], batch(kind), money=not name.startswith("SQL")) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["dataframe", "CSV", "NDJSON"])
def test_with_a_decimal_comma(name: str, kind: str) -> None:
    texts = [with_decimal_comma(text) for text in batch(kind)]
    assert differences(doors.HERE[name], texts, ",") == []


@pytest.mark.parametrize("kind", KINDS)
def test_postgresql(database: Any, kind: str) -> None:
    assert differences(doors.warehouse(warehouses.postgres(database)), batch(kind)) == []


@pytest.mark.resource("clickhouse")
@pytest.mark.parametrize("kind", KINDS)
def test_clickhouse(kind: str) -> None:
    assert differences(doors.warehouse(warehouses.clickhouse()), batch(kind)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_spark(spark_session: Any, kind: str) -> None:
    assert differences(doors.warehouse(spark_door.spark(spark_session)), batch(kind)) == []


def test_the_texts_are_of_every_sort() -> None:
    """Of each kind a good part is read, and a good part is not."""
    for kind in KINDS:
        texts = amounts(kind, 500, partial(fits, kind))
        read = sum(isinstance(amount_of(text), Amount) for text in texts)
        assert 0.3 * len(texts) < read < 0.9 * len(texts), (kind, read)
