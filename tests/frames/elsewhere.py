"""What can be shown only in the environment of test_modin.py, which runs this file by its name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import distributed
import ibis
import modin.pandas as mpd
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from dask import dataframe as dd

from customer_features import Client, ColumnError, DataFaults, SourceError, build, check
from tests.agreement import oracle
from tests.agreement.doors import FRAMES, vectors_of
from tests.client.scripted import Scripted
from tests.conftest import EXAMPLE_VECTORS, TODAY, example_columns

EXPECTED = {name: oracle.bits(vector) for name, vector in EXAMPLE_VECTORS.items()}


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[distributed.Client]:
    """A cluster on which Dask computes, and Modin, which else starts one of its own."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_all_kinds_are_here() -> None:
    assert pd.__version__.startswith("2.")
    assert "modin" in FRAMES


def test_modin_as_pandas() -> None:
    frame = mpd.DataFrame(example_columns()).assign(other=[{"a": 1}] * 4)
    assert isinstance(build(frame, today=TODAY), mpd.DataFrame)
    found = check(frame, columns={"amount": "150 - amount"}, today=TODAY)
    assert isinstance(found, mpd.DataFrame)
    assert found["row_number"].tolist() == [1, 2]
    assert found["other"].tolist() == [{"a": 1}] * 2
    decimals = frame.assign(amount=[Decimal("520.55"), Decimal("398.40"), Decimal("120"), Decimal("75.90")])
    assert build(decimals, today=TODAY)["purchase_total"].tolist() == [918.95, 195.9]
    with pytest.raises(ColumnError, match="'customer_id' in the index is no column"):
        build(frame.set_index("customer_id"), today=TODAY)
    with pytest.raises(SourceError, match=r"'customer_id' holds values of mixed types: str .* and int "):
        build(frame.assign(customer_id=["a", 1, "b", "c"]), today=TODAY)
    twice = frame.rename(columns={"other": "amount"})
    with pytest.raises(ColumnError, match=r"2 columns are named 'amount' \(columns 4 and 7 of 7\)"):
        build(twice, today=TODAY)


def test_modin_through_our_client() -> None:
    frame = mpd.DataFrame(example_columns())
    with Scripted() as server, Client(server.url, max_customers=1) as client:
        found = client.customer_features(frame, TODAY)
    assert isinstance(found, mpd.DataFrame)
    assert vectors_of(pa.Table.from_pandas(found.modin.to_pandas(), preserve_index=False)) == EXPECTED
    assert len(server.asked) == len(EXPECTED)  # a request for each


def test_a_lazy_frame_of_polars_1_is_computed_at_once() -> None:
    """There an exception in a lazy plan would reach the caller as a text of Polars' own."""
    assert pl.__version__.startswith("1.")
    frame = pl.LazyFrame(example_columns())
    built = build(frame, today=TODAY)
    assert isinstance(built, pl.LazyFrame)
    assert vectors_of(built.collect().to_arrow()) == EXPECTED
    with pytest.raises(DataFaults):
        build(frame.with_columns(date=pl.lit("x")), today=TODAY)


def test_dask_on_a_cluster() -> None:
    frame = dd.from_pandas(pd.DataFrame(example_columns()), npartitions=3)
    built = build(frame, today=TODAY)
    assert isinstance(built, dd.DataFrame)
    table = pa.Table.from_pandas(built.compute(), preserve_index=False)
    assert vectors_of(table) == EXPECTED
    assert check(frame, columns={"amount": "150 - amount"}, today=TODAY).compute()["row_number"].tolist() == [1, 2]
    with pytest.raises(SourceError, match="a Dask dataframe cannot be computed: boom"):
        build(frame.map_partitions(boom, meta=frame._meta), today=TODAY)


def boom(_: Any) -> Any:
    raise ValueError("boom")


def test_ibis_tables_are_arrow_streams() -> None:
    """On another backend than DuckDB: Ibis 12 does not know DuckDB 2."""
    connection = ibis.polars.connect()
    rows = pa.table(example_columns()).append_column("other", pa.array([[1]] * 4))
    connection.create_table("rows", rows)
    found = connection.table("rows")
    built = build(found, today=TODAY)
    assert isinstance(built, pa.Table)
    assert vectors_of(built) == EXPECTED
    assert check(found.mutate(date=ibis.literal(date(2052, 1, 1))), today=TODAY)["other"].to_pylist() == [[1]] * 4


def test_a_day_of_pandas_2_ends_in_nanoseconds() -> None:
    ends = pd.PeriodIndex(["2025-04-20"] * 4, freq="D").end_time
    assert ends[0].nanosecond == 999
    assert build(pd.DataFrame(example_columns()).assign(date=ends), today=TODAY)["recency_days"].tolist() == [4.0, 4.0]
