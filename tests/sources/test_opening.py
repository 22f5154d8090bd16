"""Sources: what is read, under which names, and the sentence for what cannot be read."""

from __future__ import annotations

import gzip
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from customer_features import SourceError
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from customer_features.sources.parts import File, Part, first_line
from tests.conftest import EXAMPLE, FIELDS, csv_text

ROWS = ("00123,1,2025-04-20,520.55,p", "0123,2,2025-04-21,1,p")
TEXT = csv_text(*ROWS)


def read(*names: object) -> list[tuple[list[str], list[tuple[Any, ...]]]]:
    """Columns and rows of each part."""
    with connected() as connection, opened([str(name) for name in names], connection) as parts:
        return [(list(part.columns), connection.sql(f"SELECT * FROM {part.relation}").fetchall()) for part in parts]


def parts_of(*names: object) -> list[Part]:
    with connected() as connection, opened([str(name) for name in names], connection) as parts:
        return parts


ZSTD = zstandard.ZstdCompressor().compress(random.Random(1).randbytes(9999).hex().encode())
EXPECTED = [(list(FIELDS), [tuple(row.split(",")) for row in ROWS])]


def as_bytes(kind: str) -> bytes:
    rows = [dict(zip(FIELDS, row.split(","), strict=True)) for row in ROWS]
    if kind == "tsv":
        return TEXT.replace(",", "\t").encode()
    if kind == "ndjson":
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    if kind == "json":
        return json.dumps(rows).encode()
    return TEXT.encode()


@pytest.mark.parametrize("kind", ["csv", "tsv", "ndjson", "jsonl", "json", "CSV"])
@pytest.mark.parametrize("packed", ["", ".gz", ".zst"])
def test_text_formats_as_they_stand(kind: str, packed: str, tmp_path: Path) -> None:
    """Every column is text: 00123 stays 00123."""
    body = as_bytes({"jsonl": "ndjson", "CSV": "csv"}.get(kind, kind))
    pack: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
    path = tmp_path / f"t.{kind}{packed}"
    path.write_bytes(pack.get(packed, bytes)(body))
    assert read(path) == EXPECTED


@pytest.mark.parametrize("kind", ["csv", "tsv", "ndjson", "json"])
def test_standard_input_is_known_by_its_first_bytes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(as_bytes(kind))))
    assert read("-") == EXPECTED


def test_parquet_and_arrow(tmp_path: Path) -> None:
    table = pa.table({"customer_id": ["00123"], "amount": [1.5]})
    pq.write_table(table, tmp_path / "t.parquet")
    pq.write_table(table, tmp_path / "without_suffix")
    with pa.ipc.new_file(tmp_path / "t.arrow", table.schema) as writer:
        writer.write_table(table)
    with pa.ipc.new_stream(tmp_path / "t.ipc", table.schema) as writer:
        writer.write_table(table)
    for name in ("t.parquet", "without_suffix", "t.arrow", "t.ipc"):
        assert read(tmp_path / name) == [(["customer_id", "amount"], [("00123", 1.5)])]


def test_the_contracts_document(tmp_path: Path) -> None:
    for name in ("d.json", "d.json.gz", "d"):
        body = json.dumps(EXAMPLE).encode()
        (tmp_path / name).write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
        [part] = parts_of(tmp_path / name)
        assert part.stated == {"today": "2025-04-24"}
        assert [file.name for file in part.files] == [str(tmp_path / name)]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [",", ";", "|"])
def test_delimiters_and_line_ends(mark: str, newline: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.replace(",", mark).replace("\n", newline).encode())
    assert read(path) == EXPECTED
    [part] = parts_of(path)
    said = {",": [], ";": ["semicolons"], "|": ["bars"]}[mark]
    assert [note.split()[-1] for note in part.notes] == said


