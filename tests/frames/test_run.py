"""One run of the engine over a frame: which columns it takes."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pytest

from customer_features import build, check
from customer_features.definition.options import Options
from customer_features.frames.run import Run
from tests.agreement.doors import FRAMES, table, to_arrow
from tests.agreement.oracle import Row
from tests.conftest import FIELDS, TODAY

NOW = date.fromisoformat(TODAY)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({}, set(FIELDS)),
        ({"amount": "price * qty"}, {*FIELDS, "price", "qty"} - {"amount"}),
        (
            {"product_id": '"a b"', "date": "coalesce(date, DATE '2025-04-20')"},
            {"customer_id", "transaction_id", "date", "amount", "a b"},
        ),
        ({"customer_id": "COALESCE(customer_id, Price::VARCHAR)"}, {*FIELDS, "price"}),
    ],
)
def test_the_columns_that_are_needed(mapping: dict[str, str], expected: set[str]) -> None:
    names = [*FIELDS, "price", "qty", "a b", "unused"]
    frame = pa.table({name: ["1"] for name in names})
    run = Run(frame, None, Options.parse(today=TODAY), mapping)
    assert {names[place] for place in run._places} == expected


def test_original_columns_that_are_named_like_ours() -> None:
    frame = table([Row("", "1", NOW, 1.0, "p")])
    for name in ("Fault", "original_Fault", "source", "message"):
        frame = frame.append_column(name, [[name]])
    [row] = check(frame, today=TODAY).to_pylist()
    assert list(row)[4:] == [*FIELDS, "original_original_Fault", "original_Fault", "source", "original_message"]
    assert (row["original_original_Fault"], row["original_Fault"], row["source"]) == (
        "Fault",
        "original_Fault",
        "source",
    )


def test_a_column_that_is_mapped_by_another_case() -> None:
    frame = table([Row("a", "1", NOW, 1.0, "p")]).append_column("Amount2", [[5.0]]).append_column("AMOUNT2", [[7.0]])
    assert build(frame, columns={"amount": "AMOUNT2"}, today=TODAY)["purchase_total"].to_pylist() == [7.0]
    assert build(frame, columns={"amount": "Amount2"}, today=TODAY)["purchase_total"].to_pylist() == [5.0]


@pytest.mark.slow
def test_nothing_is_left_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for kind, make in FRAMES.items():
        to_arrow(build(make(table([Row("a", "1", NOW, 1.0, "p")])), today=TODAY))
        to_arrow(check(make(table([Row("a", "1", NOW, -1.0, "p")])), today=TODAY))
        assert list(tmp_path.iterdir()) == [], kind
