"""Arrow tables as the engine takes them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from customer_features import SourceError
from customer_features.frames.arrow import fitted, marked, rows_of, written
from tests.conftest import TODAY

NOW = date.fromisoformat(TODAY)


def test_a_disk_that_is_full(tmp_path: Any) -> None:
    batches = pa.table({"a": range(9)}).to_batches()
    with pytest.raises(
        SourceError, match=r"^t: cannot be kept in .*: No such file or directory; set TMPDIR to a folder"
    ):
        written(batches, batches[0].schema, tmp_path / "nowhere" / "t.arrows", "t")


def test_what_was_written_is_mapped_and_not_copied(tmp_path: Any) -> None:
    before = pa.total_allocated_bytes()
    kept = written(pa.table({"a": range(100_000)}).to_batches(), pa.schema([("a", pa.int64())]), tmp_path / "t", "t")
    assert kept.num_rows == 100_000
    assert pa.total_allocated_bytes() - before < 100_000


def test_rows_of_any_type_in_their_order() -> None:
    frame = pa.table({"v": pa.array(["a", "b", None], pa.string_view()), "n": [1, 2, 3], "l": [[1], None, [3]]})
    assert rows_of(frame, [2, 0]).to_pylist() == [frame.to_pylist()[2], frame.to_pylist()[0]]
    assert rows_of(frame, []).schema == frame.schema


def test_fitted_types() -> None:
    frame = pa.table(
        {"h": pa.array([1.5], pa.float16()), "d": pa.array([Decimal(1)], pa.decimal256(76, 2)), "s": ["x"]}
    )
    table, numbers = fitted(frame, "t")
    assert table.schema.types == [pa.float32(), pa.decimal128(38, 2), pa.string()]
    assert numbers == frozenset()
    long = pa.table({"d": pa.array([Decimal(10**50)], pa.decimal256(76, 2))})
    table, numbers = fitted(marked(long.append_column("e", [["Infinity"]]), ["e"]), "t")
    assert table.to_pylist() == [{"d": f"1{'0' * 50}.00", "e": "Infinity"}]
    assert numbers == {'"d"', '"e"'}
