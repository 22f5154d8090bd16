"""Days that are numbers, and what a run says of how it counted days."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import customer_features
from customer_features.errors import ColumnError, DataFaults
from tests.conftest import Cli, manifest_of

EVENING = 1743559200
"""2025-04-02T02:00:00Z, which is the evening of 1 April in New York."""
NOON = EVENING + 10 * 3600


def table(dates: list[Any], kind: pa.DataType) -> pa.Table:
    places = [str(place) for place in range(len(dates))]
    return pa.table(
        {
            "customer_id": places,
            "transaction_id": places,
            "date": pa.array(dates, kind),
            "amount": [1.0] * len(dates),
            "product_id": places,
        }
    )


def read(dates: list[Any], kind: pa.DataType, timezone: str) -> list[str]:
    frame = customer_features.build(table(dates, kind), today="2025-04-24", timezone=timezone)
    return [str(date(2025, 4, 24) - timedelta(days=int(days))) for days in frame["recency_days"].to_pylist()]


@pytest.mark.parametrize(
    ("dates", "kind"),
    [
        ([EVENING, NOON], pa.int64()),
        ([EVENING, NOON], pa.uint32()),
        ([EVENING + 0.75, NOON], pa.float64()),
        ([str(EVENING), f"{NOON}.999"], pa.string()),
        ([EVENING * 1000 + 999, NOON * 1000], pa.int64()),
        ([f"{EVENING}000", f"{NOON}999"], pa.string()),
        ([EVENING * 10**6 + 999_999, NOON * 10**6], pa.int64()),
        ([EVENING * 10**6, NOON * 10**6], pa.float64()),
        ([EVENING, NOON], pa.decimal128(28, 3)),
    ],
)
def test_numbers_since_1970_are_instants(dates: list[Any], kind: pa.DataType) -> None:
    if pa.types.is_decimal(kind):
        dates = pa.array(dates, pa.int64()).cast(kind).to_pylist()
    assert read(dates, kind, "UTC") == ["2025-04-02", "2025-04-02"]
    assert read(dates, kind, "America/New_York") == ["2025-04-01", "2025-04-02"]


@pytest.mark.parametrize(
    ("dates", "kind"),
    [([45749, 45750], pa.int32()), ([45749.9999, 45750.0], pa.float64()), (["45749.5", "45750"], pa.string())],
)
def test_excel_days_are_local(dates: list[Any], kind: pa.DataType) -> None:
    assert read(dates, kind, "America/New_York") == ["2025-04-02", "2025-04-03"]


def test_a_missing_number_is_a_missing_date() -> None:
    for rows in (table([EVENING, None], pa.int64()), table([str(EVENING), ""], pa.string())):
        with pytest.raises(DataFaults) as caught:
            customer_features.build(rows, today="2025-04-24")
        assert caught.value.counts == {"missing_date": 1}


@pytest.mark.parametrize(
    ("dates", "kind", "said"),
    [
        ([EVENING, 0], pa.int64(), "holds numbers from 0 to 1743559200: 1 of 2 look like seconds since 1970"),
        ([EVENING, EVENING * 1000], pa.int64(), "1 of 2 look like"),
        ([20250401, 20250402], pa.int64(), "holds numbers from 20250401 to 20250402, which are no days"),
        ([1, 2], pa.int64(), "holds numbers from 1 to 2, which are no days"),
        ([str(EVENING), str(EVENING), "n/a"], pa.string(), "2 of 3 look like seconds since 1970 .UTC., 1 do not"),
        ([float("nan"), EVENING], pa.float64(), "1 of 2 look like"),
    ],
)
def test_other_numbers_are_refused_with_what_was_found(dates: list[Any], kind: pa.DataType, said: str) -> None:
    with pytest.raises(ColumnError, match=said):
        customer_features.build(table(dates, kind), today="2025-04-24")


def test_a_few_numbers_among_dates_are_faults() -> None:
    with pytest.raises(DataFaults) as caught:
        customer_features.build(table(["2025-04-01", "2025-04-02", str(EVENING)], pa.string()), today="2025-04-24")
    assert caught.value.counts == {"unreadable_date": 1}


def csv(folder: Path, *dates: object) -> Path:
    path = folder / "rows.csv"
    lines = [f"a,{place},{day},1.00,p" for place, day in enumerate(dates)]
    path.write_text("\n".join(["customer_id,order_id,date,amount,sku", *lines]) + "\n")
    return path


def built(cli: Cli, source: Path, *words: object) -> tuple[str, dict[str, Any]]:
    out = source.with_name("out.parquet")
    ran = cli("build", source, "--out", out, "--today", "2025-04-24", *words)
    assert ran.code == 0, ran.err
    return ran.err, manifest_of(out)["days"]


def test_numbers_are_stated(cli: Cli, tmp_path: Path) -> None:
    said, days = built(cli, csv(tmp_path, EVENING, NOON), "--timezone", "America/New_York")
    assert "rows.csv holds seconds since 1970 (UTC), 2025-04-02 to 2025-04-02" in said
    assert days["numbers"][0] | {"source": ""} == {
        "source": "",
        "column": "date",
        "read_as": "seconds since 1970 (UTC)",
        "first": "2025-04-02",
        "last": "2025-04-02",
    }
    assert (days["instants"], days["on_another_day"]) == (2, 1)


def test_days_in_another_offset_are_counted(cli: Cli, tmp_path: Path) -> None:
    dates = (
        "2025-04-02T02:00:00Z",
        "2025-04-02T12:00:00Z",
        "2025-04-02 23:30:00-04:00",
        "2025-04-02",
        "2025-04-02 02:00",
    )
    said, days = built(cli, csv(tmp_path, *dates), "--timezone", "America/New_York")
    assert (
        "Days:       counted in America/New_York; 1 of 3 rows with an offset falls on another day than the one"
        " that is written\n" in said
    )
    assert "1 row has a time without an offset, which is taken for local time in America/New_York" in said
    assert days == {
        "timezone": "America/New_York",
        "timezone_given": True,
        "instants": 3,
        "on_another_day": 1,
        "local_times": 1,
        "numbers": [],
    }
    said, days = built(cli, csv(tmp_path, *dates))
    assert "counted in UTC; 1 of 3 rows with an offset" in said
    assert "taken for local" not in said
    assert (days["timezone_given"], days["local_times"]) == (False, 1)


def test_timestamps_of_a_parquet_file(cli: Cli, tmp_path: Path) -> None:
    instants = table([EVENING * 10**6, NOON * 10**6], pa.timestamp("us", "UTC"))
    local = table([EVENING * 10**6, NOON * 10**6], pa.timestamp("us"))
    source = tmp_path / "rows.parquet"
    for rows, expected in ((instants, (2, 1, 0)), (local, (0, 0, 2)), (table(["2025-04-02"], pa.string()), (0, 0, 0))):
        pq.write_table(rows, source)
        _, days = built(cli, source, "--timezone", "America/New_York")
        assert (days["instants"], days["on_another_day"], days["local_times"]) == expected


def test_days_alone_say_nothing(cli: Cli, tmp_path: Path) -> None:
    said, days = built(cli, csv(tmp_path, "2025-04-02"), "--timezone", "America/New_York")
    assert "Days" not in said
    assert (days["instants"], days["local_times"]) == (0, 0)
