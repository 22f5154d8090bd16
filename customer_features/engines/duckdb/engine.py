"""The DuckDB engine: files and dataframes, any size, in the steps of ``query/duckdb_steps.py``.

Clean data are read once. Only when something is faulty are the sources read a second time, file by
file, to set the faulty rows aside with their row numbers and original values.
"""

from __future__ import annotations

from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from customer_features.definition.faults import WARNINGS
from customer_features.definition.options import Grain, Incomplete, Options
from customer_features.engines.duckdb import ids as duckdb_ids
from customer_features.engines.duckdb import rejected_lines as broken
from customer_features.engines.duckdb.as_of import measure
from customer_features.engines.duckdb.date_formats import looked_at, refuse_other_formats
from customer_features.engines.duckdb.day_numbers import mostly_numbers, recognised
from customer_features.engines.duckdb.distributions import Distribution, distributions
from customer_features.engines.duckdb.hints import with_values
from customer_features.engines.duckdb.json_ids import (
    inside_json,
    mark,
    refuse_absent,
    refuse_objects,
    refuse_other_kinds,
    refuse_structs,
    unreadable,
)
from customer_features.engines.duckdb.json_types import with_comma
from customer_features.engines.duckdb.mappings import blamed
from customer_features.engines.duckdb.numbers import holds_numbers, refuse_currencies, refuse_two_readings
from customer_features.engines.duckdb.partitions import create, shares
from customer_features.engines.duckdb.products import count_products
from customer_features.engines.duckdb.quarantine import Quarantine, Staged
from customer_features.engines.duckdb.session import memory_kept, translated
from customer_features.engines.duckdb.warnings import find_warnings
from customer_features.engines.duckdb.whole_ids import whole_number, written_as_floats
from customer_features.engines.outcome import Outcome
from customer_features.engines.warnings import NAMED
from customer_features.errors import ColumnError, FoundFault, MissingExtra
from customer_features.query import duckdb_as_of, duckdb_steps
from customer_features.query.columns import (
    IDS,
    NUMBERS,
    OPTIONAL,
    REQUIRED,
    Mapped,
    MissingColumns,
    cells_of_others,
    columns_used,
    literal,
    quoted,
    resolve,
    resolve_loyalty,
    scores_of_rows,
    serving,
    shell_map,
    two_scores,
)
from customer_features.query.expressions import is_column, without_tokens
from customer_features.query.instants import on_local_clock
from customer_features.query.numeric_columns import numeric
from customer_features.query.reading import NUMERIC, Readings, is_number, is_text, read, read_identifier, read_loyalty
from customer_features.query.text_numbers import Marks, decimal_of_text, exact_operation, marks_of, number_of_text
from customer_features.query.written_days import counts_sql
from customer_features.sources.parts import Part, reason_of

try:
    import duckdb
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error

