"""Doors that read text: each takes purchases as a table and options, and gives the vectors and the faults.

All texts go through a door at once.
"""

from __future__ import annotations

import csv
import json
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import customer_features
from customer_features.definition.options import Options
from customer_features.errors import InvalidRequest
from customer_features.query.dialects import Kind, Type, dialect
from customer_features.query.steps import FIELDS, Portable, Source
from tests.query.test_steps import OUR_WORDS, in_duckdb

Faults = dict[str, int]
Door = Callable[[pa.Table, Mapping[str, Any]], tuple[pa.Table, Faults | None]]
"""The faults are None where a door does not count them."""
Days = list[date | None]

LAST = date.max
"""Today: no day is after it."""
_CHOICES: dict[str, Any] = {"on_fault": "quarantine", "max_faults": 1.0}


class Refused(Exception):
    """The command line has ended with another code than 0."""


def dataframe(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, None]:
    """Through ``build`` over an Arrow table: the DuckDB engine."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return customer_features.build(table, **options, **_CHOICES), None


def _command_line(suffix: str, write: Callable[[pa.Table, Path], Any]) -> Door:
    def door(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, Faults]:
        from customer_features.cli import run

        with tempfile.TemporaryDirectory() as folder:
            source, out = Path(folder, f"rows{suffix}"), Path(folder, "out.parquet")
            write(table, source)
            words = [word for name, value in options.items() for word in (f"--{name}", value)]
            code = run([str(word) for word in ("build", source, "--out", out, "--max-faults", 1, *words)])
            if code:
                raise Refused(code)
            return pq.read_table(out), json.loads(Path(f"{out}.manifest.json").read_text("utf-8"))["faults"]

    return door


def _write_csv(table: pa.Table, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(FIELDS)
        for row in table.select(FIELDS).to_pylist():
            # A line end inside a cell is another matter.
            writer.writerow([str(value).replace("\n", "\t").replace("\r", "\t") for value in row.values()])


def _write_ndjson(table: pa.Table, path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()), "utf-8")


def printed(name: str) -> Door:
    """The query that is printed for a dialect, in DuckDB: as it stands, or as SQLGlot translates it."""

    def door(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, None]:
        spoken = dialect(name)
        kinds = dict.fromkeys(FIELDS, Type(Kind.TEXT))
        if table.schema.field("amount").type == pa.float64():
            kinds["amount"] = Type(Kind.DOUBLE)
        amount = spoken.quoted("amount")
        texts = {"amount": amount} if kinds["amount"].kind is Kind.TEXT else {}
        fields = {field: spoken.quoted(field) for field in FIELDS}
        source = Source("purchases_of_texts", fields, kinds, texts=texts)
        query = Portable(spoken, Options.parse(**options), source, guarded=True).vectors()
        with duckdb.connect() as connection:
            # A session's own timezone changes nothing; what SQLGlot makes of BigQuery's instants needs UTC.
            connection.execute(f"SET TimeZone = '{'UTC' if name == 'bigquery' else 'Asia/Tokyo'}'")
            connection.execute(OUR_WORDS)
            connection.register("purchases_of_texts", table)
            translated = query if name == "duckdb" else in_duckdb(name, query)
            return connection.sql(translated).to_arrow_table(), None

    return door


def warehouse(through: Any) -> Door:
    """A door of ``tests.warehouses`` or ``tests.spark_door``."""

    def door(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, Faults]:
        frame, _, faults = through(table, {**options, **_CHOICES})
        return frame, faults

    return door


HERE: dict[str, Door] = {
    "dataframe": dataframe,
    "CSV": _command_line(".csv", _write_csv),
    "NDJSON": _command_line(".ndjson", _write_ndjson),
    **{f"SQL of {name}": printed(name) for name in ("duckdb", "snowflake", "redshift", "trino", "bigquery")},
}
"""Doors that need no server."""


def purchases(count: int, **columns: Sequence[Any]) -> pa.Table:
    """So many purchases, of a customer each who is named by the place, but for the columns that are given."""
    places = [str(place) for place in range(count)]
    made: dict[str, Any] = {
        "customer_id": places,
        "transaction_id": places,
        "date": ["2025-04-01"] * count,
        "amount": [1.0] * count,
        "product_id": places,
        "loyalty_score": pa.nulls(count, pa.float64()),
    }
    return pa.table({**made, **columns})


def days(door: Door, texts: Sequence[str], timezone: str) -> Days:
    """The day of each text through a door; None where it is a fault.

    The day follows from the recency, and a customer without a vector had a date that is a fault.
    """
    frame, faults = door(purchases(len(texts), date=texts), {"today": LAST, "timezone": timezone})
    assert set(faults or ()) <= {"unreadable_date", "missing_date"}, faults
    found: Days = [None] * len(texts)
    for customer, recency in zip(frame["customer_id"].to_pylist(), frame["recency_days"].to_pylist(), strict=True):
        found[int(customer)] = LAST - timedelta(days=int(recency))
    return found


def days_of_requests(texts: Sequence[str]) -> Days:
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
