"""What stops a run that writes to PostgreSQL leaves the tables that stood there; others see them until the commit."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from customer_features.connections import postgresql
from tests.conftest import TODAY, Cli, Ran, child_environment
from tests.database import Database, rows_in, unseen
from tests.targets.harness import GOOD, TABLES, bits, built, manifest, refused, vectors
from tests.waiting import BOUND

pytestmark = pytest.mark.slow  # with all of its kind too long for every change; `make test-slow` runs it


def arguments(source: Path, out: str) -> list[str]:
    return ["build", str(source), "--today", TODAY, "--max-faults", "1", "--out", out]


def command(source: Path, out: str) -> list[str]:
    """The same run as a process of its own."""
    return [sys.executable, "-m", "customer_features", *arguments(source, out)]


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
    assert (first.wait(BOUND), second.wait(BOUND)) == (0, 0)
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


class Calls:
    """The calls of the driver in this process, which are counted. ``End`` is raised instead of the last one."""

    class End(BaseException):
        pass

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._stoppable = postgresql.stoppable
        self.made, self.last = 0, 0
        monkeypatch.setattr(postgresql, "stoppable", self)

    def __call__(self, call: Callable[[], Any], cancel: Callable[[], None]) -> Any:
        self.made += 1
        if self.made == self.last:
            raise self.End
        return self._stoppable(call, cancel)

    def reset(self, last: int = 0) -> None:
        self.made, self.last = 0, last


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


def test_a_run_that_ends_at_any_call_changes_nothing(older: Path, database: Database, cli: Cli, calls: Calls) -> None:
    before = state(database)
    for last in itertools.count(1):
        calls.reset(last)
        try:
            built(cli, older, database.table("f"))
        except Calls.End:
            database.gone()
            assert state(database) == before, f"call {last}"
            assert database.tables() == TABLES
        else:
            break
    assert last > 20
    assert vectors(database) == bits(GOOD)


KILLED = """
import itertools, os, signal, sys, threading
from customer_features.connections import postgresql
from customer_features.cli import main
stoppable, last, calls = postgresql.stoppable, int(sys.argv[1]), itertools.count(1)
def counted(call, cancel):
    if next(calls) == last:
        threading.Thread(target=call, daemon=True).start()
        os.kill(os.getpid(), signal.SIGKILL)
    return stoppable(call, cancel)
postgresql.stoppable = counted
main(sys.argv[2:])
"""


@pytest.mark.parametrize("kills", [4, pytest.param(1000, marks=pytest.mark.thorough)])
def test_kill_at_any_moment(kills: int, older: Path, database: Database, cli: Cli, calls: Calls) -> None:
    """Old or new, whole, whichever call the run is killed in; the last one is the commit."""
    older_rows, old = older.with_name("t.csv"), state(database)
    calls.reset()
    built(cli, older, database.table("f"))
    all_calls = calls.made
    assert all_calls > 20
    built(cli, older_rows, database.table("f"))
    for last in range(all_calls, 0, -max(all_calls // kills, 1)):
        killed = [sys.executable, "-c", KILLED, str(last), *arguments(older, database.table("f"))]
        process = subprocess.Popen(killed, env=child_environment())
        assert process.wait(BOUND) == -signal.SIGKILL
        database.gone()
        found = state(database)
        assert found == old or (last == all_calls and found[0] == bits(GOOD)), last
        assert database.tables() == TABLES
        if found != old:
            assert (len(found[1]), found[2]["rows"]["quarantined"]) == (2, 2)
            built(cli, older_rows, database.table("f"))
    built(cli, older, database.table("f"))
    assert vectors(database) == bits(GOOD)


def test_kill_within_the_commit(older: Path, database: Database) -> None:
    """The server carries out what it was asked for."""
    database.run(
        "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON f DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION hold()",
    )
    before = state(database)
    with database.session() as other:
        rows_in(other, "SELECT pg_advisory_xact_lock(1)::text")
        process = subprocess.Popen(command(older, database.table("f")), env=child_environment())
        database.waited_for("wait_event = 'advisory' AND query LIKE 'COMMIT%'")
        process.kill()
        process.wait()
        assert state(database) == before
        other.rollback()
    database.gone()
    found = state(database)
    assert found[0] == bits(GOOD)
    assert (len(found[1]), found[2]["rows"]["quarantined"]) == (2, 2)
    assert database.tables() == TABLES
