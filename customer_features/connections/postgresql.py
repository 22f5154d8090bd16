"""A session with a PostgreSQL server: addresses taken apart, statements that a signal stops, errors in our words.

What the driver says of a connection may repeat the address, so a password is looked for in it and taken out.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from sqlglot import exp

from customer_features.connections.addresses import DATABASES, shown
from customer_features.errors import MissingExtra, UsageError

try:
    import adbc_driver_postgresql.dbapi as driver
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("PostgreSQL", "postgres") from error

Result = TypeVar("Result")

CONNECT_TIMEOUT = 10
"""Seconds to wait for each host, where neither the address nor the environment says."""
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_NAME = r'"(?:[^"]|"")+"|[^".]+'


@dataclass(frozen=True, slots=True)
class Table:
    """A table as an address names it, to the letter; without a schema it is looked up as the server does."""

    schema: str | None
    name: str

    def __str__(self) -> str:
        parts = [part for part in (self.schema, self.name) if part is not None]
        return ".".join(quoted(part) if re.search(r'[."]', part) else part for part in parts)

    @property
    def sql(self) -> str:
        """The name as SQL."""
        return exp.table_(self.name, db=self.schema, quoted=True).sql(dialect="postgres")


def quoted(name: str) -> str:
    """A column's name as a quoted SQL identifier."""
    return exp.to_identifier(name, quoted=True).sql(dialect="postgres")


def table_of(address: str, wrong: type[UsageError]) -> Table | None:
    """The table that an address names after ``#``, as TABLE or SCHEMA.TABLE; None where it names none.

    Raises ``wrong`` where what stands there is no such name.
    """
    fragment = unquote(address.partition("#")[2])
    if not fragment:
        return None
    found = re.fullmatch(rf"(?:({_NAME})\.)?({_NAME})", fragment)
    if found is None:
        raise wrong(
            f"{shown(address)}: '{fragment}' names no table: give #TABLE or #SCHEMA.TABLE, with a name that holds a"
            ' dot in double quotes, for example #shop."2025.orders"'
        )
    schema, name = ((part[1:-1].replace('""', '"') if part[:1] == '"' else part) for part in (found[1] or "", found[2]))
    return Table(schema or None, name)


class Session:
    """A connection in one transaction. Every error becomes a ``wrong`` that names the address and has no password."""

    def __init__(self, connection: Any, address: str, wrong: type[UsageError], ending: str) -> None:
        self._connection = connection
        self._address = address
        self._wrong = wrong
        self._ending = ending

    def execute(self, sql: str, *parameters: Any) -> None:
        """Run a statement that gives no rows."""
        self.rows(sql, *parameters)

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement, all of them in memory."""

        def fetch(cursor: Any) -> list[tuple[Any, ...]]:
            cursor.execute(sql, parameters or None)
            found: list[tuple[Any, ...]] = cursor.fetchall() if cursor.description else []
            return found

        return self._run(fetch)

    def described(self, query: str, refusal: str = "") -> Any:
        """The Arrow schema of a query's rows, without running it; ``refusal`` goes before what the server says."""
        return self._run(lambda cursor: cursor.adbc_execute_schema(query), refusal)

    def batches(self, query: str) -> Iterator[Any]:
        """The rows of a query as Arrow record batches, as they arrive."""
        with self._connection.cursor() as cursor:
            self._waited(lambda: cursor.execute(query))
            reader = cursor.fetch_record_batch()

            def following() -> Any:
                try:
                    return reader.read_next_batch()
                except StopIteration:
                    return None

            while (batch := self._waited(following)) is not None:
                yield batch

    def append(self, table: Table, rows: Any, *, temporary: bool = False) -> None:
        """Add an Arrow table's rows to a table of the database, column by name, by COPY in binary."""
        where: dict[str, Any] = {"temporary": True} if temporary else {"db_schema_name": table.schema}
        self._run(lambda cursor: cursor.adbc_ingest(table.name, rows, mode="append", **where))

    def commit(self) -> None:
        """End the transaction: all of it stands from now on, or the server refuses and nothing does."""
        try:
            stoppable(self._connection.commit, self._connection.adbc_cancel)
        except driver.Error as error:
            reason = said(error, self._address)
            if re.search(r"\b(ERROR|FATAL):", str(error)):
                raise self.fail(reason) from None
            raise self._wrong(
                f"{shown(self._address)}: the connection was lost at the very end, so whether the transaction stands"
                f" must be looked up in the database: {reason}"
            ) from None

    def fail(self, reason: str) -> UsageError:
        """The error for a reason of our own."""
        return self._wrong(f"{shown(self._address)}: {reason}{self._ending}")

    def _run(self, work: Callable[[Any], Result], refusal: str = "") -> Result:
        with self._connection.cursor() as cursor:
            return self._waited(lambda: work(cursor), refusal)

    def _waited(self, call: Callable[[], Result], refusal: str = "") -> Result:
        try:
            return stoppable(call, self._connection.adbc_cancel)
        except (driver.Error, pa.ArrowException, OSError) as error:
            raise self.fail(refusal + said(error, self._address)) from None


