"""What a Parquet file says of its columns. What becomes of times that are far away is held by tests/cases."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_features.engines.duckdb.session import connected
from customer_features.query.columns import literal
from customer_features.sources.parquet import Element, elements, without_far_times
from customer_features.sources.parts import File, How

TIMES = pa.array([0, 1], pa.int64())


def test_elements_are_those_at_the_top(tmp_path: Path) -> None:
    inside = pa.array([{"a": 1, "b": [{"c": 2}]}, None])
    rows = pa.table(
        {
            "s": inside,
            "ms": TIMES.view(pa.timestamp("ms")),
            "us": TIMES.view(pa.timestamp("us", "UTC")),
            "d": pa.array([Decimal(1)] * 2, pa.decimal256(50, 2)),
        }
    )
    pq.write_table(rows, tmp_path / "t.parquet")
    with connected() as connection:
        found = elements(connection, literal(str(tmp_path / "t.parquet")))
    stored = "FIXED_LEN_BYTE_ARRAY"
    assert found == [
        Element("s", None),
        Element("ms", "INT64", unit="ms"),
        Element("us", "INT64", unit="us"),
        Element("d", stored, 50),
    ]


@pytest.mark.parametrize("statistics", [True, False])
@pytest.mark.parametrize(("last", "copied"), [(1, False), (9999999999999999, True), (-9999999999999999, True)])
def test_a_copy_is_made_where_a_time_is_far_away(statistics: bool, last: int, copied: bool, tmp_path: Path) -> None:
    rows = pa.table({"t": pa.array([0, None, last], pa.int64()).view(pa.timestamp("ms")), "n": [1, 2, 3]})
    pq.write_table(rows, tmp_path / "t.parquet", write_statistics=statistics)
    columns = [Element("t", "INT64", unit="ms"), Element("n", "INT64")]
    with connected() as connection:
        how = How("parquet", None, connection, tmp_path, None, False)
        file = without_far_times(File.of(tmp_path / "t.parquet"), columns, how)
    assert (file.copy is not None) == copied
    found = pq.read_table(file.read_from)
    assert found["n"].to_pylist() == [1, 2, 3]
    assert found["t"].cast(pa.int64()).to_pylist()[:2] == [0, None]
