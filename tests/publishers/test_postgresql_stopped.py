"""What stops a run that writes to PostgreSQL leaves the tables that stood there; others see them until the commit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TODAY, Cli, Ran, child_environment
from tests.database import Database, rows_in, unseen
from tests.publishers.harness import GOOD, TABLES, bits, built, manifest, refused, vectors

pytestmark = [
    pytest.mark.slow,  # with all of its kind too long for every change; `make test-slow` runs it
    pytest.mark.resource("postgresql"),
]


def command(source: Path, out: str) -> list[str]:
    """The same run as a process of its own."""
    started = [sys.executable, "-m", "customer_features", "build", str(source), "--today", TODAY]
    return [*started, "--max-faults", "1", "--out", out]


@contextmanager
def held_up(database: Database) -> Iterator[tuple[Callable[[], int], Callable[[], None]]]:
    """Runs are held up when their vectors are written.

    Given are a call that waits for one and says its session's number, and one that lets them go on.
    """
    with database.session() as other:
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE f_manifest IN SHARE MODE")
        waiting = "wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%f_manifest%'"
        yield lambda: database.waited_for(waiting), other.rollback


def stopped(database: Database, cli: Cli, source: Path, act: Callable[[int], object]) -> Ran:
    """A run in which something happens while it is held up; ``act`` is given the number of its session."""
    with ThreadPoolExecutor(1) as pool, held_up(database) as (waited, let_go):

        def meanwhile() -> None:
            try:
                act(waited())
            finally:
                let_go()

        acted = pool.submit(meanwhile)
        ran = cli("build", source, "--out", database.table("f"), "--today", TODAY, "--max-faults", 1)
        acted.result()
    unseen(ran.out, ran.err)
    return ran


def state(database: Database) -> tuple[Any, ...]:
    return vectors(database), database.rows("SELECT * FROM f_quarantine ORDER BY row_number"), manifest(database)


def test_others_read_the_old_tables_until_the_commit(older: Path, database: Database, cli: Cli) -> None:
    before = state(database)
    total = "SELECT sum(purchase_total) FROM f"
    with database.session() as reader:
        with reader.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        then = rows_in(reader, total)
        meanwhile: list[Any] = []
        ran = stopped(database, cli, older, lambda _: meanwhile.extend((state(database), rows_in(reader, total))))
        assert ran.code == 0, ran.err
        assert meanwhile == [before, then]
        assert vectors(database) == bits(GOOD)
        assert rows_in(reader, total) == then, "who looked before goes on to see what was there"


def test_a_run_that_is_killed_changes_nothing(older: Path, database: Database) -> None:
    before = state(database)
    with held_up(database) as (waited, _):
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
    with held_up(database) as (waited, _):
        first = subprocess.Popen(command(older, database.table("f")), env=child_environment())
        waited()
        second = subprocess.Popen(command(source, database.table("public.f")), env=child_environment())
        database.waited_for("wait_event = 'advisory'")
    assert (first.wait(60), second.wait(60)) == (0, 0)
    assert vectors(database) == bits(GOOD[:100])
    assert manifest(database)["rows"]["quarantined"] == 1
    assert database.rows("SELECT customer_id FROM f_quarantine") == [("old",)]


FAILURES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "a trigger that keeps rows out": (
        (
            "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS"
            " 'BEGIN IF NEW.customer_id = ''c3'' THEN RETURN NULL; END IF; RETURN NEW; END'",
            "CREATE TRIGGER odd BEFORE INSERT ON f FOR EACH ROW EXECUTE FUNCTION odd()",
        ),
        "7 rows were written to public.f but it holds 6; has it a trigger?; nothing was published",
        "DROP FUNCTION odd CASCADE",
    ),
    "a rule that is broken": (
        ("ALTER TABLE f ADD CHECK (visit_frequency < 20)",),
        'new row for relation "f" violates check constraint "f_visit_frequency_check"',
        "ALTER TABLE f DROP CONSTRAINT f_visit_frequency_check",
    ),
    "a rule that is looked at in the end": (
        (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END'",
            "CREATE CONSTRAINT TRIGGER no AFTER INSERT ON f DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION no()",
        ),
        "not today; nothing was published",
        "DROP FUNCTION no CASCADE",
    ),
    "rows that others refer to": (
        ("CREATE TABLE notes (id text REFERENCES f (customer_id))", "INSERT INTO notes VALUES ('c1')"),
        'violates foreign key constraint "notes_id_fkey" on table "notes"',
        "DROP TABLE notes",
    ),
    "a view of another shape": (
        ("CREATE VIEW v AS TABLE f", "ALTER TABLE f ADD as_of date"),
        "cannot drop table f because other objects depend on it",
        "DROP VIEW v",
    ),
}


def test_what_the_server_refuses_leaves_the_tables_as_they_were(older: Path, database: Database, cli: Cli) -> None:
    for what, (made, says, undone) in FAILURES.items():
        database.run(*made)
        before = state(database)
        assert says in refused(cli, older, database.table("f")), what
        assert state(database) == before
        database.run(undone)


@pytest.mark.slow
def test_kill_at_any_moment(older: Path, database: Database, cli: Cli) -> None:
    """Old or new, whole, whenever the run is killed; the next one publishes."""
    old = state(database)
    choice, kept = random.Random(7), 0
    for _ in range(30):
        process = subprocess.Popen(command(older, database.table("f")), env=child_environment())
        database.waited_for("state IS NOT NULL")
        time.sleep(choice.uniform(0, 2))
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
    assert kept, "none was killed before its commit"
    built(cli, older, database.table("f"))
    assert vectors(database) == bits(GOOD)
