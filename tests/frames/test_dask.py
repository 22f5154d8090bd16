"""Dask dataframes, partition by partition."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import dask
import dask.dataframe as dd
import pandas as pd
import pytest

from customer_features import ColumnError, SourceError, build, check
from tests.conftest import TODAY

NOW = date.fromisoformat(TODAY)


@pytest.fixture(params=["threads", "synchronous", pytest.param("processes", marks=pytest.mark.slow)])
def scheduler(request: pytest.FixtureRequest) -> Iterator[None]:
    with dask.config.set(scheduler=request.param):
        yield


def many(size: int = 1000) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [f"c{place % 37}" for place in range(size)],
            "transaction_id": [f"t{place}" for place in range(size)],
            "date": ["2025-02-30" if place % 97 == 0 else "2025-04-20" for place in range(size)],
            "amount": [place / 8 for place in range(size)],
            "product_id": pd.Categorical([f"p{place % 11}" for place in range(size)]),
            "other": range(size),
        }
    )


@pytest.mark.usefixtures("scheduler")
def test_every_scheduler() -> None:
    frame = dd.from_pandas(many(), npartitions=7)
    found = check(frame, today=TODAY)
    assert found.compute()["other"].tolist() == list(range(0, 1000, 97))
    assert found.compute()["row_number"].tolist() == [place + 1 for place in range(0, 1000, 97)]
    clean = frame[frame["other"] % 97 != 0]
    expected = build(many()[lambda rows: rows["other"] % 97 != 0], today=TODAY)
    assert build(clean, today=TODAY).compute().to_dict("list") == expected.to_dict("list")


def test_each_partition_is_computed_once_and_of_the_columns_that_are_needed() -> None:
    seen: list[list[str]] = []

    def look(partition: pd.DataFrame) -> pd.DataFrame:
        seen.append(list(partition.columns))
        return partition

    frame = dd.from_pandas(many().assign(date="2025-04-20"), npartitions=5)
    watched = frame.map_partitions(look, meta=frame._meta)
    build(watched, today=TODAY)
    assert len(seen) == 5
    folder_read: list[Any] = []
    with dask.config.set(scheduler="synchronous"):
        build(frame.map_partitions(lambda rows: folder_read.append(1) or rows, meta=frame._meta), today=TODAY)
    assert len(folder_read) == 5


def test_partitions_without_rows_and_without_values() -> None:
    """A column of objects has no type where a partition has no values of it."""
    rows = many(6).assign(date="2025-04-20", loyalty_score=[None, None, 0.5, 0.5, None, None])
    rows["loyalty_score"] = rows["loyalty_score"].astype(object)
    rows["customer_id"] = ["a", "a", "b", "b", "a", "a"]
    with dask.config.set({"dataframe.convert-string": False}):
        frame = dd.from_pandas(rows, npartitions=3)
        frame = dd.concat([frame[frame["other"] < 0], frame])
        built = build(frame, today=TODAY).compute()
    assert built["loyalty_score"].tolist() == [0.0, 0.5]
    assert build(frame[frame["other"] < 0], today=TODAY).compute().shape == (0, 7)
    assert check(frame[frame["other"] < 0], today=TODAY).compute().shape == (0, 11)


def test_partitions_of_other_types() -> None:
    rows = many(4).assign(customer_id=pd.Series(["a", "b", 1, 2], dtype=object))
    with dask.config.set({"dataframe.convert-string": False}):
        frame = dd.from_pandas(rows, npartitions=2)
        said = "transactions: 'customer_id' holds values of mixed types: string in partition 0 and int64 in partition 1"
        with pytest.raises(SourceError, match=said.replace("string", "(large_)?string")):
            build(frame, today=TODAY)
        rows["customer_id"] = pd.Series(["a", 1, "b", "c"], dtype=object)
        with pytest.raises(
            SourceError, match=r"mixed types: str \('a' in row 1 of partition 0\) and int \(1 in row 2 of"
        ):
            build(dd.from_pandas(rows, npartitions=2), today=TODAY)


@pytest.mark.usefixtures("scheduler")
@pytest.mark.slow
def test_a_graph_that_fails_is_a_sentence() -> None:
    frame = dd.from_pandas(many(), npartitions=3)
    for door in (build, check):
        with pytest.raises(SourceError, match=r"^transactions: a Dask dataframe cannot be computed: boom") as caught:
            door(frame.map_partitions(boom, meta=frame._meta), today=TODAY)
        assert "\n" not in str(caught.value)


def boom(_: Any) -> Any:
    raise ValueError("boom\nand more of it")


def test_the_index_is_no_column() -> None:
    frame = dd.from_pandas(many(), npartitions=2).set_index("transaction_id")
    with pytest.raises(ColumnError, match=r"'transaction_id' in the index is no column; reset_index\(\)"):
        build(frame, today=TODAY)


def test_names_that_repeat() -> None:
    rows = many(2)
    rows.columns = [*rows.columns[:-1], "amount"]
    with pytest.raises(ColumnError, match=r"2 columns are named 'amount' \(columns 4 and 6 of 6\)"):
        build(dd.from_pandas(rows, npartitions=1), today=TODAY)


def test_several_partitions_come_out_of_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from customer_features.frames import dask as module

    monkeypatch.setattr(module, "_ROWS_A_PARTITION", 10)
    built = build(dd.from_pandas(many().assign(date="2025-04-20"), npartitions=3), today=TODAY)
    assert built.npartitions == 3
    assert built.compute()["customer_id"].tolist() == sorted(f"c{place}" for place in range(37))
