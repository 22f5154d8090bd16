"""What must become of each row, worked out in plain Python from the contract's word (decisions 4, 7, 9, 11, 12, 15)."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from tests.agreement import oracle
from tests.damage.groups import Score
from tests.damage.lines import TODAY, Line

ORDER = (
    *("missing_customer_id", "missing_transaction_id", "missing_product_id", "missing_date", "unreadable_date"),
    *("future_date", "missing_amount", "unreadable_amount", "amount_out_of_range", "negative_amount"),
    *("unreadable_row", "conflicting_order_total", "conflicting_order_date", "loyalty_out_of_range"),
    *("conflicting_loyalty", "only_returns", "total_out_of_range"),
)
"""The faults of decision 12 that a bulk run can meet, in its order."""


NULLS = ("null", "none", "nan", "n/a", "#n/a", "\\n", "-", "undefined", "na", "nil")
"""What ids of the damage may look like where there is none."""
_BLANKS = " \t\n\r\v\f\u00a0\u2007\u200b\u202f\u3000\ufeff"


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a run, as they are given to the program and as the oracle takes them."""

    grain: str
    returns: str
    future: str
    window: tuple[int, str] | None
    today: date = TODAY
    as_of: tuple[date, ...] = ()
    """Several as-of dates, ascending; ``today`` is the last of them then."""

    @property
    def dates(self) -> tuple[date, ...]:
        """The dates at which vectors are made."""
        return self.as_of or (self.today,)

    def arguments(self) -> list[str]:
        given = [word for day in self.dates for word in ("--today", day.isoformat())]
        given += ["--grain", self.grain, "--returns", self.returns, "--future", self.future]
        return given + (["--window", f"{self.window[0]} {self.window[1]}"] if self.window else [])

    def possible(self, forms: set[str]) -> set[str]:
        """The faults that rows in such files can have under these options."""
        never = {
            "future_date": self.future == "exclude",
            "negative_amount": self.returns == "net",
            "only_returns": self.returns == "fault",
            "conflicting_order_total": self.grain != "repeated_total",
            "conflicting_order_date": self.grain != "repeated_total",
            "unreadable_amount": not forms & {"csv", "ndjson", "text"},
            "unreadable_row": not forms & {"csv", "ndjson"},
        }
        return {fault for fault in ORDER if not never.get(fault)}


@dataclass(slots=True)
class Verdict:
    """The faults of each row that is set aside (by its note), how many rows count, and what is computed."""

    faults: dict[str, list[str]]
    used: int
    excluded: int
    vectors: dict[str, bytes] | dict[tuple[str, date], bytes]
    """By customer, in byte order; with several as-of dates by customer and date."""
    warnings: dict[str, int]
    share: str
    """How many of the orders look like repeated totals, as the warning is to say it."""

    @property
    def counts(self) -> dict[str, int]:
        """The number of rows filed under each fault."""
        return Counter(faults[0] for faults in self.faults.values())


class _Groups:
    """Rows by a key."""

    def __init__(self, lines: list[Line], key: Any) -> None:
        self.of: dict[Any, list[Line]] = {}
        for line in lines:
            self.of.setdefault(key(line), []).append(line)


def _order_of(line: Line) -> tuple[str | None, str | None]:
    return line.customer, line.order


def judge(lines: list[Line], choices: Choices, scores: dict[str, list[Score]] | None = None) -> Verdict:
    """The verdict over all rows of a run; ``scores`` are those of a loyalty file, where there is one."""
    spans = [(oracle.window_start(day, choices.window), day) for day in choices.dates]
    own = {line.note: own_faults(line, choices) for line in lines}
    outside = {line.note: _is_outside(line, choices, spans) for line in lines}
    counting = [line for line in lines if not own[line.note] and not outside[line.note]]
    of_order: dict[Any, set[str]] = {}
    if choices.grain == "repeated_total":
        of_order = {key: found for key, rows in _Groups(counting, _order_of).of.items() if (found := _conflicts(rows))}
    agreeing = [line for line in counting if _order_of(line) not in of_order]
    of_customer: dict[Any, set[str]] = {}
    loyalty: dict[str, float] = {}
    for customer, rows in _Groups(agreeing, lambda line: line.customer).of.items():
        stated = [Score(None, line.score) for line in rows if line.score is not None or line.score_faulty]
        if scores is not None:
            stated = scores.get(customer, [])
        found = _of_customer(rows, stated, choices)
        if found:
            of_customer[customer] = found
        elif stated and stated[0].score is not None:
            loyalty[customer] = stated[0].score
    faults = {}
    for line in lines:
        every = set(own[line.note])
        if not (line.is_broken or outside[line.note]):
            every |= of_order.get(_order_of(line), set()) | of_customer.get(line.customer, set())
        if every:
            faults[line.note] = sorted(every, key=ORDER.index)
    used = [line for line in agreeing if line.customer not in of_customer]
    excluded = sum(outside[line.note] and not own[line.note] for line in lines)
    assert len(lines) == len(own) == len(used) + excluded + len(faults)
    return Verdict(faults, len(used), excluded, _vectors(used, choices, loyalty), *_warnings(used, choices))


