"""Planting: real rows, dealt out to the files of a run, with damage of every kind that those files can hold."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.damage import breaking
from tests.damage.groups import CUSTOMERS, LOYALTY, ORDERS, Score, in_window, state_loyalty
from tests.damage.judging import Choices
from tests.damage.kinds import KINDS, TEXT, TYPED, Kind
from tests.damage.lines import COLUMNS, Households, Line, sampled

LAYOUTS: dict[str, tuple[tuple[str, str], ...]] = {
    "csv": (("csv", ".csv"), ("csv", ".csv.gz")),
    "ndjson": (("ndjson", ".ndjson"), ("ndjson", ".jsonl.gz")),
    "text": (("text", ".parquet"), ("text", ".arrow")),
    "typed": (("typed", ".parquet"), ("calm", ".parquet"), ("typed", ".arrow")),
    "mixed": (("csv", ".csv"), ("csv", ".tsv"), ("ndjson", ".ndjson"), ("text", ".arrow"), ("calm", ".parquet")),
}
"""The files of a run: the form of each (``text``: columns of strings; ``TYPED``: dates and doubles) and its suffix."""

GRAINS = ("transaction", "line", "repeated_total")
RETURNS = ("fault", "net")
FUTURE = ("fault", "exclude")


@dataclass(slots=True)
class Source:
    """One file to be written."""

    form: str
    suffix: str
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class Damaged:
    """All that a run is given, and the names of what was planted."""

    choices: Choices
    sources: list[Source]
    scores: dict[str, list[Score]] | None
    """The statements of a loyalty file, where the scores do not stand beside the rows."""
    planted: set[str]

    @property
    def lines(self) -> list[Line]:
        return [line for source in self.sources for line in source.lines]


def chosen(seed: int, luck: random.Random) -> Choices:
    """The options of a seed: twelve in a row go through every grain with both policies of returns and of later rows."""
    return Choices(
        grain=GRAINS[seed % 3],
        returns=RETURNS[seed // 3 % 2],
        future=FUTURE[seed // 6 % 2],
        window=luck.choice([None, (6, "months"), (200, "days")]),
    )


def kinds_in(layout: str) -> set[str]:
    """The names of all that is planted in a run over these files."""
    forms = {form for form, _ in LAYOUTS[layout]}
    names = {kind.name for kind in KINDS if kind.forms & forms} | {*CUSTOMERS, *ORDERS, "row of nothing"}
    names |= {name for form in forms & set(breaking.BROKEN) for name in breaking.names(form)}
    return names | {name for name, stated in LOYALTY.items() if forms & TEXT or not _has_text(stated)}


def damaged(real: Households, layout: str, seed: int, customers: int = 40, orders: int | None = None) -> Damaged:
    """A run of a seed over the files of a layout; ``orders``: how many of each customer, at most."""
    luck = random.Random(f"{layout} {seed}")
    choices = chosen(seed, luck)
    sources = [Source(form, suffix) for form, suffix in LAYOUTS[layout]]
    found = Damaged(choices, sources, {} if luck.random() < 0.4 else None, set())
    by_customer: dict[str | None, list[Line]] = {}
    orders = orders or (30 if choices.grain == "transaction" else 4)
    for line in sampled(real, customers, orders, choices.grain, luck):
        by_customer.setdefault(line.customer, []).append(line)
    _plant_customers(found, by_customer, luck)
    lines = [line for own in by_customer.values() for line in own]
    for name, second in ORDERS.items():
        line = luck.choice([line for line in in_window(lines) if line.untouched])
        lines.append(second(line))
        _note(found, name, line, lines[-1])
    luck.shuffle(lines)
    for line in lines:
        fit = [source for source in sources if source.form in TEXT or _fits_a_double(line)]
        luck.choice(fit).lines.append(line)
    _plant_cells(found, luck)
    for source in sources:
        found.planted |= breaking.plant(source.form, source.lines, luck)
    return found


def _note(found: Damaged, name: str, *lines: Line) -> None:
    found.planted.add(name)
    for line in lines:
        line.kinds.append(name)


def _fits_a_double(line: Line) -> bool:
    return not isinstance(line.written.get("loyalty_score"), str)


def _has_text(stated: list[Score]) -> bool:
    return any(isinstance(score.written, str) for score in stated)


def _plant_customers(found: Damaged, by_customer: dict[str | None, list[Line]], luck: random.Random) -> None:
    """Damage to whole customers, each kind to a customer of its own who has rows enough that count."""
    typed = all(source.form in TYPED for source in found.sources)
    free = [customer for customer, own in by_customer.items() if len(in_window(own)) >= 3]
    luck.shuffle(free)
    for name, plant in CUSTOMERS.items():
        plant(by_customer[free.pop()], luck)
        found.planted.add(name)
    for name, stated in LOYALTY.items():
        if typed and _has_text(stated):
            continue
        customer = free.pop()
        found.planted.add(name)
        if found.scores is not None:
            found.scores[str(customer)] = stated
        else:
            for line, score in zip(luck.sample(in_window(by_customer[customer]), len(stated)), stated, strict=True):
                state_loyalty(line, score)
    for customer in free:
        score = luck.random()
        if found.scores is not None:
            found.scores[str(customer)] = [Score(score, score)]
        else:
            state_loyalty(luck.choice(by_customer[customer]), Score(score, score))


def _plant_cells(found: Damaged, luck: random.Random) -> None:
    """Every kind of cell in a row or two, and some rows with several."""
    forms = {source.form for source in found.sources}
    kinds = [kind for kind in KINDS if kind.forms & forms]
    by_form = {
        form: [line for source in found.sources if source.form == form for line in source.lines if line.untouched]
        for form in sorted(forms)
    }
    waiting = {form: _shuffled(lines, luck) for form, lines in by_form.items()}
    for kind in kinds:
        for form in sorted(kind.forms & forms):
            _plant(found, kind, next(waiting[form]))
    for form in sorted(forms):
        hit = [line for line in by_form[form] if line.kinds and line.faults]
        for line in luck.sample(hit, min(20, len(hit))):
            for column in luck.sample(COLUMNS[:5], 3):
                other = luck.choice([kind for kind in kinds if form in kind.forms and kind.column == column])
                if column not in {_column_of(name) for name in line.kinds}:
                    _plant(found, other, line)
        _blank(found, next(waiting[form]))


def _shuffled(lines: list[Line], luck: random.Random) -> Iterator[Line]:
    return iter(luck.sample(lines, len(lines)))


def _plant(found: Damaged, kind: Kind, line: Line) -> None:
    if kind.own_order and found.choices.grain == "repeated_total":
        line.order = f"{line.order}-alone"
    kind.plant(line)
    if kind.fault:
        line.faults.add(kind.fault)
    _note(found, kind.name, line)


_COLUMN: dict[str, str] = {kind.name: kind.column for kind in KINDS}
_column_of: Callable[[str], str | None] = _COLUMN.get


def _blank(found: Damaged, line: Line) -> None:
    """A row of nothing but its note."""
    line.written = dict.fromkeys(COLUMNS[:6], None)
    line.customer = line.order = line.product = line.day = line.paid = None
    line.faults = {f"missing_{name}" for name in ("customer_id", "transaction_id", "product_id", "date", "amount")}
    _note(found, "row of nothing", line)
