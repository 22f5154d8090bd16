"""A reader for each file format: it looks at a file's beginning and says how the engine reads the whole.

Column types of text formats are declared (everything is text), never sniffed: ``00123`` stays ``00123``.
"""

from __future__ import annotations

import codecs
import csv
import errno
import gzip
import io
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from gzip import BadGzipFile
from pathlib import Path

import msgspec

from customer_features.errors import MissingExtra, SourceError, TooLarge
from customer_features.query.columns import FIELDS, literal, quoted, serving
from customer_features.sources.arrow import arrow_part
from customer_features.sources.bounds import Bounds
from customer_features.sources.column_names import refuse_shared
from customer_features.sources.csv import csv_part
from customer_features.sources.document import Document, read_document
from customer_features.sources.legacy_calendar import limits
from customer_features.sources.parquet import check_parquet, elements, without_far_times
from customer_features.sources.parts import (
    BEGINNING,
    File,
    How,
    Part,
    bytes_of,
    first_line,
    lines,
    table_part,
    unglobbed,
)
from customer_features.sources.signatures import refuse_others
from customer_features.sources.transcoding import last_of_each_key, marked

try:
    import duckdb
    import pyarrow as pa
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
_MOST_DIGITS = 38
"""Of a decimal number that the engine reads exactly; it makes doubles of longer ones."""
ALLOWED = ".csv, .tsv, .ndjson, .jsonl, .json (each also .gz or .zst), .parquet, .arrow"


def holds_nothing(file: File) -> bool:
    """Whether a file is empty, also once it is unpacked."""
    if file.bytes == 0:
        return True
    compression = COMPRESSIONS.get(Path(file.name).suffix.lower())
    try:
        with bytes_of(file, compression) as stream:
            return not stream.read(1)
    except (OSError, pa.ArrowException):
        return False  # what is wrong with it is said by those who read it


