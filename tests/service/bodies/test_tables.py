"""Bodies that are tables: every type in, every type out, all or nothing, in an engine that is shut in."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest
import zstandard

from customer_features.engines.duckdb.session import connected, lock, memory_kept
from customer_features.service.content import ARROW, ARROW_FILE, CSV, NDJSON, PARQUET
from customer_features.service.documents.contract import EXAMPLE_REQUEST
from tests.service.harness import EXAMPLE, ROUTE, Local, Running, Server, command, problem

TODAY = "2025-04-24"
ROWS = [
    {"customer_id": customer["customer_id"], **row}
    for customer in EXAMPLE_REQUEST["customers"]
    for row in customer["transactions"]
]


def table(rows: list[dict[str, Any]] = ROWS) -> pa.Table:
    return pa.Table.from_pylist(rows)


def written(rows: pa.Table, kind: str) -> bytes:
    """A table as a body of that media type."""
    sink = io.BytesIO()
    if kind == PARQUET:
        pq.write_table(rows, sink)
    elif kind == CSV:
        pa.csv.write_csv(rows, sink)
    elif kind == NDJSON:
        sink.write("".join(json.dumps(row) + "\n" for row in rows.to_pylist()).encode())
    else:
        with (pa.ipc.new_stream if kind == ARROW else pa.ipc.new_file)(sink, rows.schema) as writer:
            writer.write_table(rows)
    return sink.getvalue()


def ask(server: Server, body: bytes, kind: str, accept: str = "*/*", query: str = f"today={TODAY}", **more: str) -> Any:
    headers = {**server.headers, "Content-Type": kind, "Accept": accept, **more}
    return server.request("POST", f"{ROUTE}?{query}", content=body, headers=headers)


def built(tmp_path: Path, body: bytes, suffix: str, *options: str) -> bytes:
    """What ``build`` publishes of the same rows."""
    source, out = tmp_path / "rows.parquet", tmp_path / f"features{suffix}"
    source.write_bytes(body)
    ran = command(tmp_path, "build", str(source), "--out", str(out), *options)
    assert ran.returncode == 0, ran.stderr
    return out.read_bytes()


@pytest.mark.parametrize("kind", [PARQUET, ARROW, ARROW_FILE, CSV, NDJSON])
def test_every_type_of_body_is_answered_as_json_is(server: Running, kind: str) -> None:
    reply = ask(server, written(table(), kind), kind)
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json"
    line = server.line(reply)
    assert (line["status"], line["customers"]) == (200, 2)
    expected = server.post().json()
    found = reply.json()
    # No loyalty score stands beside these rows.
    for customer in expected["customers"]:
        customer["features"]["loyalty_score"] = 0.0
    assert found == expected


@pytest.mark.parametrize(("accept", "suffix"), [(PARQUET, ".parquet"), (CSV, ".csv"), (ARROW_FILE, ".arrow")])
def test_answers_are_the_bytes_of_build(server: Running, tmp_path: Path, accept: str, suffix: str) -> None:
    body = written(table(), PARQUET)
    reply = ask(server, body, PARQUET, accept, f"today={TODAY}&grain=line&window=2000%20days")
    assert reply.headers["content-type"] == accept
    expected = built(tmp_path, body, suffix, "--today", TODAY, "--grain", "line", "--window", "2000 days")
    assert reply.content == expected


def test_an_answer_as_a_stream_of_arrow(server: Running, tmp_path: Path) -> None:
    body = written(table(), PARQUET)
    reply = ask(server, body, PARQUET, ARROW)
    expected = built(tmp_path, body, ".parquet", "--today", TODAY)
    assert pa.ipc.open_stream(reply.content).read_all().equals(pq.read_table(io.BytesIO(expected)))


def test_several_dates(server: Running, tmp_path: Path) -> None:
    body, dates = written(table(), PARQUET), ("2025-01-31", "2025-04-24")
    query = "&".join(f"today={day}" for day in dates) + "&future=exclude"
    reply = ask(server, body, PARQUET, CSV, query)
    options = [word for day in dates for word in ("--today", day)]
    assert reply.content == built(tmp_path, body, ".csv", *options, "--future", "exclude")
    document = problem(ask(server, body, PARQUET, "application/json", query), 422, "faulty-request")
    assert "several dates" in document["errors"]["today"][0]


def test_columns_of_other_names(server: Running) -> None:
    renamed = table().rename_columns(["who", "order_id", "when", "total", "sku"])
    query = f"today={TODAY}&map=customer_id=who&map=date=when"
    assert ask(server, written(renamed, PARQUET), PARQUET, query=query).status_code == 200
    document = problem(ask(server, written(renamed, PARQUET), PARQUET), 422, "faulty-request")
    (said,) = document["errors"]["columns"]
    assert "customer_id" in said
    assert "map=FIELD=COLUMN" in said
    assert "--map" not in said


@pytest.mark.parametrize(
    ("query", "name", "says"),
    [
        ("grain=lin", "grain", "did you mean 'line'?"),
        ("today=2025-02-30", "today", "2025-02-30"),
        ("tday=2025-02-03", "tday", "did you mean 'today'?"),
        ("window=1+month&window=2+months", "window", "twice"),
        ("map=nonsense", "map", "FIELD=COLUMN"),
        ("map=customr_id=who", "map", "did you mean 'customer_id'?"),
        ("map=amount=amount*2", "columns", "there is no column 'amount*2'"),
        ("map=amount=(SELECT+1)", "columns", "there is no column '(SELECT 1)'"),
        ("timezone=Mars", "timezone", "Mars"),
    ],
)
def test_wrong_parameters(server: Running, query: str, name: str, says: str) -> None:
    document = problem(ask(server, written(table(), CSV), CSV, query=query), 422, "faulty-request")
    assert list(document["errors"]) == [name]
    assert says in document["errors"][name][0]


def test_all_or_nothing_with_row_numbers(server: Running) -> None:
    rows = [dict(row) for row in ROWS]
    rows[1]["amount"] = -3.0
    rows[3]["date"] = "2026-01-01"
    document = problem(ask(server, written(table(rows), NDJSON), NDJSON), 422, "faulty-request")
    assert list(document["errors"]) == ["row 2", "row 4"]
    assert "amount -3.0 is negative" in document["errors"]["row 2"][0]
    assert document["faults"] == {"future_date": 1, "negative_amount": 1}
    assert document["fault_count"] == 2


def test_warnings_are_told(server: Running) -> None:
    body = written(table([ROWS[0], ROWS[0], ROWS[2]]), PARQUET)
    reply = ask(server, body, PARQUET, CSV)
    assert "repeated_transaction_id;n=1" in reply.headers["x-feature-warnings"]
    document = ask(server, body, PARQUET).json()
    assert "repeated_transaction_id" in [warning["name"] for warning in document["warnings"]]


@pytest.mark.parametrize("kind", [PARQUET, ARROW, ARROW_FILE, CSV, NDJSON])
@pytest.mark.parametrize("body", [b"", b"garbage", b"PAR1garbagePAR1", b"\xff\xfe\x00", b"{}"])
def test_what_is_no_table(server: Running, kind: str, body: bytes) -> None:
    reply = ask(server, body, kind)
    assert reply.status_code in (400, 422), reply.text
    assert str(server.folder) not in reply.text
    assert "spool" not in reply.text
    assert "--" not in reply.json()["detail"]


def test_a_table_without_rows(server: Running) -> None:
    reply = ask(server, written(table().slice(0, 0), PARQUET), PARQUET)
    assert (reply.status_code, reply.json()) == (200, {"customers": []})


def test_a_packed_table(server: Running) -> None:
    body = written(table(), CSV)
    reply = ask(server, zstandard.compress(body), CSV, **{"Content-Encoding": "zstd"})
    assert reply.content == ask(server, body, CSV).content


def test_a_table_above_the_cap(small: Running) -> None:
    problem(ask(small, b"x" * 100_001, CSV), 413, "body-too-large")


def test_credentials_come_first(server: Running) -> None:
    reply = ask(server, written(table(), CSV), CSV, **{"X-Secret": "wrong"})
    problem(reply, 401, "unauthorized")


def test_nothing_is_left_in_the_spool(server: Running) -> None:
    spool = server.folder / "spool"
    ask(server, written(table(), CSV), CSV)
    ask(server, b"garbage", PARQUET)
    assert list(spool.iterdir()) == []
    assert spool.stat().st_mode & 0o077 == 0


def test_a_server_sweeps_what_a_killed_one_left(local: Callable[..., Local]) -> None:
    server = local("--no-auth")
    ask(server, written(table(), CSV), CSV)
    server.stop()
    left = server.folder / "spool" / "999999999-abc"
    left.mkdir()
    (left / "body").write_text("somebody's rows")
    ran = command(server.folder, "serve", "--port", "0", "--no-auth", "--rate-limit", "x/minute")
    assert ran.returncode == 2
    assert left.exists()  # nothing is done before the options are right
    Local(server.folder, "--no-auth").stop()
    assert not left.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/hostname')",
        "SELECT * FROM glob('/*')",
        "COPY (SELECT 1) TO '/tmp/customer-features-out.csv'",
        "ATTACH '/tmp/customer-features.db' AS other",
        "LOAD httpfs",
        "INSTALL httpfs",
        "SELECT * FROM 'https://example.com/x.parquet'",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET memory_limit = '100GB'",
    ],
)
def test_req_26_the_engine_is_shut_in(tmp_path: Path, statement: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "rows.csv").write_text("a\n1\n")
    (tmp_path / "mine2").mkdir()
    (tmp_path / "mine2" / "rows.csv").write_text("a\n1\n")
    with connected(spill_dir=tmp_path / "mine") as connection:
        lock(connection, tmp_path / "mine")
        assert connection.execute(f"FROM read_csv('{tmp_path}/mine/rows.csv')").fetchall() == [(1,)]
        for other in ("mine2/rows.csv", "mine/../mine2/rows.csv"):
            with pytest.raises(duckdb.Error):
                connection.execute(f"FROM read_csv('{tmp_path}/{other}')")
        with pytest.raises(duckdb.Error):
            connection.execute(statement)
        with memory_kept(connection) as kept:
            assert kept > 0


def test_options_beside_json_are_no_options(server: Running) -> None:
    """They stand in the document there, and to answer as if nothing had been said would mislead."""
    reply = ask(server, EXAMPLE, "application/json", query="grain=line&other=1")
    document = problem(reply, 422, "faulty-request")
    assert list(document["errors"]) == ["grain"]
    assert ask(server, EXAMPLE, "application/json", query="other=1").status_code == 200


def test_a_spool_that_cannot_be_made_is_a_sentence(local: Callable[..., Local]) -> None:
    server = local("--no-auth")
    (server.folder / "spool").write_text("a file where the folder should be")
    problem(ask(server, written(table(), CSV), CSV), 503, "overloaded")
    assert server.post().status_code == 200