def own_faults(line: Line, choices: Choices) -> set[str]:
    """The faults of a row that are there to see in it alone."""
    found = set(line.faults)
    if line.is_broken:
        return found
    if choices.future == "fault" and line.day is not None and line.day > choices.today:
        found.add("future_date")
    if choices.returns == "fault" and (line.below_zero or (line.paid is not None and line.paid < 0)):
        found.add("negative_amount")
    return found


def _is_outside(line: Line, choices: Choices, spans: list[tuple[date | None, date]]) -> bool:
    """Whether no date sees the row: it is after the last one (which may be a fault), or in no date's window."""
    day = line.day
    if day is None:
        return False
    if choices.future == "exclude" and day > choices.today:
        return True
    if len(spans) > 1 and choices.window is not None:
        return not any((start is None or day > start) and day <= last for start, last in spans)
    start = spans[-1][0]
    return start is not None and day <= start


def _units(line: Line) -> int:
    assert line.paid is not None
    return oracle.units_in_bulk(line.paid)


def _conflicts(rows: list[Line]) -> set[str]:
    found = set()
    if len(rows) > 1 and len({_units(line) for line in rows}) > 1:
        found.add("conflicting_order_total")
    if len(rows) > 1 and len({line.day for line in rows}) > 1:
        found.add("conflicting_order_date")
    return found


def _of_customer(rows: list[Line], stated: list[Score], choices: Choices) -> set[str]:
    found = set()
    if any(score.score is None for score in stated):
        found.add("loyalty_out_of_range")
    if len({score.score for score in stated if score.score is not None}) > 1:
        found.add("conflicting_loyalty")
    if choices.returns == "net" and all(line.paid is not None and line.paid < 0 for line in rows):
        found.add("only_returns")
    if choices.grain == "repeated_total":
        rows = list({line.order: line for line in rows}.values())
    units = [_units(line) for line in rows]
    sums = [sum(units)]
    if choices.as_of and choices.returns == "net":
        # Decision 0006: some date may see just the purchases, or just the returns.
        signed = list(zip(rows, units, strict=True))
        sums = [sum(own for line, own in signed if (cast(float, line.paid) < 0) is below) for below in (True, False)]
    if any(abs((total + 50) // 100) > oracle.MAX_CENTS for total in sums):
        found.add("total_out_of_range")
    return found


def _vectors(
    used: list[Line], choices: Choices, loyalty: dict[str, float]
) -> dict[str, bytes] | dict[tuple[str, date], bytes]:
    rows = []
    for line in used:
        cells = line.customer, line.order, line.day, line.paid, line.product
        assert all(cell not in (None, "") for cell in cells)
        rows.append(oracle.Row(*cells))
    asked = {"grain": choices.grain, "window": choices.window, "loyalty": loyalty, "bulk": True}
    if not choices.as_of:
        found = oracle.vectors(rows, choices.today, **asked)
        return {customer: oracle.bits(found[customer]) for customer in oracle.in_byte_order(found)}
    at = {day: oracle.vectors(rows, day, **asked) for day in choices.as_of}
    customers = oracle.in_byte_order({customer for found in at.values() for customer in found})
    return {
        (customer, day): oracle.bits(at[day][customer])
        for customer in customers
        for day in choices.as_of
        if customer in at[day]
    }


def _warnings(used: list[Line], choices: Choices) -> tuple[dict[str, int], str]:
    found: dict[str, int] = {}
    share = ""
    if choices.grain == "transaction":
        orders = _Groups(used, _order_of).of
        several = [rows for rows in orders.values() if len(rows) > 1]
        alike = sum(len({_units(line) for line in rows}) == 1 for rows in several)
        if several and alike * 2 >= len(several):
            found["looks_like_repeated_totals"] = alike
            share = f"{alike} of {len(orders)} ({100 * alike / len(orders):.1f}%)"
        if several:
            found["repeated_transaction_id"] = len(several)
    rows = Counter((*_order_of(line), line.day, _units(line), line.product) for line in used)
    if twice := sum(count > 1 for count in rows.values()):
        found["duplicate_row"] = twice
    ids = {line.customer for line in used if line.customer is not None}
    if alike := len(ids) - len({unicodedata.normalize("NFC", name).strip(_BLANKS).lower() for name in ids}):
        found["near_duplicate_ids"] = alike
    named = (name for line in used for name in (line.customer, line.order, line.product) if name is not None)
    if nulls := sum(name.strip(" ").lower() in NULLS for name in named):
        found["looks_like_null"] = nulls
    return found, share
