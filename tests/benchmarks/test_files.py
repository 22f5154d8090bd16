"""The benchmarks' own oracle is held to decimals in plain Python, and their data are what they claim to be."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.data import TODAY, document, document_vectors
from benchmarks.files import (
    COLUMNS,
    MOST_HAVE_ONE,
    ONE_HOLDS_A_TENTH,
    exact_at,
    exact_vectors,
    months,
    purchases,
    purchases_csv,
    wide,
)
from benchmarks.judging import FEATURES
from tests.benchmarks.conftest import CUSTOMERS, PRODUCTS, ROWS, rows_of, vectors_by_hand


def test_exact_vectors_are_those_of_decimals(tiny: Path) -> None:
    exact = exact_vectors(tiny)
    found = {row["customer_id"]: tuple(row[name] for name in FEATURES) for row in exact.to_dicts()}
    assert found == vectors_by_hand(rows_of(tiny))
    assert len(found) == CUSTOMERS


def test_exact_vectors_of_some_customers(tiny: Path) -> None:
    some = exact_vectors(tiny, one_in=10)
    whole = exact_vectors(tiny)
    assert some["customer_id"].to_list() == [name for name in whole["customer_id"] if int(name[1:]) % 10 == 0]
    assert some.height == CUSTOMERS // 10


def test_exact_vectors_at_many_dates(tiny: Path) -> None:
    rows, dates = rows_of(tiny), [date(2025, 3, 1), date(2025, 9, 1), TODAY]
    expected = {
        (customer, as_of): vector
        for as_of in dates
        for customer, vector in vectors_by_hand(
            (row for row in rows if as_of.replace(year=as_of.year - 1) < row["date"] <= as_of), as_of
        ).items()
    }
    found = {
        (row["customer_id"], row["as_of"]): tuple(row[name] for name in FEATURES)
        for row in exact_at(tiny, dates).to_dicts()
    }
    assert found == expected


def test_months_end_at_today() -> None:
    dates = months(24)
    assert (len(dates), dates[0], dates[11], dates[-1]) == (24, date(2024, 2, 1), date(2025, 1, 1), TODAY)


def test_documents_have_the_vectors_of_decimals() -> None:
    import json

    body = document(50)
    rows = [
        {**row, "customer_id": customer["customer_id"], "date": date.fromisoformat(row["date"])}
        for customer in json.loads(body)["customers"]
        for row in customer["transactions"]
    ]
    assert document_vectors(body) == vectors_by_hand(rows)


def test_csv_holds_the_same_rows(tiny: Path, tmp_path: Path) -> None:
    written = purchases_csv(tmp_path, ROWS, CUSTOMERS, PRODUCTS)
    assert exact_vectors(written).equals(exact_vectors(tiny))


def test_wide_files_hold_the_same_rows(tiny: Path, tmp_path: Path) -> None:
    broad = wide(tmp_path, ROWS, CUSTOMERS, PRODUCTS, columns=200)
    assert len(pq.read_schema(broad).names) == 200
    assert exact_vectors(broad).equals(exact_vectors(tiny))
    assert tuple(pq.read_schema(tiny).names) == COLUMNS


@pytest.mark.parametrize(("customer", "most"), [(ONE_HOLDS_A_TENTH, ROWS // 10), (MOST_HAVE_ONE, None)])
def test_skew(customer: str, most: int | None, tmp_path: Path) -> None:
    rows = rows_of(purchases(tmp_path, ROWS, CUSTOMERS, PRODUCTS, customer))
    counts = Counter(row["customer_id"] for row in rows)
    assert len(rows) == ROWS
    if most is None:
        assert sum(count == 1 for count in counts.values()) == CUSTOMERS * 9 // 10
    else:
        assert most <= max(counts.values()) < most * 1.2
    assert len({row["transaction_id"] for row in rows}) == ROWS
