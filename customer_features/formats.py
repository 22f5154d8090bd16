"""A reader for each file format: it looks at a file's beginning and says how the engine reads the whole.

Column types of text formats are declared (everything is text), never sniffed: ``00123`` stays ``00123``.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from customer_features.columns import literal
from customer_features.document import Document, read_document
from customer_features.errors import MissingExtra, SourceError
from customer_features.parts import File, Part, bytes_of, first_line, lines, table_part, unglobbed
from customer_features.transcoding import ends_differ, last_of_each_key, marked, odd_line, to_line_feeds, to_utf8

try:
    import duckdb
    import pyarrow as pa
    import pyarrow.ipc
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "json",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
ALLOWED = ".csv, .tsv, .ndjson, .jsonl, .json (each also .gz or .zst), .parquet, .arrow"
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_LINE = 1 << 24
"""Bytes of the longest line of a CSV file that is read."""
_BUFFER = 1 << 24
_HEAD = 1 << 16


def part_of(file: File, connection: duckdb.DuckDBPyConnection, folder: Path, encoding: str | None) -> Part:
    suffixes = [suffix.lower() for suffix in Path(file.name).suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    suffix = suffixes[-2] if compression and len(suffixes) > 1 else "" if compression else (suffixes or [""])[-1]
    if file.bytes == 0:
        raise SourceError(f"{file.name}: is empty; a table with a header and rows, or a JSON document, is needed")
    kind = FORMATS.get(suffix) or _sniff(file, compression, encoding)
    if kind is None:
        raise SourceError(f"{file.name}: its format is not known by its name or its first bytes; allowed are {ALLOWED}")
    if compression:
        _check_whole(file, compression)
    reading = {"csv": _csv, "tsv": _csv, "ndjson": _ndjson, "json": _json, "parquet": _parquet, "arrow": _arrow}
    try:
        part = reading[kind](file, _How(kind, compression, connection, folder, encoding))
    except (duckdb.Error, pa.ArrowException, OSError, UnicodeError, csv.Error) as error:
        raise SourceError(f"{file.name}: cannot be read as {kind}: {first_line(error)}") from None
    if not part.columns:
        raise SourceError(f"{file.name}: holds no columns")
    return part


@dataclass(frozen=True, slots=True)
class _How:
    """What a reader is told of its file besides its name; ``folder`` is for what the run needs meanwhile."""

    kind: str
    compression: str | None
    connection: duckdb.DuckDBPyConnection
    folder: Path
    encoding: str | None


def _sniff(file: File, compression: str | None, encoding: str | None) -> str | None:
    """The format of a file without a telling name, from its first bytes."""
    with bytes_of(file, compression) as stream:
        head = stream.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if marked(head) == "utf-16":
        return "csv"
    text = head.decode(encoding or "utf-8", "replace").lstrip("\ufeff \t\r\n")
    if "\0" in text or text.count("\ufffd") > len(text) / 10:
        return None
    if text.startswith(("{", "[")):
        # One object a line is NDJSON; anything else that starts so is one document.
        first = text.splitlines()[0].rstrip()
        return "ndjson" if first.startswith("{") and first.endswith("}") and len(text.splitlines()) > 1 else "json"
    return "csv" if text else None


def _check_whole(file: File, compression: str) -> None:
    """Raise SourceError where a compressed file ends too early: the engine reads such a file as far as it goes."""
    try:
        with bytes_of(file, compression) as stream:
            while stream.read(1 << 22):
                pass
    except (OSError, pa.ArrowException, EOFError) as error:
        raise SourceError(f"{file.name}: is not a whole {compression} file: {first_line(error)}") from None


def _csv(file: File, how: _How) -> Part:
    file, compression, notes = _as_utf8(file, how)
    head = _head(file, compression)
    # Bytes that are not UTF-8 matter in the header alone: a row that holds them is set aside later.
    text = head.decode("utf-8-sig", "replace")
    if "\0" in text.split("\n")[0]:
        raise SourceError(f"{file.name}: holds binary data, not text; allowed are {ALLOWED}")
    candidates = ["\t"] if how.kind == "tsv" else list(_DELIMITERS)
    headers = {mark: _header(text, mark) for mark in candidates}
    delimiter = max(candidates, key=lambda mark: len(headers[mark]))
    if "\ufffd" in "".join(headers[delimiter]):
        raise SourceError(
            f"{file.name}: its header holds bytes that are not UTF-8; name its encoding, for example --encoding latin-1"
        )
    columns = _unique([name.strip() for name in headers[delimiter]], file)
    if delimiter not in (",", "\t"):
        notes.append(f"{file.name}: fields are separated by {_DELIMITERS[delimiter]}")
    mixed = ends_differ(head, _tail(file, compression), delimiter)
    # The reader takes the first line end that it sees for that of all lines, be it inside a quoted name.
    if mixed or re.search(r"[\r\n]", "".join(headers[delimiter])):
        copy = _copy(how)
        with bytes_of(file, compression, copied=True) as stream, io.BufferedReader(stream) as source:
            to_line_feeds(source, copy, delimiter)
        file, compression = replace(file, copy=copy), None
        if mixed:
            notes.append(f"{file.name}: some lines end in CR LF and others in LF; both are read as ends of lines")
    declared = "{" + ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns) + "}"
    reader = (
        f"read_csv({{files}}, auto_detect=false, header=true, delim={literal(delimiter)}, quote='\"', escape='\"',"
        f" columns={declared}, nullstr='', compression={literal(compression or 'none')}, strict_mode=true,"
        f" max_line_size={LONGEST_LINE}, buffer_size={_BUFFER}, hive_partitioning=false)"
    )
    part = Part(file.name, reader, dict.fromkeys(columns, "VARCHAR"), [file], parse_once=True, kind="csv")
    part.compression, part.delimiter, part.notes = compression, delimiter, notes
    return part


def _as_utf8(file: File, how: _How) -> tuple[File, str | None, list[str]]:
    """The file with a copy in UTF-8 where it is in another encoding; what compresses it then; what is said of it."""
    mark = marked(_head(file, how.compression))
    encoding = mark or how.encoding or "utf-8"
    if encoding == "utf-8":
        said = [f"{file.name}: begins with a UTF-8 byte order mark, which is left out"] if mark else []
        return file, how.compression, said
    copy = _copy(how)
    with bytes_of(file, how.compression) as stream:
        to_utf8(stream, copy, encoding, file.name)
    why = "as its byte order mark says" if mark else "as asked"
    return replace(file, copy=copy), None, [f"{file.name}: is read as {encoding}, {why}"]


def _copy(how: _How) -> Path:
    """A path for a copy of a text, of which nothing is there yet."""
    return Path(tempfile.mkdtemp(dir=how.folder)) / "copy.csv"


def _head(file: File, compression: str | None) -> bytes:
    with bytes_of(file, compression, copied=True) as stream:
        head: bytes = stream.read(_HEAD)
        # A header of very many columns is longer than that.
        while len(head) < LONGEST_LINE and b"\n" not in head and b"\r" not in head and (more := stream.read(_HEAD)):
            head += more
    return head


def _tail(file: File, compression: str | None) -> bytes:
    """The end of a file; nothing of a compressed one, which can only be read from its beginning."""
    if compression:
        return b""
    with file.read_from.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _HEAD))
        return stream.read()


def _header(text: str, delimiter: str) -> list[str]:
    """The names in a CSV text's first record."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def why_unread(part: Part, error: BaseException) -> str:
    """What an engine's error about a text file means."""
    path = re.search(r"^\s*file = (.+)$", str(error), re.MULTILINE)
    file = next((file for file in part.files if path and str(file.read_from) == path[1]), None)
    name = file.name if file else path[1] if path else part.name
    if file and "invalid state" in str(error):
        # The reader tells two kinds of line ends in one file by nothing but this.
        with bytes_of(file, part.compression, copied=True) as stream, io.BufferedReader(stream) as source:
            line = odd_line(source, part.delimiter)
        if line is not None:
            return f"{name}: cannot be read: line {line} ends otherwise than the lines before; make line ends alike"
    return f"{name}: cannot be read: {first_line(error)}"