def part_of(
    file: File,
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    encoding: str | None,
    *,
    beginning: bool = False,
    bounds: Bounds | None = None,
) -> Part:
    """Return the file as a part. Raises SourceError where it cannot be read, TooLarge where it passes the bounds.

    ``beginning``: look at no more of it than its columns need, whatever else may be wrong with it; ``bounds``: those of
    a stranger's file, whose every page is checked before the engine reads it.
    """
    suffixes = [] if file.kind else [suffix.lower() for suffix in Path(file.name).suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    suffix = suffixes[-2] if compression and len(suffixes) > 1 else "" if compression else (suffixes or [""])[-1]
    if file.bytes == 0:
        raise SourceError(f"{file.name}: is empty; a table with a header and rows, or a JSON document, is needed")
    refuse_others(file)
    kind = file.kind or FORMATS.get(suffix) or _sniff(file, compression, encoding)
    if kind is None:
        raise SourceError(f"{file.name}: its format is not known by its name or its first bytes; allowed are {ALLOWED}")
    texts = {"csv": csv_part, "tsv": csv_part, "ndjson": _ndjson, "json": _json}
    reading = {**texts, "parquet": _parquet, "arrow": arrow_part}
    try:
        if compression and (bounds is not None or not beginning or _ends_in_zero(file)):
            file, compression = _whole(file, compression, folder, bounds)
        part = reading[kind](file, How(kind, compression, connection, folder, encoding, beginning, bounds))
    except (MemoryError, duckdb.OutOfMemoryException) as error:
        raise TooLarge(f"{file.name}: takes more memory than there is: {first_line(error)}") from None
    except (duckdb.Error, pa.ArrowException, OSError, UnicodeError, csv.Error) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise SourceError(
                f"{file.name}: a copy of it, which is needed to read it, cannot be kept in {folder.parent}:"
                f" {error.strerror}; name another disk with --spill-dir"
            ) from None
        raise SourceError(f"{file.name}: cannot be read as {kind}: {first_line(error)}") from None
    if not part.columns:
        raise SourceError(f"{file.name}: holds no columns")
    return part


def _sniff(file: File, compression: str | None, encoding: str | None) -> str | None:
    """The format of a file without a telling name, from its first bytes."""
    with bytes_of(file, compression) as stream:
        head = stream.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    if marked(head) in {"utf-16", "utf-32"}:
        return "csv"
    text = head.decode(encoding or "utf-8", "replace").lstrip("\ufeff \t\r\n")
    if "\0" in text or text.count("\ufffd") > len(text) / 10:
        return None
    if text.startswith(("{", "[")):
        # One object a line is NDJSON; anything else that starts so is one document.
        first = text.splitlines()[0].rstrip()
        return "ndjson" if first.startswith("{") and first.endswith("}") and len(text.splitlines()) > 1 else "json"
    return "csv" if text else None


def _ends_in_zero(file: File) -> bool:
    with file.path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read() == b"\0"


def _whole(file: File, compression: str, folder: Path, bounds: Bounds | None) -> tuple[File, str | None]:
    """The file and its compression, or an unpacked copy where zero bytes follow what is packed, as tapes leave them.

    Raises SourceError where it ends too early: the engine reads such a file as far as it goes. Raises TooLarge.
    """
    unpacked = 0
    try:
        with bytes_of(file, compression) as stream:
            while piece := stream.read(1 << 22):
                unpacked += len(piece)
                if bounds is not None:
                    bounds.check_unpacked(unpacked, file.name)
    except (OSError, pa.ArrowException, EOFError) as error:
        why = first_line(error)
    else:
        return file, compression
    if compression == "gzip":
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as copy, suppress(EOFError, zlib.error, BadGzipFile):
            with gzip.open(file.path) as packed:
                shutil.copyfileobj(packed, copy, 1 << 20)
            return replace(file, copy=Path(copy.name)), None
    raise SourceError(f"{file.name}: is not a whole {compression} file: {why}")


def _ndjson(file: File, how: How) -> Part:
    notes = []
    with bytes_of(file, how.compression) as stream:
        if how.kind == "ndjson" and marked(stream.read(3)) == "utf-8":
            # The engine would take the first line for a broken one.
            with tempfile.NamedTemporaryFile(dir=how.folder, suffix=".ndjson", delete=False) as copy:
                shutil.copyfileobj(how.of(stream), copy)
            file, how = replace(file, copy=Path(copy.name)), replace(how, compression=None)
            notes.append(f"{file.name}: begins with a UTF-8 byte order mark, which is left out")
    layout = "newline_delimited" if how.kind == "ndjson" else "array"
    packed = literal({"gzip": "gzip", "zstd": "zstd", None: "uncompressed"}[how.compression])
    path = literal(unglobbed(str(file.read_from)))
    # A broken line is read as a row of nulls, and looked at later.
    lenient = _LENIENT if how.kind == "ndjson" else ""
    # The whole file is looked through: a key may come late, as loyalty_score does where few have one.
    first = f" LIMIT {BEGINNING // 100}" if how.beginning else ""
    found = how.connection.execute(
        f"""SELECT keys FROM (SELECT json_keys(json) AS keys, row_number() OVER () AS number
  FROM (SELECT json FROM read_json_objects({path}, format='{layout}', compression={packed},
    hive_partitioning=false{lenient}){first})
  WHERE json_type(json) = 'OBJECT') GROUP BY keys ORDER BY MIN(number)"""
    )
    columns, repeating = _keys(found, file, how)
    if not columns and how.kind == "ndjson" and _begins(file, how.compression) == b"[":
        raise SourceError(
            f"{file.name}: holds a JSON array, where NDJSON has an object on each line; a file of that kind is named"
            " .json"
        )
    refuse_shared(columns, file.name, "key")
    compression = how.compression
    if not how.beginning and repeating:
        objects = lines(file, how.compression) if how.kind == "ndjson" else _elements(how, path, packed)
        file, compression, packed = _without_duplicate_keys(file, objects, how), None, literal("uncompressed")
        how, layout, lenient = replace(how, kind="ndjson"), "newline_delimited", _LENIENT
    declared = "{" + ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns) + "}"
    reader = (
        f"read_json({{files}}, format='{layout}', compression={packed}, records=true, columns={declared},"
        f" hive_partitioning=false{lenient})"
    )
    part = Part(file.name, reader, dict.fromkeys(columns, "VARCHAR"), [file], parse_once=True, notes=notes)
    if how.kind == "ndjson":
        part.kind, part.compression = how.kind, compression
    return part


