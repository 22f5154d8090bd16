"""What is a features file, and what is told of a file that is none: never what is in its rows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

from customer_features.definition import features
from customer_features.engines.rows.engine import answer
from customer_features.errors import SourceError
from customer_features.report.figures import figures
from customer_features.report.making import made
from customer_features.report.reading import FeaturesFile, read
from tests.conftest import ROOT, csv_text, manifest_of

from .conftest import SENTINEL, Files, table

HEADER = ",".join(("customer_id", *features.names()))


def reading(path: Path | str) -> FeaturesFile:
    with duckdb.connect() as connection:
        return read(str(path), connection, "features")


def test_every_format_gives_the_same_figures(files: Files, tmp_path: Path) -> None:
    table = pa.parquet.read_table(files.newer)
    pa.csv.write_csv(table, tmp_path / "f.csv")
    with pa.ipc.new_file(tmp_path / "f.arrow", table.schema) as writer:
        writer.write_table(table)
    rows = table.to_pylist()
    (tmp_path / "f.ndjson").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "f.json").write_text(json.dumps(rows))
    nested = [{"customer_id": row.pop("customer_id"), "features": row} for row in rows]
    (tmp_path / "answer.json").write_text(json.dumps({"customers": nested}))
    found = []
    for path in (files.newer, *sorted(tmp_path.iterdir())):
        with duckdb.connect() as connection:
            found.append(figures(connection, read(str(path), connection, "features").relation))
    assert found == [found[0]] * 6


def test_the_answer_of_the_service(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_bytes(answer((ROOT / "examples" / "contract.json").read_bytes()))
    with duckdb.connect() as connection:
        report = made(connection, str(path))
    assert report.figures.concentration.total == 1114.85
    assert (report.run, report.as_of) == (None, None)


def test_the_manifest_beside_it(files: Files) -> None:
    run, manifest = reading(files.newer).run, manifest_of(files.newer)
    assert run is not None
    assert (run.rows_in, run.used, run.excluded, run.quarantined) == tuple(
        manifest["rows"][name] for name in ("in", "used", "excluded", "quarantined")
    )
    assert run.reconciled
    assert {fault.name: fault.count for fault in run.faults} == manifest["faults"] != {}
    assert all(fault.says for fault in run.faults)
    assert run.today == ["2025-04-24"]
    assert [(source.name, source.rows) for source in run.sources] == [("purchases-1.csv", manifest["rows"]["in"])]


def test_names_in_upper_case_as_warehouses_give_them(tmp_path: Path) -> None:
    shouted = table(purchase_total=[1.0, 2.0])
    pa.parquet.write_table(shouted.rename_columns([name.upper() for name in shouted.column_names]), tmp_path / "f.pq")
    assert reading(tmp_path / "f.pq").name == "f.pq"


def test_numbers_of_other_types(tmp_path: Path) -> None:
    schema = pa.schema([("purchase_total", pa.decimal128(25, 2)), ("visit_frequency", pa.int32())])
    vectors = table(purchase_total=[1, 2], visit_frequency=[3, 4])
    for field in schema:
        place = vectors.schema.get_field_index(field.name)
        vectors = vectors.set_column(place, field, vectors.column(place).cast(field.type))
    pa.parquet.write_table(vectors, tmp_path / "f.parquet")
    with duckdb.connect() as connection:
        found = figures(connection, read(str(tmp_path / "f.parquet"), connection, "features").relation)
    assert found.concentration.total == 3


GOOD = f"{SENTINEL},1.5,1,1.5,1,0,3"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            csv_text("a,1,2025-04-20,1,p"),
            "this looks like purchase rows; build features first: customer-features build",
        ),
        ("a,b\n1,2\n", "is not a features file: there is no column customer_id, purchase_total"),
        (
            f"{HEADER.replace('recency_days', 'recency_day')}\n{GOOD}\n",
            "no column recency_days (did you mean 'recency_day'?)",
        ),
        ("source,row_number,fault,faults,message\nx,1,a,a,m\n", "this is a quarantine of faulty rows"),
        (f"{HEADER}\n{GOOD}\n{SENTINEL}2,abc,1,1,1,0,3\n", "f.csv, row 2: purchase_total is not a number"),
        (f"{HEADER}\n{GOOD}\n,1,1,1,1,0,3\n,1,1,1,1,0,3\n", "f.csv, row 2 and 1 more: customer_id is missing"),
        (f"{HEADER}\n{GOOD}\n{GOOD}\n", "1 customer has more than one row"),
        (f"{HEADER}\n{GOOD.replace('1.5', '1e300')}\n", "row 1: a feature is beyond 1e+17"),
        (f"{HEADER}\n{GOOD}\n{SENTINEL}2,1,1\n", "Expected Number of Columns: 7 Found: 3"),
        (f"{HEADER},as_of\n{GOOD},24.04.2025\n", "row 1: as_of is not a date, written YYYY-MM-DD"),
        ("", "is empty"),
    ],
)
def test_what_is_no_features_file(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(SourceError) as error:
        reading(tmp_path / "f.csv")
    assert says in str(error.value)
    assert SENTINEL not in str(error.value)


def test_the_contract_s_request_is_not_its_answer() -> None:
    with pytest.raises(SourceError, match="looks like purchase rows"):
        reading(ROOT / "examples" / "contract.json")


def test_a_column_of_another_type(tmp_path: Path) -> None:
    pa.parquet.write_table(table(recency_days=[True, False]), tmp_path / "f.parquet")
    with pytest.raises(SourceError, match="column recency_days is of type BOOLEAN; a number is needed"):
        reading(tmp_path / "f.parquet")


def test_a_file_that_its_manifest_does_not_vouch_for(files: Files, tmp_path: Path) -> None:
    copy = tmp_path / "f.csv"
    shutil.copy(files.older, copy)
    manifest = copy.with_name("f.csv.manifest.json")
    shutil.copy(files.older.with_name("older.csv.manifest.json"), manifest)
    assert reading(copy).run is not None
    copy.write_text(copy.read_text().replace(",0.0,", ",0.1,", 1))
    with pytest.raises(SourceError, match="is not the file its manifest vouches for"):
        reading(copy)
    manifest.write_text("{}")
    with pytest.raises(SourceError, match="is not a manifest of customer-features"):
        reading(copy)
    with pytest.raises(SourceError, match="is a manifest; give the features file"):
        reading(manifest)
    manifest.unlink()
    assert reading(copy).run is None


def test_a_manifest_that_lacks_what_it_should_hold(files: Files, tmp_path: Path) -> None:
    shutil.copy(files.older, tmp_path / "older.csv")
    manifest = manifest_of(files.older)
    del manifest["rows"]
    (tmp_path / "older.csv.manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(SourceError, match="manifest beside it is not one of customer-features"):
        reading(tmp_path / "older.csv")


@pytest.mark.parametrize("size", [3, 500, 5000])
def test_a_file_cut_short(size: int, files: Files, tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_bytes(files.newer.read_bytes()[:size])
    with pytest.raises(SourceError, match=r"f\.parquet: cannot be read as parquet"):
        reading(tmp_path / "f.parquet")


def test_several_files_at_once(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}\n{GOOD}\n")
    with pytest.raises(SourceError, match="names 2 files; a report is of one features file"):
        reading(f"{tmp_path}/*.csv")
