"""Computed in the PostgreSQL server: the very bytes of a run that copies the rows, and a sentence for each error."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from customer_features.definition.options import Options
from customer_features.engines import warnings as repetitions
from customer_features.engines.duckdb.engine import LISTED
from customer_features.engines.duckdb.session import connected
from customer_features.engines.postgres import engine as engine_module
from customer_features.engines.postgres.engine import PushDown
from tests.agreement import oracle
from tests.conftest import FIELDS, TODAY, Cli, assert_refused, example_columns, manifest_of
from tests.database import Database, unseen
from tests.targets.harness import bits, manifest, vectors
from tests.warehouses import postgres

pytestmark = pytest.mark.slow  # with all of its kind too long for every change; `make test-slow` runs it

DAY = date.fromisoformat(TODAY)
TEXT = pa.string()
NAMES = (*FIELDS, "loyalty_score")


def dirty(count: int, seed: int, *, repeated: bool = False) -> list[list[Any]]:
    """Rows of text with every fault that a table can hold, ties at the half cent, and ids of every kind."""
    chance, rows, first = random.Random(seed), [], {}
    for _ in range(count):
        customer = f"c{chance.randrange(count // 6)}" + chance.choice(["", "é", " ", "🛒"])
        row: list[Any] = [
            customer,
            f"t{chance.randrange(4)}",
            (DAY - timedelta(days=chance.randrange(-20, 500))).isoformat(),
            repr(chance.choice([chance.randrange(10**4) / 100, chance.randrange(2000) / 200, chance.random() * 1e4])),
            f"p{chance.randrange(9)}",
            None,
        ]
        if repeated:
            row[2:4] = first.setdefault((row[0], row[1]), row[2:4])
        if chance.random() < 0.08:
            place = chance.randrange(5)
            odd = {
                2: ["2025-02-30", "x", "2025-01-01T10:00", "2025-01-01 23:30+02", "0000-01-01"],
                3: ["abc", "1e12", "nan", "1e999", " 5", "5e-999", "-inf", "-3.5", "1 000,5", "$5"],
            }
            row[place] = chance.choice([None, "", *odd.get(place, [])])
        if chance.random() < 0.05:
            row[5] = chance.choice(["0.5", "0.25", "7", "x"])
        rows.append(row)
    # Totals of customers that pass what a double holds to the cent.
    rows += [["rich", f"t{place}", TODAY, "1e11", "p", None] for place in range(901)]
    return rows


def of_text(rows: list[list[Any]]) -> pa.Table:
    return pa.table({name: pa.array([row[place] for row in rows], TEXT) for place, name in enumerate(NAMES)})


GRAINS = ("line", "repeated_total")
"""Those that the agreement suite alone looks at on every change."""
OPTIONS: dict[str, tuple[str, ...]] = {
    "alone": (),
    "later rows are left out": ("--future", "exclude"),
    "returns": ("--returns", "net", "--future", "exclude", "--timezone", "America/New_York"),
    "a window": ("--window", "6 months", "--future", "exclude", "--returns", "net"),
    "dates": ("--every", "month", "--from", "2024-12-31", "--to", "2025-03-31", "--window", "3 months"),
    "dates of all time": ("--today", "2025-01-31", "--today", TODAY, "--returns", "net"),
}


def _runs() -> Iterator[Any]:
    for number, (name, more) in enumerate(OPTIONS.items()):
        yield pytest.param("transaction", more, id=f"{name}-transaction")
        for place, grain in enumerate(GRAINS):
            mark = pytest.mark.slow if (number + place) % 2 == 0 else pytest.mark.thorough
            yield pytest.param(grain, more, id=f"{name}-{grain}", marks=mark)


@pytest.mark.parametrize(("grain", "more"), list(_runs()))
def test_the_very_bytes_of_a_run_that_copies_the_rows(
    grain: str, more: tuple[str, ...], database: Database, cli: Cli, tmp_path: Path
) -> None:
    """Features and quarantine, and all of the manifest but how it was computed; every fault of a row, an order, a
    customer among them."""
    database.load("orders", of_text(dirty(900, seed=len(more), repeated=grain == "repeated_total")))
    today = () if "--every" in more or "--today" in more else ("--today", TODAY)
    if "dates" in str(more) or "--every" in more or more.count("--today") > 1:
        more = (*more, "--future", "exclude")
    words = ("build", database.table("orders"), *today, "--grain", grain, "--max-faults", "1", *more)
    made = {}
    for name, push_down in (("copied", ()), ("pushed", ("--push-down",))):
        folder = tmp_path / name
        folder.mkdir()
        ran = cli(*words, "--out", folder / "f.parquet", *push_down)
        assert ran.code == 0, ran.err
        made[name] = {path.name: path.read_bytes() for path in folder.iterdir()}
        made[name]["manifest"] = manifest_of(folder / "f.parquet")
        made[name]["said"] = [line for line in ran.err.splitlines() if not _is_of_copies(line)]
    copied, pushed = made["copied"], made["pushed"]
    assert pushed["said"] == copied["said"]
    assert pushed["f.parquet"] == copied["f.parquet"]
    assert pushed["f.parquet.quarantine.parquet"] == copied["f.parquet.quarantine.parquet"]
    assert pushed["manifest"]["options"].pop("push_down") is True
    for source in (*copied["manifest"]["sources"], *pushed["manifest"]["sources"]):
        source.pop("bytes")
    for described in (pushed["manifest"], copied["manifest"]):
        described.pop("days", None)
        described["warnings"] = [one for one in described["warnings"] if one["name"] not in OF_COPIES]
    assert pushed["manifest"] == copied["manifest"]
    assert len(copied["manifest"]["faults"]) >= 8


OF_COPIES = {"near_duplicate_ids", "looks_like_null", "rounded_ids", "one_order_per_customer"}
"""Warnings about ids, which the engine that copies the rows gives alone."""


def _is_of_copies(line: str) -> bool:
    """Whether a line names files, or says what is told of copied rows alone."""
    told = (f"Warning:    {name}" for name in OF_COPIES)
    return line.startswith(("Features", "Quarantine", "Days:", *told))


def test_the_oracles_bits(database: Database) -> None:
    rows = [row for row in dirty(600, seed=5) if row[0] != "rich"]
    clean = [
        oracle.Row(row[0], row[1], date.fromisoformat(row[2]), float(row[3]), row[4])
        for row in rows
        if all(row[:5])
        and len(row[2]) == 10
        and row[2][:2] == "20"
        and row[2][4:5] == "-"
        and row[2] != "2025-02-30"
        and len(row[2]) == 10
        and row[3].replace(".", "").isdigit()
        and row[5] is None
    ]
    clean = [row for row in clean if row.day <= DAY]
    expected = oracle.all_bits(oracle.vectors(clean, DAY))
    table = pa.table(
        {
            "customer_id": [row.customer_id for row in clean],
            "transaction_id": [row.transaction_id for row in clean],
            "date": [row.day for row in clean],
            "amount": [row.amount for row in clean],
            "product_id": [row.product_id for row in clean],
        }
    )
    found, balance, faults = postgres(database)(table, {"today": TODAY})
    assert balance == {"in": len(clean), "used": len(clean), "excluded": 0, "quarantined": 0}
    assert faults == {}
    ids, *columns = (column.to_pylist() for column in found.columns)
    assert ids == oracle.in_byte_order(expected)
    assert {name: oracle.bits(row) for name, *row in zip(ids, *columns, strict=True)} == expected


def in_words(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, days as text: those of no calendar are none in Python."""
    with connected() as connection:
        rows = connection.sql(f"SELECT * FROM read_parquet('{path}')")
        kinds = dict(zip(rows.columns, map(str, rows.types), strict=True))
        items = [
            f'CAST("{name}" AS VARCHAR)' if "DATE" in kind or "TIME" in kind else f'"{name}"'
            for name, kind in kinds.items()
        ]
        return [dict(zip(kinds, row, strict=True)) for row in rows.project(", ".join(items)).fetchall()]


