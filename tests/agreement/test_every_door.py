"""Every door, every scenario, every fault: 64-bit patterns and counts, over a few hundred customers each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pytest

from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected
from customer_features.sources.parts import table_part
from tests.agreement.every_door import DOORS
from tests.agreement.every_door.comparing import difference
from tests.agreement.every_door.expected import asked
from tests.agreement.every_door.interface import Door, Limit, Outcome, TableDoor
from tests.agreement.every_door.scenarios import SCENARIOS, Scenario

CUSTOMERS = 160


@pytest.fixture(scope="module")
def doors() -> Iterator[dict[str, Door]]:
    yield {door.name: door for door in DOORS}
    for door in DOORS:
        door.close()


QUICK = (
    *("visits with faults", "returned orders at local times", "many dates of returned lines", "lines of text"),
    "instants where midnight is skipped",
)
"""`make test` asks these of the doors in FIRST, and the first of them of every other door. About a mutant, Spark, which
takes seconds for each, is asked these alone."""

FIRST = ("rows, in-process", "Python, PyArrow")
"""The doors that lead to an engine by the shortest way."""

RESOURCES = {"PostgreSQL, pushed down": "postgresql", "ClickHouse": "clickhouse", "Spark": "spark"}
"""What a door shares with other tests."""


def _in_ci(door: int, scenario: int) -> bool:
    """Whether CI asks a door of a scenario: those of FIRST of all, Spark of every third, the others of every second.

    The share moves on from door to door, so that every scenario goes through half of the doors; `make thorough` asks
    every door everything.
    """
    name = DOORS[door].name
    return name in FIRST or (door + scenario) % (3 if name == "Spark" else 2) == 0


def _marks(door: int, scenario: int) -> list[pytest.MarkDecorator]:
    name, rows = DOORS[door].name, SCENARIOS[scenario].name
    if rows in QUICK[: 5 if name in FIRST else 1]:
        return []
    marks = [pytest.mark.slow if _in_ci(door, scenario) else pytest.mark.thorough]
    return [*marks, pytest.mark.mutants] if rows in QUICK or name != "Spark" else marks


def _pairs() -> Iterator[Any]:
    for place, door in enumerate(DOORS):
        for number, scenario in enumerate(SCENARIOS):
            marks = _marks(place, number)
            marks += [pytest.mark.resource(RESOURCES[door.name])] if door.name in RESOURCES else []
            yield pytest.param(door.name, scenario, marks=marks, id=f"{door.name}-{scenario.name}")


def test_the_first_doors_are_doors() -> None:
    assert {door.name for door in DOORS} > {*FIRST, *RESOURCES}
    assert {scenario.name for scenario in SCENARIOS} > set(QUICK)


def test_ci_asks_every_door_and_half_of_the_doors_of_each_scenario() -> None:
    for door in range(len(DOORS)):
        assert sum(_in_ci(door, scenario) for scenario in range(len(SCENARIOS))) >= len(SCENARIOS) // 3
    for scenario in range(len(SCENARIOS)):
        assert sum(_in_ci(door, scenario) for door in range(len(DOORS))) >= len(DOORS) // 2


@pytest.mark.parametrize(("door", "scenario"), list(_pairs()))
def test_it_answers_the_oracles_bits_and_counts(door: str, scenario: Scenario, doors: dict[str, Door]) -> None:
    through = doors[door]
    case, expected = asked(scenario, through.form, CUSTOMERS, 0, through.limits)
    found = difference(through.run(case), expected, through.form)
    assert not found, "\n".join(found.says)


def engine(table: pa.Table, options: Mapping[str, Any]) -> tuple[pa.Table, Mapping[str, int], Mapping[str, int]]:
    """The engine of this package as a function over a table."""
    given = dict(options)
    dates = given.pop("today")
    given |= {"as_of": dates} if isinstance(dates, list) else {"today": dates}
    asked = Options.parse(**given, on_fault="quarantine", max_faults=1)
    with connected() as connection:
        found = Engine(connection, [table_part(table, "rows", connection)], asked)
        out = found.judge()
        counts = {"in": out.rows_in, "used": out.used, "excluded": out.excluded, "quarantined": out.quarantined}
        return found.vectors().to_arrow_table(), counts, out.faults


@pytest.mark.parametrize(
    "scenario",
    [pytest.param(one, id=one.name, marks=[] if one.name in QUICK else pytest.mark.slow) for one in SCENARIOS],
)
def test_a_function_over_a_table_is_a_door_and_is_asked_within_its_limits(scenario: Scenario) -> None:
    door = TableDoor("a function", engine, frozenset(Limit))
    case, expected = asked(scenario, door.form, CUSTOMERS, 1, door.limits)
    found = difference(door.run(case), expected, door.form)
    assert not found, "\n".join(found.says)
    assert not any("\0" in f"{line.customer}{line.order}{line.product}" for line in case.lines)
    assert all(line.day is None or 1900 <= line.day.year < 2300 for line in case.lines)
    assert case.table.schema.field("date").type != pa.string()
    assert case.table.schema.field("amount").type != pa.string()
    assert not isinstance(case.options["today"], list)


def test_a_difference_is_told_bit_by_bit_and_fault_by_fault() -> None:
    case, expected = asked(SCENARIOS[1], TableDoor.form, CUSTOMERS, 1, frozenset())
    vectors, rows, faults = engine(case.table, case.options)
    last = vectors["avg_ticket"].to_pylist()
    last[3] = float(f"{last[3] * (1 + 2**-50):.17g}")
    place = vectors.schema.get_field_index("avg_ticket")
    found = difference(
        Outcome(vectors.set_column(place, "avg_ticket", pa.array(last)), {**faults, "negative_amount": 1}, rows),
        expected,
        TableDoor.form,
    )
    assert 0 < found.bits < 64
    assert found.faults == faults["negative_amount"] - 1
    assert vectors["customer_id"][3].as_py() in found.says[0]
    missing = difference(Outcome(vectors.slice(1), faults, rows), expected, TableDoor.form)
    assert (missing.bits, missing.faults) == (384, 0)
    backwards = difference(Outcome(vectors[::-1], faults, rows), expected, TableDoor.form)
    assert "out of order" in backwards.says[0]
