"""What a run reads: files and tables in memory, as parts that the engine can scan.

A *part* is one or more files of one format with the same columns, or one table.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from customer_features.errors import MissingExtra, SourceError
from customer_features.query.columns import literal, quoted
from customer_features.sources.bounds import Bounds

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error


@dataclass(frozen=True, slots=True)
class File:
    """One input file: its path, the name it is reported under, and its state when the run began."""

    path: Path
    name: str
    bytes: int
    modified: int
    copy: Path | None = None
    """What the engine reads in its place, where it cannot read the file as it is."""
    kind: str | None = None
    """The file's format, where its name is that of something else."""
    numerics: frozenset[str] = frozenset()
    """Columns of text that hold decimal numbers, to be read to the last digit."""
    no_ids: dict[str, str] = field(default_factory=dict, hash=False)
    """Columns of text that stand for something else where they come from, and their types there: JSON, arrays."""
    cut: bool = False
    """It holds but the beginning of what it is a copy of."""
    version: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)
    """Of a copy of a table of a lake, its format and the version or snapshot that was read."""
    origin: str = field(default="", repr=False)
    """The whole address of what the file is a copy of: it may hold a signature, so it is for comparing alone."""

    @classmethod
    def of(cls, path: Path, name: str | None = None, origin: str = "") -> File:
        """The file's state now. Raises SourceError when it cannot be read, or not named in text."""
        if (plain := os.fsencode(path).decode("utf-8", "backslashreplace")) != str(path):
            raise SourceError(f"{plain}: the name is not UTF-8; rename the file or its folder")
        name = name or str(path)
        if str(path).startswith("~"):
            path = Path.cwd() / path  # the engine would read the file of that name in the home folder
        try:
            state = path.stat()
            with path.open("rb"):
                pass
        except OSError as error:
            raise SourceError(f"{name}: cannot be read: {error.strerror or error}") from None
        return cls(path, name, state.st_size, state.st_mtime_ns, origin=origin)

    @property
    def read_from(self) -> Path:
        """The file that the engine reads."""
        return self.copy or self.path

    def unchanged(self) -> bool:
        """Whether size and time of change are still those of the beginning."""
        try:
            state = self.path.stat()
        except OSError:
            return False
        return (state.st_size, state.st_mtime_ns) == (self.bytes, self.modified)


@dataclass(slots=True)
class Part:
    """Files (or one table in memory) that are read alike.

    ``reader``: DuckDB FROM-clause with ``{files}`` for a list of paths, or a table's name; ``columns``:
    DuckDB type of each column; ``parse_once``: reading is dear, so the rows are staged in a table;
    ``stated``: options that the source itself states (a request document's ``today``); ``kind``: ``csv`` or
    ``ndjson`` where single lines may be broken; ``compression``: of a text file; ``delimiter``: of a CSV file;
    ``cut``: the table is but a file's beginning, and ``counted`` the file's rows where they are known.
    ``numerics``: of the columns of text those that hold decimal numbers, quoted; ``other_names``: columns of the
    source that are not read, and ``load_others`` reads some of them beside those that are: the relation, or None.
    """

    name: str
    reader: str
    columns: dict[str, str]
    files: list[File] = field(default_factory=list)
    parse_once: bool = False
    table: Any = None
    stated: dict[str, Any] = field(default_factory=dict)
    kind: str = ""
    compression: str | None = None
    delimiter: str = ","
    numerics: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)
    other_names: list[str] = field(default_factory=list)
    load_others: Callable[[list[str]], str | None] | None = None
    cut: bool = False
    counted: int | None = None
    unreadable: dict[str, str] = field(default_factory=dict)
    """Of columns in which single values can be no id SQL that is true there: of an object, an array, a boolean."""
    json_numbers: dict[str, str] = field(default_factory=dict)
    """SQL that is true where a value is a JSON number, by column, for the text columns whose JSON types are known."""
    unread: dict[str, str] = field(default_factory=dict)
    """Columns that are not read as what they are, and their types: to be used as a field they must be converted."""
    no_ids: dict[str, str] = field(default_factory=dict)
    """Columns of text that are no ids as they stand, and the types of what they were."""
    legacy: dict[str, date] = field(default_factory=dict)
    """Of columns that Spark wrote in its legacy calendar the first day that is read as it is."""
    around: str = ""
    """A SELECT with ``{rows}`` in the place of the reader, where what it reads must be told apart further."""

    @property
    def names(self) -> list[str]:
        """The names of all columns, also of those that are not read."""
        return list(dict.fromkeys([*self.columns, *self.unread]))

    @property
    def of_json(self) -> bool:
        """Whether the rows are objects of JSON, whose values are told apart by nothing but their text."""
        return self.reader.startswith("read_json(")

    @property
    def relation(self) -> str:
        """The FROM-clause over all files."""
        return self.over(self.files)

    @property
    def sound_rows(self) -> str:
        """The FROM-clause over all files, without the lines that break their syntax."""
        return self.over(self.files, "ignore_errors=true") if self.kind == "csv" else self.relation

    def over(self, files: list[File], more: str = "") -> str:
        """The FROM-clause over some of the files; ``more`` gives the reader further options."""
        paths = ", ".join(literal(unglobbed(str(file.read_from))) for file in files)
        reader = f"{self.reader.removesuffix(')')}, {more})" if more else self.reader
        rows = reader.replace("{files}", f"[{paths}]")
        return f"({self.around.replace('{rows}', rows)})" if self.around else rows

    def rows(self, connection: duckdb.DuckDBPyConnection) -> int | None:
        """The number of rows where that is known without reading them: of Parquet files and of a table in memory."""
        if self.cut:
            return self.counted
        if self.table is not None:
            return getattr(self.table, "num_rows", None)
        if not self.files or not self.reader.startswith("read_parquet("):
            return None
        paths = ", ".join(literal(unglobbed(str(file.read_from))) for file in self.files)
        try:
            counted = connection.sql(f"SELECT SUM(num_rows) FROM parquet_file_metadata([{paths}])").fetchall()
            return int(counted[0][0])
        except duckdb.Error:
            return None  # what is wrong with a file is said by those who read it


