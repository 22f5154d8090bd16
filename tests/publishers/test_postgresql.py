"""PostgreSQL as target: three tables or none, the very bits, and what stood there before until all of it stands."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from customer_features import features
from tests.agreement import oracle
from tests.conftest import FIELDS, TODAY, Cli, Ran, child_environment, csv_text
from tests.database import Database, rows_in, unseen

GOOD = [f"c{place % 7},{place},2025-04-{place % 20 + 1:02},{place}.05,p{place % 3}" for place in range(200)]
BAD = ["c1,x1,2052-04-01,1,p", ",x2,2025-04-01,-1,p"]
COLUMNS = ["customer_id", *features.names()]
TABLES = {"f", "f_manifest", "f_quarantine"}


def expected(lines: list[str]) -> dict[str, oracle.Vector]:
    rows = []
    for line in lines:
        customer, order, day, amount, product = line.split(",")
        rows.append(oracle.Row(customer, order, date.fromisoformat(day), float(amount), product))
    return oracle.vectors(rows, date.fromisoformat(TODAY))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(*GOOD))
    return path


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / "faulty.csv"
    path.write_text(csv_text(*GOOD, *BAD))
    return path


def built(cli: Cli, source: object, out: str, *more: str) -> Ran:
    """A run that must end well."""
    today = () if "--today" in more else ("--today", TODAY)
    ran = cli("build", source, "--out", out, *today, "--max-faults", 1, *more)
    assert ran.code == 0, ran.err
    unseen(ran.out, ran.err)
    return ran


def refused(cli: Cli, source: object, out: str, *more: str) -> str:
    """What a run says that must be refused."""
    ran = cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1, *more)
    assert ran.code == 2, ran.err
    assert ran.err.splitlines()[-1].startswith("Error: ")
    assert "fault of customer-features itself" not in ran.err
    unseen(ran.out, ran.err)
    return ran.err


def vectors(database: Database, table: str = "f") -> dict[str, list[bytes]]:
    rows = database.rows(f'SELECT {", ".join(COLUMNS)} FROM "{table}" ORDER BY customer_id COLLATE "C"')
    return {name: oracle.bits(vector) for name, *vector in rows}


def bits(lines: list[str]) -> dict[str, list[bytes]]:
    return {name: oracle.bits(vector) for name, vector in expected(lines).items()}


def manifest(database: Database, table: str = "f") -> dict[str, Any]:
    [(text,)] = database.rows(f'SELECT manifest::text FROM "{table}_manifest"')
    unseen(text)
    described: dict[str, Any] = json.loads(text)
    return described


def test_three_tables(faulty: Path, database: Database, cli: Cli) -> None:
    ran = built(cli, faulty, database.table("f"))
    assert database.tables() == TABLES
    assert f"Features:   {database.shown}#public.f  (manifest: public.f_manifest; " in ran.err
    assert f"Quarantine: {database.shown}#public.f_quarantine" in ran.err
    assert vectors(database) == bits(GOOD)
    columns = database.rows(
        "SELECT column_name::text, data_type::text, is_nullable::text FROM information_schema.columns"
        " WHERE table_name = 'f' ORDER BY ordinal_position"
    )
    assert columns == [("customer_id", "text", "NO"), *((name, "double precision", "NO") for name in features.names())]
    assert database.rows("SELECT * FROM f_quarantine ORDER BY row_number") == [
        (str(faulty), 201, "future_date", "future_date", aside_message(database, 201), *BAD[0].split(",")),
        (
            *(str(faulty), 202, "missing_customer_id", "missing_customer_id,negative_amount"),
            *(aside_message(database, 202), None, *BAD[1].split(",")[1:]),
        ),
    ]
    described = manifest(database)
    assert described["rows"] == {"in": 202, "used": 200, "excluded": 0, "quarantined": 2}
    assert described["customers"] == 7
    none = {"bytes": None, "sha256": None}
    assert described["output"] == {"path": "public.f", "rows": 7, **none, "if_exists": "replace"}
    assert described["quarantine"] == {"path": "public.f_quarantine", "rows": 2, **none}
    assert described["sources"] == [{"path": str(faulty), "bytes": faulty.stat().st_size, "rows": 202}]


def aside_message(database: Database, number: int) -> str:
    [(message,)] = database.rows(f"SELECT message FROM f_quarantine WHERE row_number = {number}")
    assert "is after" in message or "missing" in message
    return str(message)


def test_the_same_bits_through_a_file_and_from_database_to_database(
    source: Path, database: Database, cli: Cli, tmp_path: Path
) -> None:
    """The sink may be the database that the source is read from, and awkward doubles come back as they went."""
    lines = [*GOOD, "wide,1,2025-04-20,90071992547.40,p", "tie,1,2025-04-20,520.55,p", "tie,2,2025-04-20,398.40,q"]
    source.write_text(csv_text(*lines))
    database.load(
        "orders", pa.table({name: [line.split(",")[place] for line in lines] for place, name in enumerate(FIELDS)})
    )
    database.run(
        "ALTER TABLE orders ALTER date TYPE date USING date::date, ALTER amount TYPE numeric USING amount::numeric"
    )
    built(cli, source, database.table("from_file"))
    built(cli, database.table("orders"), database.table("from_table"))
    assert vectors(database, "from_file") == vectors(database, "from_table") == bits(lines)


def test_the_password_is_seen_nowhere(database: Database, cli: Cli, tmp_path: Path) -> None:
    """Not in a summary, a manifest or a quarantine, where a row comes from a database and where it goes to one."""
    orders = "CREATE TABLE orders AS SELECT 'c' AS customer_id, i AS transaction_id, date '2025-04-20' AS date,"
    database.run(f"{orders} i - 1 AS amount, 'p' AS product_id FROM generate_series(0, 9) i")
    out = tmp_path / "f.parquet"
    built(cli, database.table("orders"), str(out))
    built(cli, database.table("orders"), database.table("f"))
    checked = cli("check", database.table("orders"), "--json", "--today", TODAY)
    unseen(checked.out, checked.err, *(path.read_bytes().decode("latin-1") for path in tmp_path.iterdir()))
    assert sorted(path.name for path in tmp_path.iterdir())[1:] == [
        f"{out.name}.manifest.json",
        f"{out.name}.quarantine.parquet",
    ]
    [aside] = database.rows("SELECT * FROM f_quarantine")
    assert aside[0] == f"{database.shown}#orders"
    unseen(*map(str, aside), json.dumps(manifest(database)))


def test_many_dates_have_a_key_of_both(source: Path, database: Database, cli: Cli) -> None:
    days = [part for day in ("2025-04-24", "2025-04-10") for part in ("--today", day)]
    built(cli, source, database.table("f"), *days, "--future", "exclude")
    found = database.rows("SELECT customer_id, as_of, purchase_total FROM f")
    assert {day for _, day, _ in found} == {date(2025, 4, 24), date(2025, 4, 10)}
    assert len(found) == 14
    assert manifest(database)["output"]["rows"] == 14
    [(key,)] = database.rows(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'f_pkey' AND contype = 'p'"
    )
    assert key == "PRIMARY KEY (customer_id, as_of)"
    built(cli, source, database.table("f"), *days[:2], "--future", "exclude")
    assert vectors(database) == bits(GOOD)
    built(cli, source, database.table("f"), *days, "--future", "exclude")
    built(cli, source, database.table("f"), *days, "--future", "exclude", "--if-exists", "upsert")
    assert sorted(database.rows("SELECT customer_id, as_of, purchase_total FROM f")) == sorted(found)


def test_replacing_keeps_rights_views_and_indexes(source: Path, faulty: Path, database: Database, cli: Cli) -> None:
    built(cli, faulty, database.table("f"))
    database.run(
        "DROP ROLE IF EXISTS reader",
        "CREATE ROLE reader",
        "GRANT SELECT ON f TO reader",
        "CREATE VIEW best AS SELECT customer_id FROM f WHERE purchase_total > 2900",
        "CREATE INDEX by_total ON f (purchase_total)",
        "INSERT INTO f VALUES ('gone', 1, 1, 1, 1, 1, 1)",
    )
    for again in (faulty, source):
        built(cli, again, database.table("f"))
        assert vectors(database) == bits(GOOD)
        assert database.rows(
            "SELECT has_table_privilege('reader', 'f', 'SELECT'), to_regclass('by_total') IS NOT NULL"
        ) == [(True, True)]
        assert database.rows("SELECT count(*) FROM best") == [
            (sum(vector[0] > 2900 for vector in expected(GOOD).values()),)
        ]
    assert database.tables() == TABLES - {"f_quarantine"}
    assert "quarantine" not in manifest(database)


def test_an_older_table_of_ours_with_other_columns(source: Path, database: Database, cli: Cli) -> None:
    database.run(
        "CREATE TABLE f (visit_frequency real, customer_id varchar(20))",
        "INSERT INTO f VALUES (1, 'gone')",
        "CREATE TABLE f_quarantine (source text, row_number int, fault text, faults text, message text, extra text)",
        "CREATE TABLE f_manifest (manifest jsonb)",
    )
    built(cli, source, database.table("f"))
    assert vectors(database) == bits(GOOD)
    assert database.tables() == TABLES - {"f_quarantine"}
    reordered = ", ".join(f'"{name}" {"text" if name == "customer_id" else "float8"}' for name in reversed(COLUMNS))
    database.run("DROP TABLE f", f"CREATE TABLE f ({reordered})")
    built(cli, source, database.table("f"))
    assert vectors(database) == bits(GOOD)


FOREIGN = {
    "other columns": (
        "CREATE TABLE f (customer_id text, purchase_total float8, email text)",
        "there is a table public.f with other columns (customer_id, purchase_total, email); it is not replaced",
    ),
    "a key alone": ("CREATE TABLE f (customer_id text)", "with other columns (customer_id)"),
    "a view": ("CREATE VIEW f AS SELECT 1 AS customer_id", "public.f is a view; give the name of a table"),
    "a sequence": ("CREATE SEQUENCE f", "public.f is a sequence"),
    "its quarantine": (
        "CREATE TABLE f_quarantine (x int)",
        "there is a table public.f_quarantine with other columns (x)",
    ),
    "its manifest": ("CREATE TABLE f_manifest (x int)", "there is a table public.f_manifest with other columns (x)"),
}


def test_what_is_not_ours_is_not_replaced(source: Path, database: Database, cli: Cli) -> None:
    for what, (made, says) in FOREIGN.items():
        database.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public", made)
        for more in ((), ("--if-exists", "upsert")):
            err = refused(cli, source, database.table("f"), *more)
            assert says in err, what
            assert err.count("\n") == 1, "before any work is done"


def test_upsert(source: Path, faulty: Path, database: Database, cli: Cli) -> None:
    upsert = ("--if-exists", "upsert")
    built(cli, faulty, database.table("f"), *upsert)
    assert vectors(database) == bits(GOOD)
    later = [*GOOD[1:3], *GOOD[8:10], "new,1,2025-04-20,3,p"]
    source.write_text(csv_text(*later))
    built(cli, source, database.table("f"), *upsert)
    assert vectors(database) == dict(sorted({**bits(GOOD), **bits(later)}.items()))
    assert database.tables() == TABLES - {"f_quarantine"}
    assert manifest(database)["output"] == {
        **{"path": "public.f", "rows": len(bits(later)), "bytes": None, "sha256": None, "if_exists": "upsert"}
    }


def test_upserts_that_are_refused(source: Path, database: Database, cli: Cli) -> None:
    doubles = ", ".join(f"{name} float8" for name in features.names())
    cases = {
        f"CREATE TABLE f (customer_id text, {doubles})": "it has no unique key of customer_id alone",
        f"CREATE TABLE f (customer_id text, {doubles}, UNIQUE (customer_id, recency_days))": "it has no unique key",
        f"CREATE TABLE f (customer_id text UNIQUE DEFERRABLE, {doubles})": "it has no unique key",
        "CREATE TABLE f (customer_id text PRIMARY KEY, recency_days int)": "its columns are customer_id text, rec",
        f"CREATE TABLE f (customer_id text, as_of date, {doubles}, PRIMARY KEY (as_of))": "no unique key of",
        f"CREATE TABLE f (as_of date, customer_id text, {doubles}, UNIQUE (as_of, customer_id))": "its columns are",
    }
    for made, says in cases.items():
        database.run("DROP TABLE IF EXISTS f", made)
        err = refused(cli, source, database.table("f"), "--if-exists", "upsert")
        assert "cannot upsert into public.f: " in err
        assert says in err
        assert database.tables() == {"f"}
    database.run(
        "DROP TABLE f", f"CREATE TABLE f (customer_id text, {doubles})", "CREATE UNIQUE INDEX ON f (customer_id)"
    )
    built(cli, source, database.table("f"), "--if-exists", "upsert")
    assert vectors(database) == bits(GOOD)


def test_if_exists_on_a_file(source: Path, cli: Cli, tmp_path: Path) -> None:
    assert "--if-exists: upsert goes with a table" in refused(
        cli, source, str(tmp_path / "f.csv"), "--if-exists", "upsert"
    )
    assert "did you mean 'upsert'?" in refused(cli, source, str(tmp_path / "f.csv"), "--if-exists", "upsrt")


def test_names_to_the_letter(faulty: Path, database: Database, cli: Cli) -> None:
    database.run('CREATE SCHEMA "S.1"')
    for name in ("Odd; drop table x", 'q"uote', "2025.features", "café"):
        sql = name.replace('"', '""')
        ran = built(cli, faulty, database.table(f'"S.1"."{sql}"'))
        assert '#"S.1".' in ran.err
        count = f'SELECT (SELECT count(*) FROM "S.1"."{sql}"), (SELECT count(*) FROM "S.1"."{sql}_quarantine")'
        assert database.rows(count) == [(7, 2)]
    assert database.tables() == set()


def test_targets_that_cannot_be(source: Path, database: Database, cli: Cli) -> None:
    database.run(
        *("DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN PASSWORD 'guest'", "CREATE SCHEMA shop"),
        *(
            "GRANT USAGE ON SCHEMA shop TO guest",
            "CREATE TABLE public.mine AS SELECT 'c' AS customer_id, 1 AS recency_days",
        ),
    )
    guest = f"postgresql://guest:guest@127.0.0.1:{database.port}/{database.name}"
    cases = {
        database.table("shp.f"): "there is no schema 'shp' (did you mean 'shop'?); make it first",
        f"{guest}#shop.f": "user 'guest' may not make tables in schema 'shop': CREATE on it is needed",
        database.uri: "names no table; give one after #, for example #public.customer_features",
        database.table("a.b.c"): "'a.b.c' names no table",
        database.table("x" * 53): "the table's name is longer than 52 bytes",
        database.table("f").replace("s3cr3t", "wr0ng"): "password authentication failed",
        Database(1, "shop").table("f"): "Connection refused",
        "postgresql+psycopg://h/db#f": "nothing is written to 'postgresql+psycopg://' (did you mean 'postgresql'?)",
    }
    for out, says in cases.items():
        err = refused(cli, source, out)
        assert says in err
        assert err.count("\n") == 1, "before any work is done"
        assert "wr0ng" not in err
    built(cli, source, database.table("x" * 52))


def test_characters_and_columns_that_the_server_cannot_keep(database: Database, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "t.ndjson"
    row = {"customer_id": "a", "transaction_id": "1", "date": "2025-04-20", "amount": 1, "product_id": "p\0"}
    long = "a_name_of_a_column_that_is_longer_than_sixty_three_bytes_and_says_"
    path.write_text(
        "".join(
            json.dumps(some) + "\n" for some in (row, {**row, "amount": -1, "xmin": 5, long + "x": 1, long + "y": 2})
        )
    )
    built(cli, path, database.table("f"))
    [aside] = database.rows(f'SELECT product_id, xmin_2, "{long[:63]}", "{long[:61]}_2" FROM f_quarantine')
    assert aside == ("p␀", "5", "1", "2")
    path.write_text(json.dumps({**row, "customer_id": "a\0b"}))
    assert r"customer_id 'a\x00b' holds a NUL character, which PostgreSQL cannot keep" in refused(
        cli, path, database.table("f")
    )
    assert database.rows("SELECT customer_id FROM f") == [("a",)]


def test_200_000_rows(database: Database, cli: Cli) -> None:
    rows, customers = 200_000, 150_000
    database.run(
        "CREATE TABLE orders AS SELECT 'c' || i % 150000 AS customer_id, i AS transaction_id, i % 777 AS product_id,"
        " (i % 99999)::numeric / 1000 AS amount, date '2025-04-24' - i % 300 AS date"
        f" FROM generate_series(0, {rows - 1}) i"
    )
    built(cli, database.table("orders"), database.table("f"))
    units = [place % 99999 * 10 for place in range(customers)]
    for place in range(customers, rows):
        units[place - customers] += place % 99999 * 10
    with database.session() as session, session.cursor() as cursor:
        cursor.execute("SELECT customer_id, purchase_total FROM f ORDER BY substr(customer_id, 2)::int")
        found = cursor.fetch_arrow_table()
    assert found["customer_id"].to_pylist() == [f"c{place}" for place in range(customers)]
    assert found["purchase_total"].to_pylist() == [oracle.two_decimals_in_bulk(total, 1) for total in units]


# -- what stops a run while it writes --------------------------------------------------------------------


def command(source: Path, out: str) -> list[str]:
    """The same run as a process of its own."""
    started = [sys.executable, "-m", "customer_features", "build", str(source), "--today", TODAY]
    return [*started, "--max-faults", "1", "--out", out]


@contextmanager
def held_up(database: Database) -> Iterator[Callable[[], int]]:
    """Runs are held up when their vectors are written; what is given waits for one and says its session's number."""
    with database.session() as other:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE f_manifest IN SHARE MODE")
        yield lambda: database.waited_for("wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%f_manifest%'")


