"""Which columns of a file Spark wrote in its legacy calendar. What becomes of their days is held by tests/cases."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from customer_features import SourceError
from customer_features.sources.legacy_calendar import FIRST_DAY, FIRST_TIME, as_text, limits, refuse_legacy

TYPES = {"day": "DATE", "time": "TIMESTAMP WITH TIME ZONE", "old": "TIMESTAMP", "text": "VARCHAR"}
SPARK = "org.apache.spark."
ALL = {"day": FIRST_DAY, "time": FIRST_TIME, "old": FIRST_TIME}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, {}),
        ({"version": "4.0.1"}, {}),
        ({"version": "3.1.0"}, {}),
        ({"version": "3.0.3"}, {"old": FIRST_TIME}),
        ({"version": "2.4.8"}, ALL),
        ({"sql.parquet.row.metadata": "{}"}, ALL),
        ({"version": "3.5.0", "sql.parquet.row.metadata": "{}"}, {}),
        ({"version": "3.5.0", "legacyINT96": ""}, {"old": FIRST_TIME}),
        ({"version": "3.5.0", "legacyDateTime": ""}, {"day": FIRST_DAY, "time": FIRST_TIME}),
    ],
)
def test_what_a_file_says_of_itself(metadata: dict[str, str], expected: dict[str, date]) -> None:
    named = {f"{SPARK}{name}": value for name, value in metadata.items()}
    assert limits(named, TYPES, ["old"]) == expected
    assert limits(as_text({key.encode(): value.encode() for key, value in named.items()}), TYPES, ["old"]) == expected
    assert as_text(None) == {}


@pytest.mark.parametrize(("first", "refused"), [(date(1500, 1, 1), True), (FIRST_DAY, False)])
def test_a_file_of_a_data_set_is_refused_where_a_day_may_be_another(first: Any, refused: bool, tmp_path: Path) -> None:
    rows = pa.table({"day": [date(2025, 1, 1), first]}).replace_schema_metadata({f"{SPARK}legacyDateTime": ""})
    pq.write_table(rows, tmp_path / "t.parquet")
    [fragment] = ds.dataset(tmp_path / "t.parquet").get_fragments()
    if not refused:
        refuse_legacy(fragment, "t")
        return
    with pytest.raises(SourceError, match="t: 'day' may hold days before 1582-10-15 that Spark wrote in its legacy"):
        refuse_legacy(fragment, "t")
