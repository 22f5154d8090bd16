"""Lines that break a file's own syntax: kept as text, counted, and the rows around them keep their numbers."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from tests.conftest import Cli, assert_refused, csv_text

TODAY = "2025-04-24"
GOOD = "a,{},2025-04-20,1,p"


def built(cli: Cli, folder: Path, *names: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The quarantine's rows and the manifest of a build over some files of a folder."""
    out = folder / "out.parquet"
    ran = cli("build", *(folder / name for name in names), "--out", out, "--today", TODAY, "--max-faults", "1")
    assert ran.code == 0, ran.err
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    rows = manifest["rows"]
    assert rows["in"] == rows["used"] + rows["excluded"] + rows["quarantined"]
    return pyarrow.parquet.read_table(f"{out}.quarantine.parquet").to_pylist(), manifest


CSV = {
    "too few fields": ("b,2,2025-04-20", "expected number of columns: 5 found: 3"),
    "too many fields": ("b,2,2025-04-20,1,p,q", "expected number of columns: 5 found: 6"),
    "a quote inside": ('b,2,2025-04-20,1,"p"q', "a quote is not closed"),
}


@pytest.mark.parametrize("name", CSV)
def test_a_broken_line_of_csv_is_kept_and_the_rest_is_used(name: str, cli: Cli, tmp_path: Path) -> None:
    line, reason = CSV[name]
    (tmp_path / "t.csv").write_text(csv_text(GOOD.format(1), line, GOOD.format(2)))
    [row], manifest = built(cli, tmp_path, "t.csv")
    assert (row["source"], row["row_number"], row["fault"]) == (str(tmp_path / "t.csv"), 2, "unreadable_row")
    assert row["raw"] == line
    assert reason in row["message"]
    assert row["customer_id"] is None
    assert manifest["faults"] == {"unreadable_row": 1}
    assert manifest["rows"] == {"in": 3, "used": 2, "excluded": 0, "excluded_by": {}, "quarantined": 1}
    assert manifest["sources"][0]["rows"] == 3


