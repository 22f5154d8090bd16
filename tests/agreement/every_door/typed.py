"""The rows of a case as typed columns."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from tests.agreement.every_door.scenarios import Dates
from tests.agreement.every_door.values import AMOUNT, DATE, ID, LOYALTY_SCORE, ORDER, PRODUCT
from tests.damage.kinds import INFINITE_DAY

if TYPE_CHECKING:
    from tests.agreement.every_door.generator import Case


def table_of(case: Case) -> pa.Table:
    """customer_id, transaction_id, date, amount, product_id and, where there are scores, loyalty_score."""
    asked, lines = case.scenario, case.lines
    customers = [line.written.get(ID, line.customer) for line in lines]
    columns: dict[str, pa.Array] = {
        "customer_id": pa.array(map(int, customers), pa.int64())
        if asked.whole_ids
        else pa.array(customers, pa.string()),
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
    days = [line.written.get(DATE, line.day) for line in lines]
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
    cells: list[Any] = [line.written.get(AMOUNT, line.paid) for line in lines]
    if kind.kind == "text":
        return pa.array([repr(cell) if isinstance(cell, float) else cell for cell in cells], pa.string())
    if kind.kind == "decimal":
        return pa.array(cells, pa.decimal128(kind.precision, kind.scale))
    return pa.array(cells, pa.int64() if kind.kind == "whole" else pa.float64())
