"""The page of the doors names those that the agreement suite compares, with what each cannot hold."""

from __future__ import annotations

import re
from pathlib import Path

from tests.agreement.every_door import DOORS

PAGE = Path(__file__).parents[2] / "docs" / "doors.md"


def test_the_table_is_the_suite() -> None:
    table = PAGE.read_text("utf-8").partition("|---|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [re.fullmatch(r"\| (.+?) \| .+ \| .+ \| ?(.*?) ?\|", line) for line in table.splitlines()]
    shown = {row[1]: {limit for limit in row[2].split("; ") if limit} for row in rows if row}
    assert len(shown) == len(table.splitlines())
    assert shown == {door.name: {str(limit) for limit in door.limits} for door in DOORS}


def test_every_page_that_it_names_is_there() -> None:
    for page in re.findall(r"\]\(([\w./]+\.md)\)", PAGE.read_text("utf-8")):
        assert (PAGE.parent / page).is_file(), page
