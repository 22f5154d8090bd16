"""The same order in several files, alike or not: by the grain's rule, and never twice without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import FIELDS, TODAY, Cli, csv_text, manifest_of

FIRST = [
    ("a", "1", "2025-04-20", "5.25", "p"),
    ("a", "1", "2025-04-20", "5.25", "q"),
    ("b", "1", "2025-04-01", "3", "p"),
]
ALIKE = FIRST[:2]
OTHER_TOTAL = [("a", "1", "2025-04-20", "5.26", "r")]
OTHER_DAY = [("a", "1", "2025-04-19", "5.25", "r")]
B = ("b", 3.0, 1.0, 3.0, 1.0, 0.0, 23.0)

Rows = list[tuple[str, ...]]


@pytest.mark.sampled(5)
@pytest.mark.parametrize(
    ("grain", "second", "a", "faults", "warnings"),
    [
        ("transaction", ALIKE, (21.0, 4.0, 5.25, 2.0), {}, {"duplicate_row": 2, "repeated_transaction_id": 1}),
        ("transaction", OTHER_TOTAL, (15.76, 3.0, 5.25, 3.0), {}, {"repeated_transaction_id": 1}),
        ("line", ALIKE, (21.0, 1.0, 21.0, 2.0), {}, {"duplicate_row": 2}),
        ("line", OTHER_TOTAL, (15.76, 1.0, 15.76, 3.0), {}, {}),
        ("line", OTHER_DAY, (15.75, 1.0, 15.75, 3.0), {}, {}),
        ("repeated_total", ALIKE, (5.25, 1.0, 5.25, 2.0), {}, {"duplicate_row": 2}),
        ("repeated_total", OTHER_TOTAL, None, {"conflicting_order_total": 3}, {}),
        ("repeated_total", OTHER_DAY, None, {"conflicting_order_date": 3}, {}),
    ],
)
@pytest.mark.parametrize("kinds", [("csv", "csv"), ("csv", "ndjson"), ("ndjson", "csv")])
def test_an_order_that_stands_in_two_files(
    grain: str,
    second: Rows,
    a: tuple[float, ...] | None,
    faults: dict[str, int],
    warnings: dict[str, int],
    kinds: tuple[str, str],
    cli: Cli,
    tmp_path: Path,
) -> None:
    paths = []
    for place, (kind, rows) in enumerate(zip(kinds, (FIRST, second), strict=True)):
        paths.append(tmp_path / f"{place}.{kind}")
        lines = [json.dumps(dict(zip(FIELDS, row, strict=True))) + "\n" for row in rows]
        paths[-1].write_text(csv_text(*map(",".join, rows)) if kind == "csv" else "".join(lines))
    out = tmp_path / "f.parquet"
    ran = cli("build", *paths, "--out", out, "--today", TODAY, "--grain", grain, "--max-faults", 1)
    assert ran.code == 0, ran.err
    found = [tuple(row.values()) for row in pq.read_table(out).to_pylist()]
    assert found == ([("a", *a, 0.0, 4.0)] if a else []) + [B]
    manifest = manifest_of(out)
    assert manifest["faults"] == faults
    told = {warning["name"]: warning["count"] for warning in manifest["warnings"]}
    assert told.pop("looks_like_repeated_totals", None) == (1 if (grain, second) == ("transaction", ALIKE) else None)
    assert told == warnings