def both(database: Database, cli: Cli, tmp_path: Path, *words: object) -> list[tuple[int, str, Any, Any]]:
    """Exit code, what was said, vectors and quarantine: of a run that copies the rows, and of one that does not."""
    ran = []
    for push_down in ((), ("--push-down",)):
        out = tmp_path / "f.parquet"
        done = cli("build", database.table("orders"), "--today", TODAY, "--out", out, *words, *push_down)
        unseen(done.out, done.err)
        aside = tmp_path / "f.parquet.quarantine.parquet"
        ran.append((done.code, done.err, *(in_words(path) if path.exists() else None for path in (out, aside))))
        for path in tmp_path.iterdir():
            path.unlink()
    return ran


MADE = (
    "CREATE TABLE orders AS SELECT {} AS customer_id, {} AS transaction_id, {} AS date, {} AS amount, {} AS product_id"
)
IDS = {
    "a whole number": "9007199254740993::bigint",
    "a small one": "7::smallint",
    "numeric": "123456789012345678901234567890::numeric",
    "a whole double": "12345678901234::double precision",
    "zero below": "'-0'::real",
    "uuid": "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid",
    "blanks at its end": "'abc'::char(5)",
    "varchar": "'é🛒'::varchar(5)",
    "name": "'abc'::name",
    "an address": "'10.0.0.1'::inet",
    "enum": "'glad'::mood",
}


