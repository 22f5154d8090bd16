"""Numbers of JSON beside numbers in text: they have a decimal point, whatever mark the texts have."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TODAY, Cli, Ran

CSV = "customer_id;order_id;date;amount;sku\na;1;2025-04-01;10,50;p\n"


def row(customer: str, **more: Any) -> dict[str, Any]:
    return {"customer_id": customer, "order_id": customer, "date": "2025-04-01", "sku": "p", **more}


def document(amount: Any) -> str:
    bought = {"transaction_id": "T", "date": "2025-04-01", "amount": amount, "product_id": "P"}
    return json.dumps({"customers": [{"customer_id": "c", "transactions": [bought]}]})


def built(cli: Cli, folder: Path, files: dict[str, str], *words: str) -> Ran | dict[str, str]:
    """The totals as they are written, or the run that was refused."""
    for name, text in files.items():
        (folder / name).write_text(text)
    ran = cli("build", *(folder / name for name in files), "--out", folder / "out.csv", "--today", TODAY, *words)
    if ran.code:
        return ran
    with (folder / "out.csv").open(newline="") as file:
        return {line["customer_id"]: line["purchase_total"] for line in csv.DictReader(file)}


def lines(*rows: dict[str, Any]) -> str:
    return "".join(f"{json.dumps(one)}\n" for one in rows)


@pytest.mark.parametrize("words", [[], ["--decimal", "."], ["--decimal", ","]])
def test_a_number_of_json_has_a_decimal_point(words: list[str], cli: Cli, tmp_path: Path) -> None:
    assert built(cli, tmp_path, {"a.ndjson": lines(row("a", amount=12.345))}, *words) == {"a": "12.35"}
    assert built(cli, tmp_path, {"a.json": json.dumps([row("a", amount=12.345)])}, *words) == {"a": "12.35"}
    assert built(cli, tmp_path, {"a.json": document(12.345)}, *words) == {"c": "12.35"}
    whole = lines(row("a", amount=1), row("b", amount=1), row("c", amount=1.005))
    assert built(cli, tmp_path, {"a.ndjson": whole}, *words) == {"a": "1.0", "b": "1.0", "c": "1.01"}


def test_beside_a_file_with_decimal_commas(cli: Cli, tmp_path: Path) -> None:
    files = {"a.csv": CSV, "b.ndjson": lines(row("b", amount=12.345)), "c.json": document(1.250)}
    assert built(cli, tmp_path, files, "--decimal", ",") == {"a": "10.5", "b": "12.35", "c": "1.25"}


def test_texts_beside_numbers_are_in_doubt_by_themselves(cli: Cli, tmp_path: Path) -> None:
    files = {"a.ndjson": lines(row("a", amount=12.345), row("b", amount="1,250"))}
    refused = built(cli, tmp_path, files)
    assert isinstance(refused, Ran)
    assert "'amount' holds '1,250', which could be 1250 (--decimal .) or 1.250 (--decimal ,)" in refused.err
    assert built(cli, tmp_path, files, "--decimal", ",") == {"a": "12.35", "b": "1.25"}
    assert built(cli, tmp_path, files, "--decimal", ".") == {"a": "12.35", "b": "1250.0"}
    refused = built(cli, tmp_path, {"a.json": document("1,250")})
    assert isinstance(refused, Ran)
    assert "'1,250', which could be" in refused.err


def test_numbers_inside_objects_and_expressions(cli: Cli, tmp_path: Path) -> None:
    files = {"a.ndjson": lines(row("a", total={"net": 12.345}, q=2), row("b", total={"net": "1,5"}, q=1.5))}
    comma = ("--decimal", ",")
    assert built(cli, tmp_path, files, "--map", "amount=total.net", *comma) == {"a": "12.35", "b": "1.5"}
    assert built(cli, tmp_path, files, "--map", "amount=total.net * q", *comma) == {"a": "24.69", "b": "2.25"}
    words = ("--map", "amount=total.net", "--map", "product_id=CASE WHEN q > 1.6 THEN sku ELSE 'x' END", *comma)
    assert built(cli, tmp_path, files, *words) == {"a": "12.35", "b": "1.5"}
    chosen = "amount=CASE WHEN q > 1.6 THEN 1 ELSE 2 END"
    assert built(cli, tmp_path, files, "--map", chosen, *comma) == {"a": "1.0", "b": "2.0"}


def test_scores_of_json_have_a_decimal_point(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "scores.ndjson").write_text('{"customer_id": "a", "loyalty_score": 0.125}\n')
    words = ("--decimal", ",", "--loyalty", str(tmp_path / "scores.ndjson"))
    assert built(cli, tmp_path, {"a.csv": CSV}, *words) == {"a": "10.5"}
    assert ",0.125," in (tmp_path / "out.csv").read_text()


def test_each_file_is_in_doubt_by_itself(cli: Cli, tmp_path: Path) -> None:
    header = "customer_id,order_id,date,amount,sku\n"
    certain = header + "".join(f"c{place},{place},2025-04-01,1{place}.50,p\n" for place in range(5))
    doubtful = f"{header}x,91,2025-04-02,1.250,p\n"
    refused = built(cli, tmp_path, {"a.csv": certain, "b.csv": doubtful})
    assert isinstance(refused, Ran)
    assert "b.csv: 'amount' holds '1.250', which could be 1.250 (--decimal .) or 1250 (--decimal ,)" in refused.err
    found = built(cli, tmp_path, {"a.csv": certain, "b.csv": doubtful}, "--decimal", ".")
    assert isinstance(found, dict)
    assert found["x"] == "1.25"


def test_no_hint_where_it_would_change_what_is_read(cli: Cli, tmp_path: Path) -> None:
    text = 'customer_id,order_id,date,amount,sku\na,1,2025-04-01,"1,250",p\nb,2,2025-04-01,"12,5",p\n'
    refused = built(cli, tmp_path, {"a.csv": text}, "--thousands", ",")
    assert isinstance(refused, Ran)
    assert "amount '12,5' cannot be read" in refused.err
    assert "--decimal" not in refused.err


def test_currencies_are_of_all_sources(cli: Cli, tmp_path: Path) -> None:
    comma = "customer_id,order_id,date,amount,sku\na,1,2025-04-01,$5,p\n"
    refused = built(cli, tmp_path, {"a.csv": comma, "b.csv": CSV.replace("10,50", "\u20ac7")})
    assert isinstance(refused, Ran)
    assert f"{tmp_path / 'a.csv'}, {tmp_path / 'b.csv'}: 'amount' holds amounts in several currencies" in refused.err


def test_a_dry_run_states_the_decimal_mark(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.replace("10,50", "10.50"))
    ran = cli("build", tmp_path / "a.csv", "--out", tmp_path / "out.csv", "--today", TODAY, "--dry-run")
    assert "text, with the decimal mark ." in ran.out


LONG = {"a": "12345678901234567.0", "b": "12345678901234568.0", "c": "9007199254740993.0", "d": "1.2345678901234567891"}
"""Ids that the reader gives as the doubles next to them."""


def of_ids(*ids: str) -> str:
    return "".join(
        f'{{"customer_id":{one},"c":{{"id":{one}}},"order_id":"{place}","date":"2025-04-01","amount":1,"sku":"p"}}\n'
        for place, one in enumerate(ids)
    )


@pytest.mark.parametrize("words", [[], ["--map", "customer_id=c.id"], ["--map", "customer_id=customer_id || ''"]])
def test_ids_that_the_reader_rounds_are_faults(words: list[str], cli: Cli, tmp_path: Path) -> None:
    files = {"a.ndjson": of_ids(*LONG.values(), "17850.0", "7")}
    assert built(cli, tmp_path, files, *words, "--max-faults", "1") in (
        {"17850": "1.0", "7": "1.0"},
        {"17850.0": "1.0", "7": "1.0"},
    )
    aside = (tmp_path / "out.csv.quarantine.csv").read_text()
    assert aside.count(",unreadable_id,unreadable_id,") == len(LONG)


@pytest.mark.parametrize(
    "ids",
    [
        ["12345678901234567", "12345678901234568", "18446744073709551618", "18446744073709551619"],
        ["12345678901234567", "12345678901234568", '"12345678901234567.5"', '"1e2020202020202020"'],
        ["12345678901234567890123", "12345678901234567890124", '"12345678901234567.5"'],
    ],
)
def test_ids_of_many_digits_are_kept(ids: list[str], cli: Cli, tmp_path: Path) -> None:
    found = built(cli, tmp_path, {"a.ndjson": of_ids(*ids)})
    assert found == {one.strip('"'): "1.0" for one in ids}
