"""The table of limits, and each limit at its edge: what is allowed exactly there is refused one above it."""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

import customer_features
from customer_features.cli.serve import serve
from customer_features.engines.duckdb.session import connected
from customer_features.engines.rows.engine import Caps
from customer_features.errors import InvalidRequest, TooLarge
from customer_features.service import query
from customer_features.service.bodies import job_route, small_json, tables
from customer_features.service.bodies.computing import LARGE_BODY, Computing
from customer_features.service.budgets import LIMITS, Limit
from customer_features.service.content import CSV, PARQUET
from customer_features.service.explorer import steps
from customer_features.service.explorer.choices import Choices
from customer_features.service.explorer.datasets import Meta
from customer_features.service.problems import KINDS, Refused
from customer_features.sources import formats
from customer_features.sources.bounds import MAX_COLUMNS, Bounds
from customer_features.sources.formats import part_of
from customer_features.sources.parquet import check_parquet
from customer_features.sources.parts import File
from tests.docs.budgets import PAGE, written
from tests.service.bodies.test_tables import TODAY
from tests.waiting import until

from .harness import ROUTE, Local, problem

FIELDS = ("customer_id", "transaction_id", "date", "amount", "product_id")
UNANSWERED = {"wait", "connection ends", "431 without a body", "computed in another process", "counted below"}


# -- the table -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", LIMITS, ids=lambda one: one.name)
def test_a_limit_says_how_it_refuses_and_what_sets_it(limit: Limit) -> None:
    assert limit.refusal in KINDS or limit.refusal in UNANSWERED
    assert not limit.option or limit.option in {option for parameter in serve.params for option in parameter.opts}
    assert limit.default > 0
    assert limit.doors


def test_the_page_for_operators_has_the_table() -> None:
    text = PAGE.read_text("utf-8")
    assert written(text) == text
    assert len({one.name for one in LIMITS}) == len(LIMITS)


# -- the query -----------------------------------------------------------------------------------------------


def test_the_length_of_a_query() -> None:
    assert query.parsed(b"a=" + b"x" * (query.MAX_LENGTH - 2)) == [("a", "x" * (query.MAX_LENGTH - 2))]
    with pytest.raises(Refused) as refused:
        query.parsed(b"a=" + b"x" * (query.MAX_LENGTH - 1))
    assert KINDS[refused.value.name].status == 414


def test_the_number_of_parameters() -> None:
    assert len(query.parsed(b"&".join([b"a=1"] * query.MAX_PARAMETERS))) == query.MAX_PARAMETERS
    with pytest.raises(Refused) as refused:
        query.parsed(b"&".join([b"a=1"] * (query.MAX_PARAMETERS + 1)))
    assert (refused.value.name, list(refused.value.more["errors"])) == ("faulty-request", ["query"])


def test_unknown_parameters_are_counted_and_a_hundred_are_told() -> None:
    with pytest.raises(Refused) as refused:
        tables.parse([(f"p{number}", "") for number in range(1000)], CSV, CSV, "UTC")
    assert (len(refused.value.more["errors"]), refused.value.more["fault_count"]) == (100, 1000)


def test_a_long_query_is_refused_shortly_at_every_door(local: Callable[..., Local]) -> None:
    server = local("--no-auth")
    many = "&".join(f"p{number}=" for number in range(query.MAX_PARAMETERS + 1))
    for kind, more in (("application/json", {}), (CSV, {}), (CSV, {"Prefer": "respond-async"})):
        for asked, status, name in ((many, 422, "faulty-request"), ("x" * 20_000, 414, "uri-too-long")):
            headers = {"Content-Type": kind, **more}
            reply = server.request("POST", f"{ROUTE}?{asked}", content=b"{}", headers=headers)
            problem(reply, status, name)
            assert len(reply.content) < 1000


# -- files of strangers --------------------------------------------------------------------------------------


def table(columns: int, rows: int = 1) -> pa.Table:
    names = [*FIELDS, *(f"c{place}" for place in range(columns - len(FIELDS)))]
    return pa.table({name: ["1"] * rows for name in names})


def parquet(rows: pa.Table, **more: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(rows, sink, **more)
    return sink.getvalue()


def arrow(rows: pa.Table, size: int | None = None, **more: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, rows.schema, options=pa.ipc.IpcWriteOptions(**more)) as writer:
        writer.write_table(rows, size)
    return sink.getvalue()


def ndjson(rows: pa.Table) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows.to_pylist()).encode()


