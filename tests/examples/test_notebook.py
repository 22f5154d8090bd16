"""The notebook runs from its first cell to its last, and what it finds holds against another way of computing it."""

from __future__ import annotations

import re
from typing import Any

import nbformat
import pytest

from tests.examples.notebook import ENVIRONMENT, NOTEBOOK, run

HOLDS = """
import warnings
from itertools import pairwise

# Vectors and labels of one date, by pandas over the rows alone.
seen = purchases[(days <= "2017-08-01") & (days > pd.Timestamp("2017-08-01") - pd.Timedelta(days=90))]
by_hand = seen.groupby(seen["household_id"].astype(str)).agg(
    total=("sales_value", "sum"), visits=("basket_id", "nunique"), products=("product_id", "nunique"),
    last=("transaction_timestamp", "max"),
)
of_august = X[dates == pd.Timestamp("2017-08-01")].droplevel("as_of")
assert sorted(by_hand.index) == sorted(of_august.index)
by_hand = by_hand.loc[of_august.index]
assert np.abs(by_hand["total"] - of_august["purchase_total"]).max() < 0.0051
assert (by_hand["visits"] == of_august["visit_frequency"]).all()
assert (by_hand["products"] == of_august["product_diversity"]).all()
assert ((pd.Timestamp("2017-08-01") - by_hand["last"].dt.normalize()).dt.days == of_august["recency_days"]).all()
after = purchases[(days > "2017-08-01") & (days <= "2017-08-29")]["household_id"].astype(str)
assert (y[dates == pd.Timestamp("2017-08-01")].droplevel("as_of") == ~of_august.index.isin(after)).all()

# No label of the training set reaches into the test set.
assert max(pd.to_datetime(TRAIN)) + HORIZON <= min(pd.to_datetime(TEST))

# What the text says of the figures.
assert (len(vectors), len(faulty)) == (2411, 0)
assert list(profile.index) == [1, 2, 3, 4]
assert all(more > less for more, less in pairwise(profile["purchase_total"]))
assert profile["share of spend"].idxmax() == 1
assert profile["recency_days"].idxmax() == 4
auc = results["ROC AUC"]
assert 0.5 < auc["recency alone"] < auc["model"] - 0.03 < auc["with a leak"] - 0.1
assert auc["with a leak"] > 0.999
"""


@pytest.fixture(autouse=True)
def our_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def printed(cell: nbformat.NotebookNode) -> list[Any]:
    """What a cell shows: texts and tables as they are, of a picture that there is one."""
    return [
        output.text
        if output.output_type == "stream"
        else {kind: kind == "image/png" or data for kind, data in output.get("data", {}).items()}
        for output in cell.get("outputs", [])
    ]


@pytest.mark.thorough
def test_the_notebook_prints_what_is_stored_and_that_is_right() -> None:
    stored = nbformat.read(NOTEBOOK, as_version=4)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.append(nbformat.v4.new_code_cell(HOLDS))
    run(notebook)
    for ran, kept in zip(notebook.cells, stored.cells, strict=False):
        assert printed(ran) == printed(kept), f"run: make notebook\n{kept.source}"
    assert len(notebook.cells) == len(stored.cells) + 1


def test_the_notebook_is_stored_as_one_run_left_it() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert sum("text/html" in output.get("data", {}) for output in outputs) == 9
    assert {output.output_type for output in outputs} == {"execute_result", "display_data", "stream"}
    assert {output.name for output in outputs if output.output_type == "stream"} == {"stdout"}


def test_the_notebook_tells_nothing_of_the_machine_that_ran_it() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(cell.metadata == {} for cell in notebook.cells)
    assert notebook.metadata.language_info == {"name": "python"}
    assert not re.search(r"/(home|root|tmp|usr|Users|work)/", NOTEBOOK.read_text("utf-8"))


def test_a_dataframe_in_a_notebook() -> None:
    """The engine's progress bar wants a package there that nobody asked for."""
    code = """
import importlib.util, pandas, customer_features
assert importlib.util.find_spec("ipywidgets") is None
row = {"customer_id": ["a"], "transaction_id": ["1"], "date": ["2025-04-20"], "amount": [1.5], "product_id": ["p"]}
print(customer_features.build(pandas.DataFrame(row), today="2025-04-24")["recency_days"].tolist())
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    run(notebook)
    assert [output.text for output in notebook.cells[0].outputs] == ["[4.0]\n"]
