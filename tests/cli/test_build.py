"""``customer-features build``: every door to it, and the sentence for everything that can be wrong."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from customer_features.cli import bulk
from tests.agreement import oracle
from tests.conftest import (
    EXAMPLE,
    EXAMPLE_VECTORS,
    FIELDS,
    TODAY,
    Cli,
    aside_of,
    assert_refused,
    child,
    csv_text,
    example_columns,
    manifest_of,
)

GOOD = ("a,1,2025-04-20,1.5,p", "b,2,2025-04-21,2.5,q")


def vectors(path: Path) -> dict[str, tuple[float, ...]]:
    if path.suffix == ".csv":
        with path.open(newline="") as text:
            return {row[0]: tuple(map(float, row[1:])) for row in list(csv.reader(text))[1:]}
    return {row["customer_id"]: tuple(row.values())[1:] for row in pq.read_table(path).to_pylist()}


def example_rows() -> list[dict[str, Any]]:
    columns = example_columns()
    return [{name: values[place] for name, values in columns.items()} for place in range(4)]


def write_example(path: Path) -> None:
    """The contract's example in the format that the suffix names."""
    rows = example_rows()
    table = pa.table(example_columns())
    kind = path.name.split(".", 1)[1]
    lines = [",".join(rows[0]), *(",".join("" if v is None else str(v) for v in row.values()) for row in rows)]
    text = "\n".join(lines) + "\n"
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind == "arrow":
        with pa.ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    elif kind == "ndjson":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "array.json":
        path.write_text(json.dumps(rows, indent=1))
    elif kind == "json":
        path.write_text(json.dumps(EXAMPLE))
    elif kind == "tsv":
        path.write_text(text.replace(",", "\t"))
    elif kind == "csv.gz":
        path.write_bytes(gzip.compress(text.encode()))
    elif kind == "csv.zst":
        path.write_bytes(zstandard.ZstdCompressor().compress(text.encode()))
    else:
        path.write_text(text)


@pytest.mark.parametrize(
    "kind", ["json", "array.json", "csv", "csv.gz", "csv.zst", "tsv", "ndjson", "parquet", "arrow"]
)
@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_the_contracts_example(kind: str, suffix: str, cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / f"example.{kind}"
    write_example(source)
    out = tmp_path / f"features.{suffix}"
    today = () if kind == "json" else ("--today", TODAY)  # the document states its own
    ran = cli("build", source, "--out", out, *today)
    assert (ran.code, ran.out) == (0, ""), ran.err
    found = vectors(out)
    assert list(found) == list(EXAMPLE_VECTORS)
    for name, vector in found.items():
        assert oracle.bits(vector) == oracle.bits(EXAMPLE_VECTORS[name])


def test_the_example_as_a_process(tmp_path: Path) -> None:
    out = tmp_path / "features.parquet"
    ran = child("build", "-", "--out", out, input=json.dumps(EXAMPLE))
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr
    assert vectors(out) == EXAMPLE_VECTORS
    assert manifest_of(out)["sources"][0]["path"] == "-"


def test_the_summary(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*GOOD * 600, "c,3,2052-01-01,1,p", "c,3,x,1,p", "c,1,2020-01-01,5,p"))
    out = tmp_path / "f.parquet"
    ran = cli("build", path, "--out", out, "--today", TODAY, "--window", "12 months")
    assert ran.code == 0
    assert "1,203 in = 1,200 used + 1 excluded + 2 quarantined" in ran.err
    assert "1 unreadable_date" in ran.err
    assert "1 future_date" in ran.err
    assert "Customers:  2" in ran.err
    assert "Warning:    repeated_transaction_id" in ran.err
    assert f"Quarantine: {out}.quarantine.parquet" in ran.err
    assert f"Features:   {out}" in ran.err
    assert "f.parquet.manifest.json" in ran.err
    assert {warning["name"] for warning in manifest_of(out)["warnings"]} == {
        "repeated_transaction_id",
        "duplicate_row",
        "looks_like_repeated_totals",
    }


