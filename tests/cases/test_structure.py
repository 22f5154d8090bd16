"""How files and dataframes are built: columns of one name, values that are no ids, types that few have."""

from __future__ import annotations

import gzip
import json
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import dask
import dask.dataframe
import deltalake
import duckdb
import numpy
import pandas
import polars
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import customer_features
from customer_features import ColumnError, SourceError
from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.service.bodies import tables
from customer_features.service.content import ARROW, NDJSON, PARQUET
from customer_features.service.problems import Refused
from customer_features.sources.opening import opened
from tests.cases.lakes import iceberg_table
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


def computed(frame: Any) -> Any:
    """A frame, computed where it is a lazy one."""
    return frame.collect() if isinstance(frame, polars.LazyFrame) else frame


def answered(folder: Path, rows: pa.Table, kind: str) -> dict[str, float]:
    """What the service answers to a body of a media type, from the process that computes it."""
    body = write(rows, folder / {NDJSON: "b.ndjson", ARROW: "b.arrows"}.get(kind, "b.parquet"))
    place = folder / "request"
    place.mkdir()
    (place / tables.BODY).write_bytes(body.read_bytes())
    asked = tables.parse([("today", TODAY)], kind, "text/csv", "UTC")
    answer = tables.compute(str(place), asked, memory="512MB", threads=1)
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
    for mapped in ("AMOUNT", "2 * AMOUNT"):
        with pytest.raises(ColumnError, match="'AMOUNT' for amount could be 'amount' or 'Amount'"):
            customer_features.build(FRAMES[kind](with_second("Amount")), today=TODAY, columns={"amount": mapped})
    # What is spelled as it stands there is no other column.
    for mapped, expected in (("Amount", 10.0), ("amount", 100.0), ("2 * Amount", 20.0)):
        frame = FRAMES[kind](with_second("Amount"))
        found = computed(customer_features.build(frame, today=TODAY, columns={"amount": mapped}))
        assert spent(found)["a"] == expected


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


# -- F2: ids that are objects, arrays or booleans ----------------------------------------------------------------------


ODD = [{"id": 7, "orders_count": 1}, [1, 2], True, False]


def lines_of(*ids: Any, name: str = "customer_id") -> list[dict[str, Any]]:
    """Rows of 1.0, 2.0, 4.0, ... with these ids in one of the fields."""
    row = {"customer_id": "c", "transaction_id": "t", "date": "2025-04-20", "product_id": "p"}
    return [{**row, "amount": float(2**place), name: one} for place, one in enumerate(ids)]


def set_aside(folder: Path) -> list[tuple[Any, ...]]:
    """Row number, faults and message of the rows that were set aside."""
    names = ["row_number", "faults", "message"]
    rows = pq.read_table(folder / "features.parquet.quarantine.parquet", columns=names).to_pylist()
    return [(row["row_number"], row["faults"], row["message"]) for row in rows]


@pytest.mark.parametrize("suffix", ["ndjson", "json"])
@pytest.mark.parametrize("field", ["customer_id", "transaction_id", "product_id"])
@pytest.mark.parametrize("odd", ODD, ids=["object", "array", "true", "false"])
def test_f2_an_id_that_is_none(suffix: str, field: str, odd: Any, tmp_path: Path, cli: Cli) -> None:
    rows = lines_of("x", odd, json.dumps(odd), name=field)
    if field != "customer_id":
        for number, row in enumerate(rows):
            row["customer_id"] = f"c{number}"
    source = tmp_path / f"t.{suffix}"
    source.write_text(json.dumps(rows) if suffix == "json" else "".join(json.dumps(row) + "\n" for row in rows))
    found = totals(cli, source, "--max-faults", "1", "--grain", "line")
    # A text that looks like the object is a text all the same.
    text = json.dumps(odd)
    assert found == ({"x": 1.0, text: 4.0} if field == "customer_id" else {"c0": 1.0, "c2": 4.0})
    [(number, fault, message)] = set_aside(tmp_path)
    assert (number, fault) == (2, "unreadable_id")
    shown = json.dumps(odd, separators=(",", ":"))
    assert message == f"{field} '{shown}' cannot be read: allowed is text or a whole number"


def test_f2_numbers_and_text_are_ids_beside_one_that_is_none(tmp_path: Path, cli: Cli) -> None:
    rows = lines_of(7, 12345678901234567890123, "00123", 'say "é"', {"id": 1}, None, "")
    source = tmp_path / "t.ndjson"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows) + "broken\n")
    found = totals(cli, source, "--max-faults", "1")
    assert found == {"7": 1.0, "12345678901234567890123": 2.0, "00123": 4.0, 'say "é"': 8.0}
    names = [(number, fault) for number, fault, _ in set_aside(tmp_path)]
    missing = "missing_customer_id"
    assert names == [(5, "unreadable_id"), (6, missing), (7, missing), (8, "unreadable_row")]


def test_f2_one_of_many_files_holds_such_an_id(tmp_path: Path, cli: Cli) -> None:
    for name, ids in (("a", ["x", "true"]), ("b", ["x", True])):
        (tmp_path / f"{name}.ndjson").write_text("".join(json.dumps(row) + "\n" for row in lines_of(*ids)))
    out = tmp_path / "features.parquet"
    ran = cli("build", tmp_path / "*.ndjson", "--today", TODAY, "--out", out, "--max-faults", "1")
    assert ran.code == 0, ran.err
    assert spent(pq.read_table(out)) == {"true": 2.0, "x": 2.0}
    assert [row[:2] for row in set_aside(tmp_path)] == [(2, "unreadable_id")]