def stopped(database: Database, cli: Cli, source: Path, act: Callable[[int], object]) -> Ran:
    """A run in which something happens to it while it is held up, with the number of its session."""
    with ThreadPoolExecutor(1) as pool:
        with held_up(database) as waited:
            acted = pool.submit(lambda: act(waited()))
            ran = cli("build", source, "--out", database.table("f"), "--today", TODAY, "--max-faults", 1)
        acted.result()
    unseen(ran.out, ran.err)
    return ran


@pytest.fixture
def older(source: Path, database: Database, cli: Cli) -> Path:
    """Tables of an earlier run, and a source that gives others."""
    source.write_text(csv_text(*GOOD[:100], "old,1,2052-01-01,1,p"))
    built(cli, source, database.table("f"))
    newer = source.with_name("newer.csv")
    newer.write_text(csv_text(*GOOD, *BAD))
    return newer


def state(database: Database) -> tuple[Any, ...]:
    return vectors(database), database.rows("SELECT * FROM f_quarantine ORDER BY row_number"), manifest(database)


def test_others_read_the_old_tables_until_the_commit(older: Path, database: Database, cli: Cli) -> None:
    before = state(database)
    total = "SELECT sum(purchase_total) FROM f"
    with ThreadPoolExecutor(1) as pool, database.session() as reader:
        with reader.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        then = rows_in(reader, total)
        with held_up(database) as waited:
            running = pool.submit(subprocess.run, command(older, database.table("f")), env=child_environment())
            waited()
            assert state(database) == before
            assert rows_in(reader, total) == then
        assert running.result(60).returncode == 0
        assert vectors(database) == bits(GOOD)
        assert rows_in(reader, total) == then, "who looked before goes on to see what was there"


