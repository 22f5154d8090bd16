"""Customers with a vector who lost a row: each is counted once, and none that has no vector."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest

import customer_features
from tests.conftest import Cli

LINES = pa.table(
    {
        "customer_id": ["a", "a", "a", "b", "c", "d", "d", "d", None],
        "transaction_id": ["1", "2", "3", "1", "1", "1", "1", "2", "9"],
        "date": ["2025-04-01"] * 9,
        "amount": ["5", "x", "y", "z", "5", "1", "2", "3", "4"],
        "product_id": ["p"] * 9,
    }
)
"""Customer a lost two rows, b all of them, c none; of d an order is lost where totals of orders repeat."""


def built(**options: Any) -> tuple[set[str], list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = customer_features.build(LINES, today="2025-04-02", on_fault="quarantine", max_faults=1.0, **options)
    return set(frame["customer_id"].to_pylist()), [str(one.message) for one in caught]


@pytest.mark.parametrize(
    ("grain", "said"), [("line", "; 1 customer has a vector"), ("repeated_total", "; 2 customers have vectors")]
)
def test_each_is_counted_once(grain: str, said: str) -> None:
    customers, messages = built(grain=grain)
    assert customers == {"a", "c", "d"}
    assert any(said in message for message in messages), messages


@pytest.mark.parametrize(("grain", "kept"), [("line", {"c", "d"}), ("repeated_total", {"c"})])
def test_they_can_be_set_aside_whole(grain: str, kept: set[str]) -> None:
    customers, _ = built(grain=grain, incomplete="quarantine")
    assert customers == kept


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grain", "line"], "1 customer has no vector"),
        (["--grain", "line", "--incomplete", "quarantine"], "2 customers have no vector"),
        (["--grain", "repeated_total"], "1 customer has no vector"),
        (["--grain", "repeated_total", "--incomplete", "quarantine"], "3 customers have no vector"),
    ],
)
def test_those_without_a_vector_are_counted(words: list[str], said: str, cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    pyarrow.csv.write_csv(LINES, source)
    ran = cli("build", source, "--out", tmp_path / "f.csv", "--today", "2025-04-02", "--max-faults", "1", *words)
    assert f"{said}: none of their rows counts" in ran.err


def test_so_are_those_who_are_faulty_as_a_whole(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("customer_id,transaction_id,date,amount,product_id\na,1,2025-04-01,-5,p\nb,1,2025-04-01,5,p\n")
    words = ("--returns", "net", "--max-faults", "1", "--today", "2025-04-02")
    ran = cli("build", source, "--out", tmp_path / "f.csv", *words)
    assert "1 only_returns" in ran.err
    assert "1 customer has no vector" in ran.err
