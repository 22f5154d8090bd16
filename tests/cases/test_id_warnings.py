"""Ids that look alike, ids that look like none, ids of orders taken for customers, scores and points of nobody."""

from __future__ import annotations

import json
import re
import shlex
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

import customer_features
from customer_features.errors import Suspicious
from tests.conftest import Cli

TODAY = "2025-04-24"
HEADER = "Email,order_id,date,amount,sku"


def built(cli: Cli, folder: Path, text: str, *options: object) -> tuple[dict[str, Any], str, dict[str, float]]:
    """The manifest's warnings by name, what was said, and the totals."""
    source, out = folder / "rows.csv", folder / "features.csv"
    source.write_text(text, encoding="utf-8")
    ran = cli("build", source, "--out", out, "--today", TODAY, "--grain", "line", *options)
    assert ran.code == 0, ran.err
    manifest = json.loads(Path(f"{out}.manifest.json").read_text())
    totals = pd.read_csv(out, keep_default_na=False, dtype={"customer_id": str})
    found = {warning["name"]: warning for warning in manifest["warnings"]}
    for warning in found.values():
        assert f"Warning:    {warning['name']}: {warning['message']}" in ran.err
    return found, ran.err, dict(zip(totals["customer_id"], totals["purchase_total"], strict=True))


def mapped(message: str) -> list[str]:
    """The option that a message tells to give."""
    found = re.search(r"""--map ((?:'[^']*'|"[^"]*"|[^\s'"])+)""", message)
    assert found, message
    return ["--map", *shlex.split(found[1])]


EMAIL = ("--map", "customer_id=Email")
NEAR: list[tuple[str, list[str], str, dict[str, float]]] = [
    ("case", ["a@x.de", "A@x.de"], 'customer_id=lower("Email")', {"a@x.de": 2.0}),
    ("blanks", ["a@x.de", " a@x.de"], 'customer_id=trim("Email")', {"a@x.de": 2.0}),
    ("unicode", ["zoe\u0308", "zo\u00eb"], 'customer_id=nfc_normalize("Email")', {"zo\u00eb": 2.0}),
    (
        "all",
        ["zo\u00eb@x", "Zo\u00eb@x", "zoe\u0308@x", "zo\u00eb@x "],
        'customer_id=lower(trim(nfc_normalize("Email")))',
        {"zo\u00eb@x": 4.0},
    ),
]


@pytest.mark.parametrize(("ids", "expression", "totals"), [case[1:] for case in NEAR], ids=[case[0] for case in NEAR])
def test_near_duplicate_ids_are_told_with_what_joins_them(
    ids: list[str], expression: str, totals: dict[str, float], cli: Cli, tmp_path: Path
) -> None:
    text = f"{HEADER}\n" + "".join(f"{one},{place},2025-04-01,1,p\n" for place, one in enumerate(ids))
    found, _, separate = built(cli, tmp_path, text, *EMAIL)
    warning = found["near_duplicate_ids"]
    assert warning["count"] == len(ids) - 1
    assert len(separate) == len(ids)
    option = mapped(warning["message"])
    assert option == ["--map", expression]
    found, _, joined = built(cli, tmp_path, text, *option)
    assert "near_duplicate_ids" not in found
    assert joined == totals


def test_other_blanks_than_spaces_are_joined_too(cli: Cli, tmp_path: Path) -> None:
    text = f"{HEADER}\na,1,2025-04-01,1,p\n\u00a0a\t,2,2025-04-01,1,p\n"
    found, _, _ = built(cli, tmp_path, text, *EMAIL)
    found, _, joined = built(cli, tmp_path, text, *mapped(found["near_duplicate_ids"]["message"]))
    assert "near_duplicate_ids" not in found
    assert joined == {"a": 2.0}