def test_a_run_that_is_killed_changes_nothing(older: Path, database: Database) -> None:
    before = state(database)
    with held_up(database) as waited:
        process = subprocess.Popen(command(older, database.table("f")), env=child_environment())
        waited()
        process.kill()
        process.wait()
    database.gone()
    assert state(database) == before
    assert database.tables() == TABLES
    assert database.rows("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_changes_nothing(
    number: signal.Signals, code: int, older: Path, database: Database, cli: Cli
) -> None:
    before = state(database)
    ran = stopped(database, cli, older, lambda _: os.kill(os.getpid(), number))
    assert ran.code == code, ran.err
    assert ran.err.endswith("nothing is left half-written.\n")
    database.gone()
    assert state(database) == before


@pytest.mark.parametrize(
    ("end", "says"), [("pg_cancel_backend", "canceling statement due to user request"), ("pg_terminate_backend", "")]
)
def test_a_run_that_the_server_stops_changes_nothing(
    end: str, says: str, older: Path, database: Database, cli: Cli
) -> None:
    before = state(database)
    ran = stopped(database, cli, older, lambda session: database.rows(f"SELECT {end}({session})"))
    assert ran.code == 2
    error = ran.err.splitlines()[-1]
    assert error.startswith(f"Error: {database.shown}#f: ")
    assert says in error
    assert error.endswith("; nothing was published")
    assert state(database) == before


