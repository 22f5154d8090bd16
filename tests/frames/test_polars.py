"""Polars dataframes and lazy frames."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from customer_features import ColumnError, DataFaults, FaultsQuarantined, SourceError, build, check
from tests.agreement.doors import to_arrow
from tests.conftest import TODAY
from tests.test_frames import columns

NOW = date.fromisoformat(TODAY)


def test_categories_and_decimals_of_polars() -> None:
    frame = pl.DataFrame(columns(("00123", "1", "2025-04-20", "1.005", "p"), ("é", "1", "2025-04-21", "2.5", "p")))
    expected = build(frame, today=TODAY).to_dicts()
    assert expected[0]["purchase_total"] == 1.01
    as_category = frame.with_columns(pl.col("customer_id", "product_id", "transaction_id").cast(pl.Categorical))
    assert build(as_category, today=TODAY).to_dicts() == expected
    as_enum = frame.with_columns(pl.col("customer_id").cast(pl.Enum(["é", "00123"])))
    assert build(as_enum, today=TODAY).to_dicts() == expected
    as_decimal = frame.with_columns(pl.col("amount").cast(pl.Decimal(20, 4)), pl.col("date").str.to_datetime())
    assert build(as_decimal, today=TODAY).to_dicts() == expected


def frame_of(**replaced: Any) -> pl.DataFrame:
    rows = columns(("a", "1", "2025-04-20", 1.5, "p"), ("b", "2", "2025-04-21", 2.5, "q"))
    return pl.DataFrame({**rows, **replaced})


BOTH = pytest.mark.parametrize("lazy", [False, True], ids=["eager", "lazy"])


def given(frame: pl.DataFrame, lazy: bool) -> Any:
    return frame.lazy() if lazy else frame


@BOTH
def test_integers_of_128_bits(lazy: bool) -> None:
    big = 170141183460469231731687303715884105727
    frame = frame_of(customer_id=pl.Series([big, 1], dtype=pl.Int128), amount=pl.Series([3, 4], dtype=pl.Int128))
    built = to_arrow(build(given(frame, lazy), today=TODAY))
    assert dict(zip(built["customer_id"].to_pylist(), built["purchase_total"].to_pylist(), strict=True)) == {
        "1": 4.0,
        str(big): 3.0,
    }
    found = check(given(frame.with_columns((0 - pl.col("amount")).alias("amount")), lazy), today=TODAY).lazy().collect()
    assert found["customer_id"].to_list() == [big, 1]


@BOTH
def test_objects(lazy: bool) -> None:
    frame = frame_of(other=pl.Series([object(), object()], dtype=pl.Object))
    assert to_arrow(build(given(frame, lazy), today=TODAY)).num_rows == 2
    found = check(given(frame.with_columns((0 - pl.col("amount")).alias("amount")), lazy), today=TODAY).lazy().collect()
    assert found["other"].to_list() == frame["other"].to_list()
    frame = frame_of(customer_id=pl.Series(["a", "b"], dtype=pl.Object))
    with pytest.raises(SourceError, match="transactions: 'customer_id' is of the Polars type Object, which may hold"):
        to_arrow(build(given(frame, lazy), today=TODAY))


@BOTH
def test_rows_come_back_as_they_were(lazy: bool) -> None:
    frame = frame_of(amount=[1.0, -1.0]).with_columns(
        shop=pl.Series(["x", "y"], dtype=pl.Categorical),
        size=pl.Series(["s", "m"], dtype=pl.Enum(["s", "m"])),
        took=pl.Series([timedelta(1), timedelta(2)]),
        struct=pl.struct("date", "amount"),
        zoned=pl.Series([datetime(2025, 1, 1, tzinfo=UTC)] * 2).dt.convert_time_zone("Asia/Tokyo"),
        row_number=pl.Series([7, 8], dtype=pl.UInt8),
    )
    found = check(given(frame, lazy), today=TODAY).lazy().collect()
    assert found.columns[:4] == ["row_number", "fault", "faults", "message"]
    own = found.drop(found.columns[:4]).rename({"original_row_number": "row_number"})
    assert own.schema == frame.schema
    assert own.to_dicts() == frame[1:].to_dicts()


def test_a_lazy_frame_runs_when_it_is_collected_and_each_time() -> None:
    runs = []

    def seen(batch: pl.DataFrame) -> pl.DataFrame:
        runs.append(batch.columns)
        return batch

    source = frame_of(other=[1, 2]).lazy().map_batches(seen, schema=frame_of(other=[1, 2]).schema)
    built = build(source, today=TODAY)
    found = check(source, today=TODAY)
    assert built.collect_schema() == build(frame_of(), today=TODAY).schema
    assert found.collect_schema() == check(frame_of(other=[1, 2]), today=TODAY).schema
    assert len(runs) == 0
    assert built.filter(pl.col("purchase_total") > 2).collect()["customer_id"].to_list() == ["b"]
    assert built.collect(engine="streaming").height == 2
    assert found.collect().height == 0
    assert len(runs) == 3


def test_no_more_columns_are_computed_than_are_needed(tmp_path: Any) -> None:
    def fail(value: object) -> int:
        raise AssertionError(value)

    source = frame_of().lazy().with_columns(never=pl.col("amount").map_elements(fail, return_dtype=pl.Int64))
    assert build(source, today=TODAY).collect().height == 2


def test_faults_of_a_lazy_frame_come_when_it_is_collected() -> None:
    source = frame_of(date=["x", "2025-04-20"]).lazy()
    built = build(source, today=TODAY)
    for engine in ("in-memory", "streaming"):
        with pytest.raises(DataFaults) as caught:
            built.collect(engine=engine)
        assert caught.value.counts == {"unreadable_date": 1}
    with pytest.warns(FaultsQuarantined):
        assert build(source, today=TODAY, on_fault="quarantine", max_faults=1).collect().height == 1
    with pytest.raises(ColumnError, match="no column was recognised as amount"):
        build(source.drop("amount"), today=TODAY)  # what can be known is said at once


def udf(frame: pl.DataFrame) -> pl.DataFrame:
    raise RuntimeError("boom")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (lambda f: f.with_columns(pl.col("nowhere")), 'unable to find column "nowhere"'),
        (lambda f: f.with_columns(pl.col("product_id").cast(pl.Int64)), "conversion from `str` to `i64` failed"),
        (lambda f: f.map_batches(udf, schema=frame_of().schema), "boom"),
        (lambda f: pl.scan_parquet("/nowhere/t.parquet"), "No such file"),
    ],
)
def test_a_plan_that_fails_is_a_sentence(plan: Any, said: str) -> None:
    for door in (build, check):
        with pytest.raises(
            SourceError, match=f"^transactions: a Polars lazy frame cannot be computed: .*{said}"
        ) as caught:
            to_arrow(door(plan(frame_of().lazy()), today=TODAY))
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_result_may_be_asked_for_again() -> None:
    """A lazy result of ours as the scores of another run, where the first fails in its own words."""
    scores = build(frame_of(amount=[1, 2]).lazy(), today=TODAY).select(
        "customer_id", loyalty_score=pl.col("purchase_total") / 8
    )
    assert to_arrow(build(frame_of().lazy(), loyalty=scores, today=TODAY))["loyalty_score"].to_pylist() == [0.125, 0.25]
    bad = build(frame_of(date=["x", "y"]).lazy(), today=TODAY)
    bad = bad.select("customer_id", loyalty_score=pl.col("purchase_total"))
    with pytest.raises(DataFaults):
        to_arrow(build(frame_of().lazy(), loyalty=bad, today=TODAY))


def test_order_of_rows_that_no_plan_keeps() -> None:
    """A join or a grouping gives its rows in another order each time: those that come back are those that were read."""
    many = pl.LazyFrame({"k": range(5000)}).group_by("k").agg(n=pl.len())
    source = many.select(
        customer_id=pl.col("k").cast(pl.String), transaction_id=pl.lit("t"), date=pl.lit(NOW), product_id=pl.lit("p"),
        amount=pl.when(pl.col("k") % 7 == 0).then(-1.0).otherwise(1.0), k="k",
    )  # fmt: skip
    found = check(source, today=TODAY).collect()
    assert sorted(found["k"].to_list()) == list(range(0, 5000, 7))


def test_lazily_from_files(tmp_path: Any) -> None:
    frame_of().write_parquet(tmp_path / "t.parquet")
    frame_of().write_csv(tmp_path / "t.csv")
    for source in (pl.scan_parquet(tmp_path / "t.parquet"), pl.scan_csv(tmp_path / "*.csv")):
        assert build(source, today=TODAY).collect()["purchase_total"].to_list() == [1.5, 2.5]