def test_f2_a_column_of_objects_is_refused_with_the_paths_inside(tmp_path: Path, cli: Cli) -> None:
    rows = lines_of({"id": 7, "orders_count": 1}, {"id": 8, "e mail": "x"}, None)
    source = tmp_path / "t.ndjson"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "'customer_id' holds objects and cannot be customer_id: inside are customer_id.\"e mail\"," in said
    assert "--map customer_id=customer_id.id" in said
    source.write_text("".join(json.dumps(row) + "\n" for row in rows[:2]))
    assert totals(cli, source, "--map", "customer_id=customer_id.id") == {"7": 1.0, "8": 2.0}
    assert totals(cli, source, "--map", "customer_id=customer_id->>'$.id'") == {"7": 1.0, "8": 2.0}


def test_f2_what_stands_inside_can_be_none_as_well(tmp_path: Path, cli: Cli) -> None:
    rows = lines_of({"id": {"old": 1}}, {"id": "x"}, {"id": True}, "no object", {}, {"id": "true"})
    source = tmp_path / "t.ndjson"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = totals(cli, source, "--map", "customer_id=customer_id.id", "--max-faults", "1")
    assert found == {"x": 2.0, "true": 32.0}
    names = [row[:2] for row in set_aside(tmp_path)]
    missing = "missing_customer_id"
    assert names == [(1, "unreadable_id"), (3, "unreadable_id"), (4, missing), (5, missing)]


def test_f2_ids_under_an_expression(tmp_path: Path, cli: Cli) -> None:
    rows = lines_of("X", {"id": 7}, True)
    source = tmp_path / "t.ndjson"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = totals(cli, source, "--map", "customer_id='k-' || lower(customer_id)", "--max-faults", "1")
    assert found == {"k-x": 1.0}
    assert [row[:2] for row in set_aside(tmp_path)] == [(2, "unreadable_id"), (3, "unreadable_id")]


@pytest.mark.parametrize("odd", ODD, ids=["object", "array", "true", "false"])
def test_f2_an_id_that_is_none_over_http(odd: Any, tmp_path: Path) -> None:
    place = tmp_path / "request"
    place.mkdir()
    (place / tables.BODY).write_text("".join(json.dumps(row) + "\n" for row in lines_of("x", odd)))
    asked = tables.parse([("today", TODAY)], NDJSON, "text/csv", "UTC")
    with pytest.raises(Refused) as raised:
        tables.compute(str(place), asked, memory="512MB", threads=1)
    assert raised.value.more["faults"] == {"unreadable_id": 1}
    assert list(raised.value.more["errors"]) == ["row 2"]


@pytest.mark.parametrize("field", ["customer_id", "transaction_id", "product_id"])
@pytest.mark.parametrize("odd", ODD, ids=["object", "array", "true", "false"])
def test_f2_an_id_that_is_none_in_the_contracts_document(field: str, odd: Any, tmp_path: Path, cli: Cli) -> None:
    row = {"transaction_id": "t", "date": "2025-04-20", "amount": 1.5, "product_id": "p"}
    customers = [{"customer_id": one, "transactions": [dict(row)]} for one in ("a", "b", json.dumps(odd))]
    (customers[1] if field == "customer_id" else customers[1]["transactions"][0])[field] = odd
    source = tmp_path / "t.json"
    source.write_text(json.dumps({"customers": customers}))
    assert totals(cli, source, "--max-faults", "1") == {"a": 1.5, json.dumps(odd): 1.5}
    assert [row[:2] for row in set_aside(tmp_path)] == [(2, "unreadable_id")]


