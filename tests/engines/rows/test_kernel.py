"""The rows engine's hot loop, plain and compiled: the wheel of `make wheel` passes the tests of the plain files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from customer_features.engines.rows import kernel
from tests.conftest import ROOT
from tests.installed import installed
from tests.making import wheel

SHARED = ["tests/definition/test_money.py", "tests/definition/test_features.py", "tests/engines/rows/test_engine.py",
          "tests/engines/rows/test_faults.py", "tests/engines/rows/test_warnings.py"]  # fmt: skip


def test_this_checkout_runs_the_plain_file() -> None:
    assert Path(kernel.__file__).suffix == ".py"
    assert not kernel.COMPILED


def bought(order: str, day: int, amount: float, product: str) -> SimpleNamespace:
    return SimpleNamespace(transaction_id=order, date=date(2025, 1, day), amount=amount, product_id=product)


ROWS = [bought("a", 2, 0.00005, "p"), bought("b", 9, -0.00005, "q"), bought("c", 4, 1e11, "p")]


def test_the_totals_of_a_customer() -> None:
    # Half a unit goes up, also below zero.
    assert kernel.totals(ROWS) == (1 + 0 + 10**15, 3, 2, date(2025, 1, 9))


def test_rows_give_way_to_their_totals_unless_a_transaction_repeats() -> None:
    customer = SimpleNamespace(transactions=ROWS)
    kernel.sum_up(customer)
    assert customer.transactions == (1 + 10**15, 3, 2, date(2025, 1, 9))
    repeating = SimpleNamespace(transactions=[*ROWS, ROWS[0]])
    kernel.sum_up(repeating)
    assert repeating.transactions == [*ROWS, ROWS[0]]


@pytest.mark.slow
def test_a_wheel_with_compiled_loops_passes_the_tests_of_the_plain_files(tmp_path: Path) -> None:
    installed("cc")
    installed("Python.h")
    made = wheel()
    assert f"-cp{sys.version_info.major}{sys.version_info.minor}-" in made.name, "made by another Python: rm -r dist"
    # The tests beside what the wheel holds, and none of the checkout's package.
    tree = tmp_path / "tree"
    unwanted = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "customer_features")
    shutil.copytree(ROOT, tree, ignore=unwanted)
    (tree / ".demo").mkdir()
    with zipfile.ZipFile(made) as content:
        content.extractall(tree)
    look = "from customer_features.definition import money; from customer_features.engines.rows import kernel;"
    look += " print(kernel.COMPILED, kernel.__file__, money.__file__)"
    found = subprocess.run([sys.executable, "-c", look], cwd=tree, capture_output=True, text=True, check=True).stdout
    said, *files = found.split()
    assert said == "True"
    assert all(file.startswith(str(tree)) and file.endswith(".so") for file in files), found
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "slow or not slow", "-p", "no:cacheprovider", *SHARED],
        cwd=tree, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert " passed" in ran.stdout
    assert "skipped" not in ran.stdout
