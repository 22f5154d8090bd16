"""Every peer gives the exact vectors of a tiny input, or as many inexact ones as are stated, none beyond a cent."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import httpx
import polars as pl
import pytest

from benchmarks import ours
from benchmarks.bulk import fast, slow
from benchmarks.data import answer_vectors, document, document_vectors
from benchmarks.files import exact_at, exact_vectors, months, purchases_csv
from benchmarks.judging import FEATURES, Verdict, judged, judged_mapping
from benchmarks.peers import (
    as_of_sql,
    duckdb_sql,
    orjson_loop,
    polars_lazy,
    pydantic_loop,
    pydantic_typed_dicts,
)
from benchmarks.processes import Process, vectors_of
from benchmarks.servers import ROUTE
from tests.benchmarks.conftest import CUSTOMERS, PRODUCTS, ROWS
from tests.installed import prepared
from tests.spark_door import QUICK_JAVA

INEXACT = {
    "DuckDB SQL, floats": 1,
    "Polars, in memory, floats": 3,
    "pandas, floats": 4,
    "PySpark, local": 2,
    "featuretools": 4,
}
"""Of 150 vectors. Floats are off where a mean is a half of a cent."""
ELSEWHERE = {"ClickHouse (chdb), exact integers", "PySpark, local"}
"""In a process of its own: another test of this process may have begun a session there."""
NAMED = {one.name: one for one in [*fast(), *slow()]}


def verdict(out: Path, exact: pl.DataFrame, columns: tuple[str, ...] = FEATURES) -> Verdict:
    return judged(vectors_of(out), exact, columns)


@pytest.mark.parametrize("name", sorted(NAMED.keys() - ELSEWHERE))
def test_peers_over_files(name: str, tiny: Path, tmp_path: Path) -> None:
    peer, out = NAMED[name], tmp_path / "out.parquet"
    getattr(import_module(peer.module), peer.function)(str(tiny), str(out))
    assert verdict(out, exact_vectors(tiny), peer.columns) == Verdict(INEXACT.get(name, 0))


def in_its_process(peer: Process, source: Path, folder: Path) -> Path:
    out = folder / "out.parquet"
    peer.run(source, out)
    assert peer.seconds[0] > 0
    assert peer.peak_bytes[0] > 10_000_000
    assert peer.cpu_seconds[0] >= 0
    return out


def test_clickhouse_in_its_process(tiny: Path, tmp_path: Path) -> None:
    out = in_its_process(NAMED["ClickHouse (chdb), exact integers"], tiny, tmp_path)
    assert verdict(out, exact_vectors(tiny)) == Verdict(0)


@pytest.mark.slow
def test_spark_in_its_process(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JDK_JAVA_OPTIONS", QUICK_JAVA)
    out = in_its_process(NAMED["PySpark, local"], tiny, tmp_path)
    assert verdict(out, exact_vectors(tiny)) == Verdict(INEXACT["PySpark, local"])


@pytest.mark.slow
def test_featuretools_in_its_environment(tiny: Path, tmp_path: Path) -> None:
    python = str(prepared("featuretools") / "bin" / "python")
    module = "benchmarks.peers.featuretools_dfs"
    out = in_its_process(Process("featuretools", module, python=python), tiny, tmp_path)
    assert verdict(out, exact_vectors(tiny)) == Verdict(INEXACT["featuretools"])
    out = in_its_process(Process("featuretools", module, "months", ("3",), python=python), tiny, tmp_path)
    assert verdict(out, exact_at(tiny, months(3))) == Verdict(8)


@pytest.mark.parametrize("work", [as_of_sql.joined, as_of_sql.each, ours.months])
def test_peers_at_many_dates(work: Callable[[str, str, str], None], tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    work(str(tiny), str(out), "24")
    assert verdict(out, exact_at(tiny, months(24))) == Verdict(0)


def test_peers_over_csv(tmp_path: Path) -> None:
    source = purchases_csv(tmp_path, ROWS, CUSTOMERS, PRODUCTS)
    for place, work in enumerate([duckdb_sql.exact, polars_lazy.streaming, ours.build]):
        out = tmp_path / f"out{place}.parquet"
        work(str(source), str(out))
        assert verdict(out, exact_vectors(source)) == Verdict(0)


def test_the_bare_scan_reads_every_column(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    duckdb_sql.scan(str(tiny), str(out))
    assert not out.exists()
    assert all(f"({name})" in duckdb_sql.TOUCHED for name in pl.read_parquet_schema(tiny))


@pytest.mark.parametrize("work", [orjson_loop.run, pydantic_loop.run, pydantic_typed_dicts.run])
def test_peers_over_json(work: Callable[[bytes], bytes]) -> None:
    body = document(60)
    assert judged_mapping(answer_vectors(work(body)), document_vectors(body)) == Verdict(0)


@pytest.mark.parametrize("peer", ["fastapi_app", "bare_asgi"])
def test_peers_over_http(peer: str) -> None:
    body, app = document(60), import_module(f"benchmarks.peers.{peer}").app

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://peer") as client:
            return await client.post(ROUTE, content=body, headers={"Content-Type": "application/json"})

    import asyncio

    reply = asyncio.run(ask())
    assert reply.status_code == 200
    assert judged_mapping(answer_vectors(reply.content), document_vectors(body)) == Verdict(0)
