"""How files and dataframes are built: columns of one name, values that are no ids, types that few have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pandas
import polars
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import customer_features
from customer_features import ColumnError
from customer_features.service import tables
from customer_features.service.content import ARROW, NDJSON, PARQUET
from customer_features.service.problems import Refused
from tests.conftest import TODAY, Cli, assert_refused

COLUMNS: dict[str, list[Any]] = {
    "customer_id": ["a", "b"],
    "transaction_id": ["1", "2"],
    "date": ["2025-04-20", "2025-04-21"],
    "amount": [100.0, 200.0],
    "product_id": ["p", "q"],
}


def table(**more: Any) -> pa.Table:
    """Two rows of two customers, 100.0 and 200.0; ``more``: columns in the place of these, or beside them."""
    return pa.table({**COLUMNS, **more})


def with_second(name: str) -> pa.Table:
    """The rows, and a second column of amounts, 10.0 and 20.0, as a join leaves it."""
    return table().append_column(name, pa.array([10.0, 20.0]))


def write(rows: pa.Table, path: Path) -> Path:
    """The rows in the format that the suffix names."""
    if path.suffix == ".parquet":
        pq.write_table(rows, path)
    elif path.suffix == ".arrow":
        with pa.ipc.new_file(path, rows.schema) as writer:
            writer.write_table(rows)
    elif path.suffix == ".arrows":
        path = path.with_suffix(".stream.arrow")
        with pa.ipc.new_stream(path, rows.schema) as writer:
            writer.write_table(rows)
    else:
        names = rows.column_names
        lines = [dict(zip(names, row, strict=True)) for row in zip(*(c.to_pylist() for c in rows.columns), strict=True)]
        text = json.dumps(lines) if path.suffix == ".json" else "".join(json.dumps(line) + "\n" for line in lines)
        path.write_text(text)
    return path


def totals(cli: Cli, *arguments: object) -> dict[str, float]:
    """What ``build`` says each customer spent."""
    out = Path(str(arguments[0])).parent / "features.parquet"
    ran = cli("build", *arguments, "--today", TODAY, "--out", out)
    assert ran.code == 0, ran.err
    return spent(pq.read_table(out))


def spent(vectors: Any) -> dict[str, float]:
    """The total of each customer in vectors of any kind."""
    rows = pa.table(vectors)
    return dict(zip(rows["customer_id"].to_pylist(), rows["purchase_total"].to_pylist(), strict=True))


def answered(folder: Path, rows: pa.Table, kind: str) -> dict[str, float]:
    """What the service answers to a body of a media type, from the process that computes it."""
    body = write(rows, folder / {NDJSON: "b.ndjson", ARROW: "b.arrows"}.get(kind, "b.parquet"))
    place = folder / "request"
    place.mkdir()
    (place / tables.BODY).write_bytes(body.read_bytes())
    asked = tables.parse([("today", TODAY)], kind, "text/csv", "UTC")
    answer = tables.compute(str(place), asked, seconds=60, memory="512MB", threads=1)
    return spent(pa.csv.read_csv(answer.path))


# -- F3: two columns of one name -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".arrows"])
@pytest.mark.parametrize("second", ["amount", "Amount"])
def test_f3_two_columns_of_a_name_in_a_file(suffix: str, second: str, tmp_path: Path, cli: Cli) -> None:
    source = write(with_second(second), tmp_path / f"t{suffix}")
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "has 2 columns named 'amount'" in said
    assert "columns 4 and 6 of 6; rename or drop all but one of them" in said


@pytest.mark.parametrize("suffix", [".ndjson", ".json"])
def test_f3_two_keys_that_differ_in_case(suffix: str, tmp_path: Path, cli: Cli) -> None:
    source = write(with_second("AMOUNT"), tmp_path / f"t{suffix}")
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "has 2 keys named 'amount' and 'AMOUNT' (upper and lower case count as the same): keys 4 and 6 of 6" in said


def test_f3_two_keys_in_rows_far_apart(tmp_path: Path, cli: Cli) -> None:
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    rows[1]["Amount"] = rows[1].pop("amount")
    source = tmp_path / "t.ndjson"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "has 2 keys named 'amount' and 'Amount'" in said


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".ndjson"])
def test_f3_two_columns_of_a_name_in_a_loyalty_file(suffix: str, tmp_path: Path, cli: Cli) -> None:
    scores = pa.table({"customer_id": ["a"], "loyalty_score": [0.5], "Loyalty_Score": [0.1]})
    given = (write(table(), tmp_path / "t.parquet"), "--loyalty", write(scores, tmp_path / f"l{suffix}"))
    said = assert_refused(cli("build", *given, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "named 'loyalty_score' and 'Loyalty_Score'" in said


def test_f3_columns_inside_a_column_share_no_name_with_others(tmp_path: Path, cli: Cli) -> None:
    inside = pa.array([{"amount": 1, "deep": {"amount": 2, "list": [{"amount": 3}]}}, None])
    rows = table(
        more=inside, other=pa.array([[1], [2]]), map=pa.array([[("amount", 1)], []], pa.map_("string", "int8"))
    )
    assert totals(cli, write(rows, tmp_path / "t.parquet")) == {"a": 100.0, "b": 200.0}


@pytest.mark.parametrize("kind", [PARQUET, ARROW, NDJSON])
def test_f3_two_columns_of_a_name_over_http(kind: str, tmp_path: Path) -> None:
    with pytest.raises(Refused) as raised:
        answered(tmp_path, with_second("Amount"), kind)
    assert raised.value.detail.startswith("The body has 2 ")
    assert "named 'amount' and 'Amount'" in raised.value.detail


FRAMES: dict[str, Callable[[pa.Table], Any]] = {
    "pyarrow": lambda rows: rows,
    "reader": lambda rows: rows.to_reader(),
    "pandas": lambda rows: pandas.DataFrame({str(n): c.to_pylist() for n, c in enumerate(rows.columns)}).set_axis(
        rows.column_names, axis=1
    ),
    "polars": lambda rows: polars.DataFrame({n: c.to_pylist() for n, c in zip(rows.column_names, rows, strict=True)}),
    "lazy": lambda rows: FRAMES["polars"](rows).lazy(),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_f3_two_columns_of_a_name_in_a_frame(kind: str) -> None:
    if kind not in ("polars", "lazy"):  # which have no such frames
        with pytest.raises(ColumnError, match=r"2 columns are named 'amount' \(columns 4 and 6 of 6\)"):
            customer_features.build(FRAMES[kind](with_second("amount")), today=TODAY)
    with pytest.raises(ColumnError, match="'amount' and 'Amount' would both serve as amount"):
        customer_features.build(FRAMES[kind](with_second("Amount")), today=TODAY)
    for mapped in ("AMOUNT", "amount", "2 * amount"):
        with pytest.raises(ColumnError, match=r"'amount' (and|or) 'Amount'"):
            customer_features.build(FRAMES[kind](with_second("Amount")), today=TODAY, columns={"amount": mapped})


def test_f3_two_columns_of_a_name_in_a_relation() -> None:
    rows, other = table(), pa.table({"id": ["a", "b"], "amount": [10.0, 20.0]})  # noqa: F841
    relation = duckdb.sql("SELECT rows.*, other.* FROM rows JOIN other ON customer_id = id")
    with pytest.raises(ColumnError, match="columns are named 'amount'"):
        customer_features.build(relation, today=TODAY)


def test_f3_two_columns_of_a_name_in_a_frame_of_scores() -> None:
    scores = pa.table({"customer_id": ["a"], "loyalty_score": [0.5], "LOYALTY_SCORE": [0.1]})
    with pytest.raises(ColumnError, match="would both serve as loyalty_score"):
        customer_features.build(table(), today=TODAY, loyalty=scores)


def test_f3_a_join_in_clickhouse() -> None:
    from customer_features import clickhouse
    from tests.warehouses import clickhouse_session

    rows = "SELECT 'a' AS customer_id, '1' AS transaction_id, '2025-04-20' AS date, {} AS amount, 'p' AS product_id"
    query = f"SELECT l.*, r.* FROM ({rows.format(100)}) l JOIN ({rows.format(10)}) r ON l.customer_id = r.customer_id"
    with pytest.raises(ColumnError, match="would both serve as customer_id"):
        clickhouse.build(clickhouse_session(), query, today=TODAY)
    one = query.replace("r.*", "r.amount")
    with pytest.raises(ColumnError, match=r"'amount' and 'r.amount' would both serve as amount"):
        clickhouse.build(clickhouse_session(), one, today=TODAY)
    mapped = clickhouse.build(clickhouse_session(), one, today=TODAY, columns={"amount": '"r.amount"'})
    assert spent(mapped) == {"a": 10.0}
