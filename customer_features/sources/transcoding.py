"""Text files that the engine cannot read as they stand -> UTF-8 with one kind of line end.

Only characters, line ends and JSON keys that stand twice change. What the fields are is the engine's reader's business.
"""

from __future__ import annotations

import codecs
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from customer_features.errors import SourceError

# That of UTF-32 begins as that of UTF-16 does.
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_CHUNK = 1 << 20


def marked(head: bytes) -> str | None:
    """The encoding that a file's first bytes, its byte order mark, state."""
    return next((encoding for mark, encoding in _MARKS.items() if head.startswith(mark)), None)


def to_utf8(source: BinaryIO, target: Path, encoding: str, name: str, *, cut: bool = False) -> None:
    """Write a text in another encoding as UTF-8. Raises SourceError with the line that is not in that encoding.

    ``cut``: the text may end in the middle of a character.
    """
    lines = 1
    decoder = codecs.getincrementaldecoder(encoding)()
    with target.open("xb") as out:
        while True:
            chunk = source.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk and not cut)
                out.write(text.encode())
            except UnicodeError as error:
                found = getattr(error, "object", b"")
                before = found[: getattr(error, "start", 0)]
                if isinstance(before, bytes):
                    before = before.decode(encoding, "replace")
                line = lines + before.count("\n")
                raise SourceError(
                    f"{name}: cannot be read as {encoding}: line {line} is not in that encoding"
                ) from None
            lines += text.count("\n")
            if not chunk:
                return


def ends_differ(head: bytes, tail: bytes, delimiter: str) -> bool:
    """Whether some lines at a file's beginning or end are ended by CR LF and others by LF or CR alone."""
    ends = {end for end, _ in _ended(io.BytesIO(head), delimiter) if end}
    # The last lines may begin inside quotes: only what is no quoted text for sure is looked at.
    if b'"' not in tail:
        ends |= {end for end, _ in _ended(io.BytesIO(tail.partition(b"\n")[2]), delimiter) if end}
    return len(ends) > 1


def odd_line(source: BinaryIO, delimiter: str) -> int | None:
    """The number of the first line that is not ended as the first one is, or that holds a CR alone."""
    number, first = 0, b""
    for end, record in _ended(source, delimiter):
        number += 1
        first = first or end
        if (end and end != first) or b"\r" in re.sub(rb'"[^"]*+"', b"", record.removesuffix(end)):
            return number + record.removesuffix(end).count(b"\n")
        number += record.removesuffix(end).count(b"\n")
    return None


_EMPTY = re.compile(rb"\n\r?\n")


def holds_empty_lines(source: BinaryIO) -> bool:
    """Whether a text may hold an empty line that ends in LF or CR LF: quick, and also true of one inside quotes."""
    before = b""
    while chunk := source.read(_CHUNK):
        if _EMPTY.search(before + chunk):
            return True
        before = chunk[-2:]
    return False


def empty_lines(source: BinaryIO, delimiter: str) -> Iterator[int]:
    """The numbers of a CSV text's empty lines, where a record is one line, however many it spans."""
    for number, (end, record) in enumerate(_ended(source, delimiter), 1):
        if record == end:
            yield number


def to_line_feeds(source: BinaryIO, target: Path, delimiter: str) -> None:
    """Write a CSV text with every record ended by LF; line ends inside quotes stay, but for those of the header."""
    with target.open("xb") as out:
        for number, (end, record) in enumerate(_ended(source, delimiter)):
            whole = record.removesuffix(end) if end else record
            if number == 0:
                whole = whole.replace(b"\r", b" ").replace(b"\n", b" ")
            out.write(whole + (b"\n" if end else b""))


def _ended(source: BinaryIO, delimiter: str) -> Iterator[tuple[bytes, bytes]]:
    """What ends each record (CR LF, LF, or nothing at the end of the text), and the record as it stands."""
    mark, text = re.escape(delimiter.encode()), rb'[^"]*+(?:""[^"]*+)*+'
    quoted = re.compile(rb"(^|" + mark + rb')"' + text + rb'"')
    opening = re.compile(rb"(?:^|" + mark + rb')"' + text + rb"\Z")
    closing = re.compile(text + rb'"')
    record: list[bytes] = []
    for line in source:
        record.append(line)
        rest = line
        if len(record) > 1:
            closed = closing.match(line)
            if closed is None:
                continue
            rest = line[closed.end() :]
        if b'"' in rest and opening.search(quoted.sub(rb"\1x", rest)):
            continue
        end = b"\r\n" if line.endswith(b"\r\n") else b"\n" if line.endswith(b"\n") else b""
        yield end, b"".join(record) if len(record) > 1 else line
        record = []
    if record:
        yield b"", b"".join(record)


def last_of_each_key(line: bytes) -> bytes | None:
    """An object with the last of each key; None for any other line, which stays as it is (a broken one too)."""
    pairs: list[tuple[str, object]] = []

    def keep(found: list[tuple[str, object]]) -> dict[str, object]:
        pairs[:] = found  # the outermost object comes last
        return dict(found)

    try:
        # Numbers stay the text they are, as the engine is told to read all values.
        whole = json.loads(line, parse_float=str, parse_int=str, object_pairs_hook=keep)
    except (ValueError, RecursionError):
        return None
    return json.dumps(whole).encode() if isinstance(whole, dict) and len(whole) < len(pairs) else None