LISTED = 100
"""So many faulty rows are named in an exception."""
FEW = 50_000
"""Rows of a dataframe or of Parquet files, up to which their typed columns are kept in a table."""

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
        self._mapped: list[tuple[Part, Mapping[str, Mapped]]] = []
        self._customer_key = ""
        self._steps_done = 0
        self._day_numbers: list[dict[str, str]] = []
        self.scored: dict[str, Mapped] = {}
        self._quarantine = Quarantine(connection, options, None if loyalty is None else loyalty.name)
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
    def mapping(self) -> dict[str, str]:
        """The column or expression of each field, as people named it; of each part where they differ."""
        by_part: dict[str, dict[str, str]] = {}
        for staged in self._staged:
            for name, mapped in staged.fields.items():
                by_part.setdefault(name, {})[staged.part.name] = mapped.shown
        return {
            name: next(iter(shown.values()))
            if len(set(shown.values())) == 1
            else ", ".join(f"{one} ({part})" for part, one in shown.items())
            for name, shown in by_part.items()
        }

    @property
    def scored_by(self) -> dict[str, str]:
        """The same of the loyalty source."""
        return {name: mapped.shown for name, mapped in self.scored.items()}

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
        with translated(*self.parts, self.loyalty), self.blaming():
            self.stage()
            self._read_whole_numbers()
            self._look_at_currencies()
            self._count_sources()
            self._roll_up()
            self._set_aside()
            self.outcome.reconcile()
            self.outcome.stop_on_faults(self.options, self.found)
            self.outcome.warnings = self._warnings(exact_warnings)
        return self.outcome

    def _warnings(self, exact: bool) -> list[dict[str, Any]]:
        out = self.outcome
        customers = "customers_measured"
        if self._customers_out:
            customers = f"(SELECT * FROM {customers} ANTI JOIN faulty_customers USING (customer_id))"
        ids = duckdb_ids.Run(self.connection, self._used, customers, self._staged, self.options)
        return [
            *out.loyalty_warnings(),
            *self._points_not_read(),
            *find_warnings(self.connection, self._used, self.options, out.used, exact=exact, read=self._all_rows),
            *duckdb_ids.find_warnings(ids),
        ]

    def _points_not_read(self) -> list[dict[str, Any]]:
        """A warning where the rows hold points that nothing was said of."""
        if self.loyalty is not None:
            return []
        for staged in self._staged:
            columns = serving("points", [*staged.part.columns, *staged.part.other_names])
            if columns and "loyalty_score" not in staged.fields:
                option = shell_map("loyalty_score", f"{quoted(columns[0])} / MOST_POINTS")
                what = f"column '{columns[0]}' of {staged.part.name}; {option}"
                return [{"name": "points_not_read", "count": 1, "message": WARNINGS["points_not_read"].says(what)}]
        return []

    def vectors(self) -> duckdb.DuckDBPyRelation:
        """The vectors, ordered by customer_id in byte order: customer_id VARCHAR, then DOUBLEs.

        With several as-of dates a DATE column ``as_of`` stands after customer_id, and the order is by both.
        """
        if self.options.as_of:
            return self.connection.sql(duckdb_as_of.vectors())
        return self.connection.sql(duckdb_steps.vectors(self.options, self._customer_key, self._customers_out))

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
            select = duckdb_as_of.values(self.options.today)
        else:
            select = duckdb_steps.values(self.options, self._customer_key, self._customers_out)
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
            with translated(part), self.blaming():
                self._stage(number, part)
        if self.loyalty is not None:
            with translated(self.loyalty), self.blaming():
                self.stage_loyalty(self.loyalty)
        return self._staged

    def blaming(self) -> AbstractContextManager[None]:
        """Errors that an expression of the mapping causes as ColumnError."""
        return blamed(self.connection, self._mapped)

    def _stage(self, number: int, part: Part) -> None:
        optional = OPTIONAL if self.loyalty is None else ()
        with self._hinting(part):
            wanted = resolve(part.names, self.columns, part.name, REQUIRED, optional)
        if self.loyalty is not None:
            self._refuse_two_scores(part, self.loyalty)
        _refuse_unread(part, wanted)
        fields, types = self._typed(part, wanted)
        fields["date"], types["date"] = self._on_local_clock(part, fields["date"], types["date"])
        readings = self._readings(part, fields, types)
        if self.options.decimal is None:
            texts = _number_texts(fields, types)
            refuse_two_readings(self.connection, part, "amount", texts)
        for name, fraction in readings.integral.items():
            self._refuse_fractions(part, fields[name], fraction)
        relation = f"staged_{number}"
        if part.parse_once:
            # Parsing text costs more than all else: the typed rows are kept, and spilled when memory is short.
            self._keep(relation, part, readings)
            if part.of_json and mark(self.connection, part, fields, f"kept_{relation}"):
                refuse_objects(self.connection, part, fields)
                readings = self._read(part, fields, types)
                self._keep(relation, part, readings)
            derived = duckdb_steps.staged(readings.derived, f"kept_{relation}", "*")
            self.connection.execute(f"CREATE TEMP VIEW {relation} AS {derived}")
            self._steps_done += 1
            if part.kind == "csv":
                broken.collect(self.connection, relation, part)
        else:
            select = duckdb_steps.staged(readings.staged, part.relation)
            if (part.rows(self.connection) or FEW + 1) <= FEW:
                # Most of the time goes into compiling what reads the fields: once, and not for each query over a view.
                self.connection.execute(f"CREATE TEMP TABLE kept_{relation} AS {select}")
                select = f"SELECT * FROM kept_{relation}"
            self.connection.execute(f"CREATE TEMP VIEW {relation} AS {select}")
        self._staged.append(Staged(part, fields, readings, relation, types))

    def _refuse_two_scores(self, part: Part, loyalty: Part) -> None:
        """Raise ColumnError where the rows hold loyalty scores beside the loyalty source."""
        for column in scores_of_rows(part.columns, self.columns):
            nothing = ", ".join(map(literal, ("", *self.options.null)))
            some = f"CAST({quoted(column)} AS VARCHAR) NOT IN ({nothing})"
            if self.connection.execute(f"SELECT 1 FROM {part.sound_rows} WHERE {some} LIMIT 1").fetchall():
                raise two_scores(column, part.name, loyalty.name, loyalty.names, self.options.max_points)

    @property
    def _marks(self) -> Marks:
        return marks_of(self.options)

    @contextmanager
    def _hinting(self, part: Part) -> Iterator[None]:
        """Add proposals from the part's first rows to an error about missing columns."""
        try:
            yield
        except MissingColumns as error:
            raise with_values(error, self.connection, part.sound_rows) from None

    def _read(self, part: Part, fields: dict[str, Mapped], types: dict[str, str]) -> Readings:
        options = self.options
        return read(
            fields,
            types,
            options.timezone,
            part.name,
            marks=self._marks,
            date_format=options.date_format,
            unreadable=unreadable(part, fields),
            first_day=max(
                (part.legacy[column] for column in columns_used({"date": fields["date"]}, part.legacy)), default=None
            ),
        )

    def _keep(self, relation: str, part: Part, readings: Readings) -> None:
        """Keep what the staged columns of a text file are made of in a table."""
        more, file = [], []
        if len(part.files) > 1:
            more, file = [f"filename={literal(_FILE)}"], [f"{quoted(_FILE)} AS source_file"]
        if part.kind == "csv":
            more.append(broken.recorded(relation))
        kept = {name: sql for name, sql in readings.staged.items() if name not in readings.derived}
        select = duckdb_steps.staged(kept, part.over(part.files, ", ".join(more)), *file)
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE kept_{relation} AS {select}")

    def _typed(self, part: Part, wanted: dict[str, Mapped]) -> tuple[dict[str, Mapped], dict[str, str]]:
        fields: dict[str, Mapped] = {}
        types: dict[str, str] = {}
        self._mapped.append((part, ChainMap(fields, wanted)))
        for name, mapped in wanted.items():
            if part.of_json:
                refuse_absent(self.connection, part, name, mapped)
                mapped = inside_json(mapped)
            if mapped.sql in part.numerics:
                fields[name], types[name] = mapped, NUMERIC
            else:
                fields[name], types[name] = self._computed(part, name, mapped)
        # A cell that an id or a day is computed of is a fault of its row, beside those of the number.
        number = next(name for name in NUMBERS if name in fields)
        read, unheld = cells_of_others(fields)
        of_number = fields[number]
        fields[number] = replace(of_number, read={**read, **of_number.read}, unheld={**unheld, **of_number.unheld})
        fields |= {name: self._with_mark(part, fields[name]) for name in NUMBERS if name in fields}
        refuse_structs(self.connection, part, fields, types)
        refuse_other_kinds(part, fields)
        return fields, types

    def _computed(self, part: Part, name: str, mapped: Mapped) -> tuple[Mapped, str]:
        """The expression of a field over typed columns, and its type."""
        texts = {column for column, kind in part.columns.items() if is_text(kind)}
        sql = without_tokens(mapped.sql, texts, self.options.null)
        if is_column(mapped.sql):
            kind = self._type(part, sql)
            if name in IDS and self.options.null and is_number(kind):
                tokens = ", ".join(map(literal, self.options.null))
                sql = f"CASE WHEN CAST({sql} AS VARCHAR) NOT IN ({tokens}) THEN {sql} END"
            return replace(mapped, sql=sql), kind
        error: Exception = RuntimeError()
        for anywhere in (False, True):
            typed = numeric(
                sql,
                texts,
                {column for column, kind in part.columns.items() if is_number(kind)},
                lambda text: number_of_text(self._written(part, text), self._marks),
                lambda text: holds_numbers(self.connection, part, self._written(part, text), self._marks),
                shown=f"{name}={mapped.shown}",
                wants_number=name in NUMBERS,
                anywhere=anywhere,
                type_of=lambda text: self._kind(part, text),
                exact=lambda text, scale: decimal_of_text(self._written(part, text), scale or 0, self._marks),
                exact_operation=exact_operation,
            )
            try:
                if name in NUMBERS:
                    self._type(part, f"TRY({typed.sql})")  # as it is read where it is a double
                computed = replace(mapped, sql=typed.sql, read=typed.read, unheld=typed.unheld)
                return computed, self._type(part, typed.sql)
            except duckdb.Error as found:
                error = error if anywhere else found
        raise ColumnError(f"{part.name}: {name}={mapped.shown} cannot be computed: {reason_of(error)}") from None

    def _with_mark(self, part: Part, mapped: Mapped) -> Mapped:
        """A number whose texts have the decimal mark that is asked for, also where they are numbers of JSON."""
        read = {shown: self._written(part, sql) for shown, sql in mapped.read.items()}
        return replace(mapped, sql=self._written(part, mapped.sql) if is_column(mapped.sql) else mapped.sql, read=read)

    def _written(self, part: Part, text: str) -> str:
        return with_comma(part, text) if self.options.decimal == "," else text

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
        return replace(mapped, sql=sql), self._type(part, sql)

    def _readings(self, part: Part, fields: dict[str, Mapped], types: dict[str, str]) -> Readings:
        """How the fields are read; the date's expression and type give way where it holds numbers that are days."""
        options = self.options

        def found() -> Readings:
            return self._read(part, fields, types)

        if options.date_format is not None and is_number(types["date"]):
            # 20250401 in a column of whole numbers is the text that the format speaks of.
            fields["date"] = replace(fields["date"], sql=f"CAST({fields['date'].sql} AS VARCHAR)")
            types["date"] = "VARCHAR"
        text = types["date"] == "VARCHAR"
        if text and options.date_format is not None:
            return found()
        rows = part.sound_rows
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

    def _kind(self, part: Part, sql: str) -> str | None:
        """``text`` or ``number``, None for another type and for what has none by itself."""
        try:
            kind = self._type(part, sql)
        except duckdb.Error:
            return None
        return "text" if is_text(kind) else "number" if is_number(kind) else None

    def _type(self, part: Part, sql: str) -> str:
        described = self.connection.execute(f"DESCRIBE SELECT {sql} AS x FROM {part.relation}").fetchall()
        return str(described[0][1])

    def _refuse_fractions(self, part: Part, mapped: Mapped, fraction: str) -> None:
        row = self.connection.execute(f"SELECT {mapped.sql} FROM {part.relation} WHERE {fraction} LIMIT 1").fetchone()
        if row is not None:
            most = "" if mapped.sql in part.numerics else " below 2^53"
            raise ColumnError(
                f"{part.name}: '{mapped.shown}' holds {row[0]}, which is no whole number{most} and so no id;"
                " give ids as text"
            )

    def _refuse_unreadable(self, part: Part, mapped: Mapped, none: str) -> None:
        row = self.connection.execute(f"SELECT {mapped.sql} FROM {part.relation} WHERE {none} LIMIT 1").fetchone()
        if row is not None:
            raise ColumnError(
                f"{part.name}: '{mapped.shown}' holds {row[0]}, which is no id: allowed is text or a whole number"
            )

    def stage_loyalty(self, part: Part) -> None:
        """Read the scores of a part into the table ``loyalty_scores``, a row a customer."""
        max_points = self.options.max_points
        score = "loyalty_score" if max_points is None else "points"
        with self._hinting(part):
            wanted = resolve_loyalty(part.names, self.columns, part.name, score)
        self.scored = wanted
        _refuse_unread(part, wanted)
        fields, types = self._typed(part, wanted)
        if part.of_json and mark(self.connection, part, fields, None):
            refuse_objects(self.connection, part, fields)
        for none in unreadable(part, fields).values():
            self._refuse_unreadable(part, fields["customer_id"], none)
        customer, integral = read_identifier("customer_id", fields["customer_id"], types["customer_id"], part.name)
        for fraction in integral.values():
            self._refuse_fractions(part, fields["customer_id"], fraction)
        if types["customer_id"] == "VARCHAR" and written_as_floats(
            self.connection,
            "customer_id",
            part.sound_rows,
            fields["customer_id"].sql,
            f"(SELECT {customer} AS customer_id FROM {part.relation})",
            several=False,
            kept=False,
        ):
            customer = whole_number(customer)
        if score == "points" and self.options.decimal is None:
            texts = _number_texts(fields, types, score)
            refuse_two_readings(self.connection, part, score, texts)
        scores = read_loyalty(fields[score], types[score], part.name, self._marks, max_points)
        select = duckdb_steps.staged({"customer_id": customer, **scores}, part.relation)
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
        return f"({duckdb_steps.counted(self._all_rows, self.options, self._orders_out)})"

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
                lambda relation: duckdb_steps.conflicting_orders(relation, options),
            )
            self._orders_out = self._count("SELECT COUNT(*) FROM conflicting_orders") > 0
        with_loyalty = any("loyalty_score" in staged.fields for staged in self._staged)
        create(
            self.connection,
            "customers_measured",
            self._counted,
            count,
            lambda relation: duckdb_steps.rolled_up(relation, options, with_loyalty, self.loyalty is not None),
        )
        self._steps_done += 1
        counted = self._count("SELECT COALESCE(SUM(used), 0) FROM customers_measured")
        self._clean = counted == out.rows_in
        self.connection.execute(
            f"CREATE TEMP TABLE faulty_customers AS {duckdb_steps.faulty_customers('customers_measured', options)}"
        )
        self._customers_out = self._count("SELECT COUNT(*) FROM faulty_customers") > 0
        if not self._clean:
            self._look_for_incomplete()
        if self._customers_out or not self._clean:
            gone = duckdb_steps.without_vector(self._all_rows, options, self._orders_out, self._customers_out)
            out.note_gone(self._count(gone))
        if self.loyalty is not None:
            out.loyalty = self._loyalty_counts()
            if out.loyalty["unknown_customers"]:
                near = duckdb_steps.nearly_scored("customers_measured", "loyalty_scores", duckdb_ids.nearly, NAMED)
                out.near_scores = [(str(one), str(other), int(count)) for one, other, count in self._rows(near)]
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
        if (excluded := duckdb_steps.excluded(self._all_rows, options)) is not None:
            out.exclude(*map(int, self.connection.sql(excluded).fetchall()[0]))

    def _look_for_incomplete(self) -> None:
        """Find the customers with a vector who lost rows, and set them aside whole where the options say so."""
        options = self.options
        incomplete = duckdb_steps.incomplete(self._all_rows, options, self._orders_out, self._customers_out)
        if options.incomplete is Incomplete.QUARANTINE:
            found = duckdb_steps.incomplete_customers(incomplete)
            self.connection.execute(f"INSERT INTO faulty_customers {found}")
            self._customers_out = self._count("SELECT COUNT(*) FROM faulty_customers") > 0
        else:
            self.outcome.customers_incomplete = self._count(f"SELECT COUNT(*) FROM ({incomplete})")

    def _loyalty_counts(self) -> dict[str, int]:
        """How many customers the loyalty scores name, and how many of them have no row that counts."""
        named, unknown = self.connection.sql(
            "SELECT COUNT(*), COUNT_IF(c.customer_id IS NULL) FROM loyalty_scores s"
            " LEFT JOIN customers_measured c USING (customer_id)"
        ).fetchall()[0]
        return {"customers": int(named), "unknown_customers": int(unknown or 0)}  # null over no scores

    def _rows(self, sql: str) -> list[Any]:
        return self.connection.sql(sql).fetchall()

    def _count(self, sql: str) -> int:
        return int(self._rows(sql)[0][0])

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
        if self.options.decimal is None:
            self._refuse_late_commas()
        out.faults = self._quarantine.fill(self._staged, self._orders_out, self._customers_out)
        out.quarantined = sum(out.faults.values())

    def _refuse_late_commas(self) -> None:
        """Look at all numbers in text where some row is faulty: what could not be read may tell of the others."""
        for staged in self._staged:
            if texts := _number_texts(staged.fields, staged.types):
                refuse_two_readings(self.connection, staged.part, "amount", texts, sampled=False)

    def _read_whole_numbers(self) -> None:
        """Read text ids that are whole numbers with a fraction of zeros, 17850.0, as the whole numbers that they are.

        An export with a gap among its ids writes them so, the next one may not.
        """
        for name in IDS:
            found = False
            for staged in self._staged:
                part, sql = staged.part, staged.fields[name].sql
                several = part.parse_once and len(part.files) > 1
                if staged.types[name] != "VARCHAR" or not written_as_floats(
                    self.connection,
                    name,
                    part.sound_rows,
                    sql,
                    staged.relation,
                    several=several,
                    kept=part.parse_once,
                ):
                    continue
                found = True
                staged.readings.staged[name] = whole_number(staged.readings.staged[name])
                written = f"{staged.relation}_with_{name}_as_written"
                inner = f"(SELECT * REPLACE ({whole_number(name)} AS {name}) FROM {written})"
                self.connection.execute(f"ALTER VIEW {staged.relation} RENAME TO {written}")
                self.connection.execute(f"CREATE TEMP VIEW {staged.relation} AS SELECT * FROM {inner}")
            if found:
                self.outcome.note_whole(name)

    def _look_at_currencies(self) -> None:
        if any(_number_texts(staged.fields, staged.types) for staged in self._staged):
            shown = self._staged[0].fields["amount"].shown
            source = ", ".join(staged.part.name for staged in self._staged)
            if (currency := refuse_currencies(self.connection, self._all_rows, shown, source)) is not None:
                self.outcome.notes.append(f"'{currency}' beside the amounts is read as their currency")


def _number_texts(fields: Mapping[str, Mapped], types: Mapping[str, str], name: str = "amount") -> dict[str, str]:
    """SQL of the texts that a field's numbers are read of, by shown name."""
    mapped = fields[name]
    return {**({mapped.shown: mapped.sql} if types[name] == "VARCHAR" else {}), **mapped.read}


def _refuse_unread(part: Part, fields: Mapping[str, Mapped]) -> None:
    """Raise ColumnError where a field is made of a column that is not read as what it is."""
    for column in sorted(columns_used(fields, part.unread)):
        raise ColumnError(
            f"{part.name}: '{column}' is of type {part.unread[column]}, which is not read; convert it first, to text,"
            " to a number or to dates"
        )
