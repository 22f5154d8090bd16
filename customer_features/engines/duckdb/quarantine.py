"""The quarantine: faulty rows with their source, row number, faults and original values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from customer_features.definition.faults import FAULTS, fault
from customer_features.definition.options import Options
from customer_features.engines.duckdb import rejected_lines as broken
from customer_features.errors import FoundFault
from customer_features.query import duckdb_steps
from customer_features.query.columns import Mapped, literal, quoted
from customer_features.query.reading import Readings
from customer_features.query.text_numbers import amount_hint_sql
from customer_features.sources.parts import File, Part

if TYPE_CHECKING:
    import duckdb

_RESERVED = ("source", "row_number", "fault", "faults", "message", "raw")
# Types that Parquet has not, or that hold nothing.
_AS_TEXT = ('"NULL"', "INTERVAL", "UNION", "TIME_NS", "BIT")
# Columns of our own that stand beside those of a source bear names that no source's column has.
_PLACE = '"customer_features: place"'
_RAW = '"customer_features: raw"'


@dataclass(slots=True)
class Staged:
    """A part that is staged: its fields, how they are read, the relation of its staged columns, its fields' types."""

    part: Part
    fields: dict[str, Mapped]
    readings: Readings
    relation: str
    types: dict[str, str]


class Quarantine:
    """Keep the rows that are set aside in a table; ``scores`` is the name of the loyalty source."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, options: Options, scores: str | None = None) -> None:
        self._connection = connection
        self._options = options
        self._scores = scores
        self._originals: dict[str, tuple[str, str]] = {}

    def create(self, parts: list[dict[str, str]]) -> None:
        """Make the empty table, with all original columns of all parts, each given with its columns' types."""
        self._originals = _originals(parts)
        declared = "".join(f", {quoted(name)} {type_name}" for name, type_name in self._originals.values())
        self._connection.execute(
            f"CREATE TEMP TABLE quarantine ({_PLACE} INTEGER, source VARCHAR, row_number BIGINT, fault VARCHAR,"
            f" faults VARCHAR, message VARCHAR{declared}, {_RAW} VARCHAR)"
        )

    def fill(self, staged: list[Staged], orders_out: bool, customers_out: bool) -> dict[str, int]:
        """Read every source again, file by file, and set its faulty rows aside; the number of each fault."""
        place = 0
        for one in staged:
            files: list[File | None] = list(one.part.files) if one.part.table is None else [None]
            for file in files:
                self._connection.execute(self._insert(one, file, place, orders_out, customers_out))
                if file is not None and one.part.kind == "csv":
                    self._insert_broken(place, file, broken.of_csv(self._connection, one.relation, one.part, file))
                elif file is not None and one.part.kind == "ndjson":
                    self._mark_broken(place, file, one.part)
                place += 1
        counts = self._connection.sql("SELECT fault, COUNT(*) FROM quarantine GROUP BY fault").fetchall()
        by_name = {str(name): int(count) for name, count in counts}
        return {rule.name: by_name[rule.name] for rule in FAULTS if rule.name in by_name}

    def put(self, source: str, relation: str, carried: Mapping[str, str]) -> None:
        """Set rows aside that were found faulty elsewhere.

        ``relation``: ``row_number``, ``faults`` (the names), what the messages are made of (ids as text,
        ``date_found``, ``amount_found``, ``loyalty_shown``), and the original columns by the names in ``carried``.
        """
        shown = [self._originals[name.lower()] for name in carried.values()]
        targets = "".join(f", {quoted(name)}" for name, _ in shown)
        values = "".join(f", {alias}" for alias in carried)
        hints = f"'' AS unreadable_id, '' AS date_hint, {amount_hint_sql('amount_found')} AS amount_hint"
        message = duckdb_steps.message(customers_out=True, scores=self._scores)
        named = f"SELECT *, string_split(faults, ',') AS names, {hints} FROM {relation}"
        self._connection.execute(
            f"INSERT INTO quarantine ({_PLACE}, source, row_number, fault, faults, message{targets})"
            f" SELECT 0, {literal(source)}, row_number, names[1], faults, {message}{values}"
            f" FROM ({named})"
        )

    def rows(self) -> duckdb.DuckDBPyRelation:
        """The rows in the order of the sources; a last column ``raw`` where a file's own syntax was broken."""
        has_raw = self._connection.sql(f"SELECT COUNT({_RAW}) FROM quarantine").fetchall()[0][0]
        raw = f"RENAME ({_RAW} AS {quoted(self._raw_name())})" if has_raw else f"EXCLUDE ({_PLACE}, {_RAW})"
        kept = f"* EXCLUDE ({_PLACE}) {raw}" if has_raw else f"* {raw}"
        return self._connection.sql(f"SELECT {kept} FROM quarantine ORDER BY {_PLACE}, row_number")

    def found(self, count: int, fault: str | None = None) -> list[FoundFault]:
        """The first rows, of all or of those filed under a fault."""
        where = "" if fault is None else f" WHERE fault = {literal(fault)}"
        rows = self._connection.sql(
            f"SELECT source, row_number, fault, message FROM quarantine{where}"
            f" ORDER BY {_PLACE}, row_number LIMIT {count}"
        ).fetchall()
        return [FoundFault(*row) for row in rows]

    def _insert(self, staged: Staged, file: File | None, place: int, orders_out: bool, customers_out: bool) -> str:
        part = staged.part
        relation, number = part.relation, "row_number"
        if file is not None:
            relation = part.over([file])
            if part.kind == "csv":
                # Recorded a second time, and not looked at: merely ignoring errors, the reader of DuckDB 2.0
                # drops what follows some of them.
                relation = part.over([file], broken.recorded(f"again_{place}"))
                number = broken.shifted(staged.relation, file, number)
        # Original columns travel as o0, o1, ... so that none can be taken for a staged one.
        carried = {f"o{number}": name for number, name in enumerate(part.columns)}
        more = [f"{quoted(name)} AS {alias}" for alias, name in carried.items()]
        readings = {**staged.readings.staged, **staged.readings.found}
        inner = duckdb_steps.staged(readings, relation, "row_number() OVER () AS row_number", *more)
        aside = duckdb_steps.quarantined(f"({inner})", self._options, orders_out, customers_out, self._scores)
        source = literal(part.name if file is None else file.name)
        shown = [self._originals[name.lower()] for name in carried.values()]
        targets = "".join(f", {quoted(name)}" for name, _ in shown)
        values = "".join(
            f", CAST({alias} AS {type_name})" for alias, (_, type_name) in zip(carried, shown, strict=True)
        )
        return (
            f"INSERT INTO quarantine ({_PLACE}, source, row_number, fault, faults, message{targets})"
            f" SELECT {place}, {source}, {number}, fault, faults, message{values} FROM ({aside})"
        )

    def _insert_broken(self, place: int, file: File, lines: list[tuple[int, str, str]]) -> None:
        if lines:
            self._connection.executemany(
                f"INSERT INTO quarantine ({_PLACE}, source, row_number, fault, faults, message, {_RAW})"
                " VALUES (?, ?, ?, 'unreadable_row', 'unreadable_row', ?, ?)",
                [(place, file.name, number, _says(raw, reason), raw) for number, raw, reason in lines],
            )

    def _mark_broken(self, place: int, file: File, part: Part) -> None:
        """Of the rows that were read as nothing but nulls, file those whose line is broken under that."""
        nothing = " AND ".join(f"{quoted(self._originals[name.lower()][0])} IS NULL" for name in part.columns)
        rows = self._connection.sql(
            f"SELECT row_number FROM quarantine WHERE {_PLACE} = {place} AND {nothing}"
        ).fetchall()
        lines = broken.of_ndjson(file, part.compression, {row[0] for row in rows}) if rows else []
        if lines:
            self._connection.executemany(
                f"DELETE FROM quarantine WHERE {_PLACE} = ? AND row_number = ?",
                [(place, number) for number, _, _ in lines],
            )
            self._insert_broken(place, file, lines)

    def _raw_name(self) -> str:
        taken = {name.lower() for name, _ in self._originals.values()}
        name = "raw"
        while name in taken:
            name = f"original_{name}"
        return name


def _says(raw: str, reason: str) -> str:
    shown = raw if len(raw) <= broken.SHOWN else f"{raw[: broken.SHOWN]}…"
    return fault("unreadable_row").says(f"{reason}: {shown!r}")


def _originals(parts: list[dict[str, str]]) -> dict[str, tuple[str, str]]:
    """Original columns of all parts: the name each has in the quarantine, and its type there."""
    columns: dict[str, tuple[str, str]] = {}
    taken = {name.lower() for part in parts for name in part} | set(_RESERVED)
    for part in parts:
        for name, type_name in part.items():
            if name.lower() in columns:
                shown, known = columns[name.lower()]
                columns[name.lower()] = (shown, known if known == type_name else "VARCHAR")
            else:
                shown = name
                while name.lower() in _RESERVED and shown.lower() in taken:
                    shown = f"original_{shown}"
                taken.add(shown.lower())
                columns[name.lower()] = (shown, "VARCHAR" if type_name.startswith(_AS_TEXT) else type_name)
    return columns
