"""The DuckDB engine: files and dataframes, any size, in the steps of ``query.py``.

Clean data are read once. Only when something is faulty are the sources read a second time, file by
file, to set the faulty rows aside with their row numbers and original values.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from customer_features import query
from customer_features.columns import OPTIONAL, REQUIRED, Mapped, arithmetic_over_text, literal, quoted, resolve
from customer_features.engines.duckdb_warnings import find_warnings
from customer_features.errors import (
    ColumnError,
    DataFaults,
    FoundFault,
    InvalidOption,
    MissingExtra,
    OutputError,
    SourceError,
)
from customer_features.faults import FAULTS
from customer_features.options import Grain, OnFault, Options
from customer_features.reading import Readings, read, read_identifier, read_loyalty
from customer_features.sources import File, Part, first_line

try:
    import duckdb
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

LISTED = 100
"""So many faulty rows are named in an exception."""

_RESERVED = ("source", "row_number", "fault", "faults", "message")
# Columns of our own that stand beside those of a source bear names that no source's column has.
_PLACE = '"customer_features: place"'
_FILE = "customer_features: file"


@contextmanager
def connected(*, memory_limit: str | None = None, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory database that spills to a temporary folder of its own.

    Raises InvalidOption for a memory limit that it does not understand.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with tempfile.TemporaryDirectory(prefix="customer-features-spill-") as spill:
        connection = duckdb.connect(config=config)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = true")
            connection.execute("SET enable_progress_bar_print = false")
            connection.execute(f"SET temp_directory = {literal(spill)}")
            if threads is not None:
                connection.execute(f"SET threads = {int(threads)}")
            try:
                connection.execute(f"SET memory_limit = {literal(memory_limit or _default_memory())}")
            except duckdb.Error:
                raise InvalidOption(
                    "memory_limit", f"'{memory_limit}' is not a size; give for example 2GB or 512MiB"
                ) from None
            yield connection
        finally:
            connection.close()


def _default_memory() -> str:
    """Half of the machine: the engine's own default of 80% leaves too little for a second process."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2 // 2**20} MiB"
    except (ValueError, OSError, AttributeError):
        return "2 GiB"


@dataclass(slots=True)
class Outcome:
    """What became of the rows of one run: ``rows_in = used + excluded + quarantined``, always."""

    rows_in: int = 0
    used: int = 0
    excluded: int = 0
    quarantined: int = 0
    customers: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    warnings: list[dict[str, Any]] = field(default_factory=list)
    rows_by_source: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Staged:
    part: Part
    fields: dict[str, Mapped]
    readings: Readings
    relation: str


