"""Every door, every scenario, every fault: 64-bit patterns and counts, over a few hundred customers each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agreement.every_door import DOORS
from tests.agreement.every_door.comparing import difference
from tests.agreement.every_door.expected import asked
from tests.agreement.every_door.interface import Door
from tests.agreement.every_door.scenarios import SCENARIOS, Scenario

CUSTOMERS = 160


@pytest.fixture(scope="module")
def doors() -> Iterator[dict[str, Door]]:
    yield {door.name: door for door in DOORS}
    for door in DOORS:
        door.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("door", [door.name for door in DOORS])
def test_it_answers_the_oracles_bits_and_counts(door: str, scenario: Scenario, doors: dict[str, Door]) -> None:
    through = doors[door]
    case, expected = asked(scenario, through.form, CUSTOMERS, 0, through.limits)
    found = difference(through.run(case), expected, through.form)
    assert not found, "\n".join(found.says)