def csv(rows: pa.Table) -> bytes:
    sink = io.BytesIO()
    pa.csv.write_csv(rows, sink)
    return sink.getvalue()


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {"parquet": parquet, "arrow": arrow, "ndjson": ndjson, "csv": csv}
ROOMY = Bounds(unpacked=10**6, memory=10**6)


def opened(folder: Path, content: bytes, suffix: str, bounds: Bounds) -> list[str]:
    """The columns of a stranger's file."""
    (folder / f"body.{suffix}").write_bytes(content)
    with connected(threads=1, spill_dir=folder) as connection:
        return part_of(File.of(folder / f"body.{suffix}"), connection, folder, None, bounds=bounds).names


@pytest.mark.parametrize("kind", WRITERS)
def test_req_27_the_number_of_columns(tmp_path: Path, kind: str) -> None:
    bounds = Bounds(unpacked=10**6, memory=10**6, columns=6)
    assert len(opened(tmp_path, WRITERS[kind](table(6)), kind, bounds)) == 6
    with pytest.raises(TooLarge, match=r"allowed are 6"):
        opened(tmp_path, WRITERS[kind](table(7)), kind, bounds)


@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_the_number_of_batches(tmp_path: Path, kind: str) -> None:
    bounds = Bounds(unpacked=10**6, memory=10**6, batches=3)
    written = {
        rows: parquet(table(5, rows), row_group_size=1) if kind == "parquet" else arrow(table(5, rows), 1)
        for rows in (3, 4)
    }
    assert len(opened(tmp_path, written[3], kind, bounds)) == 5
    with pytest.raises(TooLarge, match=r"3"):
        opened(tmp_path, written[4], kind, bounds)


def test_arrow_data_are_counted_while_they_are_unpacked(tmp_path: Path) -> None:
    rows = pa.table({name: ["x" * 10_000] * 100 for name in FIELDS})
    body = arrow(rows, 10, compression="zstd")
    assert len(body) < 100_000
    assert opened(tmp_path, body, "arrow", Bounds(unpacked=1, memory=10**7))
    with pytest.raises(TooLarge, match=r"takes more than 1,000,000 bytes of memory"):
        opened(tmp_path, body, "arrow", ROOMY)


def test_a_packed_file_is_counted_while_it_is_unpacked(tmp_path: Path) -> None:
    text = csv(table(5)).ljust(1000, b"\n")
    assert opened(tmp_path, gzip.compress(text), "csv.gz", Bounds(unpacked=1000, memory=1))
    with pytest.raises(TooLarge, match=r"more than the 999 bytes that are allowed once it is unpacked"):
        opened(tmp_path, gzip.compress(text), "csv.gz", Bounds(unpacked=999, memory=1))
    with pytest.raises(TooLarge):
        opened(tmp_path, gzip.compress(b" " * 10**7), "json.gz", ROOMY)


def test_a_document_that_memory_does_not_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(formats, "read_document", short)
    with pytest.raises(TooLarge, match="takes more memory than there is"):
        opened(tmp_path, b'{"customers": []}', "json", ROOMY)


def test_a_footer_that_declares_more_than_it_holds(tmp_path: Path) -> None:
    """A file of 111 bytes that declares a hundred million row groups."""
    (tmp_path / "body").write_bytes(base64.b64decode(ROW_GROUPS))
    with pytest.raises(OSError, match="Exceeded size limit"):
        check_parquet(str(tmp_path / "body"), ROOMY, "body")


ROW_GROUPS = (
    "UEFSMRUCGWxIAXIVCgAVDCUCGAtjdXN0b21lcl9pZAAVDCUCGA50cmFuc2FjdGlvbl9pZAAVDCUCGARkYXRlABUMJQIYBmFtb3VudAAVDCUCGApwcm9k"
    "dWN0X2lkABYAGfyAwtcvAGMAAABQQVIx"
)


def test_req_30_a_damaged_page_gives_the_same_refusal_each_time(tmp_path: Path) -> None:
    """Of a page that is shorter than its header says the engine alone would show what its memory held before."""
    rows = pa.table({name: [f"{name}{n % 97}" for n in range(2000)] for name in FIELDS})
    whole = parquet(rows, compression="gzip", use_dictionary=False)
    chunk = pq.ParquetFile(io.BytesIO(whole)).metadata.row_group(0).column(0)
    place = chunk.data_page_offset + chunk.total_compressed_size - 100
    damaged = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
    (tmp_path / tables.BODY).write_bytes(damaged)
    asked = tables.parse([("today", TODAY)], PARQUET, CSV, "UTC")
    said = set()
    for _ in range(8):
        with pytest.raises(Refused) as refused:
            tables.compute(str(tmp_path), asked, memory="512MB", threads=1)
        said.add((refused.value.name, refused.value.detail))
    ((name, _),) = said
    assert name == "malformed-table"


