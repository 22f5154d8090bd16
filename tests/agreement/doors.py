"""The doors to compare, each from rows of the oracle to the bits of each customer's vector, in its order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

import customer_features
from tests.agreement.oracle import Row, bits
from tests.conftest import FIELDS

Found = dict[str, bytes]


def document(rows: Sequence[Row], today: date, **keys: Any) -> bytes:
    """A request of these rows, customers in the order in which they come."""
    customers: dict[str, dict[str, Any]] = {}
    for row in rows:
        customer = customers.setdefault(row.customer_id, {"customer_id": row.customer_id, "transactions": []})
        customer["transactions"].append(
            {
                "transaction_id": row.transaction_id,
                "date": row.day.isoformat(),
                "amount": row.amount,
                "product_id": row.product_id,
            }
        )
    return json.dumps({"today": today.isoformat(), **keys, "customers": list(customers.values())}).encode()


def answered(rows: Sequence[Row], today: date, **keys: Any) -> Found:
    """Through ``answer``: the rows engine."""
    body = customer_features.answer(document(rows, today, **keys))
    return {one["customer_id"]: bits(one["features"].values()) for one in json.loads(body)["customers"]}


def table(rows: Sequence[Row], text: bool = False) -> pa.Table:
    """The rows as an Arrow table of strings and doubles, or of strings alone."""
    columns: dict[str, list[Any]] = {
        "customer_id": [row.customer_id for row in rows],
        "transaction_id": [row.transaction_id for row in rows],
        "date": [row.day.isoformat() for row in rows],
        "amount": [repr(row.amount) if text else row.amount for row in rows],
        "product_id": [row.product_id for row in rows],
    }
    kinds = [pa.string()] * 5 if text else [pa.string(), pa.string(), pa.string(), pa.float64(), pa.string()]
    return pa.table({name: pa.array(columns[name], kind) for name, kind in zip(FIELDS, kinds, strict=True)})


def built(rows: Sequence[Row], today: date, *, text: bool = False, **options: Any) -> Found:
    """Through ``build``: the DuckDB engine."""
    return vectors_of(customer_features.build(table(rows, text), today=today, **options))


def vectors_of(frame: pa.Table) -> Found:
    """The bits of each customer of a table of vectors."""
    ids = frame["customer_id"].to_pylist()
    columns = [column.to_pylist() for column in frame.columns[1:]]
    return {customer: bits(vector) for customer, vector in zip(ids, zip(*columns, strict=True), strict=True)}
