"""lifetimes' summary of recency, frequency and money, from which total spend and recency follow; visits are its days.

It does a part of the work: it counts no products, and purchases of one day are one to it. Run as its guide does.
"""

from __future__ import annotations

import pandas as pd
import pyarrow.parquet as pq
from lifetimes.utils import summary_data_from_transaction_data

from benchmarks.data import TODAY


def run(source: str, out: str) -> None:
    rows = pq.read_table(source, columns=["customer_id", "date", "amount"]).to_pandas(date_as_object=False)
    summary = summary_data_from_transaction_data(
        rows,
        "customer_id",
        "date",
        monetary_value_col="amount",
        observation_period_end=TODAY,
        include_first_transaction=True,
    )
    vectors = pd.DataFrame(
        {
            "customer_id": summary.index,
            "purchase_total": (summary["monetary_value"] * summary["frequency"]).round(2).to_numpy(),
            "recency_days": (summary["T"] - summary["recency"]).to_numpy("float64"),
        }
    )
    vectors.to_parquet(out, index=False)