def _unique(header: list[str], file: File) -> list[str]:
    names = [name if name else f"column_{place}" for place, name in enumerate(header, 1)]
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise SourceError(f"{file.name}: two columns are named '{name}'; give each its own name")
        seen.add(name.lower())
    return names


def _ndjson(file: File, how: _How) -> Part:
    notes = []
    with bytes_of(file, how.compression) as stream:
        if how.kind == "ndjson" and marked(stream.read(3)) == "utf-8":
            # The engine would take the first line for a broken one.
            file = replace(file, copy=_copy(how))
            with file.read_from.open("xb") as copy:
                shutil.copyfileobj(stream, copy)
            how = replace(how, compression=None)
            notes.append(f"{file.name}: begins with a UTF-8 byte order mark, which is left out")
    layout = "newline_delimited" if how.kind == "ndjson" else "array"
    packed = literal({"gzip": "gzip", "zstd": "zstd", None: "uncompressed"}[how.compression])
    path = literal(unglobbed(str(file.read_from)))
    # A broken line is read as a row of nulls, and looked at later.
    lenient = ", ignore_errors=true" if how.kind == "ndjson" else ""
    # The whole file is looked through: a key may come late, as loyalty_score does where few have one.
    shapes: list[list[str]] = [
        row[0]
        for row in how.connection.execute(
            f"""SELECT keys FROM (SELECT json_keys(json) AS keys, row_number() OVER () AS number
  FROM read_json_objects({path}, format='{layout}', compression={packed}, hive_partitioning=false{lenient})
  WHERE json_type(json) = 'OBJECT') GROUP BY keys ORDER BY MIN(number)"""
        ).fetchall()
    ]
    columns = list(dict.fromkeys(key for keys in shapes for key in keys))
    compression = how.compression
    if how.kind == "ndjson" and any(len(set(keys)) < len(keys) for keys in shapes):
        file, compression, packed = _without_duplicate_keys(file, how), None, literal("uncompressed")
    declared = "{" + ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns) + "}"
    reader = (
        f"read_json({{files}}, format='{layout}', compression={packed}, records=true, columns={declared},"
        f" hive_partitioning=false{lenient})"
    )
    part = Part(file.name, reader, dict.fromkeys(columns, "VARCHAR"), [file], parse_once=True, notes=notes)
    if how.kind == "ndjson":
        part.kind, part.compression = how.kind, compression
    return part


