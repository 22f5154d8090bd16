"""Every file of the corpus becomes what its table says: the exact totals, or a refusal that names the row."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.csv
import pytest

from tests.conftest import TODAY, Cli, aside_of, assert_refused

from .csv_corpus import SOUND, SWALLOWED, Broken, Sound


def totals_of(out: Path) -> dict[str, float]:
    """What each customer spent, of a CSV file of features."""
    vectors = pyarrow.csv.read_csv(out)
    return dict(zip(vectors["customer_id"].to_pylist(), vectors["purchase_total"].to_pylist(), strict=True))


def test_the_corpus_is_large() -> None:
    assert len(SOUND) + len(SWALLOWED) >= 40
    assert len({case.name for case in SOUND}) == len(SOUND)


@pytest.mark.parametrize("case", SWALLOWED, ids=lambda case: case.name)
def test_f1_rows_that_a_quote_swallows_are_refused(case: Broken, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / f"t{case.suffix}"
    path.write_bytes(case.body)
    ran = cli("build", path, "--out", tmp_path / "out.csv", "--today", TODAY, "--max-faults", "1", *case.options)
    said = assert_refused(ran, tmp_path)
    assert f"{path}: " in said
    for words in case.says:
        assert words in said


@pytest.mark.parametrize("case", SOUND, ids=lambda case: case.name)
def test_f1_sound_rows_are_all_used(case: Sound, cli: Cli, tmp_path: Path) -> None:
    path, out = tmp_path / f"t{case.suffix}", tmp_path / "out.csv"
    path.write_bytes(case.body)
    ran = cli("build", path, "--out", out, "--today", TODAY, "--max-faults", "1", *case.options)
    assert ran.code == 0, ran.err
    assert totals_of(out) == case.totals
    rows = json.loads(Path(f"{out}.manifest.json").read_text())["rows"]
    assert rows == {
        "in": len(case.totals) + len(case.faulty),
        "used": len(case.totals),
        "excluded": 0,
        "excluded_by": {},
        "quarantined": len(case.faulty),
    }
    aside = aside_of(out) if case.faulty else []
    assert {row["row_number"]: row["fault"] for row in aside} == case.faulty