BEGINNING = 1 << 20
"""Bytes of a text that are its beginning."""


@dataclass(frozen=True, slots=True)
class How:
    """What a reader of a format is told of its file besides its name.

    ``folder`` is for what the run needs meanwhile; ``beginning``: no more is looked at than the columns need;
    ``bounds``: those of a stranger's file.
    """

    kind: str
    compression: str | None
    connection: duckdb.DuckDBPyConnection
    folder: Path
    encoding: str | None
    beginning: bool
    bounds: Bounds | None = None

    def of(self, stream: BinaryIO) -> BinaryIO:
        """The stream, or its beginning where that is all that is looked at."""
        return io.BytesIO(stream.read(BEGINNING)) if self.beginning else stream


def unglobbed(path: str) -> str:
    """A path that the engine does not take for a pattern."""
    return re.sub(r"([*?\[])", r"[\1]", path)


def reason_of(error: BaseException) -> str:
    """Why the engine cannot compute an expression, without the list of functions that it knows instead."""
    return first_line(error).partition(" Candidate functions:")[0]


def first_line(error: BaseException) -> str:
    """What an engine's error says, without its advice about its own options."""
    text = str(error).split("\n\n")[0]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Possible", "*", "LINE", "^"))]
    said = re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", " ".join(kept))
    return re.sub(r" Try setting .*$", "", said) or type(error).__name__


def bytes_of(file: File, compression: str | None) -> Any:
    return pa.input_stream(str(file.read_from), compression=compression)


def lines(file: File, compression: str | None) -> Iterator[bytes]:
    """The lines that hold anything of a text file, or of what is read in its place."""
    with bytes_of(file, compression) as stream, io.BufferedReader(stream) as buffered:
        for line in buffered:
            if line.strip():
                yield line.strip(b"\r\n")


def table_part(table: Any, name: str, connection: duckdb.DuckDBPyConnection) -> Part:
    """A part over an Arrow table (or anything DuckDB registers) in memory."""
    try:
        # Numbered, so that a run's SQL is the same every time.
        taken = connection.sql("SELECT COUNT(*) FROM duckdb_views() WHERE view_name LIKE 'part\\_%' ESCAPE '\\'")
        registered = f"part_{taken.fetchall()[0][0]}"
        connection.register(registered, table)
        described = connection.execute(f"DESCRIBE SELECT * FROM {quoted(registered)}").fetchall()
    except duckdb.Error as error:
        raise SourceError(
            f"{name}: a column has a type that is not read ({first_line(error)}); drop or convert it first"
        ) from None
    return Part(name, quoted(registered), {str(row[0]): str(row[1]) for row in described}, table=table)
