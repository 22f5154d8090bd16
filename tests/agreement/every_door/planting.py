"""Faults among the rows of a case: those of ``tests/damage`` that the case's form and columns can hold."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any

from tests.agreement import oracle
from tests.agreement.every_door.interface import Form, Limit
from tests.agreement.every_door.scenarios import Dates, Scenario
from tests.agreement.every_door.values import AMOUNT, DATE, ID, LOYALTY_SCORE
from tests.damage import breaking
from tests.damage.groups import CUSTOMERS, LOYALTY, ORDERS, Score
from tests.damage.kinds import KINDS, Kind
from tests.damage.lines import Line

if TYPE_CHECKING:
    from tests.agreement.every_door.generator import Case


def _by_customer(lines: list[Line]) -> dict[str | None, list[Line]]:
    found: dict[str | None, list[Line]] = {}
    for line in lines:
        found.setdefault(line.customer, []).append(line)
    return found


def _state(line: Line, score: Score) -> None:
    line.written[LOYALTY_SCORE] = score.written
    line.score, line.score_faulty = score.score, score.score is None


def state_loyalty(case: Case, luck: random.Random) -> None:
    """Scores beside rows: of a third of the customers none, of others on one row or on all of them."""
    together = case.form is Form.REQUEST
    for own in _by_customer(case.lines).values():
        kind = luck.random()
        score = luck.choice((luck.random(), luck.random(), 0.0, 1.0, -0.0, 5e-324, 0.1 + 0.2))
        if kind < 0.33:
            continue
        for line in own if together or kind < 0.66 else [luck.choice(own)]:
            _state(line, Score(score, score or 0.0))


_IN_UTC = {kind.name for kind in KINDS if "with a zone" in kind.name or "with an offset" in kind.name}
"""Kinds of damage to dates whose day is that in UTC."""


def _fits(kind: Kind, case: Case) -> bool:
    """Whether a kind of damage to a cell can stand in this case."""
    form, asked = case.form, case.scenario
    if (Limit.NUL in case.limits and "NUL" in kind.name.split()) or (Limit.NAN in case.limits and "nan" in kind.name):
        return False
    if Limit.FAR_DAYS in case.limits and kind.name in ("date of the year 1", "date of the calendar's last day"):
        return False
    if form is Form.REQUEST:
        if kind.column == DATE:
            return (kind.fault is not None and "typed" not in kind.forms) or kind.name.startswith(_PLAIN_DATES)
        if kind.column == AMOUNT:
            return _fits_a_request(kind)
        return kind.column != ID or kind.fault is not None
    if form in (Form.CSV, Form.NDJSON, Form.DOCUMENT):
        own = {"text"} if form is Form.DOCUMENT else {form.value}
        return bool(own & kind.forms) and (asked.timezone == "UTC" or kind.name not in _IN_UTC)
    if kind.column == DATE and asked.dates in (Dates.NAIVE, Dates.ZONED):
        return kind.name == "date null"
    if kind.column == DATE and asked.dates == Dates.TEXT:
        return "text" in kind.forms and (asked.timezone == "UTC" or kind.name not in _IN_UTC)
    if kind.column == DATE:
        return "typed" in kind.forms and not (Limit.INFINITE_DAY in case.limits and kind.name == "date infinite")
    if kind.column == AMOUNT and asked.amounts.kind == "text":
        return "text" in kind.forms
    if kind.column == AMOUNT and asked.amounts.kind in ("decimal", "whole"):
        return kind.name in ("amount null", "amount -4.99 as a double", "amount 1e12", "amount -1e12")
    return "typed" in kind.forms


_PLAIN_DATES = ("date null", "date of", "date long", "date today", "date tomorrow", "date in the", "date on the")


def _fits_a_request(kind: Kind) -> bool:
    if kind.name.endswith("as a double"):
        return "inf" not in kind.name and "nan" not in kind.name
    if kind.name.endswith("in JSON"):  # NaN and Infinity are no JSON
        return "N" not in kind.name.removesuffix("in JSON") and "I" not in kind.name
    return kind.name in ("amount null", "amount empty", "amount absent") or kind.fault == "unreadable_amount"


def plant_faults(case: Case, luck: random.Random) -> None:
    """Plant faults of customers and orders, later rows, cells of every kind that fits, and broken records."""
    asked = case.scenario
    by_customer = _by_customer(case.lines)
    free = [customer for customer, own in by_customer.items() if len(_seen_at_last(own, asked)) >= 3]
    luck.shuffle(free)
    _plant_customers(case, by_customer, free, luck)
    case.lines = [line for own in by_customer.values() for line in own]
    _plant_orders(case, luck)
    late = _untouched(case, luck)[: 3 + len(case.lines) // 500]
    for line in late:
        _date(line, asked, asked.today + timedelta(days=1))
    kinds = [kind for kind in KINDS if _fits(kind, case)]
    waiting = iter(_untouched(case, luck))
    for place in range(max(len(kinds), len(case.lines) // 40)):
        line = next(waiting, None)
        if line is None:
            break
        _plant_cell(case, kinds[place % len(kinds)], line)
    if case.form in (Form.CSV, Form.NDJSON):
        # Where a broken record with quotes in it ends, nobody can say.
        plain = [line for line in case.lines if not _QUOTED & {*f"{line.customer}{line.order}{line.product}"}]
        others = {line.note for line in plain}
        case.lines = [line for line in case.lines if line.note not in others]
        breaking.plant(case.form.value, plain, luck)
        case.lines += plain


_QUOTED = {*'\n\t,;|"'}
"""What a field of a CSV file is quoted for."""


def _untouched(case: Case, luck: random.Random) -> list[Line]:
    """Lines that damage may hit, with days from which years can be counted."""
    lines = [line for line in case.lines if line.untouched and line.day and 1900 < line.day.year < 2100]
    luck.shuffle(lines)
    return lines


def _plant_cell(case: Case, kind: Kind, line: Line) -> None:
    asked = case.scenario
    if kind.own_order and asked.grain == "repeated_total":
        line.order = f"{line.order}-alone"
    if kind.column in line.written:
        del line.written[kind.column]  # it was another spelling of what is there
    kind.plant(line)
    line.kinds.append(kind.name)
    if kind.fault:
        line.faults.add(kind.fault)
    if kind.column == AMOUNT:
        _exact(case, line)


def _exact(case: Case, line: Line) -> None:
    """The amount of a row that was made or changed as a double, as the column's own type."""
    if case.form is not Form.TYPED or case.scenario.amounts.kind not in ("decimal", "whole"):
        return
    scale = case.scenario.amounts.scale
    value: Any = line.written.pop(AMOUNT, line.paid)
    if value is not None:
        value = Decimal(str(value)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN)
    line.written[AMOUNT] = value
    if line.paid is not None:
        line.paid = value