def _without_duplicate_keys(file: File, how: _How) -> File:
    """A copy in which the last of a duplicate key is the only one; the engine would take the first."""
    with tempfile.NamedTemporaryFile(dir=how.folder, suffix=".ndjson", delete=False) as copy:
        for line in lines(file, how.compression):
            copy.write((last_of_each_key(line) or line) + b"\n")
    return replace(file, copy=Path(copy.name))


def _json(file: File, how: _How) -> Part:
    with bytes_of(file, how.compression) as stream:
        head = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        if head.startswith(b"["):
            return _ndjson(file, how)
    with bytes_of(file, how.compression) as stream:
        document: Document = read_document(stream.read(), file.name)
    part = table_part(
        pa.table({k: pa.array(v, pa.string()) for k, v in document.columns.items()}), file.name, how.connection
    )
    part.files, part.stated = [file], document.stated
    return part


def _parquet(file: File, how: _How) -> Part:
    # A folder named like a column, date=2025-01-01, must not take the place of what the rows say.
    reader = "read_parquet({files}, hive_partitioning=false)"
    path = literal(unglobbed(str(file.path)))
    described = how.connection.execute(f"DESCRIBE SELECT * FROM {reader.replace('{files}', path)}").fetchall()
    columns = {str(row[0]): str(row[1]) for row in described}
    return Part(file.name, reader, columns, [file])


def _arrow(file: File, how: _How) -> Part:
    with pa.memory_map(str(file.path)) as mapped:
        try:
            table = pa.ipc.open_file(mapped).read_all()
        except pa.ArrowInvalid:
            mapped.seek(0)
            table = pa.ipc.open_stream(mapped).read_all()
    part = table_part(table, file.name, how.connection)
    part.files = [file]
    return part
