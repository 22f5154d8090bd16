"""Which faults stop a run, by the limits of each and of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from customer_features.definition.options import Options
from customer_features.engines.outcome import Outcome
from customer_features.errors import DataFaults


def stops(faults: dict[str, int], **options: Any) -> bool:
    outcome = Outcome(rows_in=1000, quarantined=sum(faults.values()), faults=faults)
    chosen = Options.parse(today="2025-04-24", **{"on_fault": "quarantine", **options})
    try:
        outcome.stop_on_faults(chosen, list)
    except DataFaults:
        return True
    return False


GUESTS = {"tolerate": {"missing_customer_id": 0.4}}


@pytest.mark.parametrize(
    ("faults", "options", "expected"),
    [
        ({}, {}, False),
        ({"missing_date": 10}, {}, False),
        ({"missing_date": 11}, {}, True),
        ({"missing_date": 6, "missing_amount": 6}, {}, True),
        ({"missing_date": 1}, {"on_fault": "fail"}, True),
        ({"missing_customer_id": 400}, GUESTS, False),
        ({"missing_customer_id": 401}, GUESTS, True),
        ({"missing_customer_id": 400, "missing_amount": 10}, GUESTS, False),
        ({"missing_customer_id": 400, "missing_amount": 11}, GUESTS, True),
        ({"missing_customer_id": 1}, {"tolerate": {"missing_customer_id": 0}}, True),
        ({"incomplete_customer": 900, "missing_amount": 10}, {"incomplete": "quarantine"}, False),
        ({"incomplete_customer": 900, "missing_amount": 11}, {"incomplete": "quarantine"}, True),
    ],
)
def test_limits(faults: dict[str, int], options: dict[str, Any], expected: bool) -> None:
    assert stops(faults, **options) is expected


def test_excluded_rows_by_their_rule() -> None:
    outcome = Outcome()
    outcome.exclude(3, 0)
    assert (outcome.excluded, outcome.excluded_by) == (3, {"after_today": 3})
    outcome.exclude(1, 2)
    assert (outcome.excluded, outcome.excluded_by) == (3, {"after_today": 1, "before_window": 2})
