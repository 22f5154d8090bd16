"""One run of the engine over a frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from customer_features.definition.features import FEATURES
from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.hints import with_values
from customer_features.engines.duckdb.raw_rows import rows_read
from customer_features.engines.duckdb.session import connected, spilling_to
from customer_features.engines.outcome import Outcome
from customer_features.errors import ColumnError, CustomerFeaturesError
from customer_features.frames.arrow import fitted
from customer_features.frames.base import Kind
from customer_features.frames.kinds import kind_of
from customer_features.frames.pyarrow import Stream
from customer_features.query.columns import (
    REQUIRED,
    Mapped,
    MissingColumns,
    check_fields,
    columns_used,
    quoted,
    resolve,
    resolve_loyalty,
    scores_of_rows,
)
from customer_features.sources.legacy_calendar import as_text, limits
from customer_features.sources.parts import Part, table_part
from customer_features.system.temporary import scratch

_FRONT = pa.schema(
    [("row_number", pa.int64()), ("fault", pa.string()), ("faults", pa.string()), ("message", pa.string())]
)


class Run:
    """What is asked of a frame: its columns are looked at first, its rows when the result is computed.

    Raises SourceError for what is no dataframe and for columns that cannot serve.
    """

    def __init__(self, transactions: Any, loyalty: Any, options: Options, columns: Mapping[str, str] | None) -> None:
        self.options = options
        self.mapping = dict(columns or {})
        check_fields(self.mapping)
        self.frame = kind_of(transactions, "transactions")
        self.loyalty = None if loyalty is None else kind_of(loyalty, "loyalty")
        self._names = self.frame.names
        self._places = _needed(self.frame, self._fields)
        if self.loyalty is not None:
            self._scores = _needed(self.loyalty, lambda names: resolve_loyalty(names, self.mapping, "loyalty"))

    def _fields(self, names: list[str]) -> dict[str, Mapped]:
        """The fields of the rows; beside a loyalty source also scores of the rows' own, which the engine may refuse."""
        if self.loyalty is None:
            return resolve(names, self.mapping, "transactions")
        fields = resolve(names, self.mapping, "transactions", REQUIRED, ())
        own = scores_of_rows(names, self.mapping)
        return fields | {f"loyalty_score {place}": Mapped(quoted(one), one, True) for place, one in enumerate(own)}

    def vectors(self) -> tuple[Any, Outcome]:
        """The vectors as the kind of frame that was given, and what became of the rows."""
        with self._engine() as engine:
            outcome = engine.judge()
            table = engine.vectors().to_arrow_table()
        return self.frame.like(table), outcome

    def faulty_rows(self) -> Any:
        """The faulty rows as the kind of frame that was given."""
        with self._engine(keep=True) as engine:
            engine.judge()
            front = engine.faulty_rows().to_arrow_table().select(_FRONT.names).cast(_FRONT)
            rows = [number - 1 for number in front["row_number"].to_pylist()]
            return self.frame.picked(rows, front, _renamed(self._names))

    def rows_read(self) -> pa.Table:
        """The rows as the engine reads them, none judged (see ``raw_rows``)."""
        with self._engine() as engine:
            return rows_read(engine).to_arrow_table()

    def handed_back(self, table: pa.Table) -> Any:
        """Vectors that were computed elsewhere, as the kind of frame that was given."""
        frame = self.frame
        return frame.later(lambda: frame.like(table), table.schema, None) if frame.deferred else frame.like(table)

    def vectors_later(self, work: Callable[[Run], Any]) -> Any:
        """A lazy frame of the vectors; ``work`` gets a run like this one each time that it is collected."""
        stamped = [pa.field("as_of", pa.date32())] if self.options.as_of else []
        features = [pa.field(feature.name, pa.float64()) for feature in FEATURES]
        schema = pa.schema([pa.field("customer_id", pa.string()), *stamped, *features])
        return self.frame.later(lambda: work(self._again()), schema, None)

    def faulty_rows_later(self) -> Any:
        """A lazy frame of the faulty rows."""
        return self.frame.later(lambda: self._again().faulty_rows(), _FRONT, _renamed(self._names))

    def _again(self) -> Run:
        if isinstance(self.loyalty, Stream):  # what can be read but once must outlast the first collecting
            self.loyalty = self.loyalty.in_memory()
        scores = None if self.loyalty is None else self.loyalty.frame
        return Run(self.frame.frame, scores, self.options, self.mapping)

    @contextmanager
    def _engine(self, keep: bool = False) -> Iterator[Engine]:
        with connected() as connection, scratch(spilling_to()) as folder:
            if keep:
                self.frame.keep(folder)
            part = _part(self.frame, self._places, connection, folder)
            part.other_names = [name for name in self._names if name not in part.columns]
            if not isinstance(self.frame, Stream):
                part.load_others = lambda names: self._beside(names, connection, folder)
            scores = None
            if self.loyalty is not None:
                scores = _part(self.loyalty, self._scores, connection, folder)
            yield Engine(connection, [part], self.options, columns=self.mapping, loyalty=scores)

    def _beside(self, names: list[str], connection: duckdb.DuckDBPyConnection, folder: Path) -> str | None:
        """A relation of the columns that are read and of some others; None where these are of no use."""
        places = [*self._places, *(place for place, name in enumerate(self._names) if name in names)]
        try:
            return _part(self.frame, sorted(places), connection, folder).relation
        except CustomerFeaturesError:
            return None