@pytest.mark.parametrize("sql", IDS.values(), ids=IDS)
def test_ids_of_every_type(sql: str, database: Database, cli: Cli, tmp_path: Path) -> None:
    database.run("CREATE TYPE mood AS ENUM ('glad')", MADE.format(sql, sql, "date '2025-04-20'", "2.5", sql))
    copied, pushed = both(database, cli, tmp_path)
    assert pushed == copied or pushed[2:] == copied[2:]
    assert pushed[0] == 0
    assert pushed[2][0]["product_diversity"] == 1.0


UNFIT = {
    "a day as an id": ("date '2025-01-01'", "date '2025-01-01'", "1", "date"),
    "money as an id": ("1::money", "date '2025-01-01'", "1", "money"),
    "a bool as an id": ("true", "date '2025-01-01'", "1", "bool"),
    "a day as an amount": ("'c'", "date '2025-01-01'", "date '2025-01-01'", "date"),
}


@pytest.mark.parametrize(("customer", "day", "amount", "kind"), UNFIT.values(), ids=UNFIT)
def test_types_that_are_refused_alike(
    customer: str, day: str, amount: str, kind: str, database: Database, cli: Cli, tmp_path: Path
) -> None:
    database.run(MADE.format(customer, "1", day, amount, "'p'"))
    copied, pushed = both(database, cli, tmp_path)
    assert copied[0] == pushed[0] == 2
    assert f"is of type {kind} and cannot be" in pushed[1]
    assert copied[1].partition("and cannot")[2] == pushed[1].partition("and cannot")[2]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("i + 0.5::double precision", "holds 1.5, which is no whole number below 2^53 and so no id"),
        ("'NaN'::double precision", "holds NaN, which is no whole number below 2^53"),
        ("(1e16::double precision)", "holds 1e+16, which is no whole number below 2^53"),
        ("(i + 0.5)::numeric", "holds 1.5, which is no whole number and so no id; give ids as text"),
    ],
)
def test_ids_that_are_no_whole_numbers(sql: str, says: str, database: Database, cli: Cli, tmp_path: Path) -> None:
    database.run(MADE.format(sql, "1", "date '2025-01-01'", "1", "'p'") + " FROM generate_series(1, 3) i")
    code, err, *_ = both(database, cli, tmp_path)[1]
    assert code == 2
    assert says in err


AMOUNTS = {
    "numeric": [
        *("0.00005", "-0.00005", "0.000049999999999999999999", "12345678.123450000000000000000001", "1e-30"),
        *("100000000000.000007", "100000000000.000008", "-100000000000.000007", "100000000000.00000762939453125"),
        *("NaN", "Infinity", "-Infinity", "100000000000.1", "99999999999.99995", "1e400", "-1e400", "1e-400"),
    ],
    "numeric(14,5)": ["0.00005", "-0.00005", "1.00505", "2.675", "1234567.89995"],
    "double precision": ["NaN", "Infinity", "1e300", "-0", "0.015", "1e-310", "520.55", "398.40"],
    "real": ["0.1", "16777217", "NaN"],
    "money": ["520.55", "-0.01", "0.005"],
    "integer": ["7", "0", "-1"],
    "bigint": ["9223372036854775807", "100000000000"],
    "text": ["520.55", " 7 ", "", "1e999", "5e-999", "1_000", "$5", "1.000,5", "(5)", "NaN", "+.5", "5."],
    "char(8)": ["520.55", "7"],
}


