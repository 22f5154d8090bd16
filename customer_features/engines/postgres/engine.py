"""The PostgreSQL engine: everything is computed in the server, in one transaction that sees one state of it.

Rows are rolled up into temporary tables, whose names no other table bears; vectors and faulty rows alone travel. The
transaction is never committed, so whatever a query's own functions would change is undone.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from customer_features.connections.addresses import shown
from customer_features.connections.postgresql import Session, Table, connected
from customer_features.connections.postgresql import quoted as quoted_there
from customer_features.definition import features
from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import LISTED
from customer_features.engines.duckdb.loyalty import scores_of
from customer_features.engines.duckdb.quarantine import Quarantine
from customer_features.engines.duckdb.session import spilling_to
from customer_features.engines.outcome import Outcome
from customer_features.engines.postgres.columns import (
    FLOATS,
    TEXTS,
    as_field,
    check_version,
    holds_numbers,
    refuse_fractions,
    texts_and_numbers,
    types_of,
)
from customer_features.engines.warehouse import Judged, judge, refuse_two_scores
from customer_features.engines.warehouse_ids import read_as_whole
from customer_features.engines.warnings import find_warnings
from customer_features.errors import FoundFault, MissingExtra, SourceError
from customer_features.query.columns import (
    OPTIONAL,
    REQUIRED,
    Mapped,
    literal,
    quoted,
    resolve,
    scores_of_rows,
    two_scores,
)
from customer_features.query.dialects import Kind, dialect
from customer_features.query.steps import FIELDS, IDS, LOYALTY, Portable, Source
from customer_features.query.typed_fields import all_typed, amount_texts
from customer_features.sources.parts import File, Part
from customer_features.sources.postgresql import AS_IS, DATED, DECIMAL, Columns, columns_of, keep, query_of
from customer_features.system.temporary import scratch

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    # Scans of one table that join each other would give its rows in another order each time.
    "SET LOCAL synchronize_seqscans = off",
    # The planner takes rows that break no rule for a handful, and would go through all orders for each of them.
    "SET LOCAL enable_nestloop = off",
)
"""The statements with which the transaction begins."""

_HASHED = {
    "day": "HASHINT8EXTENDED(({} - DATE '2000-01-01')::BIGINT, {})",
    "units": "HASHINT8EXTENDED({}, {})",
}

_DIALECT = dialect("postgres")
STEPS = 4
"""Rolled up, set aside, looked for repetitions, fetched."""


@dataclass(slots=True)
class Server:
    """The server as ``warehouse`` and ``warnings`` know an engine."""

    session: Session
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def table(self, name: str) -> Table:
        """A temporary table of this run: a query that names a table of its own must not find one of ours."""
        return Table("pg_temp", f"customer_features_{self.token}_{name}")

    def rows(self, sql: str) -> Sequence[Sequence[Any]]:
        return self.session.rows(sql)

    def kept(self, name: str, sql: str) -> tuple[str, str]:
        """The statement that keeps a query's rows, and the relation that holds them then."""
        table = self.table(name)
        return f"CREATE TEMP TABLE {quoted_there(table.name)} ON COMMIT DROP AS {sql}", table.sql

    def keep(self, name: str, sql: str) -> str:
        statement, relation = self.kept(name, sql)
        self.session.execute(statement)
        return relation

    def hashed(self, columns: Sequence[str]) -> str:
        sql = "0"
        for column in columns:  # one by one, as a hash of all as a row takes half as long again
            hashed = _HASHED.get(column, "HASHTEXTEXTENDED({}, {})")
            sql = hashed.format(column, sql)
        return sql

    def remainder(self, column: str, count: int) -> str:
        return f"(HASHTEXTEXTENDED({column}, 0) & 9223372036854775807) % {count}"


