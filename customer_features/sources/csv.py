"""CSV as it is found: its encoding, delimiter, header and line ends, told from a file's beginning.

Column types are declared (everything is text), never sniffed: ``00123`` stays ``00123``.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import tempfile
from dataclasses import replace
from itertools import islice
from pathlib import Path

from customer_features.errors import SourceError
from customer_features.query.columns import literal
from customer_features.sources.open_quotes import refuse_swallowed
from customer_features.sources.parts import File, How, Part, bytes_of, first_line
from customer_features.sources.transcoding import ends_differ, marked, odd_line, to_line_feeds, to_utf8

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
LONGEST_LINE = 1 << 24
"""Bytes of the longest line of a CSV file that is read."""
_BUFFER = 1 << 24
_HEAD = 1 << 16
# What may stand above the header: empty lines, and the line by which Excel is told the delimiter.
_ABOVE = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?P<lines>(?:[ \t]*(?:\r\n|\n|\r))*
    (?:(?P<quote>"?)sep=(?P<mark>[^\r\n"])(?P=quote)[,;\t ]*(?:\r\n|\n|\r))?(?:[ \t]*(?:\r\n|\n|\r))*)""",
    re.IGNORECASE | re.VERBOSE,
)
_LOOKED_AT = 20
"""So many records are looked at to tell a header from a title."""
_FEWEST = 5
"""A table has at least so many columns, one for each field that is required."""


def csv_part(file: File, how: How) -> Part:
    """The file as a part, with its columns. Raises SourceError where it is no table."""
    file, compression, notes = _as_utf8(file, how)
    head = _head(file, compression)
    stated = None
    above = _ABOVE.match(head)
    if above and above["lines"]:
        file, compression, stated = _without(above, file, compression, how, notes)
        head = head[above.end() :]
    # Bytes that are not UTF-8 matter in the header alone: a row that holds them is set aside later.
    text = head.decode("utf-8-sig", "replace")
    _refuse_binary(text, head, file)
    candidates = [stated] if stated else ["\t"] if how.kind == "tsv" else list(DELIMITERS)
    headers = {mark: _records(text, mark, 1)[0] for mark in candidates}
    delimiter = max(candidates, key=lambda mark: len(headers[mark]))
    if "\ufffd" in "".join(headers[delimiter]):
        raise SourceError(
            f"{file.name}: its header holds bytes that are not UTF-8; name its encoding, for example --encoding latin-1"
        )
    _refuse_open_name(headers[delimiter], delimiter, file)
    if how.bounds is not None:
        how.bounds.check_columns(len(headers[delimiter]), file.name)
    columns = _unique(_names(text, delimiter, file), file)
    if delimiter != "," and stated is None and not (delimiter == "\t" and how.kind == "tsv"):
        notes.append(f"{file.name}: fields are separated by {DELIMITERS[delimiter]}")
    mixed = ends_differ(head, _tail(file, compression), delimiter)
    # The reader takes the first line end that it sees for that of all lines, be it inside a quoted name.
    if mixed or re.search(r"[\r\n]", "".join(headers[delimiter])):
        copy = _copy(how)
        with bytes_of(file, compression) as stream, io.BufferedReader(stream) as source:
            to_line_feeds(how.of(source), copy, delimiter)
        file, compression = replace(file, copy=copy), None
        if mixed:
            notes.append(f"{file.name}: some lines end in CR LF and others in LF; both are read as ends of lines")
    if not how.beginning:
        refuse_swallowed(file, compression, delimiter, text, len(columns))
    declared = "{" + ", ".join(f"{literal(column)}: 'VARCHAR'" for column in columns) + "}"
    reader = (
        f"read_csv({{files}}, auto_detect=false, header=true, delim={literal(delimiter)}, quote='\"', escape='\"',"
        f" columns={declared}, nullstr='', compression={literal(compression or 'none')}, strict_mode=true,"
        f" max_line_size={LONGEST_LINE}, buffer_size={_BUFFER}, hive_partitioning=false)"
    )
    part = Part(file.name, reader, dict.fromkeys(columns, "VARCHAR"), [file], parse_once=True, kind="csv")
    part.compression, part.delimiter, part.notes = compression, delimiter, notes
    return part


def _as_utf8(file: File, how: How) -> tuple[File, str | None, list[str]]:
    """The file with a copy in UTF-8 where it is in another encoding; what compresses it then; what is said of it."""
    mark = marked(_head(file, how.compression))
    encoding = mark or how.encoding or "utf-8"
    if encoding == "utf-8":
        said = [f"{file.name}: begins with a UTF-8 byte order mark, which is left out"] if mark else []
        return file, how.compression, said
    copy = _copy(how)
    with bytes_of(file, how.compression) as stream:
        to_utf8(how.of(stream), copy, encoding, file.name, cut=how.beginning)
    why = "as its byte order mark says" if mark else "as asked"
    return replace(file, copy=copy), None, [f"{file.name}: is read as {encoding}, {why}"]