def _keys(found: duckdb.DuckDBPyConnection, file: File, how: How) -> tuple[list[str], bool]:
    """Return the different keys of the objects in their order, and whether an object holds a key twice."""
    keys: dict[str, None] = {}
    repeating = False
    while shapes := found.fetchmany(100):
        for (shape,) in shapes:
            repeating = repeating or len(set(shape)) < len(shape)
            keys.update(dict.fromkeys(shape))
            if how.bounds is not None:
                how.bounds.check_columns(len(keys), file.name, "different keys")
    return list(keys), repeating


def _begins(file: File, compression: str | None) -> bytes:
    """The first byte of a text that is no blank."""
    with bytes_of(file, compression) as stream:
        head: bytes = stream.read(4096)
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]


_LENIENT = ", ignore_errors=true"


def _without_duplicate_keys(file: File, objects: Iterable[bytes], how: How) -> File:
    """A copy in which the last of a duplicate key is the only one; the engine would take the first."""
    with tempfile.NamedTemporaryFile(dir=how.folder, suffix=".ndjson", delete=False) as copy:
        for line in objects:
            copy.write((last_of_each_key(line) or line) + b"\n")
    return replace(file, copy=Path(copy.name))


def _elements(how: How, path: str, packed: str) -> Iterator[bytes]:
    """The elements of an array of JSON, each in one line: between its values, line ends are blanks."""
    found = how.connection.execute(
        f"SELECT json FROM read_json_objects({path}, format='array', compression={packed}, hive_partitioning=false)"
    )
    while rows := found.fetchmany(1000):
        for (text,) in rows:
            yield re.sub(r"[\r\n]", " ", text).encode()


def _json(file: File, how: How) -> Part:
    if _begins(file, how.compression) == b"[":
        return _ndjson(file, how)
    if _one_object_a_line(file, how):
        return _ndjson(file, replace(how, kind="ndjson"))
    with bytes_of(file, how.compression) as stream:
        document: Document = read_document(stream.read(), file.name)
    columns = {key: pa.array(values, pa.string()) for key, values in document.columns.items()}
    flags = {f"customer_features: no {key}": pa.array(values) for key, values in document.unreadable.items()}
    numbers = {f"customer_features: number {key}": pa.array(values) for key, values in document.numbers.items()}
    part = table_part(pa.table({**columns, **flags, **numbers}), file.name, how.connection)
    part.columns = dict.fromkeys(columns, "VARCHAR")
    part.unreadable = {key: quoted(f"customer_features: no {key}") for key in document.unreadable}
    part.json_numbers = {key: quoted(f"customer_features: number {key}") for key in document.numbers}
    part.files, part.stated = [file], document.stated
    return part


def _one_object_a_line(file: File, how: How) -> bool:
    """Whether a file is NDJSON by another name: an object in its first line, and it is not the contract's document."""
    with bytes_of(file, how.compression) as stream, io.BufferedReader(stream) as source:
        first = next((line for line in source if line.strip()), b"")
        more = any(line.strip() for line in source)
    try:
        keys = msgspec.json.decode(first.removeprefix(codecs.BOM_UTF8), type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return more or any(serving(field, keys) for field in FIELDS)


def _parquet(file: File, how: How) -> Part:
    # A folder named like a column, date=2025-01-01, must not take the place of what the rows say.
    reader = "read_parquet({files}, hive_partitioning=false)"
    if how.bounds is not None:
        check_parquet(str(file.path), how.bounds, file.name)
    path = literal(unglobbed(str(file.path)))
    found = elements(how.connection, path)
    refuse_shared([one.name for one in found], file.name)  # the engine would give the second one another name
    described = how.connection.execute(f"DESCRIBE SELECT * FROM {reader.replace('{files}', path)}").fetchall()
    columns = {str(row[0]): str(row[1]) for row in described}
    said = how.connection.execute(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata({path})").fetchall()
    return Part(
        file.name,
        reader,
        columns,
        [file if how.beginning else without_far_times(file, found, how)],
        numerics=frozenset(quoted(name) for name in file.numerics),
        cut=file.cut,
        no_ids=file.no_ids,
        unread={one.name: f"DECIMAL({one.digits})" for one in found if one.digits > _MOST_DIGITS},
        legacy=limits(dict(said), columns, [one.name for one in found if one.stored == "INT96"]),
    )
