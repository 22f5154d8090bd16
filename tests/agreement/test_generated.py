"""Rows engine = DuckDB engine = oracle on generated data: up to 201,000 customers, no differing bit."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.agreement import oracle
from tests.agreement.doors import answered, built, table, vectors_of
from tests.agreement.oracle import Row
from tests.conftest import FIELDS, Cli

TODAY = date(2025, 4, 24)
A_BATCH = 1000


def amount(luck: random.Random) -> float:
    """Mostly cents, as shops have them; ties, four decimals and arbitrary doubles too."""
    kind = luck.random()
    if kind < 0.7:
        return luck.randrange(100_000) / 100
    if kind < 0.8:
        return luck.randrange(200_000) / 200
    if kind < 0.9:
        return luck.randrange(10**9) / 10000
    return luck.random() * 10 ** luck.randrange(-5, 11)


def generated(customers: int, grain: str, seed: int) -> list[Row]:
    luck = random.Random(f"{grain} {seed}")
    days = [TODAY - timedelta(days=place) for place in range(1000)]
    rows = []
    for place in range(customers):
        customer = luck.choice(("{:07}", "c-{}", "é {}", "{}\u0301🛒", "{} ")).format(place)
        for order in range(1 + int(luck.expovariate(0.5))):
            lines = 1 if grain == "transaction" else 1 + luck.randrange(3)
            day, total = luck.choice(days), amount(luck)
            for line in range(lines):
                paid = amount(luck) if grain == "line" and line else total
                rows.append(Row(customer, f"o{order}", day, paid, f"p{luck.randrange(40)}"))
    return rows


def batches(rows: list[Row]) -> Iterator[list[Row]]:
    batch: list[Row] = []
    for count, (_, own) in enumerate(groupby(rows, attrgetter("customer_id")), 1):
        batch.extend(own)
        if count % A_BATCH == 0:
            yield batch
            batch = []
    if batch:
        yield batch


def compare(customers: int, grain: str, seed: int, cli: Cli, folder: Path) -> int:
    """How many vectors were compared over four doors."""
    rows = generated(customers, grain, seed)
    expected = oracle.all_bits(oracle.vectors(rows, TODAY, grain=grain, bulk=True))
    assert len(expected) == customers
    found: dict[str, bytes] = {}
    for batch in batches(rows):
        found |= answered(batch, TODAY, grain=grain)
    assert found == expected
    assert list(found) == list(expected)
    in_order = dict(sorted(expected.items(), key=lambda pair: pair[0].encode()))
    assert list(built(rows, TODAY, grain=grain).items()) == list(in_order.items())
    # The command line over text and binary files with the rows dealt out among them.
    random.Random(seed).shuffle(rows)
    third = len(rows) // 3
    pq.write_table(table(rows[:third]), folder / "a.parquet")
    pq.write_table(table(rows[third : 2 * third], text=True), folder / "b.parquet")
    with (folder / "c.csv").open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(FIELDS)
        writer.writerows(
            (r.customer_id, r.transaction_id, r.day, repr(r.amount), r.product_id) for r in rows[2 * third :]
        )
    out = folder / "f.parquet"
    sources = [folder / name for name in ("c.csv", "a.parquet", "b.parquet")]
    ran = cli("build", *sources, "--out", out, "--today", TODAY, "--grain", grain)
    assert ran.code == 0, ran.err
    assert list(vectors_of(pq.read_table(out)).items()) == list(in_order.items())
    return customers


@pytest.mark.filterwarnings("ignore::customer_features.frames.Suspicious")
@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
def test_a_few_customers(grain: str, cli: Cli, tmp_path: Path) -> None:
    assert compare(1500, grain, 1, cli, tmp_path) == 1500


@pytest.mark.filterwarnings("ignore::customer_features.frames.Suspicious")
@pytest.mark.parametrize("grain", ["transaction", "line", "repeated_total"])
@pytest.mark.parametrize(
    "customers", [pytest.param(8_000, marks=pytest.mark.slow), pytest.param(67_000, marks=pytest.mark.thorough)]
)
def test_many_customers(customers: int, grain: str, cli: Cli, tmp_path: Path) -> None:
    """67,000 customers of each grain are 201,000 in all."""
    assert compare(customers, grain, 2, cli, tmp_path) == customers
