"""Doors that read dates in text: each takes texts and a timezone, and gives the day of each text or None.

All texts go through a door at once, a customer each with a purchase of that date: the day follows from the recency, and
a customer without a vector had a date that is a fault.
"""

from __future__ import annotations

import csv
import json
import tempfile
import warnings
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import customer_features
from customer_features.dialects import Kind, Type, dialect
from customer_features.errors import InvalidRequest
from customer_features.options import Options
from customer_features.portable import FIELDS, Portable, Source
from tests.test_portable import OUR_WORDS, in_duckdb

Days = list[date | None]
Door = Callable[[Sequence[str], str], Days]

LAST = date.max
"""Today: no day is after it."""
_CHOICES: dict[str, Any] = {"on_fault": "quarantine", "max_faults": 1.0}


def rows(texts: Sequence[str]) -> pa.Table:
    """A purchase for each text, by a customer who is named by its place."""
    places = [str(place) for place in range(len(texts))]
    return pa.table(
        {
            "customer_id": places,
            "transaction_id": places,
            "date": pa.array(texts, pa.string()),
            "amount": [1.0] * len(texts),
            "product_id": places,
            "loyalty_score": pa.nulls(len(texts), pa.float64()),
        }
    )


def days(frame: pa.Table, count: int) -> Days:
    """The day of each text by the vectors."""
    found: Days = [None] * count
    for customer, recency in zip(frame["customer_id"].to_pylist(), frame["recency_days"].to_pylist(), strict=True):
        found[int(customer)] = LAST - timedelta(days=int(recency))
    return found


def dataframe(texts: Sequence[str], timezone: str) -> Days:
    """Through ``build`` over an Arrow table: the DuckDB engine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = customer_features.build(rows(texts), today=LAST, timezone=timezone, **_CHOICES)
    return days(frame, len(texts))


def _command_line(suffix: str, write: Callable[[pa.Table, Path], Any]) -> Door:
    def door(texts: Sequence[str], timezone: str) -> Days:
        from customer_features.cli import run

        with tempfile.TemporaryDirectory() as folder:
            source, out = Path(folder, f"rows{suffix}"), Path(folder, "out.parquet")
            write(rows(texts), source)
            words = ["build", source, "--out", out, "--today", LAST, "--timezone", timezone, "--max-faults", 1]
            code = run([str(word) for word in words])
            assert code == 0, code
            return days(pq.read_table(out), len(texts))

    return door


def _write_csv(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(FIELDS)
        for row in table.select(FIELDS).to_pylist():
            # A line end inside a cell is another matter: no date holds a tab either.
            writer.writerow([str(value).replace("\n", "\t").replace("\r", "\t") for value in row.values()])


def _write_ndjson(table: pa.Table, path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), "utf-8")


def printed(name: str) -> Door:
    """The query that is printed for a dialect, in DuckDB: as it stands, or as SQLGlot translates it."""

    def door(texts: Sequence[str], timezone: str) -> Days:
        spoken = dialect(name)
        kinds = {**dict.fromkeys(FIELDS, Type(Kind.TEXT)), "amount": Type(Kind.DOUBLE)}
        source = Source("purchases_of_texts", {field: spoken.quoted(field) for field in FIELDS}, kinds)
        query = Portable(spoken, Options.parse(today=LAST, timezone=timezone), source).vectors()
        with duckdb.connect() as connection:
            # A session's own timezone changes nothing; what SQLGlot makes of BigQuery's instants needs UTC.
            connection.execute(f"SET TimeZone = '{'UTC' if name == 'bigquery' else 'Asia/Tokyo'}'")
            connection.execute(OUR_WORDS)
            connection.register("purchases_of_texts", rows(texts))
            translated = query if name == "duckdb" else in_duckdb(name, query)
            return days(connection.sql(translated).to_arrow_table(), len(texts))

    return door


def document(texts: Sequence[str], timezone: str) -> Days:
    """Through the contract's document, a request for each text: one fault refuses a request."""
    return [_answered(text) for text in texts]


def _answered(text: str) -> date | None:
    purchase = {"transaction_id": "1", "date": text, "amount": 1, "product_id": "1"}
    customer = {"customer_id": "1", "transactions": [purchase]}
    try:
        answer = customer_features.answer(json.dumps({"today": str(LAST), "customers": [customer]}).encode())
    except InvalidRequest as refused:
        if list(refused.problem["errors"]) != ["customers[0].transactions[0].date"]:
            raise
        return None
    return LAST - timedelta(days=int(json.loads(answer)["customers"][0]["features"]["recency_days"]))


def warehouse(through: Any) -> Door:
    """A door of ``tests.warehouses`` or ``tests.spark_door``."""

    def door(texts: Sequence[str], timezone: str) -> Days:
        frame, _, faults = through(rows(texts), {"today": LAST, "timezone": timezone, **_CHOICES})
        assert set(faults) <= {"unreadable_date", "missing_date"}, faults
        return days(frame, len(texts))

    return door


HERE: dict[str, Door] = {
    "dataframe": dataframe,
    "CSV": _command_line(".csv", _write_csv),
    "NDJSON": _command_line(".ndjson", _write_ndjson),
    "document": document,
    **{f"SQL of {name}": printed(name) for name in ("duckdb", "snowflake", "redshift", "trino", "bigquery")},
}
"""Doors that need no server."""