def test_two_writers_wait_for_each_other(older: Path, source: Path, database: Database) -> None:
    """The second waits, from before it looks at the tables, until the first has ended; then it replaces all three."""
    with held_up(database) as waited:
        first = subprocess.Popen(command(older, database.table("f")), env=child_environment())
        waited()
        second = subprocess.Popen(command(source, database.table("public.f")), env=child_environment())
        database.waited_for("wait_event = 'advisory'")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert vectors(database) == bits(GOOD[:100])
    assert manifest(database)["rows"]["quarantined"] == 1
    assert database.rows("SELECT customer_id FROM f_quarantine") == [("old",)]


FAILURES: dict[str, tuple[tuple[str, ...], str]] = {
    "a trigger that keeps rows out": (
        (
            "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN IF NEW.customer_id = ''c3'' THEN RETURN NULL; END IF; RETURN NEW; END'",
            "CREATE TRIGGER odd BEFORE INSERT ON f FOR EACH ROW EXECUTE FUNCTION odd()",
        ),
        "7 rows were written to public.f but it holds 6; has it a trigger?; nothing was published",
    ),
    "a rule that is broken": (
        ("ALTER TABLE f ADD CHECK (visit_frequency < 20)",),
        'new row for relation "f" violates check constraint "f_visit_frequency_check"',
    ),
    "a rule that is looked at in the end": (
        (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END'",
            "CREATE CONSTRAINT TRIGGER no AFTER INSERT ON f DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION no()",
        ),
        "not today; nothing was published",
    ),
    "rows that others refer to": (
        ("CREATE TABLE notes (id text REFERENCES f (customer_id))", "INSERT INTO notes VALUES ('c1')"),
        'violates foreign key constraint "notes_id_fkey" on table "notes"',
    ),
    "a view of another shape": (
        ("CREATE VIEW v AS TABLE f", "ALTER TABLE f ADD as_of date"),
        "cannot drop table f because other objects depend on it",
    ),
}


