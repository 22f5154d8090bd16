"""The contract's example through every door of this process: the same bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import customer_features
from tests.agreement.oracle import bits
from tests.conftest import EXAMPLE, EXAMPLE_VECTORS, TODAY, Cli, example_columns

EXPECTED = {name: bits(vector) for name, vector in EXAMPLE_VECTORS.items()}


def test_example_bits_are_the_contracts_numbers() -> None:
    assert EXPECTED["C-1001"] == bits([918.95, 2.0, 459.48, 2.0, 0.97, 3.0])
    assert EXPECTED["C-1002"] == bits([195.9, 2.0, 97.95, 2.0, 0.0, 109.0])


def arrow(frame: Any) -> pa.Table:
    if isinstance(frame, pd.DataFrame):
        return pa.Table.from_pandas(frame, preserve_index=False)
    return (
        frame
        if isinstance(frame, pa.Table)
        else frame.to_arrow()
        if isinstance(frame, pl.DataFrame)
        else frame.to_arrow_table()
    )


@pytest.mark.parametrize("kind", ["pyarrow", "pandas", "polars", "duckdb"])
def test_python(kind: str) -> None:
    columns = example_columns()
    frame: Any = {
        "pyarrow": pa.table,
        "pandas": pd.DataFrame,
        "polars": pl.DataFrame,
        "duckdb": lambda values: duckdb.connect().from_arrow(pa.table(values)),
    }[kind](columns)
    rows = arrow(customer_features.build(frame, today=TODAY)).to_pylist()
    assert {row.pop("customer_id"): bits(row.values()) for row in rows} == EXPECTED


def test_bytes() -> None:
    customers = json.loads(customer_features.answer(json.dumps(EXAMPLE).encode()))["customers"]
    assert {one["customer_id"]: bits(one["features"].values()) for one in customers} == EXPECTED


def test_the_command_line_over_the_same_document(cli: Cli, tmp_path: Path) -> None:
    assert cli("build", "-", "--out", tmp_path / "f.parquet", stdin=json.dumps(EXAMPLE).encode()).code == 0
    rows = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert {row.pop("customer_id"): bits(row.values()) for row in rows} == EXPECTED
