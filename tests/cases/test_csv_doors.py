"""A quote that swallows rows, through every door that reads CSV, and far down a large file."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from customer_features.service.bodies import tables
from customer_features.service.content import CSV, JSON
from customer_features.service.problems import Refused
from tests.conftest import TODAY, Cli, assert_refused
from tests.service.explorer.page import Page
from tests.service.harness import Local

from .csv_corpus import OPENS_3, between, noted, plain, text

BODY = text(*between(3, 7, '"Premium tea', 'TV 24"'))
NOTES = {1000: '"Premium tea', 1300: 'TV 24"'}
CASE = [f"c{n},{n},2025-04-01,1.00,p,{NOTES.get(n, 'ok')}" for n in range(1, 3001)]


@pytest.mark.parametrize("packed", ["", ".gz", "-"])
def test_f1_the_case_itself(packed: str, cli: Cli, tmp_path: Path) -> None:
    path, body = tmp_path / f"t.csv{packed.strip('-')}", text(*CASE)
    path.write_bytes(gzip.compress(body) if packed == ".gz" else body)
    given: dict[str, Any] = {"stdin": body} if packed == "-" else {}
    source = "-" if packed == "-" else path
    ran = cli("build", source, "--out", tmp_path / "out.parquet", "--today", TODAY, **given)
    said = assert_refused(ran, tmp_path)
    assert f"{source}: a quote that opens in row 1000 takes in the 300 lines after it, which look like rows" in said
    assert "such as 'c1001,1001,2025-04-01,1.00,p,ok'" in said


@pytest.mark.parametrize("column", [0, 2, 5])
def test_f1_far_down_a_large_file(column: int, cli: Cli, tmp_path: Path) -> None:
    """Beyond what is looked at in one piece, between quoted fields, notes of two lines and empty lines."""
    rows = [noted(n, '"say ""tea"",\nplease"') if n % 7 == 0 else noted(n, '"ok"') for n in range(1, 60_001)]
    for place, quote_at in ((54_321, 0), (54_330, 1)):
        fields = f"c{place},{place},2025-04-01,1.00,p,ok".split(",")
        fields[column] = f'"{fields[column]}' if quote_at == 0 else f'{fields[column]}"'
        rows[place - 1] = ",".join(fields)
    for place in range(54_322, 54_330):
        rows[place - 1] = noted(place, "ok")
    path = tmp_path / "t.csv"
    path.write_bytes(text(*rows[:100], "", *rows[100:]))
    said = assert_refused(cli("check", path, "--today", TODAY), tmp_path / "none")
    assert "a quote that opens in row 54321 takes in the 9 lines after it" in said


def test_f1_in_check_and_a_file_of_scores(cli: Cli, tmp_path: Path) -> None:
    broken, sound, scores = tmp_path / "b.csv", tmp_path / "s.csv", tmp_path / "scores.csv"
    broken.write_bytes(BODY)
    sound.write_bytes(text(*plain(10)))
    scores.write_text('customer_id,loyalty_score\nc1,0.1\n"c2,0.2\nc3,0.3\nc4",0.4\nc5,0.5\n')
    assert OPENS_3 in assert_refused(cli("check", broken, "--today", TODAY), tmp_path / "none")
    said = assert_refused(cli("check", sound, "--today", TODAY, "--loyalty", scores), tmp_path / "none")
    assert f"{scores}: a quote that opens in row 2 takes in the 2 lines after it" in said


def test_f1_in_a_report(cli: Cli, tmp_path: Path) -> None:
    source, out = tmp_path / "s.csv", tmp_path / "f.csv"
    source.write_bytes(text(*plain(10)))
    assert cli("build", source, "--out", out, "--today", TODAY).code == 0
    lines = out.read_text().splitlines()
    lines[3], lines[5] = f'"{lines[3]}', lines[5].replace(",", '",', 1)
    (tmp_path / "g.csv").write_text("\n".join(lines) + "\n")
    ran = cli("report", tmp_path / "g.csv", "--out", tmp_path / "r.html")
    assert "a quote that opens in row 3 takes in the 2 lines after it" in assert_refused(ran, tmp_path / "none")


def test_f1_over_http(tmp_path: Path) -> None:
    (tmp_path / tables.BODY).write_bytes(BODY)
    asked = tables.parse([("today", TODAY)], CSV, JSON, "UTC")
    with pytest.raises(Refused) as refused:
        tables.compute(str(tmp_path), asked, memory="500MB", threads=1)
    assert refused.value.name == "malformed-table"
    assert refused.value.detail.startswith(f"The body cannot be read: {OPENS_3}the 4 lines after it")


def test_f1_in_the_explorer(tmp_path: Path) -> None:
    server = Local(tmp_path, "--no-auth", "--explorer")
    try:
        page = Page(server)
        shown = page.run(page.give(BODY, "t.csv"), "check", today=TODAY)
    finally:
        server.stop()
    assert OPENS_3 in shown
