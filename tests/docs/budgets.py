"""The limits on the operators' page, made from the code: ``python -m tests.docs.budgets --write``."""

from __future__ import annotations

import sys
from pathlib import Path

from customer_features.service.budgets import EVERY, LIMITS, Limit
from tests.docs.reference import code, table

PAGE = Path(__file__).parents[2] / "docs" / "operate.md"
BEGINS = "<!-- limits: made from customer_features/service/budgets.py, held by a test -->\n"
ENDS = "<!-- /limits -->"
_LARGER = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def section() -> str:
    """The table between its marks."""
    head = ["Limit", "Default", "What it bounds", "Doors", "Past it", "Option"]
    return f"{BEGINS}{table(head, [described(one) for one in LIMITS])}\n{ENDS}"


def described(limit: Limit) -> list[str]:
    """One limit's row."""
    past = f"{limit.status} {code(limit.refusal)}" if limit.status else limit.refusal
    doors = "all" if limit.doors == EVERY else ", ".join(limit.doors)
    return [code(limit.name), amount(limit), f"{limit.phase}: {limit.bounds}", doors, past, code(limit.option)]


def amount(limit: Limit) -> str:
    """How much is allowed, in a unit that people read."""
    if limit.unit == "bytes":
        name, size = next((one for one in _LARGER if limit.default % one[1] == 0), ("bytes", 1))
        return f"{limit.default / size:,.0f} {name}"
    return f"{limit.default:,.0f} {limit.unit}".rstrip()


def written(page: str) -> str:
    """The page with the section as the code has it."""
    before, rest = page.split(BEGINS)
    return before + section() + rest.split(ENDS)[1]


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.docs.budgets --write")
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