def test_near_duplicates_are_counted_by_kind(cli: Cli, tmp_path: Path) -> None:
    ids = ["a", "A", "b", "b ", "c", "C ", "d"]
    text = f"{HEADER}\n" + "".join(f"{one},{place},2025-04-01,1,p\n" for place, one in enumerate(ids))
    found, _, _ = built(cli, tmp_path, text, *EMAIL)
    said = found["near_duplicate_ids"]["message"]
    assert "nothing but case, surrounding blanks, Unicode form or a fraction of zeros: 3 customers of 7 (" in said
    assert "surrounding blanks: 1 customer, case: 1 customer" in said
    assert "'A' and 'a'" in said


def test_ids_that_differ_otherwise_are_no_near_duplicates(cli: Cli, tmp_path: Path) -> None:
    text = f"{HEADER}\na,1,2025-04-01,1,p\nb,2,2025-04-01,1,p\na b,3,2025-04-01,1,p\nab,3,2025-04-01,1,p\n"
    assert "near_duplicate_ids" not in built(cli, tmp_path, text, *EMAIL)[0]


def frame(**columns: list[Any]) -> dict[str, list[Any]]:
    rows = len(next(iter(columns.values())))
    return {
        "customer_id": [f"c{place}" for place in range(rows)],
        "transaction_id": [f"t{place}" for place in range(rows)],
        "date": ["2025-04-01"] * rows,
        "amount": [1.0] * rows,
        "product_id": ["p"] * rows,
        **columns,
    }