@pytest.mark.parametrize("kind", AMOUNTS)
@pytest.mark.parametrize("returns", [pytest.param("fault", marks=pytest.mark.slow), "net"])
def test_amounts_of_every_type(kind: str, returns: str, database: Database, cli: Cli, tmp_path: Path) -> None:
    listed = ", ".join(f"({place}, '{value}'::{kind})" for place, value in enumerate(AMOUNTS[kind]))
    made = MADE.format("'c' || i", "i", "date '2025-04-20'", "x", "'p'")
    database.run(f"{made} FROM (VALUES {listed}) v(i, x)")
    copied, pushed = both(database, cli, tmp_path, "--returns", returns, "--max-faults", "1")
    assert copied[0] == pushed[0] == 0, pushed[1]
    assert repr(pushed[2]) == repr(copied[2])
    assert repr(pushed[3]) == repr(copied[3])


ZONES = ("UTC", "Europe/Berlin")
DAYS = {
    "date": ["infinity", "-infinity", "0001-12-31 BC", "10000-01-01", "9999-12-31", "0001-01-01", "2025-04-20"],
    "timestamp": ["infinity", "-infinity", "4713-01-01 BC", "294276-12-31", "2025-04-20 23:59:59.999999"],
    "timestamptz": ["infinity", "-infinity", "294276-12-31 23:59+00", "2025-04-20 23:30+00", "0001-01-01 00:30+01"],
    "text": ["2025-04-20", "2025-4-20", "epoch", "today", "2025-04-20 23:30+00", "2025-04-20T23:30", "20.4.2025", ""],
    "char(12)": ["2025-04-20"],
}


@pytest.mark.parametrize("kind", DAYS)
@pytest.mark.parametrize("zone", ["Pacific/Auckland", *(pytest.param(zone, marks=pytest.mark.slow) for zone in ZONES)])
def test_days_of_every_type(kind: str, zone: str, database: Database, cli: Cli, tmp_path: Path) -> None:
    listed = ", ".join(f"({place}, '{value}'::{kind})" for place, value in enumerate(DAYS[kind]))
    made = MADE.format("'c' || i", "i", "x", "1.5", "'p'")
    database.run(f"{made} FROM (VALUES {listed}) v(i, x)")
    words = ("--timezone", zone, "--max-faults", "1", "--future", "exclude")
    copied, pushed = both(database, cli, tmp_path, *words)
    assert copied[0] == pushed[0] == 0, pushed[1]
    assert pushed[2:] == copied[2:]


def test_other_columns_reach_the_quarantine_as_without(database: Database, cli: Cli, tmp_path: Path) -> None:
    extra = "array['a','b'] AS tags, '{\"a\": 1}'::jsonb AS j, '\\x00ff'::bytea AS octets, null::int AS nothing"
    extra += ", true AS flag, 12.34::money AS price, 1.50::numeric AS n, 'NaN'::numeric AS odd, 'x' AS source"
    extra += ", timestamptz '2025-01-01 00:00+00' AS seen, interval '1 day' AS span, 3 AS \"Odd; name\", 'y' AS c0"
    database.run(MADE.format("''", "1", "date '2025-04-20'", "1", "'p'") + f", {extra}")
    copied, pushed = both(database, cli, tmp_path, "--max-faults", "1")
    assert pushed[3] == copied[3]
    assert pushed[3][0]["original_source"] == "x"


# -- the mapping, loyalty, warnings --------------------------------------------------------------------------


def test_a_mapping_is_in_the_servers_sql(database: Database, cli: Cli, tmp_path: Path) -> None:
    database.run(
        "CREATE TABLE orders AS SELECT 'c' AS \"Customer\", 1 AS order_id, 5 AS price, '3' AS quantity,"
        " '{\"day\": \"20.04.2025\"}'::jsonb AS j, 'p' AS sku"
    )
    words = ("build", database.table("orders"), "--push-down", "--today", TODAY, "--out", tmp_path / "f.csv")
    mapping = ("--map", "amount=price * quantity::int", "--map", "date=to_date(j ->> 'day', 'DD.MM.YYYY')")
    ran = cli(*words, *mapping)
    assert ran.code == 0, ran.err
    assert "c,15.0,1.0,15.0,1.0,0.0,4.0" in (tmp_path / "f.csv").read_text()
    assert manifest_of(tmp_path / "f.csv")["mapping"]["amount"] == "price * quantity::int"
    # Text that is computed with is read as a number, as everywhere.
    assert cli(*words, *mapping[2:], "--map", "amount=price * quantity").code == 0
    assert "c,15.0,1.0,15.0,1.0,0.0,4.0" in (tmp_path / "f.csv").read_text()
    for wrong, says in {
        "amount=price * j": "cannot be computed: operator does not exist: integer * jsonb",
        "amount=prce": "there is no column 'prce' for amount (did you mean 'price'?)",
        "amount=SUM(price)": "must be an expression over one row",
        "amount=(": "cannot be read as an SQL expression",
    }.items():
        err = cli(*words, *mapping[2:], "--map", wrong).err
        assert says in err, err


