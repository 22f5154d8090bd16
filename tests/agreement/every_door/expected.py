"""What must come out of a case, by the judge of ``tests/damage`` and the oracle: no code of the package."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from tests.agreement import oracle
from tests.agreement.every_door.generator import Case, grocery, made
from tests.agreement.every_door.interface import Form, Limit
from tests.agreement.every_door.scenarios import Scenario
from tests.agreement.every_door.values import LOYALTY_SCORE
from tests.damage.judging import Choices, judge, own_faults
from tests.damage.lines import Line

Key = str | tuple[str, date]


@dataclass(slots=True)
class Expected:
    """The outcome that every door of a form must have."""

    keys: list[Key]
    patterns: np.ndarray[Any, Any]
    """The six values of each key as 64-bit patterns, shape (keys, 6)."""
    rows: dict[str, int]
    faults: dict[str, int]
    listed: dict[str, int]


@lru_cache(maxsize=256)
def asked(scenario: Scenario, form: Form, customers: int, seed: int, limits: frozenset[Limit]) -> tuple[Case, Expected]:
    """A case and what must come of it: made once, for all doors of the same form and limits."""
    case = made(scenario, form, customers, seed, limits)
    return case, expected(case)


@lru_cache(maxsize=1)
def asked_of_grocery(form: Form, share: int, shares: int) -> tuple[Case, Expected]:
    """The same of a share of the real grocery lines."""
    case = grocery(form, share, shares)
    return case, expected(case)


def expected(case: Case) -> Expected:
    """The verdict of a case, as a door of its form is to tell it."""
    choices = case.scenario.choices
    verdict = judge(case.lines, choices)
    vectors: dict[Any, bytes] = dict(verdict.vectors)
    faults, listed = verdict.counts, Counter(name for names in verdict.faults.values() for name in names)
    rows = {"in": len(case.lines), "used": verdict.used, "excluded": verdict.excluded}
    rows["quarantined"] = len(verdict.faults)
    if case.form is Form.REQUEST:
        faults, refused = Counter[str](), set()
        for customer, own in entries(case.lines):
            if found := _named(own, choices):
                faults += found
                refused.add(customer)
        vectors = {key: vector for key, vector in vectors.items() if key not in refused}
        if case.scenario.faulty:
            faults += Counter(no_transactions=1, duplicate_customer=1)  # see ``requests.py``
    patterns = np.frombuffer(b"".join(vectors.values()), "<u8").reshape(-1, len(oracle.NAMES))
    return Expected(list(vectors), patterns, rows, dict(faults), dict(listed))


def entries(lines: list[Line]) -> list[tuple[str | None, list[Line]]]:
    """The rows as entries of a request document; each row without a customer is an entry of its own."""
    found: dict[Any, list[Line]] = {}
    for line in lines:
        found.setdefault(line.customer or line.note.encode(), []).append(line)
    return [(own[0].customer, own) for own in found.values()]


def _named(own: list[Line], choices: Choices) -> Counter[str]:
    """What a request is told of one customer: of a row all that can be seen in it; sums only of readable rows."""
    found = Counter(name for line in own for name in own_faults(line, choices))
    if found["missing_customer_id"]:
        found["missing_customer_id"] = 1
    if any(line.score_faulty for line in own):
        assert LOYALTY_SCORE in own[0].written
        found["loyalty_out_of_range"] = 1
    if set(found) - {"missing_customer_id", "loyalty_out_of_range"}:
        return found
    start = oracle.window_start(choices.today, choices.window)
    seen = [
        line
        for line in own
        if line.day and line.day <= choices.today and (start is None or line.day > start) and line.paid is not None
    ]
    if choices.grain == "repeated_total":
        orders: dict[Any, list[Line]] = {}
        for line in seen:
            orders.setdefault(line.order, []).append(line)
        for rows in orders.values():
            if len({oracle.units_in_bulk(line.paid or 0.0) for line in rows}) > 1:
                found["conflicting_order_total"] += len(rows)
            if len({line.day for line in rows}) > 1:
                found["conflicting_order_date"] += len(rows)
        orders_last = [rows[-1] for rows in orders.values()]
    if not seen:
        return found
    if choices.returns == "net" and all(line.paid is not None and line.paid < 0 for line in seen):
        found["only_returns"] = 1
        return found
    counted = orders_last if choices.grain == "repeated_total" else seen
    units = sum(oracle.units_in_bulk(line.paid or 0.0) for line in counted)
    if abs((units + 50) // 100) > oracle.MAX_CENTS:
        found["total_out_of_range"] = 1
    return found