def test_f2_an_id_that_is_none_in_a_loyalty_file(tmp_path: Path, cli: Cli) -> None:
    scores = tmp_path / "l.ndjson"
    scores.write_text('{"customer_id": "a", "loyalty_score": 0.5}\n{"customer_id": true, "loyalty_score": 0.1}\n')
    given = (write(table(), tmp_path / "t.parquet"), "--loyalty", scores)
    said = assert_refused(cli("build", *given, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "l.ndjson: 'customer_id' holds true, which is no id: allowed is text or a whole number" in said


STRUCTS = pa.array([{"id": 7, "e mail": "x", "deep": {"id": 1}}, {"id": 8, "e mail": "y", "deep": {"id": 2}}])


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_f2_a_column_of_structs_in_a_file(suffix: str, tmp_path: Path, cli: Cli) -> None:
    source = write(table(customer_id=STRUCTS), tmp_path / f"t{suffix}")
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "--map customer_id=customer_id.id" in said
    for mapped in ("customer_id.id", '"customer_id"."id"', "customer_id.deep.id + 6"):
        assert totals(cli, source, "--map", f"customer_id={mapped}") == {"7": 100.0, "8": 200.0}
    assert totals(cli, source, "--map", 'customer_id=customer_id."e mail"') == {"x": 100.0, "y": 200.0}


@pytest.mark.parametrize("kind", ["pyarrow", "reader", "polars", "pandas", "lazy"])
def test_f2_a_column_of_structs_in_a_frame(kind: str) -> None:
    rows = table(customer=STRUCTS).drop_columns("customer_id")
    with pytest.raises(ColumnError, match=r"'customer' holds objects and cannot be customer_id: .*customer\.id"):
        pa.table(computed(customer_features.build(FRAMES[kind](rows), today=TODAY)))
    inside = customer_features.build(FRAMES[kind](rows), today=TODAY, columns={"customer_id": "customer.id"})
    assert spent(computed(inside)) == {"7": 100.0, "8": 200.0}


@pytest.mark.parametrize("values", [[True, False], [["a"], ["b"]]], ids=["booleans", "lists"])
def test_f2_a_column_that_holds_no_ids(values: list[Any], tmp_path: Path, cli: Cli) -> None:
    for field in ("customer_id", "transaction_id", "product_id"):
        rows = table(**{field: values})
        for suffix in (".parquet", ".arrow"):
            source = write(rows, tmp_path / f"t{suffix}")
            said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
            assert f"cannot be {field}: allowed is text or a whole number" in said
        with pytest.raises(ColumnError, match=f"cannot be {field}: allowed is text or a whole number"):
            customer_features.build(rows, today=TODAY)


# -- F11: the legacy calendar of Spark ---------------------------------------------------------------------------------

SPARK = "org.apache.spark."
OLD, NEW = date(1500, 2, 28), date(1582, 10, 15)


@pytest.mark.parametrize(
    ("said", "legacy"),
    [
        ({"version": "2.4.8"}, True),
        ({"version": "3.5.1", "legacyDateTime": ""}, True),
        ({"sql.parquet.row.metadata": "{}"}, True),
        ({"version": "3.5.1"}, False),
        ({}, False),
    ],
)
def test_f11_days_of_the_legacy_calendar(said: dict[str, str], legacy: bool, tmp_path: Path, cli: Cli) -> None:
    metadata = {f"{SPARK}{name}": value for name, value in said.items()}
    rows = table(date=[OLD, NEW]).replace_schema_metadata(metadata)
    expected = {"b": 200.0} if legacy else {"a": 100.0, "b": 200.0}
    source = write(rows, tmp_path / "t.parquet")
    assert totals(cli, source, "--max-faults", "1") == expected
    if legacy:
        [(number, fault, message)] = set_aside(tmp_path)
        assert (number, fault) == (1, "unreadable_date")
        assert "Spark wrote it in its legacy calendar, in which days before 1582-10-15 may be others" in message
    with pytest.warns() if legacy else nullcontext():  # a table says so, too, when it was read from such a file
        found = customer_features.build(pq.read_table(source), today=TODAY, on_fault="quarantine", max_faults=1)
    assert spent(found) == expected


def test_f11_times_of_the_legacy_calendar(tmp_path: Path, cli: Cli) -> None:
    rows = table(date=pa.array(["1899-12-31 12:00:00", "1900-01-01 00:00:00"]).cast(pa.timestamp("us")))
    source = write(rows.replace_schema_metadata({f"{SPARK}version": "2.4.8"}), tmp_path / "t.parquet")
    assert totals(cli, source, "--max-faults", "1") == {"b": 200.0}
    # In Spark 3.0 the older type of times alone was written so.
    older = tmp_path / "older.parquet"
    pq.write_table(
        rows.replace_schema_metadata({f"{SPARK}version": "3.0.3"}), older, use_deprecated_int96_timestamps=True
    )
    assert totals(cli, older, "--max-faults", "1") == {"b": 200.0}
    newer = write(rows.replace_schema_metadata({f"{SPARK}version": "3.0.3"}), tmp_path / "newer.parquet")
    assert totals(cli, newer) == {"a": 100.0, "b": 200.0}


# -- F4: tables of a lake ----------------------------------------------------------------------------------------------


def delta_table(folder: Path) -> Path:
    """A Delta table in whose files rows still stand that were deleted, and some that were overwritten."""
    deltalake.write_deltalake(str(folder), table(amount=[1.0, 2.0]))
    deltalake.write_deltalake(str(folder), table(), mode="overwrite")
    deltalake.write_deltalake(str(folder), table(customer_id=["c", "d"]), mode="append")
    deltalake.DeltaTable(str(folder)).delete("customer_id = 'd'")
    return folder


def test_f4_a_delta_table_is_read_as_one(tmp_path: Path, cli: Cli) -> None:
    source = delta_table(tmp_path / "orders")
    assert totals(cli, source) == {"a": 100.0, "b": 200.0, "c": 100.0}
    manifest = json.loads((tmp_path / "features.parquet.manifest.json").read_text())
    [described] = manifest["sources"]
    assert (described["path"], described["rows"]) == (str(source), 3)
    assert described["table"] == {"format": "delta", "version": 3}


def test_f4_partitions_and_columns_that_came_later(tmp_path: Path, cli: Cli) -> None:
    source = tmp_path / "orders"
    partitioned = table(customer_id=["007", "b/c"])
    deltalake.write_deltalake(str(source), partitioned, partition_by=["customer_id"])
    more = table(customer_id=["007", "x"], loyalty_score=[0.5, None])
    deltalake.write_deltalake(str(source), more, mode="append", schema_mode="merge")
    assert totals(cli, source) == {"007": 200.0, "b/c": 200.0, "x": 200.0}


@pytest.mark.parametrize("named", ["*.parquet", "**/*.parquet", None])
def test_f4_files_of_a_delta_table_are_refused(named: str | None, tmp_path: Path, cli: Cli) -> None:
    source = delta_table(tmp_path / "orders")
    given = source / named if named else next(source.glob("*.parquet"))
    said = assert_refused(cli("build", given, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert f"holds files of the Delta table {source}" in said
    assert f"give the table itself: {source}" in said


def test_f4_a_file_inside_the_partitions_of_a_table(tmp_path: Path, cli: Cli) -> None:
    inside = tmp_path / "orders" / "day=1" / "x.parquet"
    inside.parent.mkdir(parents=True)
    (tmp_path / "orders" / ".hoodie").mkdir()
    write(table(), inside)
    said = assert_refused(cli("build", inside, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "holds files of the Hudi table" in said
    (tmp_path / "rows.csv").write_text("a\n")
    said = assert_refused(cli("build", tmp_path / "orders", "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "is a Hudi table, which is not read here" in said


def test_f4_a_folder_named_metadata_makes_no_table(tmp_path: Path, cli: Cli) -> None:
    (tmp_path / "metadata").mkdir()
    (tmp_path / "metadata" / "notes.json").write_text("{}")
    assert totals(cli, write(table(), tmp_path / "t.parquet")) == {"a": 100.0, "b": 200.0}


@pytest.mark.parametrize("feature", ["columnMapping", "deletionVectors"])
def test_f4_a_delta_table_that_is_not_read(feature: str, tmp_path: Path, cli: Cli) -> None:
    source = tmp_path / "orders"
    configuration = {"delta.columnMapping.mode": "name"} if feature == "columnMapping" else {}
    deltalake.write_deltalake(str(source), table())
    log = source / "_delta_log" / "00000000000000000000.json"
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    for entry in entries:
        if "protocol" in entry and feature == "columnMapping":
            entry["protocol"] = {"minReaderVersion": 2, "minWriterVersion": 5}
        elif "protocol" in entry:
            features = {"readerFeatures": [feature], "writerFeatures": [feature]}
            entry["protocol"] = {"minReaderVersion": 3, "minWriterVersion": 7, **features}
        if "metaData" in entry:
            entry["metaData"]["configuration"] = configuration
            schema = json.loads(entry["metaData"]["schemaString"])
            for number, column in enumerate(schema["fields"]):
                mapped = {"id": number, "physicalName": column["name"]}
                column["metadata"] = {f"delta.columnMapping.{key}": value for key, value in mapped.items()}
            entry["metaData"]["schemaString"] = json.dumps(schema)
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert f"is a Delta table with {feature}, which is not read here" in said


def test_f4_what_is_said_without_the_extra(tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, mark in (("delta", "_delta_log"), ("iceberg", "metadata")):
        source = tmp_path / kind
        (source / mark).mkdir(parents=True)
        (source / mark / "1.metadata.json").write_text("{}")
        monkeypatch.delitem(sys.modules, f"customer_features.sources.{kind}", raising=False)
        monkeypatch.setitem(sys.modules, {"delta": "deltalake", "iceberg": "pyiceberg.table"}[kind], None)
        said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
        assert f"needs the '{kind}' extra: pip install 'customer-features[{kind}]'" in said


def test_f4_a_version_is_pinned_for_the_run(tmp_path: Path) -> None:
    source = delta_table(tmp_path / "orders")
    with connected() as connection, opened([str(source)], connection) as parts:
        deltalake.write_deltalake(str(source), table(amount=[5.0, 5.0]), mode="overwrite")
        deltalake.DeltaTable(str(source)).vacuum(0, dry_run=False, enforce_retention_duration=False)
        engine = Engine(connection, parts, Options.parse(today=TODAY))
        engine.judge()
        assert spent(engine.vectors().to_arrow_table()) == {"a": 100.0, "b": 200.0, "c": 100.0}


def test_f4_an_iceberg_table_is_read_as_one(tmp_path: Path, cli: Cli) -> None:
    source, empty = tmp_path / "orders", tmp_path / "empty"
    empty.mkdir()
    lake = iceberg_table(source, table(amount=[1.0, 2.0]))
    lake.overwrite(table())
    lake.append(table(customer_id=["c", "d"]))
    lake.delete("customer_id = 'd'")
    with lake.update_schema() as change:
        change.rename_column("amount", "order_total")
    assert totals(cli, source) == {"a": 100.0, "b": 200.0, "c": 100.0}
    [described] = json.loads((tmp_path / "features.parquet.manifest.json").read_text())["sources"]
    assert (described["path"], described["rows"]) == (str(source), 3)
    newest = Path(lake.metadata_location).name
    snapshot = lake.current_snapshot()
    assert snapshot is not None
    assert described["table"] == {"format": "iceberg", "metadata": newest, "snapshot": snapshot.snapshot_id}
    said = assert_refused(cli("build", source / "data" / "*.parquet", "--out", empty / "f.csv"), empty)
    assert f"holds files of the Iceberg table {source}" in said
    # Which of two is the current one, nothing in the folder says.
    (source / "metadata" / newest.replace("-", "-0", 1)).write_bytes((source / "metadata" / newest).read_bytes())
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", empty / "f.csv"), empty)
    assert "only its catalog knows which of its metadata is the current one" in said
    assert totals(cli, source / "metadata" / newest)["c"] == 100.0


def test_f4_a_table_in_a_bucket(bucket: Any, tmp_path: Path, cli: Cli) -> None:
    for key in ("orders/_delta_log/0.json", "orders/day=1/a.parquet", "raw/metadata/x.json", "raw/a.parquet"):
        bucket.put(key, write(table(), tmp_path / "t.parquet").read_bytes())
    for key in ("orders/day=1/a.parquet", "orders/**/*.parquet", "orders"):
        said = assert_refused(
            cli("build", f"s3://{bucket.name}/{key}", "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path
        )
        assert "Delta table" in said
    out = tmp_path / "features.parquet"
    assert cli("build", f"s3://{bucket.name}/raw/*.parquet", "--today", TODAY, "--out", out).code == 0


@pytest.mark.slow
@pytest.mark.resource("spark")
def test_f4_spark_reads_no_files_of_a_table_by_themselves(spark_session: Any, tmp_path: Path) -> None:
    from customer_features.spark import files

    source = delta_table(tmp_path / "orders")
    for given in (source, f"{source}/*.parquet", f"file://{source}", next(source.glob("*.parquet"))):
        with pytest.raises(SourceError, match=r"holds files of the Delta table .*/orders, .* --read delta"):
            files.read(spark_session, [str(given)], None)
    plain = write(table(), tmp_path / "t.parquet")
    assert files.read(spark_session, [str(plain)], None).count() == 2


# -- F7: times that are far away ---------------------------------------------------------------------------------------

FAR = {"s": 10**15, "ms": 9999999999999999, "us": 2**63 - 10}


def far(number: int, kind: pa.DataType) -> pa.Array:
    """A day far away, and 20 April 2025."""
    day = 20198
    units = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000}
    near = day * (86_400_000 if pa.types.is_date64(kind) else 1 if pa.types.is_date(kind) else units[kind.unit])
    width = pa.int32() if pa.types.is_date32(kind) else pa.int64()
    return pa.array([number, near], width).view(kind)


FAR_DAYS = [
    *(
        (pa.timestamp(unit, zone), sign * most)
        for unit, most in FAR.items()
        for zone in (None, "UTC")
        for sign in (1, -1)
    ),
    *((pa.timestamp("us"), one) for one in (2**63 - 1, -(2**63), 1 - 2**63)),
    *((pa.date64(), one) for one in (9999999999999999, -9999999999999999, 86_400_000 * (2**32 + 20198))),
    *((pa.date32(), one) for one in (2**31 - 1, -(2**31), 1 - 2**31)),
]
FAR_IDS = [f"{kind} {number}" for kind, number in FAR_DAYS]


@pytest.mark.parametrize(("kind", "number"), FAR_DAYS, ids=FAR_IDS)
@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
def test_f7_a_far_time_is_a_fault_of_its_row(kind: Any, number: int, suffix: str, tmp_path: Path, cli: Cli) -> None:
    try:
        source = write(table(date=far(number, kind)), tmp_path / f"t{suffix}")
    except pa.ArrowInvalid:
        pytest.skip("Parquet has no such time")
    if suffix == ".parquet" and pa.types.is_date64(kind) and abs(number) > 86_400_000 * 2**31:
        pytest.skip("written as another day")
    assert totals(cli, source, "--max-faults", "1") == {"b": 200.0}
    assert [row[:2] for row in set_aside(tmp_path)] == [(1, "unreadable_date")]


@pytest.mark.parametrize(("kind", "number"), FAR_DAYS, ids=FAR_IDS)
def test_f7_a_far_time_in_a_table(kind: Any, number: int) -> None:
    rows = table(date=far(number, kind))
    for frame in (rows, rows.to_reader()):
        faulty = pa.table(customer_features.check(frame, today=TODAY))
        assert (faulty["row_number"].to_pylist(), faulty["faults"].to_pylist()) == ([1], ["unreadable_date"])


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_f7_a_far_time_in_a_frame(unit: str) -> None:
    times = far(FAR[unit], pa.timestamp(unit))
    numbers = times.view(pa.int64()).to_numpy()
    frames: list[Any] = [pandas.DataFrame({**COLUMNS, "date": numbers.astype(f"datetime64[{unit}]")})]
    if unit != "s":
        frames.append(
            polars.DataFrame(COLUMNS).with_columns(polars.Series("date", numbers).cast(polars.Datetime(unit)))
        )
    for frame in frames:
        faulty = customer_features.check(frame, today=TODAY)
        assert list(faulty["faults"]) == ["unreadable_date"]
        assert list(faulty["row_number"]) == [1]


def test_f7_a_far_time_in_a_column_that_is_not_used(tmp_path: Path, cli: Cli) -> None:
    more = far(9999999999999999, pa.timestamp("ms"))
    for suffix in (".arrow", ".parquet"):
        source = write(table(more=more, amount=[-1.0, 2.0]), tmp_path / f"t{suffix}")
        assert totals(cli, source, "--max-faults", "1") == {"b": 2.0}


# -- F9: runs and dictionaries -----------------------------------------------------------------------------------------


def runs(values: Any, width: pa.DataType = pa.int32()) -> pa.Array:  # noqa: B008 - a type is no state
    """Values of which each stands in one run."""
    return pa.RunEndEncodedArray.from_arrays(pa.array(range(1, len(values) + 1), width), values)


def coded(values: Any, width: pa.DataType = pa.int8()) -> pa.Array:  # noqa: B008
    """Values by their place in a dictionary that holds them the other way round."""
    places = pa.array(range(len(values) - 1, -1, -1), width)
    return pa.DictionaryArray.from_arrays(places, values.take(pa.array(range(len(values) - 1, -1, -1))))


ENCODED: dict[str, Callable[[Any], Any]] = {
    **{f"runs of {width}": lambda values, width=width: runs(values, width) for width in (pa.int16(), pa.int64())},
    **{
        f"dictionary of {width}": lambda values, width=width: coded(values, width) for width in (pa.int8(), pa.uint64())
    },
    "runs of a dictionary": lambda values: runs(coded(values)),
    "dictionary of a dictionary": lambda values: coded(coded(values)),
    "a slice": lambda values: pa.concat_arrays([runs(coded(pa.concat_arrays([values, values])))]).slice(2),
}


@pytest.mark.parametrize("name", ENCODED)
def test_f9_encoded_columns_are_decoded(name: str, tmp_path: Path, cli: Cli) -> None:
    encode = ENCODED[name]
    rows = {
        "customer_id": encode(pa.array(["a", "b"])),
        "transaction_id": encode(pa.array([7, 8])),
        "date": encode(pa.array([date(2025, 4, 20), date(2025, 4, 21)])),
        "amount": encode(pa.array([Decimal("100.00"), Decimal("200.00")])),
        "product_id": encode(pa.array(["p", "q"], pa.large_string())),
    }
    assert spent(customer_features.build(pa.table(rows), today=TODAY)) == {"a": 100.0, "b": 200.0}
    vectors = customer_features.build(pa.table(rows).to_reader(), today=TODAY).read_all()
    assert (spent(vectors), vectors["recency_days"].to_pylist()) == ({"a": 100.0, "b": 200.0}, [4.0, 3.0])
    if name == "dictionary of a dictionary":
        return  # PyArrow writes such a file, and cannot read it
    source = write(pa.table(rows), tmp_path / "t.arrow")
    assert totals(cli, source) == {"a": 100.0, "b": 200.0}


def test_f9_runs_inside_a_struct() -> None:
    inside = pa.StructArray.from_arrays([runs(coded(pa.array(["x", "y"])))], ["id"])
    found = customer_features.build(table(customer_id=inside), today=TODAY, columns={"customer_id": "customer_id.id"})
    assert spent(found) == {"x": 100.0, "y": 200.0}


# -- F8: types that few have -------------------------------------------------------------------------------------------

UNION = pa.UnionArray.from_dense(
    pa.array([0, 1], pa.int8()), pa.array([0, 0], pa.int32()), [pa.array([1]), pa.array(["a"])]
)
RARE: dict[str, Any] = {
    "float16": pa.array([1.5, 2.5], pa.float16()),
    "decimal256": pa.array([Decimal("1.5"), Decimal(10**60)], pa.decimal256(70, 1)),
    "dense union": UNION,
    "sparse union": pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])]),
    "null": pa.nulls(2),
    "duration": pa.array([1, 2], pa.duration("s")),
    "interval": pa.array([(1, 2, 3), None], pa.month_day_nano_interval()),
    "time": pa.array([1, 2], pa.time64("ns")),
    "view": pa.array(["a", "b"], pa.string_view()),
    "bytes": pa.array([b"a", b"\xff"], pa.binary_view()),
    "list view": pa.array([[1], [2]], pa.list_view(pa.int64())),
    "extension": pa.ExtensionArray.from_storage(pa.opaque(pa.int64(), "t", "v"), pa.array([1, 2])),
    "decimal32": pa.array([Decimal("1.5"), Decimal("2.5")], pa.decimal32(7, 1)),
    "list of runs": pa.ListArray.from_arrays([0, 1, 2], runs(coded(pa.array(["a", "b"])))),
}


@pytest.mark.parametrize("name", RARE)
def test_f8_a_column_of_a_rare_type_that_is_not_used(name: str, tmp_path: Path, cli: Cli) -> None:
    rows = table(amount=[-1.0, 2.0]).append_column("more", RARE[name])
    try:
        source = write(rows, tmp_path / "t.arrow")
    except pa.ArrowException:
        return  # the format has no such columns
    assert totals(cli, source, "--max-faults", "1") == {"b": 2.0}
    assert [row[:2] for row in set_aside(tmp_path)] == [(1, "negative_amount")]
    assert spent(customer_features.build(rows.slice(1), today=TODAY)) == {"b": 2.0}


@pytest.mark.parametrize("name", ["dense union", "extension", "list of runs"])
def test_f8_a_column_of_a_rare_type_that_is_used(name: str, tmp_path: Path, cli: Cli) -> None:
    rows = table().append_column("more", RARE[name])
    for field in ("customer_id", "amount"):
        with pytest.raises(ColumnError, match=r"'more' is of type .*, which is not read; convert it first"):
            customer_features.build(rows, today=TODAY, columns={field: "more"})
        try:
            source = write(rows, tmp_path / "t.arrow")
        except pa.ArrowException:
            continue
        mapped = ("--map", f"{field}=more", "--today", TODAY, "--out", tmp_path / "f.csv")
        said = assert_refused(cli("build", source, *mapped), tmp_path)
        assert "t.arrow: 'more' is of type" in said
        assert "which is not read; convert it first" in said


def test_f8_numbers_of_rare_types_are_read_exactly(tmp_path: Path, cli: Cli) -> None:
    for amount in (
        pa.array([0.5, 2.5], pa.float16()),
        pa.array([Decimal("0.50005"), Decimal("2.5")], pa.decimal256(70, 5)),
    ):
        assert totals(cli, write(table(amount=amount), tmp_path / "t.arrow")) == {"a": 0.5, "b": 2.5}
    long = table(amount=pa.array([Decimal("0.50005"), Decimal(10**50)], pa.decimal256(70, 5)))
    assert totals(cli, write(long, tmp_path / "t.arrow"), "--max-faults", "1") == {"a": 0.5}
    # The engine would make doubles of them.
    source = write(long, tmp_path / "t.parquet")
    said = assert_refused(cli("build", source, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path / "x")
    assert "'amount' is of type DECIMAL(70), which is not read" in said


# -- F5: JSON as Spark writes it ---------------------------------------------------------------------------------------


def spark_output(folder: Path, *parts: list[dict[str, Any]] | None, packed: bool = False) -> Path:
    """A folder of part files; None is an empty one."""
    folder.mkdir()
    (folder / "_SUCCESS").touch()
    for number, rows in enumerate(parts):
        body = "".join(json.dumps(row) + "\n" for row in rows or []).encode()
        path = folder / f"part-{number:05}-b1-c000.json{'.gz' if packed else ''}"
        path.write_bytes(gzip.compress(body) if packed else body)
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("pattern", ["*.json*", "*", "part-*"])
def test_f5_the_json_output_of_spark(packed: bool, pattern: str, tmp_path: Path, cli: Cli) -> None:
    folder = spark_output(tmp_path / "orders", None, lines_of("a", "b"), None, lines_of("c"), packed=packed)
    out = tmp_path / "features.parquet"
    ran = cli("build", folder / pattern, "--today", TODAY, "--out", out)
    assert ran.code == 0, ran.err
    assert spent(pq.read_table(out)) == {"a": 1.0, "b": 2.0, "c": 1.0}
    assert "2 of its files are empty and left out" in ran.err
    assert "part-00000" in ran.err


def test_f5_the_folder_itself_is_refused_with_a_pattern_of_its_files(tmp_path: Path, cli: Cli) -> None:
    for name, packed, pattern in (("a", False, "*.json"), ("b", True, "*.json.gz")):
        folder = spark_output(tmp_path / name, lines_of("a"), packed=packed)
        said = assert_refused(cli("build", folder, "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
        assert f"is a directory; give its files, for example '{folder}/{pattern}'" in said


def test_f5_nothing_but_empty_files(tmp_path: Path, cli: Cli) -> None:
    folder = spark_output(tmp_path / "orders", None, None)
    said = assert_refused(cli("build", folder / "*.json", "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path)
    assert "*.json: all 2 files that match are empty" in said
    said = assert_refused(
        cli("build", folder / "part-00000-b1-c000.json", "--today", TODAY, "--out", tmp_path / "f.csv"), tmp_path
    )
    assert "is empty" in said


@pytest.mark.parametrize("count", [1, 2])
def test_f5_lines_of_objects_named_json(count: int, tmp_path: Path, cli: Cli) -> None:
    source = tmp_path / "t.json"
    rows = lines_of(*"ab"[:count])
    source.write_text("\n" + "".join(json.dumps(row) + "\n" for row in rows))
    assert totals(cli, source) == {"a": 1.0, "b": 2.0} if count == 2 else {"a": 1.0}
    source.write_text("\ufeff" + "".join(json.dumps(row) + "\n" for row in rows) + "broken\n")
    assert totals(cli, source, "--max-faults", "1") == ({"a": 1.0, "b": 2.0} if count == 2 else {"a": 1.0})


# -- F6: duplicate keys in an array ------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["json", "ndjson"])
def test_f6_of_a_duplicate_key_the_last_one_counts(suffix: str, tmp_path: Path, cli: Cli) -> None:
    rows = [
        json.dumps(row).replace('"amount"', '"amount": 99, "note": "x\\ny",\n "amount"') for row in lines_of("a", "b")
    ]
    texts = [row if suffix == "json" else row.replace("\n", " ") for row in rows]
    source = tmp_path / f"t.{suffix}"
    source.write_text("[" + ",\n".join(texts) + "]" if suffix == "json" else "\n".join(texts))
    assert totals(cli, source) == {"a": 1.0, "b": 2.0}


# -- D5: partitions of several types; D6: long integers in columns of objects ------------------------------------------


def partitions(*own: dict[str, Any]) -> Any:
    """A Dask dataframe, a partition for each of the columns in the place of ours."""
    frames = [pandas.DataFrame({**COLUMNS, **columns}) for columns in own]
    delayed = [dask.delayed(frame) for frame in frames]
    return dask.dataframe.from_delayed(delayed, meta=frames[0].iloc[:0], verify_meta=False)


def of_partitions(*own: dict[str, Any]) -> Any:
    with dask.config.set({"dataframe.convert-string": False, "scheduler": "synchronous"}):
        return customer_features.build(partitions(*own), today=TODAY, on_fault="quarantine", max_faults=1).compute()


LARGE, SMALL = numpy.array([2**63 + 1, 2], "uint64"), numpy.array([-1, 2], "int64")
YEAR_1 = numpy.array([-62135596800, 0], "datetime64[s]")
NEW_YEAR = numpy.array(["2025-01-01", "1969-12-31T23:59:59.999999999"], "datetime64[ns]")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reverse", [False, True])
def test_d5_partitions_of_several_types_that_one_type_holds(reverse: bool) -> None:
    def built(*own: dict[str, Any]) -> Any:
        return of_partitions(*(own[::-1] if reverse else own))

    assert spent(built({"customer_id": LARGE}, {"customer_id": SMALL})) == {
        "-1": 100.0,
        "2": 400.0,
        f"{2**63 + 1}": 100.0,
    }
    assert spent(built({"amount": LARGE % 7}, {"amount": SMALL + 1})) == {"a": float((2**63 + 1) % 7), "b": 5.0}
    assert spent(built({"customer_id": [1, 2]}, {"customer_id": [1.0, numpy.nan]})) == {"1": 200.0, "2": 200.0}
    days = built({"customer_id": ["c", "d"], "date": YEAR_1}, {"date": NEW_YEAR})
    assert dict(zip(days["customer_id"], days["recency_days"], strict=True)) == {
        "a": 113.0,
        "b": 20203.0,
        "c": 739364.0,
        "d": 20202.0,
    }
    long = {"amount": [Decimal(10) ** 40, Decimal("0.5")]}
    assert spent(built({"amount": [Decimal("1.5"), Decimal("2")]}, long)) == {"a": 1.5, "b": 2.5}
    assert spent(built({"customer_id": [10**40, 1]}, {"customer_id": [1, 2]}))[f"{10**40}"] == 100.0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([2**53 + 1, 2**53 + 3], [1.0, numpy.nan], "int64 in partition 0 and double in partition 1; .*'Int64'"),
        ([1.0, numpy.nan], [2**53 + 1, 2**53 + 3], "double in partition 0 and int64 in partition 1; .*'Int64'"),
        ([10**40, 1], ["a", "b"], "string in partition 0 and .*string in partition 1"),
        ([True, False], [1, 2], "bool in partition 0 and int64 in partition 1"),
        ([Decimal("1"), Decimal("2")], [1.5, 2.5], "decimal.* in partition 0 and double in partition 1"),
    ],
)
def test_d5_partitions_of_types_that_no_type_holds(first: Any, second: Any, said: str) -> None:
    for field in ("customer_id", "amount"):
        with pytest.raises(SourceError, match=f"'{field}' holds values of mixed types: {said}"):
            of_partitions({field: first}, {field: second})


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([10**40, Decimal("NaN"), 1], "NaN"),
        ([10**40, Decimal("Infinity"), 1], "Infinity"),
        ([Decimal("1.5"), Decimal(10) ** 40, 1], "1.5"),
    ],
)
def test_d6_long_integers_go_through_the_checks_of_ids(values: list[Any], found: str) -> None:
    rows = pandas.concat([pandas.DataFrame(COLUMNS), pandas.DataFrame(COLUMNS).iloc[:1]], ignore_index=True)
    for field in ("customer_id", "transaction_id", "product_id"):
        rows_of_field = rows.assign(**{field: pandas.Series(values, dtype=object)})
        said = f"'{field}' holds {found}, which is no whole number and so no id; give ids as text"
        with pytest.raises(ColumnError, match=re.escape(said)):
            customer_features.build(rows_of_field, today=TODAY)


def test_d6_long_integers_are_ids() -> None:
    rows = pandas.DataFrame({**COLUMNS, "customer_id": pandas.Series([10**40, 10**40 + 1], dtype=object)})
    assert spent(customer_features.build(rows, today=TODAY)) == {f"{10**40}": 100.0, f"{10**40 + 1}": 200.0}


@pytest.mark.slow
@pytest.mark.resource("spark")
def test_d5_a_streaming_frame_of_spark(spark_session: Any) -> None:
    from customer_features import spark

    stream = spark_session.readStream.format("rate").load()
    for door in (spark.build, spark.check):
        with pytest.raises(SourceError, match="transactions: found a streaming DataFrame, whose rows have no end"):
            door(stream, today=TODAY)


# -- F2 and F4 once more, behind other doors ---------------------------------------------------------------------------


@pytest.mark.parametrize("push_down", [(), ("--push-down",)])
def test_f2_columns_of_a_database_that_hold_no_ids(
    push_down: tuple[str, ...], database: Any, tmp_path: Path, cli: Cli
) -> None:
    rows = "'1' AS transaction_id, DATE '2025-04-20' AS date, 1.5 AS amount, 'p' AS product_id"
    given = ("build", database.uri, "--today", TODAY, *push_down)
    for value in ("'{\"id\":7}'::json", "'{\"id\":7}'::jsonb", "ARRAY[1,2]", "TRUE"):
        query = f"SELECT {value} AS customer_id, {rows}"
        said = assert_refused(cli(*given, "--query", query, "--out", tmp_path / "f.csv"), tmp_path)
        assert "cannot be customer_id: allowed is text or a whole number" in said
    query = f"SELECT '{{\"id\":7}}'::json AS customer, {rows}"
    out = tmp_path / "features.parquet"
    ran = cli(*given, "--query", query, "--map", "customer_id=customer->>'id'", "--out", out)
    assert ran.code == 0, ran.err
    assert spent(pq.read_table(out)) == {"7": 1.5}


def test_f4_a_table_of_scores_and_a_run_that_only_says_what_it_would_do(tmp_path: Path, cli: Cli) -> None:
    source, scores = delta_table(tmp_path / "orders"), tmp_path / "scores"
    deltalake.write_deltalake(str(scores), pa.table({"customer_id": ["a"], "loyalty_score": [0.1]}))
    deltalake.write_deltalake(str(scores), pa.table({"customer_id": ["a"], "loyalty_score": [0.5]}), mode="overwrite")
    ran = cli("build", source, "--loyalty", scores, "--today", TODAY, "--out", tmp_path / "f.parquet", "--dry-run")
    assert ran.code == 0, ran.err
    totals(cli, source, "--loyalty", scores)
    vectors = pq.read_table(tmp_path / "features.parquet")
    assert vectors["loyalty_score"].to_pylist() == [0.5, 0.0, 0.0]
    manifest = json.loads((tmp_path / "features.parquet.manifest.json").read_text())
    assert manifest["loyalty"]["sources"][0]["table"] == {"format": "delta", "version": 1}
    assert cli("check", source, "--today", TODAY).code == 0