def _seen_at_last(own: list[Line], asked: Scenario) -> list[Line]:
    """The rows that the last date sees."""
    start = oracle.window_start(asked.today, asked.window)
    return [line for line in own if line.day and line.day <= asked.today and (start is None or line.day > start)]


def _plant_customers(
    case: Case, by_customer: dict[str | None, list[Line]], free: list[str | None], luck: random.Random
) -> None:
    asked = case.scenario
    for name, plant in CUSTOMERS.items():
        if not free:
            return
        own = by_customer[free.pop()]
        for line in own:
            line.paid = float(line.paid or 0.0)
        if name == "customer whose total is out of range":
            own.insert(0, own.pop(own.index(_seen_at_last(own, asked)[0])))
            pattern = own[0]
            pattern.pivotal = True
            for place in range(901):
                huge = Line(
                    pattern.customer, f"huge-{place}", asked.today, 1e11, pattern.product, f"{pattern.note}-{place}"
                )
                huge.pivotal = True
                own.append(huge)
        else:
            plant(own, luck)
        for line in own:
            line.written.pop(AMOUNT, None)
            _exact(case, line)
    if not asked.loyalty:
        return
    for name, stated in LOYALTY.items():
        if not free:
            return
        own = _seen_at_last(by_customer[free.pop()], asked)
        if not _fits_loyalty(case, stated) or not all(line.untouched for line in own):
            continue
        for line in by_customer[own[0].customer]:
            line.written.pop(LOYALTY_SCORE, None)
            line.score, line.score_faulty = None, False
            line.kinds.append(name)
        if case.form is Form.REQUEST:
            for line in by_customer[own[0].customer]:
                _state(line, stated[0])
        else:
            for line, score in zip(own, stated, strict=False):
                _state(line, score)


def _fits_loyalty(case: Case, stated: list[Score]) -> bool:
    values = [score.written for score in stated]
    if case.form is Form.REQUEST:
        return len(stated) == 1 and isinstance(values[0], float) and abs(values[0]) < 1e9
    if Limit.NAN in case.limits and any(value != value for value in values):
        return False
    return case.form is not Form.TYPED or not any(isinstance(value, str) for value in values)


def _plant_orders(case: Case, luck: random.Random) -> None:
    waiting = [
        line
        for line in _seen_at_last(case.lines, case.scenario)
        if line.untouched and line.day > date(1900, 1, 1) and abs(line.paid or 0) < 10**9  # type: ignore[operator]
    ]
    luck.shuffle(waiting)
    for name, second in ORDERS.items():
        if not waiting:
            return
        line = waiting.pop()
        kept = line.paid
        line.paid = float(line.paid or 0.0)
        new = second(line)
        line.paid = kept
        if new.paid == float(kept or 0.0):
            new.paid = kept
        if name == "order that goes on after today":
            new.day = case.scenario.today + timedelta(days=9)
        if DATE in line.written and new.day == line.day:
            new.written[DATE] = line.written[DATE]
        _exact(case, new)
        for one in (line, new):
            one.kinds.append(name)
        case.lines.append(new)


def _date(line: Line, asked: Scenario, day: date) -> None:
    """Another day for a row, alone in its order."""
    if asked.grain == "repeated_total":
        line.order = f"{line.order}-moved"
    line.day = day
    line.written.pop(DATE, None)
    line.kinds.append("date moved")
