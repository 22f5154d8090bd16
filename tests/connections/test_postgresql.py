"""Addresses taken apart, what the driver says without what is secret, and calls that a signal stops."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
import traceback

import adbc_driver_postgresql.dbapi as driver
import pytest

from customer_features import OutputError, SourceError
from customer_features.connections.postgresql import Session, Table, connected, said, stoppable, table_of
from tests.test_architecture import python
from tests.waiting import BOUND, until

ADDRESS = "postgresql://ann:s3cr3t@db.example.org:5432/shop"


@pytest.mark.parametrize(
    ("fragment", "schema", "name", "sql"),
    [
        ("features", None, "features", '"features"'),
        ("shop.features", "shop", "features", '"shop"."features"'),
        ("Shop.Features", "Shop", "Features", '"Shop"."Features"'),
        ('"Odd; drop table x"', None, "Odd; drop table x", '"Odd; drop table x"'),
        ("Odd; drop table x", None, "Odd; drop table x", '"Odd; drop table x"'),
        ('"2025.orders"', None, "2025.orders", '"2025.orders"'),
        ('shop."2025.orders"', "shop", "2025.orders", '"shop"."2025.orders"'),
        ('"a""b"', None, 'a"b', '"a""b"'),
        ("caf%C3%A9%20x", None, "café x", '"café x"'),
    ],
)
def test_a_tables_name(fragment: str, schema: str | None, name: str, sql: str) -> None:
    table = table_of(f"{ADDRESS}#{fragment}", SourceError)
    assert table == Table(schema, name)
    assert table is not None
    assert table.sql == sql
    assert table_of(f"{ADDRESS}#{table}", SourceError) == table


@pytest.mark.parametrize("fragment", ["a.b.c", '"a', 'a"b', ".a", "a.", '""', '"a"b'])
def test_no_tables_name(fragment: str) -> None:
    with pytest.raises(OutputError, match=r"names no table: give #TABLE or #SCHEMA\.TABLE") as caught:
        table_of(f"{ADDRESS}#{fragment}", OutputError)
    assert "s3cr3t" not in str(caught.value)


def test_an_address_without_a_table() -> None:
    assert table_of(ADDRESS, SourceError) is None
    assert table_of(f"{ADDRESS}#", SourceError) is None


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://ann:s3cr3t/x@db/shop#t",
        "postgresql://ann:s3cr3t?x@db/shop#t",
        "postgresql://ann:s3cr3t#x@db/shop#t",
        "postgresql://ann:x@s3cr3t@db/shop#t",
        "postgresql://ann:s3cr3t%zz@db/shop#t",
        "postgresql://ann:12/s3cr3t@db/shop#t",
        "postgresql://ann:s3cr3t x@db/shop#t",
        "postgresql://ann:s3cr3t@[db/shop#t",
        "postgresql://ann:s3cr3t@db:54x/shop#t",
        "postgresql:/ann:s3cr3t@db/shop#t",
        "postgresql:ann:s3cr3t@db/shop#t",
    ],
)
def test_an_address_that_cannot_be_taken_apart_is_not_shown(address: str) -> None:
    with pytest.raises(SourceError, match=r"percent-encoding|holds a blank") as caught, connected(address, SourceError):
        pass
    assert "s3cr3t" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'IO: [libpq] Failed to connect: connection to server at "h", port 1 failed: FATAL:  no\n\tIs it running?\n',
            'connection to server at "h", port 1 failed: no; Is it running?',
        ),
        (
            "INVALID_ARGUMENT: [libpq] Failed to execute query: could not begin COPY: ERROR:  syntax error at or near"
            ' "x"\nLINE 1: COPY (x) TO STDOUT\n              ^\n\nQuery was: COPY (x). SQLSTATE: 42601',
            'syntax error at or near "x"',
        ),
        (
            "INVALID_DATA: [libpq] Failed to execute COPY statement: PGRES_FATAL_ERROR ERROR:  invalid byte\n"
            "DETAIL:  it is odd\nCONTEXT:  COPY t, line 1\n. SQLSTATE: 22021",
            "invalid byte; it is odd",
        ),
        ('unexpected "s3cr3t" in "postgresql://ann:s3cr3t@h"', 'unexpected "***" in "postgresql://ann:***@h"'),
        ("fe_sendauth: no password supplied", "fe_sendauth: no password supplied (give it in PGPASSWORD or ~/.pgpass)"),
        ("", "Exception"),
    ],
)
def test_what_the_driver_says_in_one_line(text: str, expected: str) -> None:
    assert said(Exception(text), ADDRESS) == expected


def test_every_form_of_a_password_is_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "of-the-environment")
    address = "postgresql://ann:a%2Fb%40c@h/db?password=qu%23ery&sslpassword=key"
    text = "a%2Fb%40c a/b@c qu%23ery qu#ery key of-the-environment"
    assert said(Exception(text), address) == "*** *** qu%23ery *** *** ***"


def test_a_server_that_does_not_answer_is_not_waited_for_for_ever() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"postgresql://ann:s3cr3t@127.0.0.1:{silent.getsockname()[1]}/shop?connect_timeout=2"
        refused = pytest.raises(SourceError, match=r"127\.0\.0\.1.*cannot connect: .*timeout expired")
        with refused, connected(address, SourceError):
            pass


def test_the_error_is_of_the_kind_that_is_asked_for_and_has_its_ending() -> None:
    refused = pytest.raises(OutputError, match=r"Connection refused.*; nothing was published$")
    with refused, connected("postgresql://ann:s3cr3t@127.0.0.1:1/shop", OutputError, "; nothing was published"):
        pass


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "IO: server closed the connection unexpectedly",
            "must be looked up in the database: server closed the connec",
        ),
        ("IO: ERROR:  could not serialize access", "could not serialize access; nothing was published"),
        ("IO: FATAL:  terminating connection", "terminating connection; nothing was published"),
    ],
)
def test_a_commit_without_an_answer_is_not_said_to_have_failed(text: str, says: str) -> None:
    class Connection:
        def commit(self) -> None:
            raise driver.OperationalError(text, status_code=10)

        def adbc_cancel(self) -> None: ...

    session = Session(Connection(), ADDRESS, OutputError, "; nothing was published")
    with pytest.raises(OutputError, match=re.escape(says)) as caught:
        session.commit()
    assert ("nothing was published" in str(caught.value)) == ("nothing" in says)


def waited_for() -> bool:
    """Tell whether the main thread waits in ``stoppable``, rather than in the start of its thread."""
    stack = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident or 0])
    names = [frame.name for frame in stack]
    return set(names[names.index("stoppable") + 1 :]) == {"wait"}


def test_a_signal_cancels_what_is_waited_for() -> None:
    cancelled, ended = threading.Event(), threading.Event()
    before = signal.getsignal(signal.SIGTERM)

    class Stopped(BaseException):
        pass

    def stop(number: int, frame: object) -> None:
        raise Stopped

    def call() -> None:
        until(waited_for, "the wait for this call")
        os.kill(os.getpid(), signal.SIGTERM)
        if cancelled.wait(BOUND):
            ended.set()

    signal.signal(signal.SIGTERM, stop)
    try:
        with pytest.raises(Stopped):
            stoppable(call, cancelled.set)
        assert ended.is_set()  # it was cancelled, and waited for
    finally:
        signal.signal(signal.SIGTERM, before)
    assert stoppable(lambda: 3, cancelled.set) == 3
    with pytest.raises(ZeroDivisionError):
        stoppable(lambda: 1 / 0, cancelled.set)


def test_a_missing_extra_is_one_line_with_the_command() -> None:
    source, out = "postgresql://ann@127.0.0.1:1/shop#t", "postgresql://ann@127.0.0.1:1/shop#f"
    runs = (
        f"from customer_features.cli import run; run(['check', {source!r}]); run(['build', 't.csv', '--out', {out!r}])"
    )
    ran = python(runs, "adbc_driver_postgresql")
    expected = "Error: PostgreSQL needs the 'postgres' extra: pip install 'customer-features[postgres]'"
    assert ran.stderr.splitlines() == [expected, expected]
