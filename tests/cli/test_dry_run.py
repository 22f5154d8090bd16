"""``build --dry-run``: all that a run would do is said, none of it is done."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import EXAMPLE, TODAY, Cli, assert_refused, child_environment, csv_text

from .test_build import GOOD, WHOLE, write_example


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_of_it(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(
        "Client;order_id;date;Price;quantity;sku\n" + "a;1;21/04/2025;2,5;3;p\n" * 9, encoding="utf-8-sig"
    )
    Path("l.csv").write_text("customer_id,points\na,1\n")
    (tmp_path / "spill").mkdir()
    before = tree(tmp_path)
    words = ("build", "t.csv", "--out", "f.parquet", "--dry-run", "--decimal", ",", "--date-format", "%d/%m/%Y")
    more = ("--map", "amount=price*quantity", "--loyalty", "l.csv", "--max-points", "10", "--memory-limit", "1GiB")
    limits = ("--spill-dir", "spill", "--spill-limit", "5GiB", "--window", "12 months", "--today", TODAY)
    ran = cli(*words, *more, *limits)
    assert ran.code == 0, ran.err
    assert tree(tmp_path) == before
    assert "byte order mark" in ran.err
    said = {re.sub(r" +", " ", line.strip()) for line in ran.out.splitlines()}
    assert said >= {
        f"t.csv csv, semicolons {len(before['t.csv'])} bytes",
        "l.csv csv, commas 23 bytes",
        "customer_id Client (recognised) VARCHAR as it is",
        "date date (recognised) VARCHAR text in the format %d/%m/%Y",
        "amount price*quantity (--map) DOUBLE as it is; to 1/10000, half up",
        f"today {TODAY}",
        "window 12 months",
        "decimal ,",
        "max_points 10.0",
        "on_fault quarantine",
        "memory 1.0 GiB, then to disk",
        "spilled to spill, at most 5.0 GiB",
        "f.parquet the features",
        "f.parquet.manifest.json the manifest, last",
        "f.parquet.quarantine.parquet the rows set aside, where there are any",
        "CREATE TEMP TABLE loyalty_scores AS",
        "CREATE TEMP TABLE customers_measured AS",
        "A dry run: no rows were read, and nothing was written.",
    }
    assert cli(*words, *more, *limits).out == ran.out
    # What is printed is the manifest's own.
    assert cli(*(word for word in words if word != "--dry-run"), *more, *limits).code == 0
    options = json.loads(Path("f.parquet.manifest.json").read_text())["options"]
    for name, value in options.items():
        assert f"{name} {'none' if value in (None, [], {}) else value}" in said


@pytest.mark.parametrize(
    "kind", ["json", "array.json", "csv", "csv.gz", "csv.zst", "tsv", "ndjson", "parquet", "arrow"]
)
def test_every_format(kind: str, cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / f"example.{kind}"
    write_example(source)
    before = tree(tmp_path)
    words = ("build", source, "--out", tmp_path / "f.csv", "--dry-run")
    ran = cli(*words, *(() if kind == "json" else ("--today", TODAY)))
    assert ran.code == 0, ran.err
    assert tree(tmp_path) == before
    assert ("4 rows" in ran.out) is (kind in ("parquet", "arrow", "json"))
    assert f"today        {TODAY}" in ran.out
    assert "loyalty_score  " in ran.out
    assert cli(*words, *(() if kind == "json" else ("--today", TODAY))).out == ran.out


def test_standard_input_and_copies_have_names_that_stay(cli: Cli, tmp_path: Path) -> None:
    body = csv_text("José,1,2025-04-20,1,p").encode("utf-16")
    (tmp_path / "t.csv").write_bytes(body)
    for words in (("-",), (tmp_path / "t.csv",)):
        first, second = (
            cli("build", *words, "--out", tmp_path / "f.csv", "--dry-run", "--today", TODAY, stdin=body) for _ in "ab"
        )
        assert first.code == 0, first.err
        assert first.out == second.out
        assert f"'<a copy of {words[0]}>'" in first.out
        assert ".part/" not in first.out
    ran = cli("build", "-", "--out", tmp_path / "f.csv", "--dry-run", stdin=json.dumps(EXAMPLE).encode())
    assert (ran.code, "4 rows" in ran.out) == (0, True)


def test_rows_that_cannot_be_read_are_not_read(cli: Cli, tmp_path: Path) -> None:
    rows = 200_000
    numbers = range(rows)
    table = pa.table(
        {
            "customer_id": pa.array(numbers),
            "transaction_id": pa.array(numbers),
            "date": pa.array([20000] * rows, pa.int32()).cast(pa.date32()),
            "amount": pa.array([float(number) for number in numbers]),
            "product_id": pa.array([float(number) for number in numbers]),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    whole = bytearray(path.read_bytes())
    footer = int.from_bytes(whole[-8:-4], "little") + 8
    whole[4 : len(whole) - footer] = b"\xff" * (len(whole) - footer - 4)  # every page, and nothing of the footer
    path.write_bytes(whole)
    out = tmp_path / "out.csv"
    ran = cli("build", path, "--out", out, "--dry-run", "--today", TODAY)
    assert ran.code == 0, ran.err
    assert "200,000 rows" in ran.out
    assert_refused(cli("build", path, "--out", out, "--today", TODAY), tmp_path)


def test_a_cut_gzip_file_is_not_read_to_its_end(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    many = "".join(f"{row}\n" for row in GOOD).encode() * 3_000_000
    path.write_bytes(gzip.compress(WHOLE.encode() + many, compresslevel=1)[:-20])
    words = ("build", path, "--out", tmp_path / "out.csv", "--today", TODAY)
    assert "not a whole gzip file" in assert_refused(cli(*words), tmp_path)
    assert cli(*words, "--dry-run").code == 0


@pytest.mark.parametrize(("name", "encoding"), [("t.csv", "utf-8"), ("t.csv", "utf-16"), ("t.ndjson", "utf-8")])
@pytest.mark.slow
def test_few_bytes_of_a_big_file_are_read(name: str, encoding: str, tmp_path: Path) -> None:
    path = tmp_path / name
    lines = csv_text(*GOOD * 100)
    if name.endswith("ndjson"):
        lines = '{"customer_id":"a","transaction_id":"1","date":"2025-04-20","amount":1,"product_id":"p"}\n' * 200
    chunk = lines.split("\n", 1)[1].encode(encoding).removeprefix(b"\xff\xfe") * 3000
    with path.open("wb") as file:
        file.write(lines.encode(encoding))
        for _ in range(200 * 2**20 // len(chunk)):
            file.write(chunk)
    code = (
        "import sys\nfrom customer_features.cli import run\n"
        f"code = run(['build', {str(path)!r}, '--out', {str(tmp_path / 'f.csv')!r}, '--dry-run'])\n"
        "print(code, open('/proc/self/io').read(), file=sys.stderr)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], env=child_environment(), capture_output=True, text=True, check=True, timeout=600
    )
    read = re.search(r"^(\d+) rchar: (\d+)$", ran.stderr, re.MULTILINE)
    assert read
    assert read[1] == "0"
    # Two samples, of dates and of amounts, are read by buffers of 16 MiB each.
    assert int(read[2]) < path.stat().st_size * 0.75


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--out", "f.pdf"), "the suffix decides the format"),
        (("--out", "nowhere/f.csv"), "does not exist"),
        (("--out", "t.csv"), "is one of the sources and would be overwritten"),
        (("--out", "f.csv", "--map", "amount=amuont"), "did you mean 'amount'"),
        (("--out", "f.csv", "--grain", "lines"), "did you mean 'line'"),
        (("--out", "f.csv", "--spill-dir", "nowhere"), "does not exist"),
    ],
)
def test_what_is_wrong_is_found(
    words: tuple[str, ...], says: str, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(WHOLE)
    ran = cli("build", "t.csv", "--dry-run", "--today", TODAY, *words)
    assert says in assert_refused(ran, tmp_path)
    assert ran.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_it_is_said_to_machines_too(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(WHOLE)
    ran = cli("build", tmp_path / "t.csv", "--out", tmp_path / "f.csv", "--dry-run", "--log", "json")
    assert [json.loads(line)["event"] for line in ran.err.splitlines()] == ["started", "planned"]
