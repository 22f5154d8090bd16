"""The Python door: its arguments and warnings; tests/frames/ has the kinds of dataframes."""

from __future__ import annotations

import subprocess
import sys
import warnings
from typing import Any

import pyarrow as pa
import pytest

import customer_features
from customer_features import (
    ColumnError,
    DataFaults,
    FaultsQuarantined,
    InvalidOption,
    Suspicious,
    build,
    check,
)

from .conftest import FIELDS, TODAY, child_environment, example_columns


def columns(*rows: tuple[Any, ...]) -> dict[str, list[Any]]:
    return {name: [row[place] for row in rows] for place, name in enumerate(FIELDS)}


def test_what_is_suspicious_is_a_warning() -> None:
    frame = pa.table(columns(("a", "1", "2025-04-20", 1.0, "p"), ("a", "1", "2025-04-20", 2.0, "q")))
    with pytest.warns(Suspicious, match="repeated_transaction_id: .*'1' of customer 'a' stands 2 times"):
        build(frame, today=TODAY)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(frame, today=TODAY, grain="line")


def test_warnings_stand_where_the_door_was_called() -> None:
    frame = pa.table(columns(("a", "1", "2025-04-20", 1.0, "p"), ("b", "2", "x", 2.0, "p"), ("", "2", "x", 2.0, "p")))
    with pytest.warns(FaultsQuarantined) as caught:
        build(frame, today=TODAY, on_fault="quarantine", max_faults=0.9)
    [warning] = caught
    assert warning.filename == __file__
    assert "2 of 3 rows are faulty" in str(warning.message)
    assert "missing_customer_id: 1, unreadable_date: 1" in str(warning.message)


def test_build_raises_with_counts_and_rows() -> None:
    frame = pa.table(columns(("a", "1", "2025-04-20", 1.0, "p"), ("a", "2", "2052-04-20", 2.0, "p")))
    with pytest.raises(DataFaults) as caught:
        build(frame, today=TODAY)
    assert caught.value.counts == {"future_date": 1}
    assert caught.value.rows == 2
    [found] = caught.value.found
    assert (found.source, found.row_number, found.fault) == ("transactions", 2, "future_date")
    assert str(found).startswith("transactions, row 2: date 2052-04-20 is after today")


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", ["polars", "dask", "modin", "narwhals"])
@pytest.mark.slow
def test_no_library_is_imported_that_is_not_there_already(name: str) -> None:
    code = (
        "import sys, pyarrow as pa\nfrom customer_features import build, check\n"
        f"columns = {example_columns()!r}\n"
        f"for door in (build, check): door(pa.table(columns), today={TODAY!r})\n"
        f"assert {name!r} not in sys.modules"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr


def test_expressions_over_text() -> None:
    frame = pa.table(
        {"customer_id": ["a"], "order_id": ["1"], "date": ["2025-04-20"], "p": ["2.5"], "q": ["3"], "sku": ["x"]}
    )
    assert build(frame, columns={"amount": "p*q"}, today=TODAY)["purchase_total"].to_pylist() == [7.5]


def test_wrong_options_and_columns() -> None:
    frame = pa.table(example_columns())
    with pytest.raises(InvalidOption, match="did you mean 'line'"):
        build(frame, grain="lines")
    with pytest.raises(InvalidOption, match="max_faults"):
        build(frame, max_faults=2)
    with pytest.raises(InvalidOption, match="'total' is not a field"):
        build(frame, columns={"total": "amount"})
    with pytest.raises(ColumnError, match="no column 'amuont' for amount"):
        build(frame, columns={"amount": "amuont"})
    with pytest.raises(ColumnError, match="transactions: no column was recognised as amount"):
        build(frame.drop_columns(["amount"]))
    with pytest.raises(ValueError, match="today"):
        check(frame, today="yesterday")


def test_check_takes_the_arguments_of_build() -> None:
    arguments: dict[str, Any] = {
        "columns": {"amount": "amount * 2", "loyalty_score": "loyalty_score"},
        "today": TODAY,
        "loyalty": pa.table({"customer_id": ["C-1001"], "loyalty_score": [0.5]}),
        "grain": "line",
        "future": "exclude",
        "returns": "net",
        "window": "12 months",
        "timezone": "America/Sao_Paulo",
        "on_fault": "quarantine",
        "max_faults": 0.5,
    }
    frame = pa.table(example_columns())
    assert check(frame, **arguments).num_rows == 0
    assert build(frame, **arguments)["purchase_total"].to_pylist() == [1837.9, 391.8]


def test_public_functions_are_the_packages() -> None:
    assert customer_features.build is build
    assert customer_features.check is check
