"""The public API as a type checker sees it: read by the strict mypy of `make lint`, and never run."""

from __future__ import annotations

from datetime import date
from typing import assert_type

import duckdb
import polars as pl

import customer_features
from customer_features import (
    AsyncClient,
    Client,
    DataFaults,
    FaultyRequest,
    FoundFault,
    InvalidOption,
    InvalidRequest,
    ServiceUnavailable,
    answer,
    build,
    check,
)


def frames_keep_their_kind(polars: pl.DataFrame, relation: duckdb.DuckDBPyRelation) -> None:
    assert_type(build(polars), pl.DataFrame)
    assert_type(build(polars, today=date(2025, 4, 24), grain="line", window="12 months"), pl.DataFrame)
    assert_type(build(relation, columns={"amount": "price * quantity"}, loyalty=polars), duckdb.DuckDBPyRelation)
    assert_type(check(polars, returns="net", future="exclude"), pl.DataFrame)
    assert_type(build(polars.lazy(), loyalty=polars), pl.LazyFrame)


def bytes_in_bytes_out(body: bytes, view: memoryview) -> None:
    assert_type(answer(body), bytes)
    assert_type(answer(view, timezone="America/Sao_Paulo"), bytes)
    assert_type(customer_features.__version__, str)


def errors(body: bytes, frame: pl.DataFrame) -> None:
    try:
        answer(body)
        build(frame)
    except InvalidRequest as refused:
        assert_type(refused.status, int)
    except DataFaults as faults:
        assert_type(faults.counts, dict[str, int])
        assert_type(faults.found, list[FoundFault])
        assert_type(faults.found[0].row_number, int)
    except InvalidOption as wrong:
        assert_type(wrong.option, str)


def a_service(frame: pl.DataFrame, rows: list[dict[str, object]]) -> None:
    with Client("https://x", "id", "secret", timeout=5, max_customers=100) as client:
        assert_type(client.customer_features(frame, date(2025, 4, 24), grain="line"), pl.DataFrame)
        vectors = client.customer_features(rows, progress=lambda done, total: print(done, total))
        assert_type(vectors["customers"][0]["features"]["purchase_total"], float)
        assert_type(vectors["customers"][0]["customer_id"], str)
        try:
            client.customer_features(frame, columns={"amount": "total"}, loyalty=frame, timezone="Europe/Helsinki")
        except FaultyRequest as faults:
            assert_type(faults.errors, dict[str, list[str]])
            assert_type(faults.fault_count, int)
        except ServiceUnavailable as lost:
            assert_type(lost.retry_after, float | None)


async def a_service_in_an_event_loop(frame: pl.DataFrame, rows: list[dict[str, object]]) -> None:
    async with AsyncClient() as client:
        assert_type(await client.customer_features(frame), pl.DataFrame)
        assert_type((await client.customer_features(rows))["customers"][0]["customer_id"], str)
        await client.customer_features(rows, grian="line")  # type: ignore[call-overload]


def wrong_calls(body: str, frame: pl.DataFrame) -> None:
    answer(body)  # type: ignore[arg-type]
    build(frame, {}, "2025-04-24")  # type: ignore[call-arg]
    build(frame, grain=3)  # type: ignore[arg-type]
    check()  # type: ignore[call-arg]
