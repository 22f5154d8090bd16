"""``customer-features check``: the faults, without building."""

from __future__ import annotations

import json
from pathlib import Path

from customer_features.cli.check import EXAMPLES
from tests.conftest import FIELDS, TODAY, Cli, csv_text

LINES = ["a,1,2025-04-20,1,p", *["a,2,April 20th,1,p"] * 5, ",3,2025-04-20,-1,p"]


def test_faults_with_examples_and_what_would_mend_them(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*LINES))
    ran = cli("check", path, "--today", TODAY)
    assert ran.code == 1
    assert "unreadable_date: 5 rows; to mend it, write dates as YYYY-MM-DD" in ran.out
    assert ran.out.count("'April 20th' cannot be read") == EXAMPLES
    assert f"{path}, row 2: date 'April 20th' cannot be read" in ran.out
    assert "missing_customer_id: 1 row" in ran.out
    assert "7 rows read, 6 of them faulty" in ran.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]


def test_as_json(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*LINES, "a,1,2025-04-20,1,p"))
    ran = cli("check", path, "--today", TODAY, "--json")
    assert ran.code == 1
    found = json.loads(ran.out)
    assert found["rows"] == {"in": 8, "used": 2, "excluded": 0, "excluded_by": {}, "quarantined": 6}
    assert [(fault["fault"], fault["rows"]) for fault in found["faults"]] == [
        ("missing_customer_id", 1),
        ("unreadable_date", 5),
    ]
    assert [example["row_number"] for example in found["faults"][1]["examples"]] == [2, 3, 4]
    assert {warning["name"] for warning in found["warnings"]} >= {"repeated_transaction_id", "duplicate_row"}


def test_clean_data(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(LINES[0]))
    ran = cli("check", path, "--today", TODAY)
    assert (ran.code, ran.out) == (0, "")
    assert "1 row read, 0 of them faulty" in ran.err


def test_options_change_what_is_faulty(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("who,order_id,date,amount,sku\na,1,2052-04-20,1,p\na,2,2025-04-20,-1,p\na,3,2025-04-20,1,p\n")
    arguments = ("check", path, "--today", TODAY, "--map", "customer_id=who")
    assert cli(*arguments).code == 1
    ran = cli(*arguments, "--future", "exclude", "--returns", "net")
    assert ran.code == 0
    assert "customer_id" in ran.err or ran.err
    assert cli("check", path, "--today", TODAY).code == 2


def test_warnings_are_said(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text("a,1,2025-04-20,1,p", "a,1,2025-04-20,1,q", header=",".join(FIELDS)))
    ran = cli("check", path, "--today", TODAY)
    assert ran.code == 0
    assert "warning: repeated_transaction_id" in ran.out
    assert "warning: looks_like_repeated_totals" in ran.out