def suspicions(make: Any, data: dict[str, list[Any]], **given: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        customer_features.build(make(data), today=TODAY, grain="line", **given)
    return [str(one.message) for one in caught if one.category is Suspicious]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_dataframes_warn_of_ids_too(make: Any) -> None:
    [said] = suspicions(make, frame(customer_id=["a", "A"]))
    assert "or a fraction of zeros: 1 customer of 2 (case: 1 customer), e.g. 'A' and 'a'; --map" in said
    said = "\n".join(suspicions(make, frame(customer_id=["NULL", "a"], product_id=["nan", "nan"])))
    assert "for no value: customer_id is 'NULL' in 1 row, product_id is 'nan' in 2 rows; they count" in said
    assert "--null NULL --null nan they are missing" in said
    assert "transaction_id is" not in said


@pytest.mark.parametrize("token", ["NULL", "null", "None", "nan", "NaN", "N/A", "#N/A", "\\N", "-", "undefined"])
def test_ids_that_look_like_none_stay_and_are_counted(token: str, cli: Cli, tmp_path: Path) -> None:
    text = f"{HEADER}\n" + f"{token},1,2025-04-01,1,p\n" * 3 + "a,2,2025-04-01,1,p\n"
    found, said, totals = built(cli, tmp_path, text, *EMAIL)
    assert totals == {token: 3.0, "a": 1.0}
    assert found["looks_like_null"]["count"] == 3
    assert f"customer_id is '{token}' in 3 rows" in said
    assert f"--null {shlex.quote(token)}" in said


def test_ids_that_look_like_none_are_counted_by_field(cli: Cli, tmp_path: Path) -> None:
    text = f"{HEADER}\na,-,2025-04-01,1,None\nb,2,2025-04-01,1,N/A\nb,3,2025-04-01,1,N/A\n"
    _, said, _ = built(cli, tmp_path, text, *EMAIL)
    assert "transaction_id is '-' in 1 row," in said
    assert "product_id is 'N/A' or 'None' in 3 rows;" in said


def test_ids_that_a_spreadsheet_rounded_are_counted_by_field(cli: Cli, tmp_path: Path) -> None:
    rows = ["1.23457E+12,1,2025-04-01,1,p", "1.23457E+12,2,2025-04-01,1,4.00638E+12", "E+1,3E+05,2025-04-01,1,1e5"]
    text = "\n".join([HEADER, *rows, ""])
    found, said, totals = built(cli, tmp_path, text, *EMAIL)
    assert totals == {"1.23457E+12": 2.0, "E+1": 1.0}
    assert found["rounded_ids"]["count"] == 4
    assert (
        "customer_id is a number such as '1.23457E+12' in 2 rows, transaction_id is a number such as '3E+05' in 1 row,"
        " product_id is a number such as '4.00638E+12' in 1 row; export them again as text"
    ) in said


OLIST = "order_id,customer_id,customer_unique_id,date,amount,sku,customer_city\n" + "".join(
    f"o{place},per_order_{place},person_{place % 3},2025-04-01,1,p{place % 2},Berlin\n" for place in range(6)
)


def test_h2_ids_of_orders_taken_for_customers_are_told(cli: Cli, tmp_path: Path) -> None:
    found, said, totals = built(cli, tmp_path, OLIST)
    warning = found["one_order_per_customer"]
    assert len(totals) == warning["count"] == 6
    assert "'customer_unique_id' has 3 values for 6 of 'customer_id'" in warning["message"]
    assert "customer_id = customer_id" in said
    option = mapped(warning["message"])
    assert option == ["--map", "customer_id=customer_unique_id"]
    found, _, totals = built(cli, tmp_path, OLIST, *option)
    assert "one_order_per_customer" not in found
    assert totals == {f"person_{number}": 2.0 for number in range(3)}


def test_h2_order_lines_are_orders_once(cli: Cli, tmp_path: Path) -> None:
    lines = OLIST + "o0,per_order_0,person_0,2025-04-01,1,p1,Berlin\n"
    for grain in ("line", "transaction"):
        assert "one_order_per_customer" in built(cli, tmp_path, lines, "--grain", grain)[0]
    again = OLIST + "o9,per_order_0,person_0,2025-04-02,1,p1,Berlin\n"
    for grain in ("line", "transaction"):
        assert "one_order_per_customer" not in built(cli, tmp_path, again, "--grain", grain)[0]


def test_h2_a_column_that_says_no_customer_is_no_reason(cli: Cli, tmp_path: Path) -> None:
    text = OLIST.replace("customer_unique_id", "seller_id")
    assert "one_order_per_customer" not in built(cli, tmp_path, text)[0]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_h2_dataframes_warn_of_ids_of_orders(make: Any) -> None:
    [said] = suspicions(make, frame(customer_unique_id=["x", "y", "x", "y"], customer_city=["Berlin"] * 4))
    assert said.startswith("one_order_per_customer: every customer has exactly one order")
    assert said.endswith("--map customer_id=customer_unique_id counts by that one")


ROWS = "customer_id,order_id,date,amount,sku\na,1,2025-04-01,1,p\nb,2,2025-04-01,1,p\n"


def test_h4_scores_of_nobody_are_a_warning(cli: Cli, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text("customer_id,loyalty_score\nx,0.5\ny,0.5\n")
    found, said, _ = built(cli, tmp_path, ROWS, "--loyalty", scores)
    assert found["no_loyalty_matches"]["count"] == 2
    assert "none of the 2 customers with a loyalty score has a row that counts: every score is 0" in said
    scores.write_text("customer_id,loyalty_score\nx,0.5\na,0.5\n")
    assert "no_loyalty_matches" not in built(cli, tmp_path, ROWS, "--loyalty", scores)[0]
    scores.write_text("customer_id,loyalty_score\n")
    assert "no_loyalty_matches" not in built(cli, tmp_path, ROWS, "--loyalty", scores)[0]


def test_h4_scores_of_nobody_are_a_warning_in_python() -> None:
    scores = pd.DataFrame({"customer_id": ["x"], "loyalty_score": [0.5]})
    [said] = suspicions(pd.DataFrame, frame(amount=[1.0, 2.0]), loyalty=scores)
    assert said.startswith("no_loyalty_matches: the one customer with a loyalty score has no row that counts")


POINTS = "customer_id,order_id,date,amount,sku,points\na,1,2025-04-01,1,p,250\na,2,2025-04-01,1,p,250\n"


def test_h4_points_that_are_not_read_are_told(cli: Cli, tmp_path: Path) -> None:
    found, said, _ = built(cli, tmp_path, POINTS)
    assert found["points_not_read"]["count"] == 1
    assert "are not read, and every loyalty score is 0: column 'points' of" in said
    option = mapped(found["points_not_read"]["message"])
    assert option == ["--map", 'loyalty_score="points" / MOST_POINTS']
    refused = cli("build", tmp_path / "rows.csv", "--out", tmp_path / "f.csv", "--today", TODAY, *option)
    assert refused.code == 2
    with_number = [option[0], option[1].replace("MOST_POINTS", "1000")]
    assert "points_not_read" not in built(cli, tmp_path, POINTS, *with_number)[0]
    assert pd.read_csv(tmp_path / "features.csv")["loyalty_score"].tolist() == [0.25]
    assert any("points_not_read" in said for said in suspicions(pd.DataFrame, frame(points=[1, 2])))


def test_h4_max_points_without_a_file_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(POINTS)
    ran = cli("build", tmp_path / "rows.csv", "--out", tmp_path / "f.csv", "--today", TODAY, "--max-points", "1000")
    assert ran.code == 2
    option = mapped(ran.err)
    found, _, _ = built(cli, tmp_path, POINTS, *option)
    assert pd.read_csv(tmp_path / "features.csv")["loyalty_score"].tolist() == [0.25]
    assert found == {}


def test_h2_the_column_of_every_field_is_stated(cli: Cli, tmp_path: Path) -> None:
    source, out = tmp_path / "rows.csv", tmp_path / "f.csv"
    source.write_text("customer_id,order_id,date,amount,sku,loyalty\na,1,2025-04-01,1,p,0.5\n")
    stated = "customer_id = customer_id, transaction_id = order_id, date = date, amount = amount, product_id = sku"
    words = ("build", source, "--out", out, "--today", TODAY)
    assert f"Recognised: {stated}, loyalty_score = loyalty\n" in cli(*words).err
    mapping = json.loads(Path(f"{out}.manifest.json").read_text())["mapping"]
    assert ", ".join(f"{name} = {column}" for name, column in mapping.items()) == f"{stated}, loyalty_score = loyalty"
    assert f"Recognised: {stated}" in cli("check", source, "--today", TODAY).err
    dry = re.sub(" +", " ", cli(*words, "--dry-run").out)
    for name, column in mapping.items():
        assert f"{name} {column} (recognised)" in dry
    assert "amount = amount * 2" in cli(*words, "--map", "amount=amount * 2").err


def test_h2_sources_of_other_columns_are_stated_apart(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("customer_id,order_id,date,total,sku\na,1,2025-04-01,1,p\n")
    (tmp_path / "b.csv").write_text("customer_id,order_id,date,revenue,sku\nb,1,2025-04-01,2,p\n")
    ran = cli("build", tmp_path / "a.csv", tmp_path / "b.csv", "--out", tmp_path / "f.csv", "--today", TODAY)
    assert ran.code == 0, ran.err
    assert f"amount = total ({tmp_path / 'a.csv'}), revenue ({tmp_path / 'b.csv'})" in ran.err


def test_h5_counts_and_amounts_are_written_as_people_write_them(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text("customer_id,order_id,date,amount,sku\na,o2bb,2025-04-01,1,p\na,o2bb,2025-04-01,1,p\n")
    ran = cli("check", source, "--today", TODAY, "--grain", "line")
    assert "1 row is repeated, e.g. a row of order 'o2bb' of customer 'a' stands 2 times" in ran.out
    source.write_text("customer_id,order_id,date,price,quantity,sku\na,1,2025-04-01,-6.6,3,p\n")
    ran = cli("check", source, "--today", TODAY, "--map", "amount=price * quantity")
    assert "1 row read, 1 of them faulty" in ran.err
    assert "amount -19.8 is negative" in ran.out
    ran = cli("build", source, "--today", TODAY, "--map", "amount=price * quantity", "--out", tmp_path / "f.csv")
    assert "1 of 1 row is faulty" in ran.err
    dry = cli(
        "build", source, "--today", TODAY, "--map", "amount=price * quantity", "--out", tmp_path / "f", "--dry-run"
    )
    assert "  decides" not in dry.out
    assert "of  what" not in dry.out