class PushDown:
    """One run over a query of a server: :meth:`judge` first, then read ``vectors`` and ``quarantine``.

    ``connection``: the DuckDB session that holds what was fetched, and reads ``loyalty``.
    """

    how: Mapping[str, Any] = MappingProxyType({"push_down": True})
    days: Mapping[str, Any] = MappingProxyType({})

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        address: str,
        query: str | None,
        options: Options,
        *,
        columns: Mapping[str, str] | None = None,
        loyalty: Part | None = None,
    ) -> None:
        self.connection = connection
        self.options = options
        self.columns = dict(columns or {})
        self.loyalty = loyalty
        self.parts: list[Part] = []
        self.outcome = Outcome()
        self.fields: dict[str, Mapped] = {}
        self.types: dict[str, str] = {}
        self.source = shown(address)
        self._address = address
        self._query = query_of(address, query)
        self.scored_by: dict[str, str] = {}
        self._quarantine = Quarantine(connection, options, None if loyalty is None else loyalty.name)
        self._fetched_faulty = False
        self.listed: int | None = LISTED
        """So many faulty rows of a refused run are fetched; None for all."""
        self._steps_done = 0
        self._encoding = "UTF8"

    @property
    def progress(self) -> float:
        """The share of the work that is done, by steps: how far one is, the server does not say."""
        return self._steps_done / STEPS

    def size(self) -> tuple[int | None, int | None]:
        """Rows and bytes of the source, which nobody knows before the server has read it."""
        return None, None

    @property
    def mapping(self) -> dict[str, str]:
        """The column or expression of each field, as people named it."""
        return {name: mapped.shown for name, mapped in self.fields.items()}

    def judge(self, *, exact_warnings: bool = False, vectors: bool = True) -> Outcome:
        """Roll the rows up in the server and fetch what was set aside and, unless told not to, the vectors.

        Raises SourceError, ColumnError, and DataFaults where the options say to stop.
        """
        with self.opened() as (session, columns):
            server = Server(session)
            scores, others = (None, 0) if self.loyalty is None else self._put_scores(server, self.loyalty)
            portable = self.portable(session, columns, scores)
            names = tuple(f"c{place}" for place in range(len(portable.source.originals)))

            def found(relation: str) -> list[FoundFault]:
                self._set_aside(session, columns, relation, self.listed)
                return self._quarantine.found(LISTED)

            judged = judge(server, portable, self.source, names, more=("loyalty_shown",), find=found)
            self.outcome = judged.outcome
            for name in self.outcome.loyalty:
                self.outcome.loyalty[name] += others
            self._steps_done += 1
            if judged.faulty is not None:
                self._set_aside(session, columns, judged.faulty)
            self._steps_done += 1
            used = self.outcome.used
            self.outcome.warnings = self.outcome.loyalty_warnings() + find_warnings(
                server, judged.rows_that_count(), self.options, used, exact=exact_warnings
            )
            self._steps_done += 1
            if vectors:
                self._fetch(session, judged)
            self._steps_done += 1
        return self.outcome

    def vectors(self) -> duckdb.DuckDBPyRelation:
        """The vectors, ordered by customer_id in byte order (and by ``as_of``), as the DuckDB engine gives them."""
        # Bytes of another encoding have an order of their own.
        again = "" if self._encoding in ("UTF8", "SQL_ASCII", "LATIN1") else " ORDER BY ALL"
        return self.connection.sql(f"SELECT * FROM vectors_fetched{again}")

    def quarantine(self) -> duckdb.DuckDBPyRelation | None:
        """The rows set aside, in the order in which the server gave the rows; None when there are none."""
        return self.faulty_rows() if self.outcome.quarantined else None

    def faulty_rows(self) -> duckdb.DuckDBPyRelation:
        """The rows set aside, of which there may be none."""
        if not self._fetched_faulty:
            self._quarantine.create([{}])
            self._fetched_faulty = True
        return self._quarantine.rows()

    def examples(self, fault: str, count: int) -> list[FoundFault]:
        """The first rows that are filed under a fault."""
        return self._quarantine.found(count, fault)

    # -- the transaction -----------------------------------------------------------------------------------

    @contextmanager
    def opened(self) -> Iterator[tuple[Session, Columns]]:
        """The transaction, and the query's columns in it."""
        with connected(self._address, SourceError) as session:
            for statement in SETTINGS:
                session.execute(statement)
            [(may, standby, read_only, user, self._encoding)] = session.rows(
                "SELECT has_database_privilege(current_database(), 'TEMP'), pg_is_in_recovery(),"
                " current_setting('transaction_read_only') = 'on', current_user::text,"
                " current_setting('server_encoding')"
            )
            if standby or read_only:
                what = "the server is a standby, which" if standby else "the session is read-only and"
                raise session.fail(f"{what} makes no temporary tables, and --push-down needs some; run without it")
            if not may:
                raise session.fail(
                    f"user '{user}' may not make temporary tables, and --push-down needs some: grant TEMPORARY on the"
                    " database, or run without --push-down"
                )
            yield session, columns_of(session, self._query)

    def portable(self, session: Session, columns: Columns, scores: str | None, *, look: bool = True) -> Portable:
        """The definition over the query; ``scores``: the table of those, ``look``: for ids that are no whole numbers.

        Raises ColumnError where a field is missing or unfit.
        """
        optional = OPTIONAL if self.loyalty is None else ()
        self.fields = resolve(columns.schema.names, self.columns, self.source, REQUIRED, optional, dialect="postgres")
        if look and self.loyalty is not None:
            for column in scores_of_rows(columns.schema.names, self.columns):
                error = two_scores(column, self.source, self.loyalty.name, self.loyalty.names, self.options.max_points)
                refuse_two_scores(Server(session), _DIALECT, f"{columns.relation} AS q", column, self.options, error)
        texts, numbers = texts_and_numbers(columns)
        self.fields = all_typed(
            self.fields, texts, numbers, _DIALECT, lambda text: holds_numbers(session, columns, text), self.options.null
        )
        self.types = types_of(session, columns.relation, self.fields, self.source)
        as_fields = {
            name: as_field(name, mapped, self.types[name], self.source) for name, mapped in self.fields.items()
        }
        kinds = {name: kind for name, (_, kind) in as_fields.items()}
        sql = {name: expression for name, (expression, _) in as_fields.items()}
        [(version,)] = session.rows("SELECT current_setting('server_version_num')::int")
        check_version(version, kinds, session.fail)
        for name in IDS if look else ():
            refuse_fractions(session, columns.relation, self.fields[name], self.types[name], self.source)
        relation = f"{columns.relation} AS q"
        ids = {name: sql[name] for name in IDS if look and self.types[name] in TEXTS}
        whole = read_as_whole(session.rows, _DIALECT, relation, ids)
        sql |= whole
        # First the row's number, then what the messages of faulty rows are made of, then the columns as they are.
        own = ("ROW_NUMBER() OVER ()", *(sql[name] for name in IDS), self.fields["date"].sql, self.fields["amount"].sql)
        originals = (
            quoted_there(name) + ("" if kind in {*AS_IS, *DATED, *DECIMAL} else "::text")
            for name, kind in zip(columns.schema.names, columns.types, strict=True)
        )
        amounts = amount_texts(self.fields["amount"], is_text=kinds["amount"].kind is Kind.TEXT) if look else {}
        source = Source(
            relation,
            {name: sql[name] for name in (*FIELDS, *_scored(sql))},
            kinds,
            (*own, *originals),
            texts={shown: f'({text})::text COLLATE "C"' for shown, text in amounts.items()},
            whole=tuple(whole),
        )
        written = _DIALECT
        if self.loyalty is None:
            return Portable(written, self.options, source)
        return Portable(
            written,
            self.options,
            source,
            loyalty=Source("", {}, {}, name=self.loyalty.name),  # its scores are in a table
            ready={"loyalty_scores": str(scores)},
        )

    # -- loyalty -------------------------------------------------------------------------------------------

    def _put_scores(self, server: Server, part: Part) -> tuple[str, int]:
        """Put each customer's score into a table; how many scores are of no customer that the server can hold."""
        scores = scores_of(self.connection, part, self.options, self.columns, nul=False)
        self.scored_by = scores.mapping
        table = server.table("loyalty_scores")
        server.session.execute(
            f'CREATE TEMP TABLE {quoted_there(table.name)} (customer_id text COLLATE "C", faulty_scores int,'
            " least_loyalty double precision, greatest_loyalty double precision, faulty_score text) ON COMMIT DROP"
        )
        server.session.append(table, scores.rows, temporary=True)
        return table.sql, scores.others

    # -- what travels --------------------------------------------------------------------------------------

    def _set_aside(self, session: Session, columns: Columns, faulty: str, limit: int | None = None) -> None:
        """Fetch the rows set aside, each column as a copy of the table would have it, and make their messages."""
        self._fetched_faulty = True
        some = "" if limit is None else f" LIMIT {limit}"
        aside = columns_of(session, f"SELECT * FROM {faulty} ORDER BY c0{some}")
        with scratch(spilling_to()) as folder:
            path = Path(tempfile.mkdtemp(dir=folder)) / "rows.parquet"
            keep(session, aside, path)
            rows = f"read_parquet({literal(str(File.of(path).path))})"
            read = self.connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
            kinds = {str(name): str(kind) for name, kind, *_ in read}
            carried = {f"c{place}": name for place, name in enumerate(columns.schema.names, len(_OWN))}
            self._quarantine.create([{name: kinds[alias] for alias, name in carried.items()}])
            own = ", ".join(sql.format(f"c{place}") for place, sql in enumerate(_OWN))
            # A double as the engine shows it: 7.0, where the server writes 7.
            double = self.types.get(LOYALTY) in FLOATS
            shown = "CAST(CAST(loyalty_shown AS DOUBLE) AS VARCHAR) AS loyalty_shown" if double else "loyalty_shown"
            others = ", ".join(["faults", shown, *carried])
            self._quarantine.put(self.source, f"(SELECT {own}, {others} FROM {rows})", carried)

    def _fetch(self, session: Session, judged: Judged) -> None:
        """Fetch the vectors into the session's own database, which spills them where memory is short."""
        days = ["as_of DATE"] if self.options.as_of else []
        declared = ", ".join(["customer_id VARCHAR", *days, *(f"{quoted(name)} DOUBLE" for name in features.names())])
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE vectors_fetched ({declared})")
        fetched = 0
        for batch in session.batches(judged.vectors):
            try:
                batch.validate(full=True)
            except pa.ArrowInvalid as error:
                raise session.fail(f"holds text that is not UTF-8: {error}") from None
            self.connection.register("batch_fetched", pa.Table.from_batches([batch]))
            self.connection.execute("INSERT INTO vectors_fetched SELECT * FROM batch_fetched")
            self.connection.unregister("batch_fetched")
            fetched += batch.num_rows
        if not self.options.as_of and fetched != self.outcome.customers:
            raise RuntimeError(f"{self.outcome.customers} customers but {fetched} vectors; nothing was published")


_OWN = (
    "{} AS row_number",
    "{} AS customer_id",
    "{} AS transaction_id",
    "{} AS product_id",
    "CAST({} AS VARCHAR) AS date_found",
    "CAST({} AS VARCHAR) AS amount_found",
)


def _scored(sql: Mapping[str, Any]) -> tuple[str, ...]:
    return (LOYALTY,) if LOYALTY in sql else ()