@pytest.mark.parametrize("packed", [False, True])
def test_a_byte_order_mark_is_skipped(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    body = b"\xef\xbb\xbf" + TEXT.encode()
    path.write_bytes(gzip.compress(body) if packed else body)
    assert read(path) == EXPECTED


def test_quotes_newlines_and_empty_cells(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,"b ""x"", y",c\n"1,5","two\nlines",\n"",é 🛒, x \n')
    assert read(path) == [(["a", 'b "x", y', "c"], [("1,5", "two\nlines", None), (None, "é 🛒", " x ")])]


def test_a_late_key_of_ndjson_is_not_lost(tmp_path: Path) -> None:
    """A key that comes after any sample, as loyalty_score does where few customers have one."""
    path = tmp_path / "t.ndjson"
    path.write_text('{"a":1}\n' * 60_000 + '{"a":2,"late":0.5}\n')
    [(columns, rows)] = read(path)
    assert columns == ["a", "late"]
    assert rows[-1] == ("2", "0.5")


def test_ndjson_values_as_text(tmp_path: Path) -> None:
    path = tmp_path / "t.ndjson"
    numbers = ["12345678901234567890123", "0.1", "520.55", "1e2", "-0.005", "true", "null", '"00123"', '"a\\u0000b"']
    path.write_text("".join(f'{{"a":{number}}}\n' for number in numbers))
    [(_, rows)] = read(path)
    assert rows[0] == ("12345678901234567890123",)
    assert [float(row[0]) for row in rows[1:5]] == [0.1, 520.55, 100.0, -0.005]
    assert [row[0] for row in rows[5:]] == ["true", None, "00123", "a\x00b"]


def test_files_of_the_same_columns_are_one_part(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.csv"):
        (tmp_path / name).write_text(csv_text(f"{name},1,2025-04-20,1,p"))
    (tmp_path / "d.csv").write_text("b,a\n1,2\n")
    parts = parts_of(tmp_path / "*.csv")
    assert [[file.path.name for file in part.files] for part in parts] == [["a.csv", "b.csv", "c.csv"], ["d.csv"]]
    assert [row[0] for _, rows in read(tmp_path / "[ab].csv") for row in rows] == ["a.csv", "b.csv"]


def test_globs_go_into_folders(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    (tmp_path / "x" / "y" / "t.csv").write_text(TEXT)
    assert read(tmp_path / "**" / "*.csv") == EXPECTED


def test_the_same_file_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text(TEXT)
    (tmp_path / "link.csv").symlink_to(tmp_path / "t.csv")
    monkeypatch.chdir(tmp_path)
    assert read(tmp_path / "t.csv", "t.csv", "./t.csv", "*.csv", "link.csv") == EXPECTED


@pytest.mark.parametrize(
    "name", ["a*b.csv", "[2024] t.csv", "who?.csv", "it's.csv", "a b.csv", "{files}.csv", "é🛒.csv"]
)
def test_file_names_are_taken_to_the_letter(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(TEXT)
    for other in ("axb.csv", "2 t.csv", "whom.csv"):
        (tmp_path / other).write_text(csv_text("other,1,2025-04-20,1,p"))
    assert read(tmp_path / name) == EXPECTED


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet"])
def test_a_folder_named_like_a_column_says_nothing(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "date=2001-01-01" / "customer_id=x"
    folder.mkdir(parents=True)
    path = folder / f"t.{kind}"
    if kind == "parquet":
        pq.write_table(pa.table({name: [row.split(",")[i] for row in ROWS] for i, name in enumerate(FIELDS)}), path)
    else:
        path.write_bytes(as_bytes(kind))
    assert read(path) == EXPECTED


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("t.csv", b"", "is empty; a table with a header and rows"),
        ("t.parquet", b"", "is empty"),
        ("t.dat", bytes(range(256)) * 20, "its format is not known by its name or its first bytes"),
        ("t", b"\x00\x01\x02", "its format is not known"),
        ("t.csv", b"\x00\x01\x02\xff" * 100, "cannot be read as csv|binary data"),
        ("t.csv", b"a,b\x00c\n1,2\n", "holds binary data, not text"),
        ("t.csv", b"\xff\xfea\x00,\x00b\x00\n\x00\x00", "cannot be read as utf-16: line 2 is not in that encoding"),
        ("t.csv", "näme,b\n1,2\n".encode("latin-1"), "its header holds bytes that are not UTF-8.*--encoding latin-1"),
        ("t.parquet", b"PAR1" + b"\x00" * 100, "cannot be read as parquet"),
        ("t.parquet", b"hello", "cannot be read as parquet"),
        ("t.arrow", b"ARROW1\x00\x00" + b"\x01" * 100, "cannot be read as arrow"),
        ("t.ndjson", b"hello\n", "holds no columns"),
        ("t.json", b"[{", "cannot be read as json"),
        ("t.json", b"{", "is not JSON"),
        ("t.json", b'{"customers": 3}', "not the contract's document"),
        ("t.csv.gz", gzip.compress(TEXT.encode() * 500, mtime=0)[:-20], "is not a whole gzip file"),
        ("t.csv.gz", b"hello", "is not a whole gzip file"),
        ("t.csv.zst", ZSTD[:-20], "is not a whole zstd file"),
        ("t.csv.zst", b"hello", "is not a whole zstd file"),
        ("t.csv", b"a,A\n1,2\n", "two columns are named 'A'"),
        ("t.csv", b"\n\n", "holds no columns|cannot be read"),
    ],
)
def test_what_cannot_be_read(name: str, body: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(body)
    with pytest.raises(SourceError, match=says) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert " Error:" not in str(caught.value)


def test_a_truncated_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match=r"t\.parquet: cannot be read as parquet"):
        read(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "transactions.csv").write_text(TEXT)
    with pytest.raises(SourceError, match=r"no such file \(did you mean 'transactions.csv'\?\)"):
        read(tmp_path / "transaction.csv")
    with pytest.raises(SourceError, match=r"no such file$"):
        read(tmp_path / "nowhere" / "t.csv")
    with pytest.raises(SourceError, match=r"\*\.pq: no file matches"):
        read(tmp_path / "*.pq")


def test_a_directory_and_an_address(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"is a directory; give its files, for example '.*/\*\.parquet'"):
        read(tmp_path)
    with pytest.raises(SourceError, match=r"nothing is read from 'ftp://'; allowed are .*files"):
        read("ftp://host/t.csv")


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(TEXT)
    file = File.of(path)
    assert file.unchanged()
    assert file.bytes == len(TEXT.encode())
    path.write_text(TEXT + TEXT)
    assert not file.unchanged()
    path.unlink()
    assert not file.unchanged()


def test_what_an_engine_says_without_its_advice() -> None:
    said = Exception(
        "Invalid Input Error: CSV Error on Line: 3\nOriginal Line: 3\nPossible fixes:\n* Enable x\n\n  file = t.csv"
    )
    assert first_line(said) == "CSV Error on Line: 3 Original Line: 3"
    assert first_line(ValueError()) == "ValueError"


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a , b\t", ["a", "b"]),
        ('"a", "b"', ["a", "b"]),
        ('"a;x",b', ["a;x", "b"]),
        ('"a\nx",b', ["a\nx", "b"]),
        ('"a\r\nx",b', ["a\r\nx", "b"]),
        ("\ufeffa,b", ["a", "b"]),
        ('\ufeff"a",b', ["a", "b"]),
        ("a,", ["a", "column_2"]),
        (",b", ["column_1", "b"]),
        ('" ",b', ["column_1", "b"]),
        ("Größe (cm),b", ["Größe (cm)", "b"]),
        ("a" * 100_000 + ",b", ["a" * 100_000, "b"]),
    ],
)
def test_headers_as_they_are_found(header: str, names: list[str], tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for end in ("\r\n", "\n"):
        path.write_bytes(f"{header}{end}1,2{end}3,{end}".encode())
        assert read(path) == [(names, [("1", "2"), ("3", None)])]


def test_a_header_of_very_many_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    names = [f"a_rather_long_name_of_a_column_{place}" for place in range(4000)]
    path.write_text(",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    assert read(path) == [(names, [("1",) * 4000])]


def test_fields_of_ten_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    long = "line of a text\r\n" * 625_000
    path.write_bytes(f'a,b\n1,x\n2,"{long}"\n3,"{long}"\n4,y\n'.encode())
    [(_, rows)] = read(path)
    assert [row[0] for row in rows] == ["1", "2", "3", "4"]
    assert rows[1][1] == rows[2][1] == long


def test_notes_of_every_file_of_a_part(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(TEXT.replace(",", ";"))
    [part] = parts_of(tmp_path / "*.csv")
    assert part.notes == [f"{tmp_path / name}: fields are separated by semicolons" for name in ("a.csv", "b.csv")]
