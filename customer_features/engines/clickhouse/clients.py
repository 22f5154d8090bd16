"""Clients of ClickHouse, each as the few calls that the engine makes: chdb, and clickhouse-connect over HTTP."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any, Protocol

from customer_features.errors import MissingExtra, SourceError

try:
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("ClickHouse", "clickhouse") from error


class Client(Protocol):
    """A session with ClickHouse."""

    def table(self, sql: str) -> Any:
        """The rows of a query as an Arrow table."""
        ...

    def run(self, sql: str) -> None:
        """Run a statement that gives no rows."""
        ...

    def fill(self, name: str, rows: Any) -> None:
        """Put an Arrow table into a table of the same columns."""
        ...


def client_of(client: Any) -> Client:
    """The client behind what a caller gave. Raises SourceError where it is none that is known, or has no session."""
    module = type(client).__module__.partition(".")[0]
    if module == "chdb" and hasattr(client, "query"):
        return _Chdb(client)
    if module == "clickhouse_connect" and hasattr(client, "query_arrow"):
        if "Async" in type(client).__name__:
            raise SourceError("client: is asynchronous and cannot be used; give one of clickhouse_connect.get_client()")
        if not client.get_client_setting("session_id"):
            raise SourceError(
                "client: has no session, which temporary tables need; make it with"
                " clickhouse_connect.get_client(..., session_id=...) or leave autogenerate_session_id on"
            )
        return _Connect(client)
    raise SourceError(
        f"client: found {type(client).__module__}.{type(client).__qualname__}; allowed are a session or connection of"
        " chdb and a client of clickhouse_connect"
    )


class _Chdb:
    def __init__(self, client: Any) -> None:
        self._client = client

    def table(self, sql: str) -> Any:
        try:
            found = self._client.query(sql, "ArrowTable")
        except Exception as error:
            raise SourceError(said(error)) from None
        return found if isinstance(found, pa.Table) else pa.table({})

    def run(self, sql: str) -> None:
        try:
            self._client.query(sql)
        except Exception as error:
            raise SourceError(said(error)) from None

    def fill(self, name: str, rows: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.arrow"
            with pa.ipc.new_file(str(path), rows.schema) as writer:
                writer.write_table(rows)
            quoted = str(path).replace("\\", "\\\\").replace("'", "\\'")
            self.run(f"INSERT INTO {name} SELECT * FROM file('{quoted}', 'Arrow')")


class _Connect:
    def __init__(self, client: Any) -> None:
        self._client = client

    def table(self, sql: str) -> Any:
        return self._called(lambda: self._client.query_arrow(sql, use_strings=True))

    def run(self, sql: str) -> None:
        self._called(lambda: self._client.command(sql))

    def fill(self, name: str, rows: Any) -> None:
        self._called(lambda: self._client.insert_arrow(name, rows))

    def _called(self, call: Any) -> Any:
        from clickhouse_connect.driver.exceptions import Error

        try:
            return call()
        except (Error, OSError, pa.ArrowException) as error:
            raise SourceError(said(error)) from None


def said(error: BaseException) -> str:
    """What the server says in one line, without its own marks around it."""
    text = " ".join(str(error).split())
    found = re.search(r"(?:DB::Exception: )(.*)", text)
    text = re.sub(
        r"\.? ?\([A-Z_]+\)( \(for url .*|, server response.*| \(version .*)?$", "", found[1] if found else text
    )
    text = re.sub(r"(\.? In scope | \(line \d+, col \d+\)|\. Expected one of: ).*$", "", text)
    return f"ClickHouse: {text}"
