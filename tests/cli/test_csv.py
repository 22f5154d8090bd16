"""CSV as it is found, through the commands: encodings, decimal commas, dates that are not ISO, totals rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.conftest import TODAY, Cli, aside_of, assert_refused, csv_text, manifest_of

from .test_build import GOOD, vectors

HEADER = "customer_id;transaction_id;date;amount;product_id;loyalty_score"
EXPORT = csv_text("José;1;20/04/2025;1,50;p;0,25", "José;2;21/4/2025;1018,00;q;0,25", header=HEADER)
WRITTEN = ("--decimal", ",", "--date-format", "%d/%m/%Y")
EXPECTED = {"José": (1019.5, 2.0, 509.75, 2.0, 0.25, 3.0)}


@pytest.mark.parametrize(
    ("encoding", "option", "said"),
    [
        ("utf-8", None, ""),
        ("utf-8-sig", None, "begins with a UTF-8 byte order mark"),
        ("utf-8-sig", "latin-1", "begins with a UTF-8 byte order mark"),
        ("utf-16", None, "is read as utf-16, as its byte order mark says"),
        ("utf-16-be", "utf-16-be", "is read as utf-16-be, as asked"),
        ("latin-1", "latin-1", "is read as latin-1, as asked"),
        ("cp1252", "cp1252", "is read as cp1252, as asked"),
        ("utf-8", "UTF8", ""),
    ],
)
@pytest.mark.parametrize("packed", ["", ".gz", "-"])
def test_an_export_in_any_encoding(
    encoding: str, option: str | None, said: str, packed: str, cli: Cli, tmp_path: Path
) -> None:
    path, body = tmp_path / f"t.csv{packed.strip('-')}", EXPORT.encode(encoding)
    path.write_bytes(gzip.compress(body) if packed == ".gz" else body)
    out = tmp_path / "f.parquet"
    asked = () if option is None else ("--encoding", option)
    source = "-" if packed == "-" else path
    ran = cli("build", source, "--out", out, "--today", TODAY, *WRITTEN, *asked, stdin=body if packed == "-" else None)
    assert ran.code == 0, ran.err
    assert f"{source}: {said}" in ran.err
    assert "fields are separated by semicolons" in ran.err
    assert vectors(out) == EXPECTED
    manifest = manifest_of(out)
    assert manifest["options"]["decimal"] == ","
    assert manifest["options"]["date_format"] == "%d/%m/%Y"
    [described] = manifest["sources"]
    assert (described["path"], described["bytes"], described["rows"]) == (str(source), path.stat().st_size, 2)


def test_bytes_that_are_not_utf8_are_set_aside(cli: Cli, tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "f.csv"
    path.write_bytes((csv_text(*GOOD * 100) + "José,1,2025-04-20,1,p\n").encode("latin-1"))
    ran = cli("build", path, "--out", out, "--today", TODAY)
    assert ran.code == 0, ran.err
    assert "1 unreadable_row" in ran.err
    assert list(vectors(out)) == ["a", "b"]
    assert cli("build", path, "--out", out, "--today", TODAY, "--encoding", "latin-1").code == 0
    assert list(vectors(out)) == ["José", "a", "b"]


def test_a_messy_export_with_a_totals_row(cli: Cli, tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "f.csv"
    rows = [f"c{place};{place};{place % 28 + 1:02}/03/2025;{place},50;p;" for place in range(300)]
    path.write_bytes(csv_text(*rows, "Total;;;44.850,00;;", header=HEADER, newline="\r\n").encode("utf-16"))
    ran = cli("build", path, "--out", out, "--today", TODAY, *WRITTEN)
    assert ran.code == 0, ran.err
    assert "301 in = 300 used + 0 excluded + 1 quarantined" in ran.err
    [row] = aside_of(out)
    assert (row["source"], row["row_number"], row["fault"]) == (str(path), 301, "missing_transaction_id")
    assert (row["customer_id"], row["amount"]) == ("Total", "44.850,00")
    assert set(row["faults"].split(",")) >= {"missing_product_id", "missing_date"}
    assert vectors(out)["c299"][0] == 299.5


@pytest.mark.parametrize("command", ["build", "check"])
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--decimal", ";"), "decimal: ';' is not a decimal mark; allowed are '.' and ','"),
        (("--decimal", ""), "decimal: '' is not a decimal mark"),
        (("--encoding", "latn-1"), "encoding: 'latn-1' is not a text encoding; give for example latin-1"),
        (("--encoding", "base64"), "encoding: 'base64' is not a text encoding"),
        (("--encoding", ""), "encoding: '' is not a text encoding"),
        (("--date-format", "%d/%m"), "--date-format: '%d/%m' names no day; give year, month and day"),
        (("--date-format", "DD/MM/YYYY"), "--date-format: 'DD/MM/YYYY' names no day"),
        (("--date-format", ""), "--date-format: '' names no day"),
        (("--date-format", "%d/%m/%Q"), "--date-format: '%d/%m/%Q' holds %Q, which is not one of"),
        (("--date-format", "%d/%m/%Y%"), "--date-format: '%d/%m/%Y%' holds %"),
        (("--date-format", "%d/%m/%Y %y"), "--date-format: '%d/%m/%Y %y' names a part of the date twice"),
    ],
)
def test_wrong_options(options: tuple[str, ...], says: str, command: str, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(EXPORT)
    out = ("--out", tmp_path / "out.csv") if command == "build" else ()
    err = assert_refused(cli(command, path, *out, "--today", TODAY, *options), tmp_path)
    assert says in err


@pytest.mark.parametrize("command", ["build", "check"])
@pytest.mark.parametrize(
    ("body", "options", "says"),
    [
        (EXPORT, (), "fit --date-format %d/%m/%Y"),
        (EXPORT.replace("20/", "10/").replace("21/", "11/"), (), "10 April 2025 (--date-format %d/%m/%Y) or 4 October"),
        (EXPORT, ("--encoding", "ascii"), "cannot be read as ascii: line 2 is not in that encoding"),
        (EXPORT, ("--encoding", "utf-16"), "t.csv: "),
        (csv_text("a,1,2025-04-20,1\r,p", "b,1,2025-04-20,1,p"), (), "line 2 ends otherwise than the lines before"),
    ],
)
def test_what_is_refused(
    body: str, options: tuple[str, ...], says: str, command: str, cli: Cli, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(body.encode())
    out = ("--out", tmp_path / "out.csv") if command == "build" else ()
    err = assert_refused(cli(command, path, *out, "--today", TODAY, *options), tmp_path)
    assert says in err
    assert str(path) in err
    assert "copy.csv" not in err


def test_arithmetic_over_decimal_commas(cli: Cli, tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "f.csv"
    path.write_text("customer_id;order_id;date;price;quantity;sku\na;1;2025-04-21;2,5;3;p\nb;1;2025-04-21;1.00;1;p\n")
    mapping = ("--map", "amount=price*quantity", "--decimal", ",", "--max-faults", "50%")
    ran = cli("build", path, "--out", out, "--today", TODAY, *mapping)
    assert ran.code == 0, ran.err
    assert vectors(out) == {"a": (7.5, 1.0, 7.5, 1.0, 0.0, 3.0)}
    assert "1 unreadable_amount" in ran.err


def test_a_loyalty_file_in_latin_1(cli: Cli, tmp_path: Path) -> None:
    rows, scores, out = tmp_path / "t.csv", tmp_path / "l.csv", tmp_path / "f.csv"
    rows.write_bytes(EXPORT.replace(";loyalty_score", "").replace(";0,25", "").encode("latin-1"))
    scores.write_bytes("customer_id;loyalty_score\nJosé;0,75\n".encode("latin-1"))
    ran = cli("build", rows, "--out", out, "--today", TODAY, "--loyalty", scores, *WRITTEN, "--encoding", "latin-1")
    assert ran.code == 0, ran.err
    assert vectors(out)["José"][4] == 0.75
    assert f"{scores}: is read as latin-1, as asked" in ran.err


def test_mixed_line_ends_of_two_exports_in_one_file(cli: Cli, tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "f.csv"
    lines = [f"c{place % 50:02},{place},2025-04-20,1.5,p" for place in range(5000)]
    path.write_bytes((csv_text(*lines, newline="\r\n") + csv_text(*lines[1:], header=lines[0])).encode())
    ran = cli("build", path, "--out", out, "--today", TODAY)
    assert ran.code == 0, ran.err
    assert "some lines end in CR LF and others in LF" in ran.err
    assert "10,000 in = 10,000 used" in ran.err


def test_mixed_line_ends_in_the_middle_alone(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    lines = [f"c{place % 50:02},{place},2025-04-20,1.5,p" for place in range(9000)]
    lines[4000] += "\r"
    path.write_bytes(csv_text(*lines).encode())
    err = assert_refused(cli("build", path, "--out", tmp_path / "out.csv", "--today", TODAY), tmp_path)
    assert f"{path}: cannot be read: line 4002 ends otherwise than the lines before; make line ends alike" in err


def test_days_in_the_business_timezone(cli: Cli, tmp_path: Path) -> None:
    path, out = tmp_path / "t.csv", tmp_path / "f.csv"
    path.write_text(
        csv_text(
            "instant,1,2025-04-21T02:30:00Z,1,p",
            "offset,1,2025-04-21T02:30:00-03:00,1,p",
            "naive,1,2025-04-21T02:30:00,1,p",
            "day,1,2025-04-21,1,p",
        )
    )
    zone = ("--timezone", "America/Sao_Paulo")
    assert cli("build", path, "--out", out, "--today", TODAY, *zone).code == 0
    assert {name: vector[5] for name, vector in vectors(out).items()} == {
        "instant": 4.0,
        "offset": 3.0,
        "naive": 3.0,
        "day": 3.0,
    }
    assert manifest_of(out)["options"]["timezone"] == "America/Sao_Paulo"
    err = assert_refused(cli("check", path, "--timezone", "America/Sao_Paolo"), tmp_path / "nothing")
    assert "did you mean 'America/Sao_Paulo'" in err


def test_check_tells_of_amounts_and_dates(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text('a,1,2025-04-20,"1,50",p', 'a,2,2025-04-20,"1.234,50",p', *GOOD))
    found = json.loads(cli("check", path, "--today", TODAY, "--json").out)
    [fault] = found["faults"]
    assert "--decimal and --thousands" in fault["mend"]
    assert ["--decimal ," in example["message"] for example in fault["examples"]] == [True, True]