def test_what_was_recognised_is_said(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("household_id;basket_id;order_date;sales_value;SKU\n00123;1;2025-04-20;1.5;p\n")
    out = tmp_path / "f.csv"
    ran = cli("build", path, "--out", out, "--today", TODAY)
    assert ran.code == 0, ran.err
    assert "fields are separated by semicolons" in ran.err
    for field, column in zip(FIELDS, ["household_id", "basket_id", "order_date", "sales_value", "SKU"], strict=True):
        assert f"{field} = {column}" in ran.err
    assert list(vectors(out)) == ["00123"]
    path.write_text(csv_text(*GOOD))
    said = "Recognised: customer_id = customer_id, transaction_id = transaction_id, date = date, amount = amount"
    assert said in cli("build", path, "--out", out, "--today", TODAY).err


def test_an_expression_over_csv_text(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("customer_id,order_id,day,price,quantity,sku\na,1,20250420,2.5,3,p\na,2,20250421,0.1,3,q\n")
    out = tmp_path / "f.csv"
    mapping = ("--map", "amount=price*quantity", "--map", "date=strptime(day, '%Y%m%d')")
    ran = cli("build", path, "--out", out, "--today", TODAY, *mapping)
    assert ran.code == 0, ran.err
    assert vectors(out) == {"a": (7.8, 2.0, 3.9, 2.0, 0.0, 3.0)}
    assert manifest_of(out)["mapping"]["amount"] == "price*quantity"


def test_a_factor_that_is_no_number_is_an_unreadable_amount(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("customer_id,order_id,date,price,quantity,sku\na,1,2025-04-20,2.5,three,p\nb,1,2025-04-20,1,1,p\n")
    out = tmp_path / "f.csv"
    ran = cli("build", path, "--out", out, "--today", TODAY, "--map", "amount=price*quantity", "--max-faults", "0.5")
    assert ran.code == 0, ran.err
    [row] = aside_of(out)
    assert (row["fault"], row["quantity"]) == ("unreadable_amount", "three")
    assert row["message"].startswith("amount 'three' in column 'quantity' cannot be read")


def test_several_sources_and_the_same_one_twice(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(csv_text(GOOD[0]))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(csv_text(GOOD[1]).encode()))
    out = tmp_path / "out" / "f.csv"
    out.parent.mkdir()
    ran = cli("build", tmp_path / "*.csv*", tmp_path / "a.csv", "--out", out, "--today", TODAY)
    assert ran.code == 0, ran.err
    assert [source["rows"] for source in manifest_of(out)["sources"]] == [1, 1]
    assert vectors(out) == {"a": (1.5, 1.0, 1.5, 1.0, 0.0, 4.0), "b": (2.5, 1.0, 2.5, 1.0, 0.0, 3.0)}


def test_documents_that_state_options(cli: Cli, tmp_path: Path) -> None:
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    first.write_text(json.dumps({**EXAMPLE, "grain": "line", "window": "12 months"}))
    second.write_text(json.dumps({**EXAMPLE, "today": "2025-04-25"}))
    out = tmp_path / "f.csv"
    assert cli("build", first, "--out", out).code == 0
    options = manifest_of(out)["options"]
    assert (options["today"], options["grain"], options["window"]) == (TODAY, "line", "12 months")
    assert cli("build", first, "--out", out, "--today", "2025-04-30", "--grain", "transaction").code == 0
    options = manifest_of(out)["options"]
    assert (options["today"], options["grain"], options["window"]) == ("2025-04-30", "transaction", "12 months")
    ran = cli("build", first, second, "--out", out)
    assert ran.code == 2
    assert "the documents state both '2025-04-24' and '2025-04-25'" in ran.err
    assert cli("build", first, second, "--out", out, "--today", "2025-04-26").code == 0
    second.write_text(json.dumps({**EXAMPLE, "grain": "lines"}))
    ran = cli("build", second, "--out", out)
    assert (ran.code, "did you mean 'line'" in ran.err) == (2, True)


def test_a_loyalty_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(csv_text(*GOOD))
    (tmp_path / "l.csv").write_text("household_id,points,total,spend\na,50,1,1\n")
    out = tmp_path / "f.csv"
    loyalty = ("--loyalty", tmp_path / "l.csv", "--map", "loyalty_score=points/100")
    ran = cli("build", tmp_path / "t.csv", "--out", out, "--today", TODAY, *loyalty)
    assert ran.code == 0, ran.err
    assert {name: vector[4] for name, vector in vectors(out).items()} == {"a": 0.5, "b": 0.0}
    body = b"customer_id,loyalty_score\nb,0.75\n"
    ran = cli("build", tmp_path / "t.csv", "--out", out, "--today", TODAY, "--loyalty", "-", stdin=body)
    assert ran.code == 0, ran.err
    assert {name: vector[4] for name, vector in vectors(out).items()} == {"a": 0.0, "b": 0.75}


Make = Callable[[Path], object]
WHOLE = csv_text(*GOOD * 300)

BAD: dict[str, tuple[str, Make, str]] = {
    "missing file": (
        "transactons.csv",
        lambda path: path.with_name("transactions.csv").write_text(WHOLE),
        "did you mean",
    ),
    "empty file": ("t.csv", lambda path: path.touch(), "is empty"),
    "header only": ("t.csv", lambda path: path.write_text(csv_text()), "no rows, only a header"),
    "wrong delimiter": ("t.csv", lambda path: path.write_text(WHOLE.replace(",", "^")), "no column was recognised"),
    "a directory": ("t.csv", lambda path: path.mkdir(), "is a directory"),
    "binary noise": ("t.csv", lambda path: path.write_bytes(os.urandom(5000)), "t.csv"),
    "binary noise as parquet": (
        "t.parquet",
        lambda path: path.write_bytes(os.urandom(5000)),
        "cannot be read as parquet",
    ),
    "truncated gzip": (
        "t.csv.gz",
        lambda path: path.write_bytes(gzip.compress(os.urandom(999).hex().encode() + WHOLE.encode())[:-30]),
        "is not a whole gzip file",
    ),
    "truncated zstd": (
        "t.csv.zst",
        lambda path: path.write_bytes(zstandard.ZstdCompressor().compress(WHOLE.encode())[:-9]),
        "is not a whole zstd file",
    ),
    "truncated parquet": (
        "t.parquet",
        lambda path: (pq.write_table(pa.table(example_columns()), path), path.write_bytes(path.read_bytes()[:-50])),
        "cannot be read as parquet",
    ),
    "truncated arrow": ("t.arrow", lambda path: path.write_bytes(b"ARROW1\0\0\xff\xff"), "cannot be read as arrow"),
    "a column missing": (
        "t.csv",
        lambda path: path.write_text(WHOLE.replace("amount", "amuont")),
        "did you mean 'amuont' for amount?",
    ),
    "two candidates": (
        "t.csv",
        lambda path: path.write_text(
            csv_text("a,1,2025-04-20,1,p,2", header="customer_id,transaction_id,date,total,product_id,spend")
        ),
        "'total' and 'spend' would both serve as amount",
    ),
    "two columns of a name": ("t.csv", lambda path: path.write_text("a,b,a\n1,2,3\n"), "two columns are named 'a'"),
    "a document that is none": (
        "t.json",
        lambda path: path.write_text('{"clients": []}'),
        "not the contract's document",
    ),
    "a document without customers": ("t.json", lambda path: path.write_text('{"customers": []}'), "no rows"),
    "numbers as dates": (
        "t.parquet",
        lambda path: pq.write_table(pa.table({**example_columns(), "date": [1, 2, 3, 4]}), path),
        "'date' holds numbers from 1 to 4, which are no days",
    ),
}


@pytest.mark.parametrize("command", ["build", "check"])
@pytest.mark.parametrize("what", list(BAD))
def test_bad_input_ends_in_a_sentence(what: str, command: str, cli: Cli, tmp_path: Path) -> None:
    name, make, says = BAD[what]
    folder = tmp_path / "published"
    folder.mkdir()
    make(tmp_path / name)
    out = ("--out", folder / "out.csv") if command == "build" else ()
    ran = cli(command, tmp_path / name, *out, "--today", TODAY)
    if command == "check" and says.startswith("no rows"):
        return
    err = assert_refused(ran, tmp_path)
    assert says in err
    assert name in err
    assert list(folder.iterdir()) == []
    assert ran.out == ""
    for word in ("Binder", "Catalog", "Invalid Input", "auto_detect", "ignore_errors", "strict_mode"):
        assert word not in err


@pytest.mark.parametrize("more", [("--on-fault", "fail"), ("--max-faults", "1%"), ()])
def test_data_that_are_refused(more: tuple[str, ...], cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*GOOD * 49, "c,3,x,1,p", "c,3,x,1,p"))
    ran = cli("build", path, "--out", tmp_path / "out.csv", "--today", TODAY, *more)
    err = assert_refused(ran, tmp_path, code=1)
    assert "2 of 100 rows are faulty" in err
    assert "unreadable_date: 2" in err
    assert f"{path}, row 99: date 'x' cannot be read" in err
    assert "Nothing was published" in err


def test_faults_below_the_share_are_set_aside(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*GOOD * 50, "c,3,x,1,p"))
    assert cli("build", path, "--out", tmp_path / "f.csv", "--today", TODAY).code == 0
    assert list(vectors(tmp_path / "f.csv")) == ["a", "b"]


def test_input_that_changes_during_the_run(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, scores = tmp_path / "t.csv", tmp_path / "l.csv"
    for changing in (path, scores):
        path.write_text(csv_text(*GOOD))
        scores.write_text("customer_id,loyalty_score\na,0.5\n")
        judge = bulk.Engine.judge

        def meanwhile(engine: bulk.Engine, *, changing: Path = changing, judge: Any = judge, **more: Any) -> Any:
            outcome = judge(engine, **more)
            changing.write_text(changing.read_text() + "c,1\n")
            return outcome

        with monkeypatch.context() as patched:
            patched.setattr(bulk.Engine, "judge", meanwhile)
            ran = cli("build", path, "--out", tmp_path / "out.csv", "--today", TODAY, "--loyalty", scores)
        err = assert_refused(ran, tmp_path)
        assert f"{changing}: changed while it was read; nothing was published" in err


def test_no_progress_bar_where_there_is_no_terminal(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*GOOD))
    ran = cli("build", path, "--out", tmp_path / "f.csv", "--today", TODAY)
    assert "%" not in ran.err
    assert "\r" not in ran.err


STRANGE = [
    "a b",
    " a",
    "a ",
    "00123",
    "123",
    "é",
    "e\u0301",
    "🛒",
    "it's",
    '"',
    "a\nb",
    "a,b",
    "A",
    "NULL",
    "nan",
    "-",
    "{}",
]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_strange_ids_survive_csv_and_back(suffix: str, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(FIELDS)
        writer.writerows([name, name, "2025-04-20", "1", other] for name in STRANGE for other in STRANGE)
    out = tmp_path / f"f.{suffix}"
    ran = cli("build", path, "--out", out, "--today", TODAY, "--grain", "line")
    assert ran.code == 0, ran.err
    assert list(vectors(out)) == sorted(STRANGE, key=str.encode)
    assert set(vectors(out).values()) == {(17.0, 1.0, 17.0, 17.0, 0.0, 4.0)}
