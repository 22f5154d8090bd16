"""examples/compare_answers.py: what it counts, against another way of counting, and what it says of other files."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest

import customer_features
from tests.conftest import EXAMPLE, ROOT

SCRIPT = ROOT / "examples" / "compare_answers.py"
CONTRACT = (ROOT / "examples" / "contract_answer.json").read_bytes()


def compare(folder: Path, one: bytes, other: bytes) -> subprocess.CompletedProcess[str]:
    (folder / "one.json").write_bytes(one)
    (folder / "other.json").write_bytes(other)
    ran = subprocess.run(
        [sys.executable, SCRIPT, "one.json", "other.json"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in ran.stderr
    return ran


def changed(customer: int, **features: Any) -> bytes:
    document = json.loads(CONTRACT)
    document["customers"][customer]["features"] |= features
    return json.dumps(document).encode()


def test_our_answer_is_the_contracts(tmp_path: Path) -> None:
    ran = compare(tmp_path, CONTRACT, customer_features.answer(json.dumps(EXAMPLE).encode()))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines()[0] == "Customers: 2 in both"
    assert ran.stdout.count("the same") == 6


def test_what_differs_is_counted_and_the_largest_is_shown(tmp_path: Path) -> None:
    """Floats against the exact answer, where an independent exact average tells how many are wrong."""
    draw = random.Random(7)
    amounts = {f"C{n}": [draw.randint(1, 100_000) for _ in range(2)] for n in range(400)}
    customers = [
        {
            "customer_id": known,
            "transactions": [
                {"transaction_id": f"T{n}", "date": "2025-04-01", "amount": cents / 100, "product_id": "P"}
                for n, cents in enumerate(pair)
            ],
        }
        for known, pair in amounts.items()
    ]
    ours = json.loads(customer_features.answer(json.dumps({"today": "2025-04-24", "customers": customers}).encode()))
    floats = json.loads(json.dumps(ours))
    wrong = 0
    for customer in floats["customers"]:
        one, two = amounts[customer["customer_id"]]
        customer["features"]["avg_ticket"] = average = round((one / 100 + two / 100) / 2, 2)
        exact = (Decimal(one + two) / 200).quantize(Decimal("0.01"), ROUND_HALF_UP)
        wrong += Decimal(str(average)) != exact
    assert wrong > 50
    ran = compare(tmp_path, json.dumps(floats).encode(), json.dumps(ours).encode())
    assert ran.returncode == 1
    assert f"avg_ticket         differs for {wrong}, by 0.01 at most; e.g. 'C" in ran.stdout
    assert ran.stdout.count("the same") == 5
    floats["customers"][5]["features"]["avg_ticket"] += 1000
    said = compare(tmp_path, json.dumps(floats).encode(), json.dumps(ours).encode()).stdout
    assert "e.g. 'C5': " in said


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (
            changed(0, purchase_total=918.9499999999999),
            "differs for 1, by 0.0000000000001 at most; e.g. 'C-1001': 918.95",
        ),
        (changed(1, age=3), "age                differs for 1; e.g. 'C-1002': nothing and 3"),
        (CONTRACT.replace(b"C-1002", b"C-1009"), "1 in other.json alone, e.g. 'C-1009'"),
        (b'{"customers": []}', "2 in one.json alone, e.g. 'C-1001'"),
    ],
)
def test_kinds_of_differences(other: bytes, says: str, tmp_path: Path) -> None:
    ran = compare(tmp_path, CONTRACT, other)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert says in ran.stdout


def test_what_is_no_difference(tmp_path: Path) -> None:
    document = json.loads(CONTRACT.replace(b"3.0", b"3"))
    document["customers"].reverse()
    document["warnings"] = []
    ran = compare(tmp_path, CONTRACT, json.dumps(document).encode())
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "in another order" in ran.stdout


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (b"<html>", "is no JSON"),
        (b"\xff", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "holds no list of customers"),
        (
            b'{"detail": "The credentials do not serve.", "status": 401}',
            "is no answer but an error: The credentials do",
        ),
        (b'{"customers": [{"customer_id": 7, "features": {}}]}', "customers[0] has no customer_id and features"),
        (b'{"customers": [{"customer_id": "a", "features": {}}, {"customer_id": "a", "features": {}}]}', "there twice"),
        (changed(0, avg_ticket="459.48"), "avg_ticket of 'C-1001' is \"459.48\" and no number"),
        (changed(0, avg_ticket=None), "is null and no number"),
        (changed(0, avg_ticket=float("nan")), 'is "NaN" and no number'),
    ],
)
def test_a_file_that_is_no_answer(other: bytes, says: str, tmp_path: Path) -> None:
    ran = compare(tmp_path, CONTRACT, other)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("Error: other.json: ")
    assert says in ran.stderr


@pytest.mark.parametrize("words", [[], ["one.json"], ["one.json", "gone.json"]])
def test_wrong_usage(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(CONTRACT)
    ran = subprocess.run([sys.executable, SCRIPT, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert (
        "gone.json: cannot be read: No such file" if len(words) == 2 else "compare_answers.py ONE.json"
    ) in ran.stderr