def test_too_many_columns_over_http(local: Callable[..., Local]) -> None:
    server = local("--no-auth")
    body = csv(table(MAX_COLUMNS + 1))
    reply = server.request("POST", f"{ROUTE}?today={TODAY}", content=body, headers={"Content-Type": CSV})
    document = problem(reply, 413, "body-too-large")
    assert document["detail"] == "The body holds 10,001 columns, or more; allowed are 10,000."


def test_a_job_and_the_explorer_hold_the_same_bounds(tmp_path: Path) -> None:
    (tmp_path / tables.BODY).write_bytes(csv(table(MAX_COLUMNS + 1)))
    asked = msgspec.json.encode(tables.parse([("today", TODAY)], CSV, CSV, "UTC"))
    with pytest.raises(Refused) as refused:
        job_route._computed(str(tmp_path), asked, "512MB", Caps(1, 1), 1)
    assert refused.value.name == "body-too-large"
    with pytest.raises(TooLarge, match="allowed are 10,000"):
        steps.work("look", str(tmp_path), Meta("r.csv", "me"), Choices(), "512MB", 1, 10**6)


# -- deadlines -----------------------------------------------------------------------------------------------


def test_every_door_has_its_deadline_and_its_tenant(
    local: Callable[..., Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[float, str]] = []

    async def late(self: Computing, *_: object, seconds: float, tenant: str) -> None:
        asked.append((seconds, tenant))
        raise Refused("timed-out", "The computation took longer.")

    monkeypatch.setattr(Computing, "run", late)
    server = local("--request-timeout", "7s", "--job-timeout", "9s", key=True)
    tenant = server.headers["X-Customer-Api-Id"]
    rows = csv(table(5))
    large, plain = faulty(1).ljust(LARGE_BODY + 1), f"{ROUTE}?today={TODAY}"
    problem(server.post(large), 503, "timed-out")
    problem(server.post(faulty(small_json.EXPLAINED)), 503, "timed-out")
    headers = {**server.headers, "Content-Type": CSV}
    problem(server.request("POST", plain, content=rows, headers=headers), 503, "timed-out")
    assert asked == [(7, tenant)] * 3
    server.request("POST", plain, content=rows, headers={**headers, "Prefer": "respond-async"})
    until(lambda: len(asked) == 4, "the job's turn")
    assert asked[3] == (9, tenant)


# -- the event loop ------------------------------------------------------------------------------------------


def faulty(members: int) -> bytes:
    return b'{"customers":[{"customer_id":"a","transactions":[' + b"{}," * members + b"{}]}]}"


def test_how_much_is_explained_on_the_event_loop() -> None:
    with pytest.raises(InvalidRequest):
        small_json.answer(faulty(small_json.EXPLAINED - 1), timezone="UTC", caps=None)  # and a comma before them
    with pytest.raises(small_json.ManyMembers):
        small_json.answer(faulty(small_json.EXPLAINED), timezone="UTC", caps=None)


def test_a_small_body_of_many_faults_does_not_hold_the_loop_up(
    local: Callable[..., Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as ever, by a process: while that takes its time, others are answered."""
    server, body = local("--no-auth"), faulty(3 * small_json.EXPLAINED)
    begun, goes_on = asyncio.Event(), asyncio.Event()
    run = Computing.run

    async def slowly(self: Computing, *arguments: Any, **more: Any) -> Any:
        begun.set()
        await goes_on.wait()
        return await run(self, *arguments, **more)

    monkeypatch.setattr(Computing, "run", slowly)

    async def both() -> tuple[Any, Any]:
        asked = asyncio.ensure_future(server._client.post(ROUTE, content=body, headers=JSON))
        await begun.wait()
        health = await server._client.get("/health")
        assert not asked.done()
        goes_on.set()
        return health, await asked

    health, reply = asyncio.run_coroutine_threadsafe(both(), server._loop).result(60)
    assert health.status_code == 200
    with pytest.raises(InvalidRequest) as expected:
        customer_features.answer(body)
    document = problem(reply, 422, "faulty-request")
    assert {**document, "instance": ""} == {**expected.value.problem, "instance": ""}
    assert document["fault_count"] == 4 * (3 * small_json.EXPLAINED + 1)


JSON = {"Content-Type": "application/json"}
