"""Narwhals frames, of its main and its stable versions."""

from __future__ import annotations

from datetime import date
from typing import Any

import narwhals as nw
import narwhals.stable.v1 as v1
import narwhals.stable.v2 as v2
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from customer_features import SourceError, build, check
from tests.agreement.doors import to_arrow
from tests.conftest import TODAY, example_columns

NOW = date.fromisoformat(TODAY)


@pytest.mark.parametrize("version", [nw, v1, v2], ids=["main", "v1", "v2"])
def test_versions_are_kept(version: Any) -> None:
    for native in (pd.DataFrame(example_columns()), pa.table(example_columns()), pl.LazyFrame(example_columns())):
        frame = version.from_native(native)
        for door in (build, check):
            result = door(frame, today=TODAY)
            assert type(result) is type(frame)
            assert type(result.to_native()) is type(native)
    assert to_arrow(result).num_rows == 0


def test_what_narwhals_wraps_and_we_do_not_read() -> None:
    class Odd:
        pass

    frame = nw.from_native(pa.table(example_columns()))
    frame.to_native = Odd  # type: ignore[method-assign]
    with pytest.raises(SourceError, match="transactions: found Odd of tests; allowed are"):
        build(frame, today=TODAY)
