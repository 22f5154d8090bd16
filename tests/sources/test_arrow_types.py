"""Arrow columns in types that the engine reads as what they are. More of them are held by tests/cases."""

from __future__ import annotations

import pyarrow as pa

from customer_features.sources.arrow_types import FAR, fitted


def test_what_is_read_as_it_is_stays_as_it_is() -> None:
    rows = pa.table(
        {"t": pa.array([1, None], pa.timestamp("us")), "s": ["a", "b"], "d": pa.array(["x", "x"]).dictionary_encode()},
        metadata={"k": "v"},
    )
    found = fitted(rows)
    assert found.table.equals(rows, check_metadata=True)
    assert not found.numerics
    assert not found.unread


def test_columns_without_a_type_are_left_out() -> None:
    union = pa.UnionArray.from_dense(pa.array([0], pa.int8()), pa.array([0], pa.int32()), [pa.array([1])])
    found = fitted(pa.table({"n": [1], "u": union}))
    assert found.table.column_names == ["n"]
    assert list(found.unread) == ["u"]
    assert found.unread["u"].startswith("dense_union")


def test_times_and_days_beyond_what_is_read_are_the_last() -> None:
    far = 2**62
    rows = pa.table(
        {
            "s": pa.array([far, -far, 5, None], pa.int64()).view(pa.timestamp("s", "UTC")),
            "d": pa.array([far, -far, -1, None], pa.int64()).view(pa.date64()),
        }
    )
    found = fitted(rows).table
    assert found["s"].cast(pa.int64()).to_pylist() == [FAR, -FAR, 5, None]
    assert found["d"].cast(pa.int32()).to_pylist() == [FAR // 86_400, -(FAR // 86_400), -1, None]


def test_a_struct_that_holds_runs_keeps_its_nulls() -> None:
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3], pa.int32()), pa.array(["a", "b"]))
    rows = pa.table({"s": pa.StructArray.from_arrays([runs], ["id"], mask=pa.array([False, True, False]))})
    assert fitted(rows.slice(1)).table.to_pylist() == [{"s": None}, {"s": {"id": "b"}}]
