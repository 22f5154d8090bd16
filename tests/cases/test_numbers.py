"""Cases of numbers and money in text, and of what is said of faults, through every door."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

import customer_features
from customer_features.errors import CustomerFeaturesError
from customer_features.query.text_numbers import Marks, number_of_text
from tests.conftest import TODAY, Cli

from .value_doors import HERE, HTTP, Door, Some

SERVERS = ["postgres", "clickhouse", pytest.param("spark", marks=pytest.mark.slow)]
"""Engines elsewhere, which read numbers in text with a decimal point alone."""
ENGINES = ["pyarrow", *SERVERS]
READERS = [*HERE, *HTTP]
"""Doors that take the options of text."""


def through(*names: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("door", names, indirect=True)


def amounts(*texts: str | None, **more: Sequence[str | None]) -> pa.Table:
    """A customer a, whose rows have these amounts."""
    count = len(texts)
    columns = {
        "customer_id": ["a"] * count,
        "transaction_id": [str(place) for place in range(count)],
        "date": ["2025-04-01"] * count,
        "amount": list(texts),
        "product_id": ["p"] * count,
        **more,
    }
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


# -- N1, N2: what has two readings is refused with both -------------------------------------------------

TWO = {"1.250": ("1.250", "1250"), "1,250": ("1250", "1.250")}
"""Texts with two readings: with a decimal point, and with a decimal comma."""


@through(*READERS, *SERVERS)
def test_n1_n2_both_readings_are_shown(door: Door) -> None:
    for text, (of_point, of_comma) in TWO.items():
        mark = text[1]
        for others in (["12" + mark + "500", "80"], ["80", None], ["-7" + mark + "125"], ["$9" + mark + "000"]):
            with pytest.raises(CustomerFeaturesError) as caught:
                door(amounts(text, *others), {})
            said = str(caught.value).replace("decimal=", "--decimal ")
            shown = re.search(r"could be ([\d.]+) \(--decimal [.]\) or ([\d.]+) \(--decimal ,\)", said)
            assert shown is not None, said
            assert {shown[1], shown[2]} & {of_point, of_comma, "12.500", "12500", "7.125", "9.000"}


@through(*READERS)
def test_n1_n2_the_option_decides(door: Door) -> None:
    assert door(amounts("1.250", "12.500", "80"), {}, decimal=",") == ({"a": 13830.0}, {})
    assert door(amounts("1.250", "12.500", "80"), {}, decimal=".") == ({"a": 93.75}, {})
    assert door(amounts("1,250", "12,500", "80"), {}, decimal=".") == ({"a": 13830.0}, {})
    assert door(amounts("1,250", "12,500", "80"), {}, decimal=",") == ({"a": 93.75}, {})
    assert door(amounts("1.250", "80"), {}, thousands=".") == ({"a": 1330.0}, {})
    assert door(amounts("1,250", "80"), {}, thousands=",") == ({"a": 1330.0}, {})


@through(*READERS, *SERVERS)
def test_n1_another_row_that_has_one_reading_decides(door: Door) -> None:
    assert door(amounts("1,250", "12.50"), {}) == ({"a": 1262.5}, {})
    assert door(amounts("1.250", "0.5"), {}) == ({"a": 1.75}, {})
    assert door(amounts("1,250", "1,250,000"), {}) == ({"a": 1251250.0}, {})


@through("csv", *ENGINES)
def test_n1_one_that_only_a_comma_explains_is_shown(door: Door) -> None:
    with pytest.raises(CustomerFeaturesError, match=r"'12,50' stands in the same column, which only a decimal comma"):
        door(amounts("1.250", "12,50"), {})


@through("pyarrow", "csv")
def test_n1_far_down_a_column(door: Door) -> None:
    whole = [str(number) for number in range(1, 3000)]
    with pytest.raises(CustomerFeaturesError, match=r"'1\.250'.*could be 1\.250 .* or 1250"):
        door(amounts(*whole, "1.250"), {})
    assert door(amounts(*whole, "1.250", "0.75"), {}) == ({"a": sum(range(1, 3000)) + 2.0}, {})


@through("csv", *ENGINES)
def test_n1_in_a_column_that_is_computed_with(door: Door) -> None:
    with pytest.raises(CustomerFeaturesError, match=r"could be 1\.250 .* or 1250"):
        door(amounts("1", "2", price=["1.250", "80"]), {"amount": "price * amount"})


@pytest.mark.parametrize("text", TWO)
def test_n1_numbers_that_are_no_text_have_one_reading(text: str, tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "rows.ndjson"
    path.write_text('{"customer_id":"a","transaction_id":"1","date":"2025-04-01","amount":1.250,"product_id":"p"}\n')
    frame = amounts("1").drop_columns(["amount"]).append_column("amount", pa.array([1.250]))
    assert customer_features.build(frame, today=TODAY)["purchase_total"].to_pylist() == [1.25]
    assert cli("build", path, "--out", tmp_path / "f.csv", "--today", TODAY).code == 0


# -- N3: money in text, and nothing cut out of it -------------------------------------------------------

POINT = {
    "(12.50)": -12.5,
    "12.50-": -12.5,
    "\u221212.50": -12.5,
    "($4.50)": -4.5,
    "-$4.50": -4.5,
    "$1,234.56": 1234.56,
    "'1234.56": 1234.56,
    "1\u00a0234.56": 1234.56,
    "1'234.56": 1234.56,
    " 12.50 ": 12.5,
    "USD 12.50": 12.5,
    "12.50 USD": 12.5,
    "12,34,567.89": 1234567.89,
}
COMMA = {
    "(12,50)": -12.5,
    "12,50-": -12.5,
    "\u221212,50": -12.5,
    "R$ 1.234,56": 1234.56,
    "1.234,56 \u20ac": 1234.56,
    "1\u202f234,56": 1234.56,
    "EUR 12,50": 12.5,
}


@through("csv", *ENGINES)
def test_n3_money_with_a_decimal_point(door: Door, some: Some) -> None:
    for text, right in some(POINT.items()):
        found, faults = door(amounts("2000000.00", text), {}, returns="net")
        assert (round(found["a"] - 2000000, 2), faults) == (right, {}), text


@through("csv", "http csv", "pyarrow")
def test_n3_money_with_a_decimal_comma(door: Door) -> None:
    for text, right in COMMA.items():
        found = door(amounts("2000000,00", text), {}, returns="net", decimal=",")
        assert found == ({"a": 2000000.0 + right}, {}), text


@through("csv", "http csv", *ENGINES)
def test_n3_what_is_below_zero_is_no_purchase(door: Door, some: Some) -> None:
    for text in some(["(12.50)", "12.50-", "\u221212.50", "($4.50)"]):
        _, faults = door(amounts("20.00", text), {})
        assert faults == {"negative_amount": 1}, text


NO_NUMBERS = ("12.50.10", "1,2,3", "12.50 or 13", "--5", "(5", "5)", "1_000", "12.5O", "1e3x", "12 50 kg", "ten")


@through("csv", "http csv", *ENGINES)
def test_n3_what_is_no_number_is_said(door: Door, some: Some) -> None:
    for text in some(NO_NUMBERS):
        _, faults = door(amounts("20.00", text), {})
        assert faults == {"unreadable_amount": 1}, text


@through(*READERS, *SERVERS)
def test_n3_several_currencies_are_refused(door: Door) -> None:
    with pytest.raises(CustomerFeaturesError, match="several currencies"):
        door(amounts("$12.00", "\u20ac80.00"), {})


def test_n3_the_currency_is_said(tmp_path: Path, cli: Cli) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("customer_id,order_id,date,amount,sku\na,1,2025-04-01,$12.00,p\na,2,2025-04-01,7.00,p\n")
    ran = cli("build", path, "--out", tmp_path / "f.csv", "--today", TODAY)
    assert ran.code == 0
    assert "'$' beside the amounts is read as their currency" in ran.err


def test_n3_the_docs_have_no_recipe_that_cuts_signs_out() -> None:
    for page in (Path(__file__).parents[2] / "docs").rglob("*.md"):
        assert not re.search(r"regexp_replace\([^)]*\[\^0-9", page.read_text()), page


def test_n3_the_table_of_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "csv.md").read_text("utf-8")
    table = page[page.index("| Text | With a decimal point |") :].partition("\n\n")[0].splitlines()[2:]
    texts = 0
    with duckdb.connect() as connection:
        for line in table:
            shown, *expected = (cell.strip() for cell in line.strip("|").split(" | "))
            for text in re.findall("`([^`]+)`", shown):
                for mark, said in zip((".", ","), expected, strict=True):
                    right = None if said == "unreadable" else float(said.partition(",")[0])
                    sql = f"SELECT {number_of_text('t', Marks(mark))} FROM (SELECT $1 AS t)"
                    assert connection.execute(sql, [text]).fetchall() == [(right,)], (text, mark)
                texts += 1
    assert texts > 25


# -- N4: thousands stand on large amounts alone ---------------------------------------------------------

SMALL = [f"s{number},{number},2025-04-01,10.00,p" for number in range(300)]
HEADER = "customer_id,order_id,date,amount,sku"


def written(folder: Path, *lines: str) -> Path:
    path = folder / "rows.csv"
    path.write_text("\n".join([HEADER, *SMALL, *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    ("lines", "total"),
    [
        (('big,b1,2025-04-01,"12,500.00",p', "big,b1,2025-04-01,4.50,q"), 12504.5),
        (('big,b1,2025-04-01,"12,500.00",p',), 12500.0),
    ],
)
def test_n4_they_are_read(lines: tuple[str, ...], total: float, tmp_path: Path, cli: Cli) -> None:
    out = tmp_path / "f.parquet"
    assert cli("build", written(tmp_path, *lines), "--out", out, "--today", TODAY, "--grain", "line").code == 0
    found = dict(duckdb.execute(f"SELECT customer_id, purchase_total FROM '{out}'").fetchall())
    assert found["big"] == total
    assert len(found) == 301


@through(*HERE, *HTTP, *SERVERS)
def test_n4_through_every_door(door: Door) -> None:
    assert door(amounts("12,500.00", "4.50"), {}) == ({"a": 12504.5}, {})


def test_n4_a_customer_who_lost_a_row_is_counted(tmp_path: Path, cli: Cli) -> None:
    path = written(tmp_path, "big,b1,2025-04-01,12.500.00,p", "big,b1,2025-04-01,4.50,q")
    out = tmp_path / "f.parquet"
    ran = cli("build", path, "--out", out, "--today", TODAY, "--grain", "line")
    assert ran.code == 0
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    assert manifest["customers_incomplete"] == 1
    assert re.search(r"1 .*incomplete|lost", ran.err)
    again = cli("build", path, "--out", out, "--today", TODAY, "--grain", "line", "--incomplete", "quarantine")
    assert again.code == 0
    found = dict(duckdb.execute(f"SELECT customer_id, purchase_total FROM '{out}'").fetchall())
    assert "big" not in found
    assert len(found) == 300
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    assert manifest["customers_incomplete"] == 0
    assert manifest["rows"]["quarantined"] == 2
    assert manifest["rows"]["in"] == manifest["rows"]["used"] + 2


def test_n4_in_python() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["a", "a", "b"], "transaction_id": ["1", "2", "3"], "date": ["2025-04-01"] * 3}
        | {"amount": ["12.500.00", "4.50", "1.00"], "product_id": ["p"] * 3}
    )
    given: dict[str, Any] = {"today": TODAY, "on_fault": "quarantine", "max_faults": 1}
    with pytest.warns(customer_features.FaultsQuarantined, match="1 .*customer"):
        kept = customer_features.build(frame, **given)
    assert dict(zip(kept.customer_id, kept.purchase_total, strict=True)) == {"a": 4.5, "b": 1.0}
    with pytest.warns(customer_features.FaultsQuarantined):
        whole = customer_features.build(frame, **given, incomplete="quarantine")
    assert dict(zip(whole.customer_id, whole.purchase_total, strict=True)) == {"b": 1.0}


# -- D8: ids that are whole numbers written as floats ---------------------------------------------------


@through(*HERE, *HTTP, *SERVERS)
def test_d8_whole_numbers_written_as_floats(door: Door) -> None:
    table = amounts("1.00", "2.00", customer_id=["13047.0", "17850.0"])
    assert door(table, {}) == ({"13047": 1.0, "17850": 2.0}, {})
    table = amounts(
        "1.00", "2.00", customer_id=["13047.0", "17850"], transaction_id=["7", "7.0"], product_id=["7.0", "A"]
    )
    assert door(table, {}) == ({"13047": 1.0, "17850": 2.0}, {})
    # An id that is none keeps the whole column as it is written.
    table = amounts("1.00", "2.00", customer_id=["13047.0", "C-1"])
    assert door(table, {}) == ({"13047.0": 1.0, "C-1": 2.0}, {})


def test_d8_two_exports_that_differ(tmp_path: Path, cli: Cli) -> None:
    first, second, out = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "f.parquet"
    first.write_text(f"{HEADER}\n13047,1,2025-04-01,1.00,p\n")
    second.write_text(f"{HEADER}\n13047.0,2,2025-04-02,2.00,p\n")
    ran = cli("build", first, second, "--out", out, "--today", TODAY)
    assert ran.code == 0
    assert duckdb.execute(f"SELECT customer_id, purchase_total FROM '{out}'").fetchall() == [("13047", 3.0)]
    assert "whole numbers that are written as 17850.0 are read as 17850" in ran.err


# -- options --------------------------------------------------------------------------------------------


@through(*HERE, *HTTP)
def test_thousands(door: Door) -> None:
    assert door(amounts("1 250.50", "7.00"), {}, thousands=" ") == ({"a": 1257.5}, {})
    assert door(amounts("1'250.50", "7.00"), {}, thousands="'") == ({"a": 1257.5}, {})
    assert door(amounts("1.250,50", "7,00"), {}, thousands=".") == ({"a": 1257.5}, {})
    # The mark that is named is the only one.
    assert door(amounts("1,250.50", "7.00"), {}, thousands="'")[1] == {"unreadable_amount": 1}
    for wrong, given in (("x", {}), (".", {"decimal": "."}), (",", {"decimal": ","})):
        with pytest.raises(CustomerFeaturesError, match=r"is not a mark between thousands|is the decimal mark already"):
            door(amounts("7.00"), {}, thousands=wrong, **given)


@through(*HERE, *HTTP)
def test_null(door: Door) -> None:
    table = amounts("1.00", "n/a", "3.00", customer_id=["NULL", "b", "c"])
    _, faults = door(table, {}, null=["NULL", "n/a"])
    assert faults == {"missing_customer_id": 1, "missing_amount": 1}
    # Without it they stay what they are.
    assert door(amounts("1.00", "3.00", customer_id=["NULL", "c"]), {}) == ({"NULL": 1.0, "c": 3.0}, {})


@through("csv", "pyarrow")
def test_null_in_an_expression(door: Door) -> None:
    table = amounts("1.00", "2.00", discount=["n/a", "0.50"])
    assert door(table, {"amount": "amount - coalesce(discount, 0)"}, null=["n/a"]) == ({"a": 2.5}, {})


def test_tolerate(tmp_path: Path, cli: Cli) -> None:
    guests = [f",g{number},2025-04-01,1.00,p" for number in range(100)]
    path, out = written(tmp_path, *guests, "c,c1,2025-04-01,1.00,p"), tmp_path / "f.parquet"
    command = ("build", path, "--out", out, "--today", TODAY)
    assert cli(*command).code == 1
    assert cli(*command, "--tolerate", "missing_customer_id=40%").code == 0
    assert cli(*command, "--tolerate", "missing_customer_id=any").code == 0
    refused = cli(*command, "--tolerate", "missing_customer_id=20%")
    assert refused.code == 1
    assert "allowed by tolerate" in refused.err
    # The other faults are bounded by --max-faults still.
    path = written(tmp_path, *guests, *(f"d,d{number},2025-04-01,x,p" for number in range(5)))
    assert cli(*command, "--tolerate", "missing_customer_id=40%").code == 1
    assert cli(*command, "--tolerate", "missing_customer_id=40%", "--max-faults", "2%").code == 0
    for wrong in ("missing_customer=40%", "missing_customer_id", "missing_customer_id=140%", "duplicate_customer=1%"):
        assert cli(*command, "--tolerate", wrong).code == 2
    assert cli(*command, "--tolerate", "missing_customer_id=40%", "--on-fault", "fail").code == 2


def test_tolerate_in_python() -> None:
    frame = amounts("1.00", "2.00", "3.00", customer_id=[None, "b", "c"])
    given: dict[str, Any] = {"today": TODAY, "on_fault": "quarantine"}
    with pytest.raises(customer_features.DataFaults):
        customer_features.build(frame, **given)
    for share in (0.4, "40%", "any"):
        with pytest.warns(customer_features.FaultsQuarantined):
            found = customer_features.build(frame, **given, tolerate={"missing_customer_id": share})
        assert found["customer_id"].to_pylist() == ["b", "c"]