def test_a_query_names_no_table_of_ours(database: Database, cli: Cli, tmp_path: Path) -> None:
    """Tables and columns of the names that the steps bear are the user's own in a query."""
    names = ("purchases", "readings", "counted", "orders", "products", "customers", "loyalty_scores", "faulty")
    for name in names:
        database.run(MADE.format("'c'", "1", "date '2025-04-20'", "2", "'p'").replace("orders", name))
        out = tmp_path / f"{name}.csv"
        words = ("--query", f"SELECT * FROM {name} q", "--grain", "repeated_total", "--today", TODAY, "--out", out)
        ran = cli("build", database.uri, "--push-down", *words)
        assert ran.code == 0, ran.err
        assert "c,2.0,1.0,2.0,1.0,0.0,4.0" in out.read_text()


@pytest.mark.parametrize("points", [False, True])
def test_loyalty_comes_from_a_file(points: bool, database: Database, cli: Cli, tmp_path: Path) -> None:
    database.load("orders", of_text([[*row[:5], None] for row in dirty(300, seed=3)]))
    scores = "c1,0.5\nc2,0.25\nc3,7\nc4,0.1\nc4,0.2\nc5,x\nnobody,0.5\n,0.5\nc6,\n"
    (tmp_path / "in").mkdir()
    file = tmp_path / "in" / "l.csv"
    file.write_text(f"customer_id,{'points' if points else 'loyalty_score'}\n{scores}")
    out = tmp_path / "out"
    out.mkdir()
    words = ("--loyalty", file, "--max-faults", "1", *(("--max-points", "2") if points else ()))
    copied, pushed = both(database, cli, out, *words)
    assert pushed[0] == 0, pushed[1]
    assert pushed[2:] == copied[2:]
    assert [line for line in pushed[1].splitlines() if "Loyalty" in line] == [
        line for line in copied[1].splitlines() if "Loyalty" in line
    ]


