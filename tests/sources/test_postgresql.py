"""PostgreSQL as source: the same bits as from a file, every type read or refused, and a sentence for each error."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_features import SourceError
from customer_features.connections.postgresql import connected as session_with
from customer_features.engines.duckdb.session import connected
from customer_features.sources.opening import opened
from tests.agreement import oracle
from tests.conftest import FIELDS, TODAY, Cli, aside_of, assert_refused, manifest_of
from tests.database import Database, unseen

DAY = date.fromisoformat(TODAY)
ORDERS = (
    "CREATE TABLE orders (customer_id text, transaction_id bigint, date date, amount numeric(14,5), product_id text)"
)
AMOUNT_OF = ORDERS.replace("numeric(14,5)", "{}")
AMOUNTS = ["0.00005", "0.00004", "1.00505", "2.675", "1234567.89995", "520.55", "398.40", "0", "0.1", "0.2"]


def fill(database: Database, rows: Iterable[tuple[str, int, str, str, str]], declared: str = ORDERS) -> None:
    values = ", ".join(
        f"('{name}', {number}, '{day}', '{amount}', '{item}')" for name, number, day, amount, item in rows
    )
    database.run(declared, f"INSERT INTO orders VALUES {values}")


def built(cli: Cli, tmp_path: Path, *sources: str, more: tuple[str, ...] = ()) -> dict[str, oracle.Vector]:
    """The vectors of a run, which must end well."""
    out = tmp_path / "f.parquet"
    ran = cli("build", *sources, "--out", out, "--today", TODAY, *more)
    assert ran.code == 0, ran.err
    unseen(ran.out, ran.err, out.with_name("f.parquet.manifest.json").read_text())
    return {name: tuple(vector) for name, *vector in (row.values() for row in pq.read_table(out).to_pylist())}


def test_the_same_bits_as_a_file_of_the_same_rows(database: Database, cli: Cli, tmp_path: Path) -> None:
    rows = [
        (f"c{place % 7}", place, (DAY - timedelta(days=place % 90)).isoformat(), AMOUNTS[place % 10], f"p{place % 5}")
        for place in range(300)
    ]
    fill(database, rows)
    expected = oracle.vectors(
        [oracle.Row(c, str(t), date.fromisoformat(d), Decimal(a), p) for c, t, d, a, p in rows], DAY
    )
    for more in ((), ("--query", "SELECT * FROM orders ORDER BY amount DESC; ")):
        found = built(cli, tmp_path, database.uri if more else database.table("public.orders"), more=more)
        assert list(found) == oracle.in_byte_order(expected)
        for name, vector in found.items():
            assert oracle.bits(vector) == oracle.bits(expected[name])
    of_database = (tmp_path / "f.parquet").read_bytes()
    columns = {name: [row[place] for row in rows] for place, name in enumerate(FIELDS)}
    table = pa.table({**columns, "amount": pa.array(map(Decimal, columns["amount"]), pa.decimal128(14, 5))})
    pq.write_table(table, tmp_path / "t.parquet")
    built(cli, tmp_path, str(tmp_path / "t.parquet"))
    assert (tmp_path / "f.parquet").read_bytes() == of_database


LONG = "0." + "1234567890" * 6
EXACT = [
    *("0.00005", "-0.00005", "0.000049999999999999999999", "-0.000050000000000000000001", "99999999999.99994"),
    *("12345678.123450000000000000000001", "-12345678.12345", "100000000000", "7", "1e-30", "8.5e10"),
]


@pytest.mark.parametrize("odd", ["", "NaN", LONG, "1e60"])
def test_numeric_is_scaled_exactly_whatever_else_the_column_holds(
    odd: str, database: Database, cli: Cli, tmp_path: Path
) -> None:
    """Each value alone: those that no DECIMAL holds make the column text, and the others keep their bits."""
    amounts = EXACT + [odd] * bool(odd)
    rows = [(f"c{place}", place, "2025-04-20", amount, "p") for place, amount in enumerate(amounts)]
    rows += [(f"c{place}", place, "2025-04-20", "1000000", "p") for place, _ in enumerate(amounts)]
    fill(database, rows, AMOUNT_OF.format("numeric"))
    found = built(cli, tmp_path, database.table("orders"), more=("--returns", "net", "--max-faults", "10%"))
    fitting = {place: Decimal(a) for place, a in enumerate(amounts) if a not in ("NaN", "1e60")}
    for place, amount in fitting.items():
        units = oracle.units_of(amount) + 10_000_000_000
        assert found[f"c{place}"][0].hex() == oracle.two_decimals(units, 1).hex(), amount
    described = manifest_of(tmp_path / "f.parquet")
    assert described["faults"] == ({"amount_out_of_range": 1} if odd in ("NaN", "1e60") else {})


@pytest.mark.parametrize("kind", ["numeric", "double precision"])
def test_amounts_that_are_no_finite_number(kind: str, database: Database, cli: Cli) -> None:
    """Among many that repeat, so that the copy keeps them in a dictionary, which the engine computes as a whole."""
    odd = ["NaN", "Infinity", "-Infinity", "100000000000.1", "1e30", "-1e33", "1e200"]
    fill(
        database, [("c", place, "2025-04-20", amount, "p") for place, amount in enumerate(odd)], AMOUNT_OF.format(kind)
    )
    database.run("INSERT INTO orders SELECT 'c', i, '2025-04-20', i % 7 / 4.0, 'p' FROM generate_series(8, 20000) i")
    ran = cli("check", database.table("orders"), "--today", TODAY)
    assert ran.code == 1, ran.err
    assert "amount_out_of_range: 7 rows" in ran.out
    assert f"{database.shown}#orders, row 1: amount nan " in ran.out.lower()


def test_days_that_no_calendar_holds(database: Database, cli: Cli, tmp_path: Path) -> None:
    odd = ["infinity", "-infinity", "4713-01-01 BC", "0001-12-31 BC", "10000-01-01"]
    for kind, last in (("date", "5874897-12-31"), ("timestamp", "294276-12-31"), ("timestamptz", "294276-12-31")):
        rows = [("c", place, day, "1", "p") for place, day in enumerate([*odd, last, "9999-12-31", "0001-01-01"])]
        database.run("DROP TABLE IF EXISTS orders")
        fill(database, rows, ORDERS.replace("date date", f"date {kind}"))
        out = tmp_path / f"{kind}.csv"
        ran = cli("build", database.table("orders"), "--out", out, "--today", "9999-12-31", "--max-faults", 1)
        assert ran.code == 0, ran.err
        assert manifest_of(out)["faults"] == {"unreadable_date": 6}
        aside = aside_of(out)
        assert aside[0]["message"].startswith("date 'infinity' cannot be read")
        assert aside[1]["message"].startswith("date '-infinity' cannot be read")


def test_an_instant_becomes_a_day_in_the_business_timezone(database: Database, cli: Cli, tmp_path: Path) -> None:
    fill(database, [("c", 1, "2025-04-20 23:30+00", "1", "p")], ORDERS.replace("date date", "date timestamptz"))
    assert built(cli, tmp_path, database.table("orders"))["c"][5] == 4.0
    assert built(cli, tmp_path, database.table("orders"), more=("--timezone", "Europe/Berlin"))["c"][5] == 3.0


IDS = {
    "bigint": ("9007199254740993", "9007199254740993"),
    "smallint": ("7", "7"),
    "numeric(30,0)": ("123456789012345678901234567890", "123456789012345678901234567890"),
    "numeric": ("1" + "0" * 40, "1" + "0" * 40),
    "uuid": ("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "text": (" 00123 ", " 00123 "),
    "varchar(5)": ("é🛒", "é🛒"),
    "char(5)": ("abc", "abc  "),
    "name": ("abc", "abc"),
    "inet": ("10.0.0.1", "10.0.0.1/32"),
    "mood": ("glad", "glad"),
}
AMOUNTS_OF = {"money": 520.5, "double precision": 520.5, "real": 520.5, "integer": 3.0, "text": 520.5, "bigint": 3.0}


def test_ids_and_amounts_of_any_type(database: Database, cli: Cli, tmp_path: Path) -> None:
    """Each type as a column of one table, and all of them as ids and amounts in turn."""
    database.run("CREATE TYPE mood AS ENUM ('sad', 'glad')")
    ids = ", ".join(f"'{value}'::{kind} AS id{place}" for place, (kind, (value, _)) in enumerate(IDS.items()))
    amounts = ", ".join(
        f"'{value}'::text::{kind} AS amount{place}" for place, (kind, value) in enumerate(AMOUNTS_OF.items())
    )
    amounts = amounts.replace("'3.0'", "'3'")
    database.run(f"CREATE TABLE orders AS SELECT {ids}, {amounts}, date '2025-04-20' AS date")
    for turn, (_, expected) in enumerate(IDS.values()):
        place = turn % len(AMOUNTS_OF)
        others = {"transaction_id": f"id{-~turn % len(IDS)}", "product_id": f"id{(turn + 2) % len(IDS)}"}
        mapping = {"customer_id": f"id{turn}", "amount": f"amount{place}", **others}
        if turn >= len(AMOUNTS_OF) and turn < len(IDS) - 1:
            continue  # as an order's or a product's id they had their turn
        more = [part for name, column in mapping.items() for part in ("--map", f"{name}={column}")]
        found = built(cli, tmp_path, database.table("orders"), more=tuple(more))
        assert found == {expected: (AMOUNTS_OF[list(AMOUNTS_OF)[place]], 1.0, found[expected][2], 1.0, 0.0, 4.0)}
    with connected() as engine, opened([database.table("orders")], engine) as [part]:
        names = ", ".join(f"CAST(id{place} AS VARCHAR)" for place in range(len(IDS)))
        [read] = engine.sql(f"SELECT {names} FROM {part.relation}").fetchall()
    assert list(read) == [expected for _, expected in IDS.values()]


def test_other_columns_of_every_kind_reach_the_quarantine(database: Database, cli: Cli, tmp_path: Path) -> None:
    extra = {
        "tags": ("text[]", "array['a','b']", "{a,b}"),
        "j": ("jsonb", """'{"a": [1, null]}'""", '{"a": [1, null]}'),
        "grid": ("numeric[]", "array[1.50, 'NaN']", "{1.50,NaN}"),
        "octets": ("bytea", r"'\x00ff'", r"\x00ff"),
        "span": ("interval", "'1 day'", "1 day"),
        "clock": ("timetz", "'12:00+02'", "12:00:00+02"),
        "pair": ("point", "'(1,2)'", "(1,2)"),
        "nothing": ("int", "null", None),
        "flag": ("bool", "true", True),
        "price": ("money", "'12.34'", Decimal("12.34")),
        "whole": ("numeric", "12", Decimal(12)),
        "wide": ("numeric", f"{LONG}", LONG),
        "seen": ("timestamptz", "'2025-01-01 00:00+00'", datetime(2025, 1, 1, tzinfo=UTC)),
        "Odd; name": ("text", "'x'", "x"),
    }
    fill(database, [("", 1, "2025-04-20", "1", "p"), ("c", 1, "2025-04-20", "1", "p")])
    database.run(
        *(f'ALTER TABLE orders ADD "{name}" {kind} DEFAULT {value}' for name, (kind, value, _) in extra.items())
    )
    built(cli, tmp_path, database.table("orders"), more=("--max-faults", "1"))
    [row] = pq.read_table(tmp_path / "f.parquet.quarantine.parquet").to_pylist()
    assert {name: row[name] for name in extra} == {name: expected for name, (_, _, expected) in extra.items()}


def test_one_state_of_the_database_is_read(database: Database, tmp_path: Path) -> None:
    fill(database, [("c", place, "2025-04-20", "1", "p") for place in range(5)])
    with connected() as engine, opened([database.table("orders")], engine) as [part]:
        database.run("DELETE FROM orders WHERE transaction_id > 1")
        for _ in range(2):
            assert engine.sql(f"SELECT count(*) FROM {part.relation}").fetchall() == [(5,)]
        assert all(file.unchanged() for file in part.files)


def test_the_same_table_counts_once_and_two_queries_are_two_sources(
    database: Database, cli: Cli, tmp_path: Path
) -> None:
    fill(database, [("c", place, "2025-04-20", "1", "p") for place in range(3)])
    table, other = database.table("orders"), database.uri + "?connect_timeout=9"
    assert built(cli, tmp_path, table, table)["c"][1] == 3.0
    query = "SELECT * FROM orders WHERE transaction_id = 0"
    assert built(cli, tmp_path, database.uri, other, table, more=("--query", query))["c"][1] == 5.0
    named = [(source["path"], source["rows"]) for source in manifest_of(tmp_path / "f.parquet")["sources"]]
    assert named == [(database.shown, 1), (f"(2) {database.shown}", 1), (f"{database.shown}#orders", 3)]


def test_a_tables_name_is_taken_to_the_letter(database: Database) -> None:
    database.run("CREATE SCHEMA s")
    for place, name in enumerate(["data.csv.gz", "Odd; drop table x", 'q"uote', "café", "2025.csv"]):
        sql = name.replace('"', '""')
        database.run(f'CREATE TABLE s."{sql}" AS SELECT {place} AS x')
        with connected() as engine, opened([database.table(f's."{sql}"')], engine) as [part]:
            assert engine.sql(f"SELECT x FROM {part.relation}").fetchall() == [(place,)]


def test_loyalty_scores_come_from_a_table_too(database: Database, cli: Cli, tmp_path: Path) -> None:
    fill(database, [("c", 1, "2025-04-20", "1", "p")])
    database.run("CREATE TABLE scores AS SELECT 'c' AS customer_id, 0.97 AS loyalty_score")
    more = ("--loyalty", database.table("scores"))
    assert built(cli, tmp_path, database.table("orders"), more=more)["c"][4] == 0.97


def test_a_database_in_another_encoding(database: Database, cli: Cli, tmp_path: Path) -> None:
    others = {encoding: Database(database.port, f"of_{encoding}") for encoding in ("latin1", "sql_ascii")}
    for encoding, other in others.items():
        made = f"CREATE DATABASE {other.name} ENCODING '{encoding}' TEMPLATE template0 STRATEGY file_copy"
        database.run(f"DROP DATABASE IF EXISTS {other.name}", made)
    latin1, bytes_only = others.values()
    err = assert_refused(cli("check", bytes_only.uri, "--query", r"SELECT E'\xe9' AS x"), tmp_path)
    assert err.startswith(f"Error: {bytes_only.shown}: ")
    assert "UTF" in err
    latin1.run(ORDERS, "INSERT INTO orders VALUES (chr(233), 1, '2025-04-20', 1, 'p')")
    assert list(built(cli, tmp_path, latin1.table("orders"))) == ["é"]


# -- what cannot be read ---------------------------------------------------------------------------------

QUERIES = {
    "nothing": ("", "the query is empty; give for example --query 'SELECT * FROM orders'"),
    "a blank": (" ; ", "the query is empty"),
    "not SQL": ("selct * from orders", 'syntax error at or near "selct"'),
    "no such table": ("SELECT * FROM ordrs", 'relation "ordrs" does not exist'),
    "a statement without rows": ("DELETE FROM orders", "the query gives no columns; it must be one SELECT"),
    "a statement with rows": (
        "DELETE FROM orders RETURNING *",
        "must be one SELECT (or WITH, VALUES, TABLE), and nothing",
    ),
    "a WITH that changes": ("WITH d AS (DELETE FROM orders RETURNING *) TABLE d", "must be at the top level"),
    "a function that changes": ("SELECT wipe() AS x", "cannot execute DELETE in a read-only transaction"),
    "rows that are locked": ("SELECT * FROM orders FOR UPDATE", "cannot execute SELECT FOR UPDATE in a read-only"),
    "two statements": ("SELECT 1; DELETE FROM orders", "cannot insert multiple commands"),
    "a setting": ("SHOW timezone", "must be one SELECT"),
    "one name twice": (
        "SELECT 1 AS a, 2 AS A",
        "two columns of the query are named 'a'; give each its own name with AS",
    ),
    "an error on the way": ("SELECT 1 / (transaction_id - 2) AS x FROM orders", "division by zero"),
    "no column that fits": ("SELECT 1 AS x", "no column was recognised as customer_id"),
}


def test_queries_that_are_refused_change_nothing(database: Database, cli: Cli, tmp_path: Path) -> None:
    fill(database, [("c", place, "2025-04-20", "1", "p") for place in range(5)])
    database.run("CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM orders RETURNING 1'")
    for what, (query, says) in QUERIES.items():
        ran = cli("build", database.uri, "--query", query, "--out", tmp_path / "out.csv")
        err = assert_refused(ran, tmp_path)
        assert says in err, what
        assert err.startswith(f"Error: {database.shown}: ")
        unseen(ran.out, err)
    assert database.rows("SELECT count(*) FROM orders") == [(5,)]


def test_how_a_query_goes_with_sources(database: Database, cli: Cli, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out.csv")
    err = assert_refused(cli("build", database.uri, *out), tmp_path)
    assert f"{database.shown}: say what to read, with --query 'SELECT ...' or by a table's name after #" in err
    for source in (database.table("orders"), tmp_path / "t.csv"):
        ran = cli("build", source, "--query", "SELECT 1", *out)
        assert "Error: --query: goes with a database source whose address names no table" in assert_refused(
            ran, tmp_path
        )
        unseen(ran.err)


def test_no_rows_is_as_a_header_alone(database: Database, cli: Cli, tmp_path: Path) -> None:
    database.run(ORDERS)
    ran = cli("build", database.table("orders"), "--out", tmp_path / "out.csv")
    assert f"{database.shown}#orders: no rows, only a header; nothing was published" in assert_refused(ran, tmp_path)
    unseen(ran.err)


def test_servers_and_databases_that_refuse(database: Database, cli: Cli, tmp_path: Path) -> None:
    fill(database, [("c", 1, "2025-04-20", "1", "p")])
    database.run("DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN PASSWORD 'guest'")
    of_guest = f"postgresql://guest:guest@127.0.0.1:{database.port}/{database.name}"
    refusals = {
        database.uri.replace("s3cr3t", "wr0ng"): 'password authentication failed for user "postgres"',
        database.shown: "no password supplied (give it in PGPASSWORD or ~/.pgpass)",
        Database(1, "shop").uri: "Connection refused",
        Database(database.port, "nowhere").uri: 'database "nowhere" does not exist',
        database.uri.replace("127.0.0.1", "no.such.host.invalid"): "could not translate host name",
        f"{database.uri}?sslmode=require": "server does not support SSL, but SSL was required",
        f"{database.uri}?sslmod=require": 'invalid URI query parameter: "sslmod"',
        of_guest: "permission denied for table orders",
    }
    for address, says in refusals.items():
        ran = cli("build", f"{address}#orders", "--out", tmp_path / "out.csv")
        err = assert_refused(ran, tmp_path)
        assert says in err
        assert err.count("\n") == 1
        unseen(ran.out, err)
        assert "wr0ng" not in err


def test_a_password_from_the_environment_or_a_file(
    database: Database, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.database import PASSWORD

    fill(database, [("c", 1, "2025-04-20", "1", "p")])
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    assert list(built(cli, tmp_path, f"{database.shown}#orders")) == ["c"]
    monkeypatch.delenv("PGPASSWORD")
    kept = tmp_path / "pgpass"
    kept.write_text(f"127.0.0.1:{database.port}:*:postgres:{PASSWORD}\n")
    kept.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(kept))
    assert list(built(cli, tmp_path, f"{database.shown}#orders")) == ["c"]


@pytest.mark.parametrize(
    ("end", "says"),
    [("pg_cancel_backend", "canceling statement"), ("pg_terminate_backend", "terminating connection|closed")],
)
def test_a_query_that_is_ended_by_the_server(end: str, says: str, database: Database, cli: Cli, tmp_path: Path) -> None:
    def stop() -> None:
        number = database.waited_for("wait_event = 'PgSleep'")
        database.rows(f"SELECT {end}({number})")

    stopper = threading.Thread(target=stop)
    stopper.start()
    ran = cli("build", database.uri, "--query", "SELECT pg_sleep(60)", "--out", tmp_path / "out.csv")
    stopper.join()
    err = assert_refused(ran, tmp_path)
    assert any(part in err for part in says.split("|")), err
    unseen(ran.out, err)


def test_rows_arrive_in_many_batches(database: Database, tmp_path: Path) -> None:
    """Bounded memory: the copy is written as the rows arrive."""
    query = "SELECT i, repeat('x', 900) AS x, i::numeric / 4 AS n FROM generate_series(1, 40000) i"
    with session_with(database.uri, SourceError) as session:
        assert len(list(session.batches(query))) > 1
    with connected() as engine, opened([database.uri], engine, query=query) as [part]:
        found = engine.sql(f"SELECT count(*), sum(i), sum(n), min(n) FROM {part.relation}").fetchall()
        assert found == [(40000, 800_020_000, Decimal("200005000"), Decimal("0.25"))]