def test_what_the_server_refuses_leaves_the_tables_as_they_were(older: Path, database: Database, cli: Cli) -> None:
    source = older.with_name("t.csv")
    for what, (made, says) in FAILURES.items():
        database.run("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        built(cli, source, database.table("f"))
        database.run(*made)
        before = state(database)
        assert says in refused(cli, older, database.table("f")), what
        assert state(database) == before


@pytest.mark.slow
def test_kill_at_any_moment(older: Path, database: Database, cli: Cli) -> None:
    """Old or new, whole, whenever the run is killed; the next one publishes."""
    old = state(database)
    choice, kept = random.Random(7), 0
    for _ in range(60):
        process = subprocess.Popen(command(older, database.table("f")), env=child_environment())
        database.waited_for("state IS NOT NULL")
        time.sleep(choice.uniform(0, 1.2))
        process.kill()
        process.wait()
        database.gone()
        found = state(database)
        assert found == old or found[0] == bits(GOOD)
        assert database.tables() == TABLES
        if found == old:
            kept += 1
            continue
        assert (len(found[1]), found[2]["rows"]["quarantined"]) == (2, 2)
        built(cli, older.with_name("t.csv"), database.table("f"))
    assert 0 < kept < 60
    built(cli, older, database.table("f"))
    assert vectors(database) == bits(GOOD)