def test_warnings_are_the_same_and_sampled_where_there_are_many(
    database: Database, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [[f"c{place // 2 % 40}", str(place // 2), TODAY, "5", "p", None] for place in range(400)]
    database.load("orders", of_text(rows))
    checked = [cli("check", database.table("orders"), "--today", TODAY, *more).out for more in ((), ("--push-down",))]
    assert checked[0] == checked[1]
    assert "repeated_transaction_id" in checked[0]
    monkeypatch.setattr(repetitions, "EXACT_ROWS", 100)
    monkeypatch.setattr(repetitions, "FIRST_ROWS", 50)
    monkeypatch.setattr(repetitions, "SAMPLED_ROWS", 100)
    with connected() as connection:
        sampled = PushDown(connection, database.table("orders"), None, Options.parse(today=TODAY))
        warnings = sampled.judge().warnings
        assert all("seen in a sample, 1/4 of the customers" in warning["message"] for warning in warnings)
        exact = PushDown(connection, database.table("orders"), None, Options.parse(today=TODAY))
        assert not any("sample" in warning["message"] for warning in exact.judge(exact_warnings=True).warnings)


# -- one state of the database ----------------------------------------------------------------------------------


def test_a_table_that_changes_meanwhile(
    database: Database, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before every step rows come, go and break: the run sees one state."""
    rows = [row for row in dirty(300, seed=9) if row[0] != "rich"]
    database.load("orders", of_text(rows))
    words = ("build", database.table("orders"), "--today", TODAY, "--max-faults", "1", "--grain", "line")
    before = cli(*words, "--out", tmp_path / "before.parquet")
    assert before.code == 0
    for name in ("rows", "keep"):
        real = getattr(engine_module.Server, name)

        def disturbed(self: Any, *given: Any, real: Any = real) -> Any:
            database.run(
                "INSERT INTO orders SELECT 'c1', 'new' || random(), '2025-04-01', '5', 'p' FROM generate_series(1, 9)",
                "DELETE FROM orders WHERE ctid IN (SELECT ctid FROM orders LIMIT 5)",
                "UPDATE orders SET amount = '-1' WHERE customer_id = 'c2'",
            )
            return real(self, *given)

        monkeypatch.setattr(engine_module.Server, name, disturbed)
    ran = cli(*words, "--out", tmp_path / "after.parquet", "--push-down")
    assert ran.code == 0, ran.err
    for suffix in ("", ".quarantine.parquet"):
        one, two = (tmp_path / f"{name}.parquet{suffix}" for name in ("before", "after"))
        assert one.read_bytes() == two.read_bytes()


def test_a_run_leaves_nothing_in_the_database(database: Database, cli: Cli, tmp_path: Path) -> None:
    database.load("orders", of_text(dirty(60, seed=1)))
    database.run("CREATE FUNCTION wipe() RETURNS text LANGUAGE sql AS 'DELETE FROM orders RETURNING customer_id'")
    held = database.rows("SELECT count(*) FROM orders")
    out = ("--out", tmp_path / "f.csv", "--today", TODAY, "--max-faults", "1")
    assert cli("build", database.table("orders"), "--push-down", *out).code == 0
    query = "SELECT coalesce(wipe(), '') AS customer_id, transaction_id, date, amount, product_id FROM orders LIMIT 3"
    cli("build", database.uri, "--query", query, "--push-down", *out)
    assert database.rows("SELECT count(*) FROM orders") == held
    assert database.tables() == {"orders"}


def test_from_server_to_server(database: Database, cli: Cli, tmp_path: Path) -> None:
    """The target may be the database, and even be named in the query: the transaction has ended by then."""
    rows = [f"c{place % 7},{place},2025-04-20,{place}.25,p{place % 3}" for place in range(60)]
    database.load("orders", pa.table({name: [row.split(",")[i] for row in rows] for i, name in enumerate(FIELDS)}))
    words = ("--today", TODAY, "--push-down", "--out", database.table("f"))
    assert cli("build", database.table("orders"), *words).code == 0
    assert vectors(database) == bits(rows)
    assert manifest(database)["options"]["push_down"] is True
    query = "SELECT * FROM orders WHERE customer_id IN (SELECT customer_id FROM f)"
    days = ("--today", "2025-04-23", "--future", "exclude")  # another key, so the table gives way to a new one
    ran = cli("build", database.uri, "--query", query, *words, *days)
    assert ran.code == 0, ran.err
    assert database.rows("SELECT count(*) FROM f") == [(14,)]


# -- what is refused ------------------------------------------------------------------------------------------


def test_a_share_of_faults_that_is_too_great(database: Database, cli: Cli, tmp_path: Path) -> None:
    database.load("orders", of_text(dirty(200, seed=2)))
    out = tmp_path / "out.csv"
    runs = [
        cli("build", database.table("orders"), "--today", TODAY, "--out", out, *more)
        for more in ((), ("--push-down",), ("--on-fault", "fail"), ("--on-fault", "fail", "--push-down"))
    ]
    assert [ran.code for ran in runs] == [1] * 4
    assert (runs[0].err, runs[2].err) == (runs[1].err, runs[3].err)
    assert not out.exists()


def test_a_refused_run_leaves_all_its_faulty_rows(database: Database, cli: Cli, tmp_path: Path) -> None:
    """More than the hundred that an error lists; of sound rows a listing without any."""
    database.load("orders", of_text(dirty(900, seed=2)))
    words, made = (database.table("orders"), "--today", TODAY), {}
    for name, more in (("copied", ()), ("pushed", ("--push-down",))):
        out, listing = tmp_path / f"{name}.parquet", tmp_path / f"{name}-check.parquet"
        ran = cli("build", *words, "--out", tmp_path / "out.csv", "--quarantine", out, *more)
        assert ran.code == 1, ran.err
        assert cli("check", *words, "--out", listing, *more).code == 1
        assert out.read_bytes() == listing.read_bytes()
        made[name] = out.read_bytes()
    assert made["copied"] == made["pushed"]
    assert len(pq.read_table(tmp_path / "pushed.parquet")) > LISTED
    database.run("DELETE FROM orders")
    ran = cli("check", *words, "--push-down", "--out", tmp_path / "none.ndjson")
    assert (ran.code, (tmp_path / "none.ndjson").read_text()) == (0, ""), ran.err


def test_how_push_down_goes_with_sources_and_options(database: Database, cli: Cli, tmp_path: Path) -> None:
    out, table = ("--out", tmp_path / "out.csv", "--push-down"), database.table("orders")
    (tmp_path / "t.csv").write_text("a\n1\n")
    for words, says in {
        (tmp_path / "t.csv",): f"--push-down: goes with one database source, e.g. postgresql://user@host/shop#orders,"
        f" not with {tmp_path / 't.csv'}",
        (table, table): "not with 2 sources",
        (table, "--encoding", "latin-1"): "--encoding: does not go with --push-down: the server says how its text is",
        (table, "--decimal", ","): "--decimal: does not go with --push-down: the server reads numbers of text",
        (table, "--date-format", "%d/%m/%Y"): "--date-format: does not go with --push-down: the server reads days",
        (database.uri,): "say what to read, with --query 'SELECT ...' or by a table's name after #",
        (table,): 'relation "orders" does not exist',
        (table, "--query", "SELECT 1"): "--query: goes with a database source whose address names no table",
    }.items():
        err = assert_refused(cli("build", *words, *out), tmp_path)
        assert says in err, err
        unseen(err)


def test_rights_and_kinds_of_servers(
    database: Database, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.run(
        MADE.format("'c'", "1", "'2025-04-20'", "1", "'p'"),
        "DROP ROLE IF EXISTS guest",
        "CREATE ROLE guest LOGIN PASSWORD 'guest'",
    )
    guest = f"postgresql://guest:guest@127.0.0.1:{database.port}/{database.name}"
    out = ("--today", TODAY, "--push-down", "--out", tmp_path / "out.csv")
    database.run(f"REVOKE TEMP ON DATABASE {database.name} FROM PUBLIC")
    err = assert_refused(cli("build", f"{guest}#orders", *out), tmp_path)
    assert "user 'guest' may not make temporary tables, and --push-down needs some: grant TEMPORARY" in err
    database.run(f"GRANT TEMP ON DATABASE {database.name} TO PUBLIC")
    err = assert_refused(cli("build", f"{guest}#orders", *out), tmp_path)
    assert "permission denied for table orders" in err
    read_only = f"{database.uri}?options=-c%20default_transaction_read_only%3Don#orders"
    err = assert_refused(cli("build", read_only, *out), tmp_path)
    assert "the session is read-only and makes no temporary tables" in err
    slow = f"{database.uri}?options=-c%20statement_timeout%3D200ms"
    query = "SELECT *, pg_sleep(5) AS x FROM orders"
    err = assert_refused(cli("build", slow, "--query", query, *out), tmp_path)
    assert "canceling statement due to statement timeout" in err
    monkeypatch.setattr("customer_features.engines.postgres.columns.TYPED_SINCE", 990_000)
    err = assert_refused(cli("build", database.table("orders"), *out), tmp_path)
    assert "the server is PostgreSQL 18, and --push-down reads date of text with version 16 or newer alone" in err
    typed = "SELECT customer_id, transaction_id, date::date AS date, amount, product_id FROM orders"
    assert cli("build", database.uri, "--query", typed, *out).code == 0


def test_text_that_is_not_utf8(database: Database, cli: Cli, tmp_path: Path) -> None:
    other = Database(database.port, "of_bytes")
    made = f"CREATE DATABASE {other.name} ENCODING 'sql_ascii' TEMPLATE template0 STRATEGY file_copy"
    database.run(f"DROP DATABASE IF EXISTS {other.name}", made)
    other.run(MADE.format(r"E'\xe9'", "1", "date '2025-04-20'", "1", "'p'"))
    err = assert_refused(
        cli("build", other.table("orders"), "--push-down", "--today", TODAY, "--out", tmp_path / "out.csv"), tmp_path
    )
    assert "UTF" in err


def test_bytes_of_another_encoding_are_ordered_as_utf8(database: Database, cli: Cli, tmp_path: Path) -> None:
    other = Database(database.port, "of_latin2")
    made = f"CREATE DATABASE {other.name} ENCODING 'latin2' TEMPLATE template0 STRATEGY file_copy"
    database.run(f"DROP DATABASE IF EXISTS {other.name}", made)
    names = r"unnest(array[U&'\0105', U&'\00e1', U&'\0142', U&'\017e', 'z', U&'\010d'])"
    other.run(MADE.format(names, "1", "date '2025-04-20'", "1", "'p'"))
    copied, pushed = both(other, cli, tmp_path)
    assert pushed[2] == copied[2]
    assert [row["customer_id"] for row in pushed[2]] == sorted(["ą", "á", "ł", "ž", "z", "č"])


@pytest.mark.parametrize(
    ("act", "code", "says"),
    [
        (lambda database, number: os.kill(os.getpid(), signal.SIGINT), 130, "nothing is left half-written"),
        (lambda database, number: database.rows(f"SELECT pg_terminate_backend({number})"), 2, "Error: "),
        (lambda database, number: database.rows(f"SELECT pg_cancel_backend({number})"), 2, "canceling statement"),
    ],
    ids=["interrupted", "connection lost", "cancelled"],
)
def test_what_stops_a_run(act: Any, code: int, says: str, database: Database, cli: Cli, tmp_path: Path) -> None:
    database.run(MADE.format("'c'", "1", "date '2025-04-20'", "1", "'p'"))

    def stop() -> None:
        act(database, database.waited_for("wait_event = 'PgSleep'"))

    stopper = threading.Thread(target=stop)
    stopper.start()
    query = "SELECT *, pg_sleep(60)::text AS x FROM orders"
    mapping = ("--map", "product_id=x")
    out = ("--today", TODAY, "--push-down", "--out", tmp_path / "out.csv")
    ran = cli("build", database.uri, "--query", query, *mapping, *out)
    stopper.join()
    assert ran.code == code, ran.err
    assert says in ran.err
    assert "this is a fault of" not in ran.err
    database.gone()
    assert list(tmp_path.iterdir()) == []


# -- what a run would do ------------------------------------------------------------------------------------


def test_a_dry_run_prints_what_the_server_would_run(database: Database, cli: Cli, tmp_path: Path) -> None:
    database.load("orders", of_text(dirty(60, seed=1)))
    (tmp_path / "l.csv").write_text("customer_id,loyalty_score\nc1,0.5\n")
    words = ("build", database.table("orders"), "--push-down", "--out", tmp_path / "f.csv", "--today", TODAY)
    more = ("--loyalty", tmp_path / "l.csv", "--grain", "repeated_total", "--dry-run", "--max-faults", "1")
    ran = cli(*words, *more)
    assert ran.code == 0, ran.err
    unseen(ran.out, ran.err)
    assert cli(*words, *more).out == ran.out
    assert [path.name for path in tmp_path.iterdir()] == ["l.csv"]
    for said in ("push_down", "measure each customer", "PG_INPUT_IS_VALID", "REPEATABLE READ", str(tmp_path / "f.csv")):
        assert said in ran.out
    # Every statement that is printed is one that the server takes.
    statements = [block.split("\n", 1)[1] for block in ran.out.split("SQL\n")[1].split("\n-- ")]
    assert len(statements) >= 6
    with database.session() as session, session.cursor() as cursor:
        for statement in engine_module.SETTINGS:
            cursor.execute(statement)
        cursor.execute(
            'CREATE TEMP TABLE customer_features_run_loyalty_scores (customer_id text COLLATE "C", faulty_scores int,'
            " least_loyalty double precision, greatest_loyalty double precision, faulty_score text)"
        )
        for statement in statements:
            cursor.execute(statement.partition(";\n\n")[0].rstrip(";\n").partition(";\n")[0])


def test_a_record_for_machines(database: Database, cli: Cli, tmp_path: Path) -> None:
    database.load("orders", of_text(dirty(60, seed=1)))
    words = ("build", database.table("orders"), "--push-down", "--out", tmp_path / "f.csv", "--today", TODAY)
    ran = cli(*words, "--max-faults", "1", "--log", "json")
    assert ran.code == 0, ran.err
    events = [line.split('"event":"')[1].partition('"')[0] for line in ran.err.splitlines()]
    assert events[0] == "started"
    assert events[-1] == "published"


def test_no_table_of_features_of_what_is_in_the_server(
    database: Database, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal; the vectors would have to travel once more."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    database.load("orders", pa.table(example_columns()))
    words = ("build", database.table("orders"), "--today", TODAY, "--out", tmp_path / "f.csv")
    for push_down, shown in (((), True), (("--push-down",), False)):
        ran = cli(*words, *push_down)
        assert ran.code == 0, ran.err
        assert ("median" in ran.err.split("Features:")[1]) is shown