def scores_part(loyalty: Any, mapping: Mapping[str, str], connection: duckdb.DuckDBPyConnection, folder: Path) -> Part:
    """A frame of scores, for an engine that computes elsewhere."""
    kind = kind_of(loyalty, "loyalty")
    places = _needed(kind, lambda names: resolve_loyalty(names, mapping, "loyalty"))
    return _part(kind, places, connection, folder)


def _part(kind: Kind, places: list[int], connection: duckdb.DuckDBPyConnection, folder: Path) -> Part:
    table, numerics = fitted(kind.columns(places, folder), kind.name)
    part = table_part(table, kind.name, connection)
    part.numerics = numerics
    part.legacy = limits(as_text(table.schema.metadata), part.columns)
    return part


def _needed(kind: Kind, find: Callable[[list[str]], dict[str, Mapped]]) -> list[int]:
    """The places of the columns that the fields are made of."""
    names = kind.names
    if not names:
        raise ColumnError(f"{kind.name}: {kind.called} without columns; needed are {', '.join(REQUIRED)}")
    for column, count in Counter(names).items():
        if count > 1:
            places = [str(place) for place, other in enumerate(names, 1) if other == column]
            raise ColumnError(
                f"{kind.name}: {count} columns are named '{column}' (columns {', '.join(places[:-1])} and {places[-1]}"
                f" of {len(names)}); rename or drop all but one of them"
            )
    try:
        used = columns_used(find(names), names)
    except ColumnError as error:
        beside = [other for other in kind.beside if other not in names]
        try:
            found = columns_used(find([*names, *beside]), [*names, *beside])
        except ColumnError:
            raise _hinted(error, kind) from None
        listed = " and ".join(f"'{other}'" for other in beside if other in found)
        raise ColumnError(
            f"{kind.name}: {listed} in the index is no column; reset_index() makes a column of it"
        ) from None
    return [place for place, column in enumerate(names) if column in used] or [0]


def _hinted(error: ColumnError, kind: Kind) -> ColumnError:
    """The error with what the frame's first rows propose; as it is of a frame that is computed later, or read once."""
    if not isinstance(error, MissingColumns) or kind.deferred or isinstance(kind, Stream):
        return error
    try:
        with connected() as connection, scratch(spilling_to()) as folder:
            part = _part(kind, list(range(len(kind.names))), connection, folder)
            return with_values(error, connection, part.relation)
    except (CustomerFeaturesError, duckdb.Error, pa.ArrowException):
        return error  # what is wrong with other columns is told once these are mapped


def _renamed(names: list[str]) -> list[str]:
    """Names of original columns behind ours: those that would be ours too begin with ``original_``."""
    reserved = set(_FRONT.names)
    taken = reserved | {column.lower() for column in names}
    renamed = []
    for column in names:
        new = column
        while column.lower() in reserved and new.lower() in taken:
            new = f"original_{new}"
        taken.add(new.lower())
        renamed.append(new)
    return renamed