class Engine:
    """One run over some parts: :meth:`judge` first, then read ``vectors`` and ``quarantine``."""

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
        self._staged: list[_Staged] = []
        self._orders_out = self._customers_out = self._clean = self._by_hash = False

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

    def judge(self, *, exact_warnings: bool = False) -> Outcome:
        """Read the sources, roll them up and set faulty rows aside; nothing is handed out yet.

        ``exact_warnings``: look for suspicious rows everywhere, not in a sample of very many.

        Raises SourceError, ColumnError, and DataFaults where the options say to stop.
        """
        with _translated():
            for number, part in enumerate(self.parts):
                with _translated(part):
                    self._stage(number, part)
            if self.loyalty is not None:
                with _translated(self.loyalty):
                    self._stage_loyalty(self.loyalty)
            self._count_sources()
            self._roll_up()
            self._set_aside()
            self._reconcile()
            self._stop_on_faults()
            self.outcome.warnings = find_warnings(
                self.connection, self._counted, self.options, self.outcome.used, exact=exact_warnings
            )
        return self.outcome

    def vectors(self) -> duckdb.DuckDBPyRelation:
        """The vectors, ordered by customer_id in byte order: customer_id VARCHAR, then DOUBLEs."""
        return self.connection.sql(query.vectors(self.options, self._by_hash, self._customers_out))

    def quarantine(self) -> duckdb.DuckDBPyRelation | None:
        """The rows set aside, in the order of the sources; None when there are none."""
        return self.faulty_rows() if self.outcome.quarantined else None

    def faulty_rows(self) -> duckdb.DuckDBPyRelation:
        """The rows set aside (there may be none): source, row_number, fault, faults, message, original columns."""
        return self.connection.sql(f"SELECT * EXCLUDE ({_PLACE}) FROM quarantine ORDER BY {_PLACE}, row_number")

    def found(self) -> list[FoundFault]:
        """The first hundred faulty rows."""
        return self._faults("TRUE", LISTED)

    def examples(self, fault: str, count: int) -> list[FoundFault]:
        """The first rows that are filed under a fault."""
        return self._faults(f"fault = {literal(fault)}", count)

    def _faults(self, condition: str, count: int) -> list[FoundFault]:
        rows = self.connection.sql(
            f"SELECT source, row_number, fault, message FROM quarantine WHERE {condition}"
            f" ORDER BY {_PLACE}, row_number LIMIT {count}"
        ).fetchall()
        return [FoundFault(*row) for row in rows]

    # -- staging -------------------------------------------------------------------------------------------

    def _stage(self, number: int, part: Part) -> None:
        optional = OPTIONAL if self.loyalty is None else ()
        wanted = resolve(part.columns, self.columns, part.name, REQUIRED, optional)
        fields, types = self._typed(part, wanted)
        readings = read(fields, types, self.options.timezone, part.name)
        for name, fraction in readings.integral.items():
            self._refuse_fractions(part, fields[name], fraction)
        relation = f"staged_{number}"
        select = query.staged(readings.staged, part.relation)
        if part.parse_once:
            # Parsing text costs more than all else: the typed rows are kept, and spilled when memory is short.
            counting = f"SELECT {quoted(_FILE)} AS source_file, {select.removeprefix('SELECT ')}"
            reader = part.relation.removesuffix(")") + f", filename={literal(_FILE)})"
            counting = counting.replace(part.relation, reader)
            self.connection.execute(f"CREATE TEMP TABLE {relation} AS {counting}")
        else:
            self.connection.execute(f"CREATE TEMP VIEW {relation} AS {select}")
        self._staged.append(_Staged(part, fields, readings, relation))

    def _typed(self, part: Part, wanted: dict[str, Mapped]) -> tuple[dict[str, Mapped], dict[str, str]]:
        fields: dict[str, Mapped] = {}
        types: dict[str, str] = {}
        for name, mapped in wanted.items():
            try:
                types[name] = self._type(part, mapped.sql)
                fields[name] = mapped
            except duckdb.Error as error:
                sql = arithmetic_over_text(mapped.sql)
                try:
                    types[name] = self._type(part, sql)
                except duckdb.Error:
                    raise ColumnError(
                        f"{part.name}: {name}={mapped.shown} cannot be computed: {first_line(error)}"
                    ) from None
                fields[name] = Mapped(sql, mapped.shown, mapped.recognised)
        return fields, types

    def _type(self, part: Part, sql: str) -> str:
        described = self.connection.execute(f"DESCRIBE SELECT {sql} AS x FROM {part.relation}").fetchall()
        return str(described[0][1])

    def _refuse_fractions(self, part: Part, mapped: Mapped, fraction: str) -> None:
        row = self.connection.execute(f"SELECT {mapped.sql} FROM {part.relation} WHERE {fraction} LIMIT 1").fetchone()
        if row is not None:
            raise ColumnError(
                f"{part.name}: '{mapped.shown}' holds {row[0]}, which is no whole number below 2^53 and so no id;"
                " give ids as text"
            )

    def _stage_loyalty(self, part: Part) -> None:
        needed = ("customer_id", "loyalty_score")
        mapping = {name: sql for name, sql in self.columns.items() if name in needed}
        try:
            wanted = resolve(part.columns, mapping, part.name, needed, ())
        except ColumnError:
            # The customers' column may bear another name here than among the transactions.
            if mapping.pop("customer_id", None) is None:
                raise
            wanted = resolve(part.columns, mapping, part.name, needed, ())
        fields, types = self._typed(part, wanted)
        customer, integral = read_identifier("customer_id", fields["customer_id"], types["customer_id"], part.name)
        for fraction in integral.values():
            self._refuse_fractions(part, fields["customer_id"], fraction)
        scores = read_loyalty(fields["loyalty_score"], types["loyalty_score"], part.name)
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

    def _roll_up(self) -> None:
        if self.options.grain is Grain.REPEATED_TOTAL:
            self.connection.execute(
                f"CREATE TEMP TABLE conflicting_orders AS {query.conflicting_orders(self._counted, self.options)}"
            )
            self._orders_out = self._count("SELECT COUNT(*) FROM conflicting_orders") > 0
        with_loyalty = any("loyalty_score" in staged.fields for staged in self._staged)
        rolled_up = query.rolled_up(self._counted, self.options, with_loyalty, self.loyalty is not None)
        self.connection.execute(f"CREATE TEMP TABLE customers_measured AS {rolled_up}")
        out = self.outcome
        out.rows_in = sum(out.rows_by_source.values())
        self._clean = self._count("SELECT COALESCE(SUM(used), 0) FROM customers_measured") == out.rows_in
        self._by_hash = bool(self._count(query.hashes_are_exact(self._counted)))
        products = query.distinct_products(self._counted, self.options, self._by_hash)
        self.connection.execute(f"CREATE TEMP TABLE products_counted AS {products}")
        self.connection.execute(
            f"CREATE TEMP TABLE faulty_customers AS {query.faulty_customers('customers_measured', self.options)}"
        )
        self._customers_out = self._count("SELECT COUNT(*) FROM faulty_customers") > 0
        without = " ANTI JOIN faulty_customers USING (customer_id)" if self._customers_out else ""
        used, customers = self.connection.sql(
            f"SELECT COALESCE(SUM(used), 0), COUNT(*) FROM customers_measured{without}"
        ).fetchall()[0]
        out.used, out.customers = int(used), int(customers)
        excluded = query.excluded(self._all_rows, self.options)
        out.excluded = self._count(excluded) if excluded else 0

    def _count(self, sql: str) -> int:
        return int(self.connection.sql(sql).fetchall()[0][0])

    def _count_sources(self) -> None:
        for staged in self._staged:
            part = staged.part
            if part.parse_once:
                counts = self.connection.sql(
                    f"SELECT source_file, COUNT(*) FROM {staged.relation} GROUP BY 1"
                ).fetchall()
                by_path = {str(path): int(count) for path, count in counts}
                self.outcome.rows_by_source |= {file.name: by_path.get(str(file.path), 0) for file in part.files}
            elif part.files and part.table is None:
                for file in part.files:
                    self.outcome.rows_by_source[file.name] = self._count(f"SELECT COUNT(*) FROM {part.over([file])}")
            else:
                self.outcome.rows_by_source[part.name] = self._count(f"SELECT COUNT(*) FROM {part.relation}")

    # -- setting aside -------------------------------------------------------------------------------------

    def _set_aside(self) -> None:
        originals = self._originals()
        declared = ", ".join(f"{quoted(name)} {type_name}" for name, type_name in originals.values())
        self.connection.execute(
            f"CREATE TEMP TABLE quarantine ({_PLACE} INTEGER, source VARCHAR, row_number BIGINT, fault VARCHAR,"
            f" faults VARCHAR, message VARCHAR, {declared})"
        )
        if self.outcome.rows_in == self.outcome.used + self.outcome.excluded:
            return
        place = 0
        for staged in self._staged:
            files: list[File | None] = list(staged.part.files) if staged.part.table is None else [None]
            for file in files:
                self.connection.execute(self._quarantine(staged, file, place, originals))
                place += 1
        counts = self.connection.sql("SELECT fault, COUNT(*) FROM quarantine GROUP BY fault").fetchall()
        by_name = {str(name): int(count) for name, count in counts}
        self.outcome.faults = {rule.name: by_name[rule.name] for rule in FAULTS if rule.name in by_name}
        self.outcome.quarantined = sum(by_name.values())

    def _originals(self) -> dict[str, tuple[str, str]]:
        """Original columns of all parts: the name each has in the quarantine, and its type there."""
        columns: dict[str, tuple[str, str]] = {}
        taken = {name.lower() for staged in self._staged for name in staged.part.columns} | set(_RESERVED)
        for staged in self._staged:
            for name, type_name in staged.part.columns.items():
                if name.lower() in columns:
                    shown, known = columns[name.lower()]
                    columns[name.lower()] = (shown, known if known == type_name else "VARCHAR")
                else:
                    shown = name
                    while name.lower() in _RESERVED and shown.lower() in taken:
                        shown = f"original_{shown}"
                    taken.add(shown.lower())
                    columns[name.lower()] = (shown, "VARCHAR" if type_name == '"NULL"' else type_name)
        return columns

    def _quarantine(self, staged: _Staged, file: File | None, place: int, originals: dict[str, tuple[str, str]]) -> str:
        part = staged.part
        relation = part.relation if file is None else part.over([file])
        # Original columns travel as o0, o1, ... so that none can be taken for a staged one.
        carried = {f"o{number}": name for number, name in enumerate(part.columns)}
        more = "row_number() OVER () AS row_number, "
        more += "".join(f"{quoted(name)} AS {alias}, " for alias, name in carried.items())
        inner = query.staged({**staged.readings.staged, **staged.readings.found}, relation, more)
        aside = query.quarantined(f"({inner})", self.options, self._orders_out, self._customers_out)
        source = literal(part.name if file is None else file.name)
        targets = ", ".join(quoted(originals[name.lower()][0]) for name in carried.values())
        values = ", ".join(f"CAST({alias} AS {originals[name.lower()][1]})" for alias, name in carried.items())
        return (
            f"INSERT INTO quarantine ({_PLACE}, source, row_number, fault, faults, message, {targets})"
            f" SELECT {place}, {source}, row_number, fault, faults, message, {values} FROM ({aside})"
        )

    def _reconcile(self) -> None:
        # Four counts from four queries: of the sources, the roll-up, the rows left out and those set aside.
        out = self.outcome
        if out.rows_in != out.used + out.excluded + out.quarantined:
            raise RuntimeError(
                f"rows do not add up: {out.rows_in} in, {out.used} used, {out.excluded} excluded,"
                f" {out.quarantined} quarantined; nothing was published"
            )

    def _stop_on_faults(self) -> None:
        out = self.outcome
        if not out.quarantined:
            return
        share = out.quarantined / out.rows_in
        if self.options.on_fault is OnFault.FAIL:
            reason = f"{out.quarantined} of {out.rows_in} rows are faulty"
        elif share > self.options.max_faults:
            reason = (
                f"{out.quarantined} of {out.rows_in} rows are faulty: {share:.2%} is more than the"
                f" {self.options.max_faults:.2%} allowed by max_faults, which points to a wrong mapping"
            )
        else:
            return
        raise DataFaults(reason, out.faults, self.found(), out.rows_in)


@contextmanager
def _translated(part: Part | None = None) -> Iterator[None]:
    """The engine's errors as ours, in a sentence that names the file."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise OutputError(
            f"memory or spill space is short: {first_line(error)}; raise --memory-limit or free disk space"
        ) from None
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        # Of several files that are read at once the engine's own report says which one it was.
        file = re.search(r"^\s*file = (.+)$", str(error), re.MULTILINE)
        source = file[1] if file else part.name if part else "a source"
        raise SourceError(f"{source}: cannot be read: {first_line(error)}") from None