@contextmanager
def connected(address: str, wrong: type[UsageError], ending: str = "") -> Iterator[Session]:
    """A session in a transaction that is undone at the end, unless it was committed.

    ``ending`` is added to what an error says. Raises ``wrong`` where the address cannot be taken apart or the
    server cannot be reached or refuses.
    """
    uri = _uri(address, wrong)
    try:
        connection = stoppable(lambda: driver.connect(uri), lambda: None)
    except driver.Error as error:
        raise wrong(f"{shown(address)}: cannot connect: {said(error, address)}{ending}") from None
    try:
        yield Session(connection, address, wrong, ending)
    finally:
        # Closing without a commit undoes the transaction; a connection that is broken already has nothing to close.
        with suppress(driver.Error, RuntimeError):
            connection.close()


def _uri(address: str, wrong: type[UsageError]) -> str:
    """The address as the driver takes it. Raises ``wrong`` where a part of it ends too early to be meant so."""
    uri = address.partition("#")[0]
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    hidden = shown(address).endswith("://...")
    if hidden or parts.netloc.count("@") > 1 or parts.scheme not in DATABASES or re.search(r"%(?![0-9A-Fa-f]{2})", uri):
        raise wrong(
            f"{shown(address)}: is not an address of the form postgresql://USER@HOST:PORT/DATABASE#TABLE; write"
            " / ? # @ : and % in a user's name or password in percent-encoding, for example %2F, or better"
            " give the password in PGPASSWORD or ~/.pgpass"
        )
    if re.search(r"\s", parts.netloc):
        raise wrong(f"{shown(address)}: holds a blank; write it as %20")
    given = parse_qs(parts.query, keep_blank_values=True)
    # Text travels as UTF-8 whatever the database keeps.
    more = {"client_encoding": "UTF8", "fallback_application_name": "customer-features"}
    if "connect_timeout" not in given and not os.environ.get("PGCONNECT_TIMEOUT"):
        more["connect_timeout"] = str(CONNECT_TIMEOUT)
    added = "&".join(f"{name}={value}" for name, value in more.items())
    uri = parts.scheme + uri[len(parts.scheme) :]  # in lower case, or the driver takes it for something else
    return f"{uri}{'&' if parts.query else '' if uri.endswith('?') else '?'}{added}"


def said(error: BaseException, address: str) -> str:
    """What the driver or the server says in one line: no statement, no place in it, and no password."""
    text = str(error).partition("\n\nQuery was:")[0]
    text = re.sub(r"^[A-Z_]+: (\[libpq\] )?(Failed to connect: )?", "", text)
    text = re.sub(r"^.*?\b(ERROR|FATAL): +", "", text, count=1, flags=re.DOTALL) if "ERROR: " in text else text
    text = re.sub(r"\. SQLSTATE: \w+$|\b(FATAL|DETAIL|HINT): +|^(LINE \d+: .*\n.*|CONTEXT: .*)$", "", text, flags=re.M)
    text = "; ".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
    for secret in _secrets(address):
        text = text.replace(secret, "***")
    if "no password supplied" in text:
        text += " (give it in PGPASSWORD or ~/.pgpass)"
    return text or type(error).__name__


def _secrets(address: str) -> set[str]:
    """Whatever of an address must not be seen, as it is written and as it is meant."""
    parts = urlsplit(address.partition("#")[0])
    query = parse_qs(parts.query)
    found = {parts.netloc.rpartition("@")[0].partition(":")[2], os.environ.get("PGPASSWORD", "")}
    found |= {value for name in _SECRETS for value in query.get(name, [])}
    return {form for secret in found for form in (secret, unquote(secret)) if form}


def stoppable(call: Callable[[], Result], cancel: Callable[[], None]) -> Result:
    """What a call returns, waited for so that a signal is heard meanwhile: the driver itself returns for none.

    When one comes, the call is cancelled and waited for, for ten seconds at most.
    """
    results: list[Result] = []
    errors: list[BaseException] = []
    done = threading.Event()  # a thread itself counts as ended once a signal has interrupted its join()

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    try:
        while not done.wait(0.5):
            pass  # not for ever: another thread may have been the one to take the signal
    except BaseException:
        for _ in range(50):
            with suppress(driver.Error):
                cancel()
            if done.wait(0.2):
                break
        raise
    if errors:
        raise errors[0]
    return results[0]