def test_an_open_quote_in_the_last_row_is_kept_with_the_text_that_follows(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(csv_text(GOOD.format(1), 'b,2,2025-04-20,1,"p', "and more, that is no row"))
    [row], manifest = built(cli, tmp_path, "t.csv")
    assert row["raw"] == 'b,2,2025-04-20,1,"p\nand more, that is no row\n'
    assert manifest["rows"]["used"] == 1


def test_bytes_that_are_not_utf_8(cli: Cli, tmp_path: Path) -> None:
    lines = csv_text(*(GOOD.format(number) for number in range(20_000))).encode()
    (tmp_path / "t.csv").write_bytes(lines + b"b,2,2025-04-20,1,\xff\xfe\n" + GOOD.format("x").encode() + b"\n")
    [row], manifest = built(cli, tmp_path, "t.csv")
    assert (row["row_number"], row["fault"]) == (20_001, "unreadable_row")
    assert "not UTF-8" in row["message"]
    assert manifest["rows"]["used"] == 20_001


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_text_of_a_broken_line_is_kept_byte_by_byte(end: str, packed: bool, cli: Cli, tmp_path: Path) -> None:
    """Whatever the lines end in; a byte that is not UTF-8 is shown by its number, a question mark is one."""
    lines = [GOOD.format(1), "b,2,2025-04-20,\udce9\udcff?,p", "c,3,2025-04-20", "", "d,?", 'e,"\udce9\nx"y,1', "f"]
    body = csv_text(*lines, newline=end).encode("utf-8", "surrogateescape")
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(body) if packed else body)
    rows, _ = built(cli, tmp_path, path.name)
    assert [(row["row_number"], row["raw"]) for row in rows] == [
        (2, "b,2,2025-04-20,\\xe9\\xff?,p"),
        (3, "c,3,2025-04-20"),
        (4, "d,?"),
        (5, 'e,"\\xe9\nx"y,1'),
        (6, "f"),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_empty_lines_are_no_rows(end: str, cli: Cli, tmp_path: Path) -> None:
    lines = [GOOD.format(1), "", "", "short", 'a,2,2025-04-20,1,"p\n\nq"', "", "b,3,never,1,p", "short too", "", ""]
    (tmp_path / "t.csv").write_bytes(csv_text(*lines, "c,4,never,1,p", newline=end).encode())
    rows, manifest = built(cli, tmp_path, "t.csv")
    assert [(row["row_number"], row["raw"] or row["transaction_id"]) for row in rows] == [
        (2, "short"),
        (4, "3"),
        (5, "short too"),
        (6, "4"),
    ]
    assert manifest["rows"]["in"] == 6


def test_faulty_rows_after_broken_lines_keep_their_numbers(cli: Cli, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        lines = [GOOD.format(1), "short", "b,2,never,1,p", "short", "short", "b,3,2025-04-20,-1,p", GOOD.format(4)]
        (tmp_path / name).write_text(csv_text(*lines))
    rows, manifest = built(cli, tmp_path, "a.csv", "b.csv")
    expected = [
        (2, "unreadable_row"),
        (3, "unreadable_date"),
        (4, "unreadable_row"),
        (5, "unreadable_row"),
        (6, "negative_amount"),
    ]
    assert [(row["source"], row["row_number"], row["fault"]) for row in rows] == [
        (str(tmp_path / name), *one) for name in ("a.csv", "b.csv") for one in expected
    ]
    assert [source["rows"] for source in manifest["sources"]] == [7, 7]


def test_faulty_rows_after_a_quote_inside_are_found(cli: Cli, tmp_path: Path) -> None:
    lines = [GOOD.format(1), 'b,"y"z,2025-04-20,1,p', "c,3,2025-04-20,-1,p", "d,4,2025-04-20,x,p"]
    (tmp_path / "t.csv").write_text(csv_text(*lines))
    rows, _ = built(cli, tmp_path, "t.csv")
    assert [(row["row_number"], row["fault"]) for row in rows] == [
        (2, "unreadable_row"),
        (3, "negative_amount"),
        (4, "unreadable_amount"),
    ]


def test_a_broken_line_of_ndjson(cli: Cli, tmp_path: Path) -> None:
    whole = {"customer_id": "a", "transaction_id": "1", "date": "2025-04-20", "amount": 1, "product_id": "p"}
    lines = [json.dumps(whole), '{"customer_id": "a",', "", "[1]", '"text"', "{}", "{} {}", json.dumps(whole)]
    (tmp_path / "t.ndjson").write_text("\n".join(lines) + "\n")
    rows, manifest = built(cli, tmp_path, "t.ndjson")
    assert [(row["row_number"], row["fault"], row["raw"]) for row in rows] == [
        (2, "unreadable_row", '{"customer_id": "a",'),
        (3, "unreadable_row", "[1]"),
        (4, "unreadable_row", '"text"'),
        (5, "missing_customer_id", None),
        (6, "unreadable_row", "{} {}"),
    ]
    assert manifest["rows"] == {"in": 7, "used": 2, "excluded": 0, "excluded_by": {}, "quarantined": 5}


def test_of_a_duplicate_key_the_last_counts(cli: Cli, tmp_path: Path) -> None:
    line = '{"customer_id":"a","transaction_id":"%d","date":"2025-04-20","amount":1,"amount":12.34,"product_id":"p"}\n'
    (tmp_path / "t.ndjson").write_text(line % 1 + "broken\n" + line % 2)
    [row], _ = built(cli, tmp_path, "t.ndjson")
    assert (row["row_number"], row["raw"]) == (2, "broken")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["purchase_total"].to_pylist() == [24.68]


def test_duplicate_keys_in_a_packed_file_beside_another(cli: Cli, tmp_path: Path) -> None:
    """Both are copied, and the copies are read as one: the broken lines of each are still found."""
    line = '{"customer_id":"a","transaction_id":"%s","date":"2025-04-20","amount":1,"amount":2,"product_id":"p"}\n'
    (tmp_path / "a.ndjson").write_text(line % "a" + "broken\n")
    (tmp_path / "b.ndjson.gz").write_bytes(gzip.compress((line % "b" + "broken too \n" + line % "c").encode()))
    rows, manifest = built(cli, tmp_path, "a.ndjson", "b.ndjson.gz")
    assert [(row["row_number"], row["raw"]) for row in rows] == [(2, "broken"), (2, "broken too ")]
    assert manifest["rows"] == {"in": 5, "used": 3, "excluded": 0, "excluded_by": {}, "quarantined": 2}


@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_order_mark_before_ndjson_breaks_no_line(packed: bool, cli: Cli, tmp_path: Path) -> None:
    line = '{"customer_id":"a","transaction_id":"%s","date":"2025-04-20","amount":1,"product_id":"p"}\n'
    body = "\ufeff".encode() + (line % 1).encode() + b"broken\xff\n" + (line % 2).encode()
    path = tmp_path / ("t.ndjson.gz" if packed else "t.ndjson")
    path.write_bytes(gzip.compress(body) if packed else body)
    [row], manifest = built(cli, tmp_path, path.name)
    assert (row["row_number"], row["raw"]) == (2, "broken\\xff")
    assert manifest["rows"]["used"] == 2
    assert manifest["sources"] == [{"path": str(path), "bytes": path.stat().st_size, "rows": 3}]


def test_lines_without_duplicate_keys_stay_as_they_are(cli: Cli, tmp_path: Path) -> None:
    line = '{"customer_id":"a","transaction_id":"1","date":"2025-04-20","amount":1,%s"product_id":"p"}\n'
    faulty = '{"customer_id":"a","transaction_id":"2","date":"2025-04-20","amount":{"value":5},"product_id":"p"}\n'
    (tmp_path / "t.ndjson").write_text(line % '"amount":2,' + faulty)
    [row], _ = built(cli, tmp_path, "t.ndjson")
    assert (row["fault"], row["amount"]) == ("unreadable_amount", '{"value":5}')


def test_a_column_named_raw_keeps_its_name(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "customer_id,transaction_id,date,amount,product_id,raw\na,1,2025-04-20,1,p,mine\nshort\na,2,never,1,p,mine\n"
    )
    rows, _ = built(cli, tmp_path, "t.csv")
    names = list(rows[0])
    assert len(set(names)) == len(names)
    assert "mine" in rows[1].values()
    assert "short" in rows[0].values()


def test_the_quarantine_has_no_raw_column_without_broken_lines(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(csv_text(GOOD.format(1), "b,2,never,1,p"))
    [row], _ = built(cli, tmp_path, "t.csv")
    assert "raw" not in row


@pytest.mark.parametrize("broken", ['x"1,",a,2020-01-01,5,p', '"x1,a,2020-01-01,5,p'])
@pytest.mark.parametrize("compression", ["", ".gz"])
def test_rows_that_a_quote_swallows_are_refused_not_lost(
    cli: Cli, tmp_path: Path, broken: str, compression: str
) -> None:
    rows = [f'"c{place},",t,2020-01-01,5,p' for place in range(2000)]
    text = csv_text(*rows[:1000], broken, *rows[1000:]).encode()
    source = tmp_path / f"rows.csv{compression}"
    source.write_bytes(gzip.compress(text) if compression else text)
    ran = cli("build", source, "--today", "2025-04-24", "--out", tmp_path / "out.parquet")
    assert f"{source}: a quote that opens in row 1001 " in assert_refused(ran, tmp_path)


def test_lines_that_a_quote_swallows_are_refused_not_lost(cli: Cli, tmp_path: Path) -> None:
    """The reader loses its place after such a quote and tells nothing of the lines behind it, rows or not."""
    rows = [f'"c{place},",t,2020-01-01,5,p' for place in range(1000)]
    source = tmp_path / "rows.csv"
    source.write_text(csv_text(*rows, '"x1,a,2020-01-01,5,p', *['"c,",t,p'] * 1000))
    ran = cli("build", source, "--today", "2025-04-24", "--out", tmp_path / "out.parquet")
    said = assert_refused(ran, tmp_path)
    assert (
        "a quote is not closed in row 1001 or just after it, and 1,000 of the 2,002 lines cannot be told apart" in said
    )