def _copy(how: How) -> Path:
    """A path for a copy of a text, of which nothing is there yet."""
    return Path(tempfile.mkdtemp(dir=how.folder)) / "copy.csv"


def _head(file: File, compression: str | None) -> bytes:
    with bytes_of(file, compression) as stream:
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


def _without(
    above: re.Match[bytes], file: File, compression: str | None, how: How, notes: list[str]
) -> tuple[File, str | None, str | None]:
    """A copy without what stands above the header; what compresses it, and the delimiter that was stated there."""
    copy = _copy(how)
    with bytes_of(file, compression) as stream:
        stream.read(above.end())
        with copy.open("xb") as out:
            shutil.copyfileobj(how.of(stream), out, 1 << 20)
    stated = above["mark"].decode() if above["mark"] else None
    if stated:
        shown = DELIMITERS.get(stated, f"'{stated}'")
        notes.append(f"{file.name}: its first line (sep=) says that fields are separated by {shown}, and is left out")
    else:
        notes.append(f"{file.name}: begins with empty lines, which are left out")
    return replace(file, copy=copy), None, stated


def _refuse_binary(text: str, head: bytes, file: File) -> None:
    """Raise SourceError where a text that it is not gives itself away by its first line."""
    if head.startswith(b"PK\x03\x04"):
        raise SourceError(f"{file.name}: is a spreadsheet or a zip archive; save its table as CSV (UTF-8)")
    if "\0" not in text.split("\n")[0]:
        return
    for width, first, encoding in ((4, 3, "utf-32-le"), (4, 0, "utf-32-be"), (2, 1, "utf-16-le"), (2, 0, "utf-16-be")):
        high = head[first::width]
        if high.count(0) > len(high) * 2 / 3 and head.count(0) > len(head) * (2 / 3 if width == 4 else 1 / 3):
            known = encoding[:6].upper()
            raise SourceError(f"{file.name}: looks like {known} without a byte order mark; say --encoding {encoding}")
    raise SourceError(f"{file.name}: holds binary data, not text; a table is text in UTF-8, or in what --encoding says")


def _records(text: str, delimiter: str, count: int) -> list[list[str]]:
    """The fields of a CSV text's first records; a record that cannot be told apart has none."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    records: list[list[str]] = []
    try:
        for record in islice(filter(None, reader), count):
            records.append(record)
    except csv.Error:  # a field that goes on for too long
        pass
    return records or [[]]


def _names(text: str, delimiter: str, file: File) -> list[str]:
    """The columns' names. Raises SourceError where the first line is a title, and the header stands below it."""
    header, *rows = _records(text, delimiter, _LOOKED_AT)
    names = [name.strip() for name in header]
    # A header that ends in a delimiter, above rows that do not, has one column less.
    if len(names) > 1 and not names[-1] and rows and len(rows[0]) == len(names) - 1:
        names.pop()
    if len(names) == 1:
        for mark in DELIMITERS:
            wide = next((record for record in _records(text, mark, _LOOKED_AT) if len(record) >= _FEWEST), None)
            if wide is not None:
                raise SourceError(
                    f"{file.name}: its first line, {names[0]!r}, is no header; one seems to stand below it, with"
                    f" {len(wide)} columns ({', '.join(wide[:3])}, ...): remove the lines above that"
                )
    return names


def _unique(header: list[str], file: File) -> list[str]:
    names = [name if name else f"column_{place}" for place, name in enumerate(header, 1)]
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise SourceError(f"{file.name}: two columns are named '{name}'; give each its own name")
        seen.add(name.lower())
    return names


def _refuse_open_name(header: list[str], delimiter: str, file: File) -> None:
    """Raise SourceError where a quote in the header is left open, so that a name holds rows."""
    for name in header:
        lines = name.splitlines()
        if len(lines) > 1 and name.count(delimiter) >= max(len(header) - 1, 1):
            raise SourceError(
                f"{file.name}: a quote that opens in its header, before {lines[0]!r}, takes in the lines after it;"
                " close it there"
            )


def why_unread(part: Part, error: BaseException) -> str:
    """What an engine's error about a text file means."""
    path = re.search(r"^\s*file = (.+)$", str(error), re.MULTILINE)
    file = next((file for file in part.files if path and str(file.read_from) == path[1]), None)
    name = file.name if file else path[1] if path else part.name
    if file and "invalid state" in str(error):
        # The reader tells two kinds of line ends in one file by nothing but this.
        with bytes_of(file, part.compression) as stream, io.BufferedReader(stream) as source:
            line = odd_line(source, part.delimiter)
        if line is not None:
            return f"{name}: cannot be read: line {line} ends otherwise than the lines before; make line ends alike"
    return f"{name}: cannot be read: {first_line(error)}"
