"""CSV as it is found: headers, what stands above and below them, line ends, and amounts in other people's writing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TODAY, Cli, aside_of, assert_refused, csv_text

from .test_build import GOOD, vectors

HEADER = "customer_id,order_id,date,amount,sku"
WHOLE = csv_text(*GOOD, header=HEADER)
EXPECTED = {"a": (1.5, 1.0, 1.5, 1.0, 0.0, 4.0), "b": (2.5, 1.0, 2.5, 1.0, 0.0, 3.0)}


def semicolons(text: str) -> str:
    return text.replace(",", ";")


def write(folder: Path, body: str | bytes) -> Path:
    path = folder / "t.csv"
    path.write_bytes(body.encode() if isinstance(body, str) else body)
    return path


def quarantine(out: Path) -> list[dict[str, Any]]:
    return aside_of(out)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (semicolons(WHOLE), "t.csv: fields are separated by semicolons"),
        (WHOLE.replace(",", "\t"), "t.csv: fields are separated by tabs"),
        (WHOLE.replace(",", "|"), "t.csv: fields are separated by bars"),
        (WHOLE.replace("\n", "\r"), ""),
        (WHOLE.replace("\n", "\r\n").removesuffix("\r\n"), ""),
        (WHOLE.encode("utf-16-le").join([b"\xff\xfe", b""]), "is read as utf-16, as its byte order mark says"),
        (WHOLE.encode("utf-16-be").join([b"\xfe\xff", b""]), "is read as utf-16, as its byte order mark says"),
        (b"\xef\xbb\xbf" + WHOLE.replace(HEADER, '"customer_id","order_id","date","amount","sku"').encode(), "mark"),
        (WHOLE.replace(HEADER, HEADER.upper()), "customer_id = CUSTOMER_ID"),
        (WHOLE.replace(HEADER, " Customer ID , Order-No , Order Date,Total Amount,Product Code "), "Order-No"),
        # An empty last column in the header, in the rows, or in both.
        (WHOLE.replace(HEADER, f"{HEADER},"), ""),
        (WHOLE.replace("\n", ",\n").replace(f"{HEADER},", HEADER), ""),
        (WHOLE.replace("\n", ",\n"), ""),
        # Empty lines, above the header too.
        (f"\n \r\n\n{WHOLE}".replace(GOOD[0], f"{GOOD[0]}\n\n"), "begins with empty lines, which are left out"),
        # Excel's directive, alone, quoted, after a mark, in UTF-16, padded by whoever saved it as CSV again.
        (f"sep=;\r\n{semicolons(WHOLE)}", "(sep=) says that fields are separated by semicolons, and is left out"),
        (f'"sep=;"\n{semicolons(WHOLE)}', "(sep=) says that fields are separated by semicolons"),
        (f"SEP=,\n{WHOLE}", "(sep=) says that fields are separated by commas"),
        (f"sep=^\n{WHOLE.replace(',', '^')}", "(sep=) says that fields are separated by '^'"),
        (f"sep=;;;;\n\n{semicolons(WHOLE)}", "(sep=) says that fields are separated by semicolons"),
        (b"\xef\xbb\xbfsep=,\n" + WHOLE.encode(), "(sep=) says that fields are separated by commas"),
        (("sep=\t\r\n" + WHOLE.replace(",", "\t")).encode("utf-16"), "(sep=) says that fields are separated by tabs"),
    ],
)
def test_the_same_table(body: str | bytes, said: str, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "f.csv"
    ran = cli("build", write(tmp_path, body), "--out", out, "--today", TODAY)
    assert ran.code == 0, ran.err
    assert said in ran.err
    assert vectors(out) == EXPECTED


@pytest.mark.parametrize("above", ["", "sep=,\n", "\n\n", "\nsep=,\n\n"])
def test_row_numbers_do_not_count_what_stands_above_the_header(above: str, cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, above + csv_text(GOOD[0], "c,3,x,1,p", '"open,1,2025-04-20,1,p', header=HEADER))
    found = json.loads(cli("check", path, "--today", TODAY, "--json").out)
    assert {fault["fault"]: fault["examples"][0]["row_number"] for fault in found["faults"]} == {
        "unreadable_date": 2,
        "unreadable_row": 3,
    }


def test_a_quoted_line_end_belongs_to_its_field(cli: Cli, tmp_path: Path) -> None:
    path, out = write(tmp_path, f'{HEADER}\n"a\nb",1,2025-04-20,1.5,"p\r\nq"\nc,2,x,1,p\n'), tmp_path / "f.parquet"
    ran = cli("build", path, "--out", out, "--today", TODAY, "--max-faults", "50%")
    assert ran.code == 0, ran.err
    assert list(vectors(out)) == ["a\nb"]
    assert [row["row_number"] for row in quarantine(out)] == [2]


@pytest.mark.parametrize(("size", "kept"), [(10_000_000, True), (17_000_000, False)])
def test_long_fields(size: int, kept: bool, cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, csv_text(*GOOD, f'c,3,2025-04-20,1.5,"{"x" * size}"', GOOD[0], header=HEADER))
    out = tmp_path / "f.parquet"
    ran = cli("build", path, "--out", out, "--today", TODAY, "--max-faults", "50%")
    assert ran.code == 0, ran.err
    assert list(vectors(out)) == (["a", "b", "c"] if kept else ["a", "b"])
    assert "4 in = " in ran.err
    if not kept:
        [row] = quarantine(out)
        assert (row["row_number"], row["fault"]) == (3, "unreadable_row")
        assert "the line is longer than 16 MiB: " in row["message"]


# Amounts as exports write them, with what they are read as; None: no number.
AMOUNTS = {
    "1,234.56": 1234.56,
    "1 234.56": 1234.56,
    "1\u00a0234.56": 1234.56,
    "1\u202f234.50": 1234.5,
    "1'234.50": 1234.5,
    "1’234.50": 1234.5,
    "1,234,567": 1234567.0,
    "€1.50": 1.5,
    "1.50 €": 1.5,
    "€1,234.56": 1234.56,
    "(12.50)": -12.5,
    "12.50-": -12.5,
    "\u221212.50": -12.5,
    "1.234,56": None,
    "12.50%": None,
    "n/a": None,
    "-": None,
}


@pytest.mark.parametrize("mark", [".", ","])
def test_amounts_in_other_writings(mark: str, cli: Cli, tmp_path: Path) -> None:
    swapped = str.maketrans(",.", ".,") if mark == "," else {}
    texts = {text.translate(swapped): value for text, value in AMOUNTS.items()}
    rows = (f"c{place};{place};2025-04-20;{amount};p" for place, amount in enumerate(texts))
    path, out = write(tmp_path, csv_text(*rows, header=semicolons(HEADER))), tmp_path / "f.csv"
    words = ("--max-faults", "100%", "--decimal", mark, "--returns", "net")
    bought = {f"c{place}": value for place, value in enumerate(texts.values()) if value is not None and value >= 0}
    ran = cli("build", path, "--out", out, "--today", TODAY, *words)
    assert ran.code == 0, ran.err
    assert {customer: vector[0] for customer, vector in vectors(out).items()} == bought
    found = {row["amount"]: row["fault"] for row in quarantine(out)}
    assert found == {
        text: "unreadable_amount" if value is None else "only_returns"
        for text, value in texts.items()
        if value is None or value < 0
    }
    assert "'€' beside the amounts is read as their currency" in ran.err


@pytest.mark.parametrize(
    ("last", "fault", "totals"),
    [
        ("Total;;;44.850,00;", "missing_transaction_id", True),
        ("Grand Total;;;44.850,00;", "missing_transaction_id", True),
        ("GESAMTSUMME;;;1;", "missing_transaction_id", True),
        (";;Total;1;", "missing_customer_id", True),
        (";;;44.850,00;Totals", "missing_customer_id", True),
        ("Total: 200 rows", "unreadable_row", False),
        (";;;44.850,00;", "missing_customer_id", False),
        ("Total Wine;;2025-04-20;1;p", "missing_transaction_id", False),  # one field is missing of a customer's row
    ],
)
def test_a_totals_row_at_the_end(last: str, fault: str, totals: bool, cli: Cli, tmp_path: Path) -> None:
    rows = [f"c{place};{place};2025-04-20;{place},50;p" for place in range(200)]
    path, out = write(tmp_path, csv_text(*rows, last, header=semicolons(HEADER))), tmp_path / "f.parquet"
    ran = cli("build", path, "--out", out, "--today", TODAY, "--decimal", ",")
    assert ran.code == 0, ran.err
    assert "201 in = 200 used + 0 excluded + 1 quarantined" in ran.err
    [row] = quarantine(out)
    assert (row["row_number"], row["fault"]) == (201, fault)
    assert ("it looks like a totals row, which is no purchase" in row["message"]) is totals


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            f"Sales report April\n\n{WHOLE}",
            "its first line, 'Sales report April', is no header; one seems to stand below",
        ),
        (f"Report 2025\n{semicolons(WHOLE)}", "with 5 columns (customer_id, order_id, date, ...)"),
        (HEADER, "no rows, only a header"),
        (f"{HEADER}\n", "no rows, only a header"),
        (f"{HEADER}\n\n\n", "no rows, only a header"),
        ("\n\n\n", "holds no columns"),
        (WHOLE.encode("utf-16-le"), "looks like UTF-16 without a byte order mark; say --encoding utf-16-le"),
        (WHOLE.encode("utf-16-be"), "looks like UTF-16 without a byte order mark; say --encoding utf-16-be"),
        (b"PK\x03\x04" + bytes(range(256)) * 9, "is a spreadsheet or a zip archive; save its table as CSV"),
        (
            "cliente_id;pedido_id;data;valor;produto\na;1;2025-04-20;1.50;p\n",
            "did you mean 'cliente_id' for customer_id?\n  did you mean 'pedido_id' for transaction_id?",
        ),
    ],
)
def test_what_is_refused(body: str | bytes, says: str, cli: Cli, tmp_path: Path) -> None:
    ran = cli("build", write(tmp_path, body), "--out", tmp_path / "out.csv", "--today", TODAY)
    assert says in assert_refused(ran, tmp_path)


def test_a_nul_byte_is_shown_and_does_not_reach_the_terminal(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, csv_text(*GOOD, "c,3,2025-04-20,1\0,p", "c,4,\x1b[2J,1,p", header=HEADER))
    ran = cli("check", path, "--today", TODAY)
    assert ran.code == 1
    assert "row 3: amount '1\\x00' cannot be read" in ran.out
    assert "row 4: date '\\x1b[2J' cannot be read" in ran.out
    refused = cli("build", path, "--out", tmp_path / "f.csv", "--today", TODAY)
    assert refused.code == 1
    assert not {"\0", "\x1b"} & set(ran.out + refused.err)


def test_what_was_recognised_is_said_where_the_data_are_refused(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path, WHOLE.replace("amount", "Total").replace("1.5", "1,50").replace(",1,50", ',"1,50"'))
    ran = cli("build", path, "--out", tmp_path / "out.csv", "--today", TODAY)
    assert ran.code == 1
    assert "amount = Total" in ran.err.split("Error: ")[0]


def test_a_copy_that_has_no_room(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("customer_features.sources.csv.to_utf8", full)
    path = write(tmp_path, WHOLE.encode("utf-16"))
    ran = cli("build", path, "--out", tmp_path / "out.csv", "--spill-dir", tmp_path)
    err = assert_refused(ran, tmp_path)
    assert f"a copy of it, which is needed to read it, cannot be kept in {tmp_path}: No space left on device" in err
    assert "--spill-dir" in err
