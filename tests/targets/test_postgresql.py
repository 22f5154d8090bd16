"""PostgreSQL as target: three tables or none, the very bits, and nothing of others' touched."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from customer_features.definition import features
from tests.agreement import oracle
from tests.conftest import FIELDS, TODAY, Cli, csv_text
from tests.database import Database, unseen
from tests.targets.harness import BAD, COLUMNS, GOOD, TABLES, bits, built, expected, manifest, refused, vectors


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
    assert described["rows"] == {"in": 202, "used": 200, "excluded": 0, "excluded_by": {}, "quarantined": 2}
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
    for name in ("Odd; drop table x", '2025."café"'):
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


@pytest.mark.slow
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
