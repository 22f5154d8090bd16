"""The page on generated SQL claims of each dialect what the tests do with it, and no more."""

from __future__ import annotations

import re
from pathlib import Path

from customer_features.query.dialects import DIALECTS, dialect

PAGE = Path(__file__).parents[2] / "docs" / "sql.md"


def test_what_ran_is_what_the_page_says() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert [name for name, _, _ in rows] == list(DIALECTS)
    for name, _, ran in rows:
        executed = dialect(name).executed
        assert ran.startswith("executed in our tests" if executed else "parsed and transpiled, not executed here")


def test_those_that_are_executed_have_a_test_on_their_engine() -> None:
    """Each engine's own test module runs it there."""
    tests = Path(__file__).parents[1]
    by_engine = {"duckdb": "query/test_steps.py", "clickhouse": "test_clickhouse.py"} | {
        name: f"engines/{name}/test_engine.py" for name in ("postgres", "spark")
    }
    assert set(by_engine) == {name for name in DIALECTS if dialect(name).executed}
    for name, path in by_engine.items():
        assert (tests / path).is_file(), name
