"""Which parts of an expression are instants; tests/cases/test_dates.py has the days that come of it."""

from __future__ import annotations

import pytest

from customer_features.errors import ColumnError
from customer_features.query.instants import on_local_clock

KINDS = {"ts": "BIGINT", "stamp": "TIMESTAMP", "instant": "TIMESTAMP WITH TIME ZONE", "text": "VARCHAR"}


def rewritten(sql: str) -> str:
    return on_local_clock(sql, "Asia/Tokyo", KINDS.get, sql)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("EPOCH_MS(ts)", "TIMEZONE('Asia/Tokyo', TIMEZONE('UTC', EPOCH_MS(ts)))"),
        ("CAST(instant AS DATE)", "CAST(TIMEZONE('Asia/Tokyo', instant) AS DATE)"),
        ("YEAR(instant)", "YEAR(TIMEZONE('Asia/Tokyo', instant))"),
        (
            "STRPTIME(text, '%Y-%m-%d %H:%M -03')",
            "TIMEZONE('Asia/Tokyo', TIMEZONE('UTC', STRPTIME(text, '%Y-%m-%d %H:%M -03') - INTERVAL (-180) MINUTE))",
        ),
    ],
)
def test_instants_are_put_on_the_local_clock(sql: str, expected: str) -> None:
    assert rewritten(sql).replace("'-180' MINUTE", "(-180) MINUTE") == expected


@pytest.mark.parametrize(
    "sql",
    [
        *("instant", "stamp", "CAST(stamp AS DATE)", "CAST(ts AS VARCHAR)", "EPOCH_MS(ts) AT TIME ZONE 'UTC'"),
        *("TIMEZONE('UTC', EPOCH_MS(ts))", "STRPTIME(text, '%d/%m/%Y %H:%M')", "TO_TIMESTAMP(ts)"),
    ],
)
def test_all_else_stays_to_the_letter(sql: str) -> None:
    assert rewritten(sql) == sql


def test_a_list_of_formats_with_an_offset_is_refused() -> None:
    with pytest.raises(ColumnError, match="read each format by itself"):
        rewritten("TRY_STRPTIME(text, ['%Y-%m-%dT%H:%M:%SZ', '%d.%m.%Y'])")
