"""featuretools: deep feature synthesis over two dataframes, with one cutoff time or many.

It asks for pandas 2, so it runs in an environment of its own (``featuretools.txt``). Categories and types are named,
as its guide advises, so that nothing is inferred.
"""

from __future__ import annotations

from typing import Any

import featuretools as ft
import pandas as pd
import pyarrow.parquet as pq
from featuretools.primitives import TimeSinceLast

from benchmarks.data import TODAY


def run(source: str, out: str) -> None:
    entities = _entities(source)
    _publish(_vectors(entities, pd.Timestamp(TODAY)).reset_index(), out)


def months(source: str, out: str, count: str) -> None:
    """Monthly cutoff times, and at each the rows of twelve months."""
    entities = _entities(source)
    dates = pd.date_range(end=pd.Timestamp(TODAY), periods=int(count), freq="MS")
    customers = entities["customers"]["customer_id"]
    cutoffs = pd.MultiIndex.from_product([customers, dates], names=["customer_id", "time"]).to_frame(index=False)
    vectors = _vectors(entities, cutoffs, training_window="12 months", cutoff_time_in_index=True).reset_index()
    vectors = vectors[vectors["COUNT(transactions)"] > 0].rename(columns={"time": "as_of"})
    _publish(vectors.assign(as_of=vectors["as_of"].dt.date), out)


def _entities(source: str) -> ft.EntitySet:
    rows = pq.read_table(source).to_pandas(date_as_object=False)
    entities = ft.EntitySet("shop")
    types = {"customer_id": "Categorical", "product_id": "Categorical", "amount": "Double", "date": "Datetime"}
    entities.add_dataframe(
        dataframe_name="transactions", dataframe=rows, index="transaction_id", time_index="date", logical_types=types
    )
    return entities.normalize_dataframe(
        base_dataframe_name="transactions",
        new_dataframe_name="customers",
        index="customer_id",
        make_time_index=False,
    )


def _vectors(entities: ft.EntitySet, cutoff: Any, **options: Any) -> pd.DataFrame:
    made, _ = ft.dfs(
        entityset=entities,
        target_dataframe_name="customers",
        agg_primitives=["sum", "count", "mean", "num_unique", TimeSinceLast(unit="days")],
        trans_primitives=[],
        cutoff_time=cutoff,
        **options,
    )
    return made


def _publish(made: pd.DataFrame, out: str) -> None:
    columns = {
        "purchase_total": made["SUM(transactions.amount)"].round(2),
        "visit_frequency": made["COUNT(transactions)"],
        "avg_ticket": made["MEAN(transactions.amount)"].round(2),
        "product_diversity": made["NUM_UNIQUE(transactions.product_id)"],
        "loyalty_score": 0.0,
        "recency_days": made["TIME_SINCE_LAST(transactions.date, unit=days)"],
    }
    keys = {name: made[name] for name in ("customer_id", "as_of") if name in made}
    vectors = pd.DataFrame({**keys, **columns}).astype({"customer_id": "str", **dict.fromkeys(columns, "float64")})
    vectors.sort_values(list(keys)).to_parquet(out, index=False)
