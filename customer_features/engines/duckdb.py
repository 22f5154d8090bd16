"""The DuckDB engine: files and dataframes, any size, in the steps of ``query.py``.

Clean data are read once. Only when something is faulty are the sources read a second time, file by
file, to set the faulty rows aside with their row numbers and original values.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

from customer_features import query, query_as_of
from customer_features.columns import (
    OPTIONAL,
    REQUIRED,
    Mapped,
    arithmetic_over_text,
    literal,
    quoted,
    resolve,
    resolve_loyalty,
)
from customer_features.engines import duckdb_broken as broken
from customer_features.engines.duckdb_as_of import measure
from customer_features.engines.duckdb_dates import looked_at, refuse_other_formats
from customer_features.engines.duckdb_day_numbers import mostly_numbers, recognised
from customer_features.engines.duckdb_distributions import Distribution, distributions
from customer_features.engines.duckdb_products import count_products
from customer_features.engines.duckdb_quarantine import Quarantine, Staged
from customer_features.engines.duckdb_session import memory_kept, translated
from customer_features.engines.duckdb_shares import create, shares
from customer_features.engines.duckdb_warnings import find_warnings
from customer_features.engines.outcome import Outcome
from customer_features.errors import ColumnError, FoundFault, MissingExtra
from customer_features.instants import on_local_clock
from customer_features.options import Grain, Options
from customer_features.parts import Part, first_line
from customer_features.reading import NUMERIC, Readings, read, read_identifier, read_loyalty
from customer_features.written_days import counts_sql

try:
    import duckdb
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

LISTED = 100
"""So many faulty rows are named in an exception."""

# A column of our own that stands beside those of a source bears a name that no source's column has.
_FILE = "customer_features: file"


class Engine:
    """One run over some parts: :meth:`judge` first, then read ``vectors`` and ``quarantine``."""

    how: Mapping[str, Any] = MappingProxyType({})
    """Nothing but the options tells how it was computed."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        parts: list[Part],
        options: Options,
        *,
        columns: Mapping[str, str] | None = None,
        loyalty: Part | None = None,
    ) -> None:
        self.connection = connection
        self.parts = parts
        self.options = options
        self.columns = dict(columns or {})
        self.loyalty = loyalty
        self.outcome = Outcome()
        self._staged: list[Staged] = []
        self._customer_key = ""
        self._steps_done = 0
        self._day_numbers: list[dict[str, str]] = []
        self._quarantine = Quarantine(connection, options)
        self._orders_out = self._customers_out = self._clean = False

    @property
    def progress(self) -> float:
        """The share of the work that is done, from 0 to 1: the dear steps that ended, and how far this one is."""
        steps = sum(part.parse_once for part in self.parts) + 2
        running = min(max(self.connection.query_progress(), 0.0), 100.0) / 100
        return min((self._steps_done + running) / steps, 1.0)

    def size(self) -> tuple[int | None, int | None]:
        """Rows and bytes of the sources, each None where it is not known before all of it is read."""
        counts = [part.rows(self.connection) for part in self.parts]
        rows = None if None in counts else sum(count for count in counts if count is not None)
        return rows, sum(file.bytes for part in self.parts for file in part.files) or None

    @property
    def recognised(self) -> dict[str, str]:
        """Fields that were recognised by a column's name, and that name."""
        return {
            name: mapped.shown for staged in self._staged for name, mapped in staged.fields.items() if mapped.recognised
        }

    @property
    def mapping(self) -> dict[str, str]:
        """The column or expression of each field, as people named it."""
        return {name: mapped.shown for staged in self._staged for name, mapped in staged.fields.items()}

    @property
    def types(self) -> dict[str, str]:
        """The engine's type of the column or expression of each field."""
        return {name: type_name for staged in self._staged for name, type_name in staged.types.items()}

    @cached_property
    def days(self) -> dict[str, Any]:
        """How days were counted: the timezone, and how many rows were written on another day, or without an offset."""
        instants = other = local = 0
        if any(staged.types["date"] not in ("DATE", '"NULL"') for staged in self._staged):
            ((instants, other, local),) = self.connection.execute(counts_sql(self._all_rows)).fetchall()
        return {
            "timezone": self.options.timezone,
            "timezone_given": self.options.timezone_given,
            "instants": int(instants or 0),
            "on_another_day": int(other or 0),
            "local_times": int(local or 0),
            "numbers": self._day_numbers,
        }

    def judge(self, *, exact_warnings: bool = False) -> Outcome:
        """Read the sources, roll them up and set faulty rows aside; nothing is handed out yet.

        ``exact_warnings``: look for suspicious rows everywhere, not in a sample of very many.

        Raises SourceError, ColumnError, and DataFaults where the options say to stop.
        """
        with translated():
            self.stage()
            self._count_sources()
            self._roll_up()
            self._set_aside()
            self.outcome.reconcile()
            self.outcome.stop_on_faults(self.options, self.found)
            self.outcome.warnings = find_warnings(
                self.connection,
                self._used,
                self.options,
                self.outcome.used,
                exact=exact_warnings,
                read=self._all_rows,
            )
        return self.outcome

    def vectors(self) -> duckdb.DuckDBPyRelation:
        """The vectors, ordered by customer_id in byte order: customer_id VARCHAR, then DOUBLEs.

        With several as-of dates a DATE column ``as_of`` stands after customer_id, and the order is by both.
        """
        if self.options.as_of:
            return self.connection.sql(query_as_of.vectors())
        return self.connection.sql(query.vectors(self.options, self._customer_key, self._customers_out))

    def counted_rows(self) -> str:
        """SQL of the rows that the vectors of one as-of date are made of, in no order.

        customer_id, transaction_id, product_id VARCHAR; day DATE; units BIGINT, 1/10000 of the currency; loyalty
        DOUBLE.
        """
        return (
            "SELECT customer_id, transaction_id, product_id, day, CAST(units AS BIGINT) AS units, loyalty"
            f" FROM {self._used}"
        )

    def distributions(self) -> list[Distribution]:
        """How the values of each feature are spread over the customers; of several as-of dates at the last one."""
        if self.options.as_of:
            select = query_as_of.values(self.options.today)
        else:
            select = query.values(self.options, self._customer_key, self._customers_out)
        return distributions(self.connection, select)

    def quarantine(self) -> duckdb.DuckDBPyRelation | None:
        """The rows set aside, in the order of the sources; None when there are none."""
        return self.faulty_rows() if self.outcome.quarantined else None

    def faulty_rows(self) -> duckdb.DuckDBPyRelation:
        """The rows set aside (there may be none): source, row_number, fault, faults, message, original columns."""
        return self._quarantine.rows()

    def found(self) -> list[FoundFault]:
        """The first hundred faulty rows."""
        return self._quarantine.found(LISTED)

    def examples(self, fault: str, count: int) -> list[FoundFault]:
        """The first rows that are filed under a fault."""
        return self._quarantine.found(count, fault)

    # -- staging -------------------------------------------------------------------------------------------

    def stage(self) -> list[Staged]:
        """Make the staged relation of each part, and the table of loyalty scores; no row is judged yet."""
        for number, part in enumerate(self.parts):
            with translated(part):
                self._stage(number, part)
        if self.loyalty is not None:
            with translated(self.loyalty):
                self.stage_loyalty(self.loyalty)
        return self._staged

    def _stage(self, number: int, part: Part) -> None:
        optional = OPTIONAL if self.loyalty is None else ()
        wanted = resolve(part.columns, self.columns, part.name, REQUIRED, optional)
        fields, types = self._typed(part, wanted)
        fields["date"], types["date"] = self._on_local_clock(part, fields["date"], types["date"])
        readings = self._readings(part, fields, types)
        for name, fraction in readings.integral.items():
            self._refuse_fractions(part, fields[name], fraction)
        relation = f"staged_{number}"
        if part.parse_once:
            # Parsing text costs more than all else: the typed rows are kept, and spilled when memory is short.
            more, file = [], []
            if len(part.files) > 1:
                more, file = [f"filename={literal(_FILE)}"], [f"{quoted(_FILE)} AS source_file"]
            if part.kind == "csv":
                more.append(broken.recorded(relation))
            kept = {name: sql for name, sql in readings.staged.items() if name not in readings.derived}
            select = query.staged(kept, part.over(part.files, ", ".join(more)), *file)
            self.connection.execute(f"CREATE TEMP TABLE kept_{relation} AS {select}")
            derived = query.staged(readings.derived, f"kept_{relation}", "*")
            self.connection.execute(f"CREATE TEMP VIEW {relation} AS {derived}")
            self._steps_done += 1
            if part.kind == "csv":
                broken.collect(self.connection, relation, part)
        else:
            select = query.staged(readings.staged, part.relation)
            self.connection.execute(f"CREATE TEMP VIEW {relation} AS {select}")
        self._staged.append(Staged(part, fields, readings, relation, types))

    def _typed(self, part: Part, wanted: dict[str, Mapped]) -> tuple[dict[str, Mapped], dict[str, str]]:
        fields: dict[str, Mapped] = {}
        types: dict[str, str] = {}
        for name, mapped in wanted.items():
            try:
                types[name] = self._type(part, mapped.sql)
                fields[name] = mapped
            except duckdb.Error as error:
                sql = arithmetic_over_text(mapped.sql, self.options.decimal)
                try:
                    types[name] = self._type(part, sql)
                except duckdb.Error:
                    raise ColumnError(
                        f"{part.name}: {name}={mapped.shown} cannot be computed: {first_line(error)}"
                    ) from None
                fields[name] = Mapped(sql, mapped.shown, mapped.recognised)
        return fields, types

    def _on_local_clock(self, part: Part, mapped: Mapped, type_name: str) -> tuple[Mapped, str]:
        """The expression of the date, its instants in the business timezone, and its type."""

        def type_of(sql: str) -> str | None:
            try:
                return self._type(part, sql)
            except duckdb.Error:
                return None  # a part of an expression need not be one by itself

        sql = on_local_clock(mapped.sql, self.options.timezone, type_of, mapped.shown)
        if sql == mapped.sql:
            return mapped, type_name
        return Mapped(sql, mapped.shown, mapped.recognised), self._type(part, sql)

    def _readings(self, part: Part, fields: dict[str, Mapped], types: dict[str, str]) -> Readings:
        """How the fields are read; the date's expression and type give way where it holds numbers that are days."""
        options = self.options

        def found() -> Readings:
            given = (fields, types, options.timezone, part.name)
            return read(*given, decimal=options.decimal, date_format=options.date_format)

        text = types["date"] == "VARCHAR"
        if text and options.date_format is not None:
            return found()
        rows = part.over(part.files, "ignore_errors=true") if part.kind == "csv" else part.relation
        if text:
            readings = found()
            texts = looked_at(self.connection, fields["date"], readings.staged["day"], rows)
            if not mostly_numbers(value for value, _ in texts):
                refuse_other_formats(self.connection, part.name, fields["date"], texts)
                return readings
        numbers = recognised(self.connection, part.name, fields["date"], types["date"], rows)
        if numbers is not None:
            fields["date"], types["date"] = numbers.mapped, self._type(part, numbers.mapped.sql)
            self._day_numbers.append(numbers.said)
        elif text:
            refuse_other_formats(self.connection, part.name, fields["date"], texts)
        return found()

    def _type(self, part: Part, sql: str) -> str:
        if sql in part.numerics:
            return NUMERIC
        described = self.connection.execute(f"DESCRIBE SELECT {sql} AS x FROM {part.relation}").fetchall()
        return str(described[0][1])

    def _refuse_fractions(self, part: Part, mapped: Mapped, fraction: str) -> None:
        row = self.connection.execute(f"SELECT {mapped.sql} FROM {part.relation} WHERE {fraction} LIMIT 1").fetchone()
        if row is not None:
            raise ColumnError(
                f"{part.name}: '{mapped.shown}' holds {row[0]}, which is no whole number below 2^53 and so no id;"
                " give ids as text"
            )

    def stage_loyalty(self, part: Part) -> None:
        """Read the scores of a part into the table ``loyalty_scores``, a row a customer."""
        max_points = self.options.max_points
        score = "loyalty_score" if max_points is None else "points"
        wanted = resolve_loyalty(part.columns, self.columns, part.name, score)
        fields, types = self._typed(part, wanted)
        customer, integral = read_identifier("customer_id", fields["customer_id"], types["customer_id"], part.name)
        for fraction in integral.values():
            self._refuse_fractions(part, fields["customer_id"], fraction)
        scores = read_loyalty(fields[score], types[score], part.name, self.options.decimal, max_points)
        select = query.staged({"customer_id": customer, **scores}, part.relation)
        self.connection.execute(
            "CREATE TEMP TABLE loyalty_scores AS SELECT customer_id, BOOL_OR(loyalty_faulty) AS loyalty_faulty,"
            " MIN(loyalty) AS lowest_loyalty, MAX(loyalty) AS highest_loyalty,"
            " MIN(CASE WHEN loyalty_faulty THEN loyalty_found END) AS loyalty_shown"
            f" FROM ({select}) GROUP BY customer_id"
        )

    # -- rolling up ----------------------------------------------------------------------------------------

    @property
    def _all_rows(self) -> str:
        names = ", ".join(next(iter(self._staged)).readings.staged)
        return f"({' UNION ALL '.join(f'SELECT {names} FROM {staged.relation}' for staged in self._staged)})"

    @property
    def _counted(self) -> str:
        """The rows that count; once every row was found to, they need no second judgement."""
        if self._clean:
            return self._all_rows
        return f"({query.counted(self._all_rows, self.options, self._orders_out)})"

    @property
    def _used(self) -> str:
        """The rows of which vectors are made: a customer who is set aside takes all rows along."""
        if not self._customers_out:
            return self._counted
        return f"(SELECT * FROM {self._counted} ANTI JOIN faulty_customers USING (customer_id))"

    def _roll_up(self) -> None:
        out, options = self.outcome, self.options
        out.rows_in = sum(out.rows_by_source.values())
        count = shares(self.connection, self._all_rows, options.grain, out.rows_in)
        if options.grain is Grain.REPEATED_TOTAL:
            create(
                self.connection,
                "conflicting_orders",
                self._counted,
                count,
                lambda relation: query.conflicting_orders(relation, options),
            )
            self._orders_out = self._count("SELECT COUNT(*) FROM conflicting_orders") > 0
        with_loyalty = any("loyalty_score" in staged.fields for staged in self._staged)
        create(
            self.connection,
            "customers_measured",
            self._counted,
            count,
            lambda relation: query.rolled_up(relation, options, with_loyalty, self.loyalty is not None),
        )
        self._steps_done += 1
        counted = self._count("SELECT COALESCE(SUM(used), 0) FROM customers_measured")
        self._clean = counted == out.rows_in
        self.connection.execute(
            f"CREATE TEMP TABLE faulty_customers AS {query.faulty_customers('customers_measured', options)}"
        )
        self._customers_out = self._count("SELECT COUNT(*) FROM faulty_customers") > 0
        if self.loyalty is not None:
            out.loyalty = self._loyalty_counts()
        given = (self.connection, self._counted, options)
        with memory_kept(self.connection) as memory:
            if options.as_of:
                measure(*given, self._customers_out, counted, memory)
            else:
                self._customer_key = count_products(*given, counted, memory)
        self._steps_done += 1
        without = " ANTI JOIN faulty_customers USING (customer_id)" if self._customers_out else ""
        used, customers = self.connection.sql(
            f"SELECT COALESCE(SUM(used), 0), COUNT(*) FROM customers_measured{without}"
        ).fetchall()[0]
        out.used, out.customers = int(used), int(customers)
        excluded = query.excluded(self._all_rows, options)
        out.excluded = self._count(excluded) if excluded else 0

    def _loyalty_counts(self) -> dict[str, int]:
        """How many customers the loyalty scores name, and how many of them have no row that counts."""
        named, unknown = self.connection.sql(
            "SELECT COUNT(*), COUNT_IF(c.customer_id IS NULL) FROM loyalty_scores s"
            " LEFT JOIN customers_measured c USING (customer_id)"
        ).fetchall()[0]
        return {"customers": int(named), "unknown_customers": int(unknown or 0)}  # null over no scores

    def _count(self, sql: str) -> int:
        return int(self.connection.sql(sql).fetchall()[0][0])

    def _count_sources(self) -> None:
        for staged in self._staged:
            part = staged.part
            if part.parse_once:
                by_path = self._rows_by_path(staged)
                if part.kind == "csv":
                    by_path.update(broken.counts(self.connection, staged.relation))
                self.outcome.rows_by_source |= {file.name: by_path[str(file.read_from)] for file in part.files}
            elif part.files and part.table is None:
                for file in part.files:
                    self.outcome.rows_by_source[file.name] = self._count(f"SELECT COUNT(*) FROM {part.over([file])}")
            else:
                self.outcome.rows_by_source[part.name] = self._count(f"SELECT COUNT(*) FROM {part.relation}")

    def _rows_by_path(self, staged: Staged) -> Counter[str]:
        files = staged.part.files
        if len(files) == 1:
            return Counter({str(files[0].read_from): self._count(f"SELECT COUNT(*) FROM {staged.relation}")})
        counts = self.connection.sql(f"SELECT source_file, COUNT(*) FROM {staged.relation} GROUP BY 1").fetchall()
        return Counter({str(path): int(count) for path, count in counts})

    # -- setting aside -------------------------------------------------------------------------------------

    def _set_aside(self) -> None:
        self._quarantine.create([one.part.columns for one in self._staged])
        out = self.outcome
        if out.rows_in == out.used + out.excluded:
            return
        out.faults = self._quarantine.fill(self._staged, self._orders_out, self._customers_out)
        out.quarantined = sum(out.faults.values())
