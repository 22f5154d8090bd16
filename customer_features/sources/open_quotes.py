"""Quoted fields that swallow whole rows of a CSV file: found before the file is read, and refused.

A quote that is left open, `"Premium tea`, is closed by the next quote in the file. A CSV reader takes all that stands
between them for the text of one field, and the rows in it are gone without a word. A text of several lines, such as an
address, is no such field: its lines do not look like rows.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from customer_features.errors import MissingExtra, SourceError
from customer_features.sources.parts import File, bytes_of

try:
    import numpy as np
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading files", "bulk") from error

LONGEST_RECORD = 1 << 24
"""Bytes of the longest record that is looked through."""
_CHUNK = 1 << 20
_SAMPLED = 200
_SHOWN = 80
# A double quote after one of these opens a field, or is the second of a doubled one.
_BEFORE = (b"\n", b'"')


@dataclass(frozen=True, slots=True)
class Spread:
    """A record over several lines: the byte at which it begins, its text, and whether its quotes are all closed.

    ``hidden``: how many lines with text stand in such records before it, beside the first line of each.
    """

    begins: int
    text: bytes
    closed: bool
    hidden: int


def refuse_swallowed(file: File, compression: str | None, delimiter: str, head: str, width: int) -> None:
    """Raise SourceError where a quoted field holds what look like rows of the file, which would be lost.

    ``head``: the beginning of the file as text; ``width``: how many columns it has.
    """
    carriage = "\n" not in head
    model = Model(head.replace("\r", "\n") if carriage else head, delimiter, width)
    with bytes_of(file, compression) as stream:
        for spread in spread_records(chunks_of(stream, carriage=carriage), delimiter):
            row = swallowed_by(spread, delimiter, model)
            if row is None and (spread.closed or len(spread.text) <= LONGEST_RECORD):
                continue
            with bytes_of(file, compression) as again:
                number = row_at(chunks_of(again, carriage=carriage), spread)
            raise SourceError(f"{file.name}: {_said(spread, number, row)}")


def _said(spread: Spread, number: int, row: str | None) -> str:
    opens = f"a quote that opens in row {number}"
    if row is None:
        return f"{opens} is not closed within {LONGEST_RECORD >> 20} MiB; close it, or write it twice if it is text"
    shown = repr(row if len(row) <= _SHOWN else f"{row[:_SHOWN]}…")
    count = _with_text(spread.text) - 1
    lines = f"the {count:,} lines after it, which look like rows of this file, such as {shown}"
    if count == 1:
        lines = f"the line after it, which looks like a row of this file: {shown}"
    never = "" if spread.closed else " and is never closed"
    return f"{opens}{never} takes in {lines}; close it in that row, or write it twice if it is part of the text"


def chunks_of(source: BinaryIO, *, carriage: bool) -> Iterator[bytes]:
    """A text in pieces, with lines that end in LF; ``carriage``: they are ended by CR alone."""
    while chunk := source.read(_CHUNK):
        yield chunk.replace(b"\r", b"\n") if carriage else chunk


def spread_records(chunks: Iterator[bytes], delimiter: str) -> Iterator[Spread]:
    """The records over several lines. A text without any costs little more than a look at its quotes."""
    mark = re.escape(delimiter.encode())
    # A blank before a quote is left out by the reader. What follows a closed quote belongs to a broken field.
    junk = rb"[^\n" + mark + rb"]*+"
    flat = rb'(?: ?"[^"\n]*+(?:""[^"\n]*+)*+"' + junk + rb'|(?! ?")' + junk + rb")"
    any_ = rb'(?: ?"[^"]*+(?:""[^"]*+)*+"' + junk + rb'|(?! ?")' + junk + rb")"
    flat_records = re.compile(rb"(?:(?:" + flat + mark + rb")*+" + flat + rb"\n)*+")
    record = re.compile(rb"(?:" + any_ + mark + rb")*+" + any_ + rb"(?:\n|\Z)")
    opens = np.zeros(256, dtype=bool)
    opens[[ord(one) for one in (*_BEFORE, delimiter.encode())]] = True
    begins, waiting, hidden, ended = 0, b"", 0, False
    while not ended:
        chunk = next(chunks, b"")
        ended = not chunk
        text = waiting + chunk
        cut = len(text) if ended else text.rfind(b"\n") + 1
        at = 0
        if _is_flat(text[:cut], opens):
            at = cut
        while at < cut:
            found = flat_records.match(text, at, cut)
            at = found.end() if found else at
            found = record.match(text, at) if at < cut else None
            if found is None or (found.end() == len(text) and not ended):
                break  # it goes on in the next chunk, or is never closed
            if b"\n" in found[0].rstrip(b"\n"):
                yield Spread(begins + at, found[0], True, hidden)
                hidden += _with_text(found[0]) - 1
            at = found.end()
        begins, waiting = begins + at, text[at:]
        if waiting and (ended or len(waiting) > LONGEST_RECORD):
            if b"\n" in waiting:
                yield Spread(begins, waiting, False, hidden)
                return
            begins, waiting = begins + len(waiting), b""  # one line that is too long, which the reader tells of


def _is_flat(text: bytes, opens: np.ndarray) -> bool:
    """Whether no quote in some whole lines is open at the end of its line: never wrongly so."""
    if b'"' not in text:
        return True
    values = np.frombuffer(text, dtype=np.uint8)
    quotes = np.flatnonzero(values == ord('"'))
    ends = np.flatnonzero(values == ord("\n"))
    if len(quotes) % 2 or (np.searchsorted(quotes, ends) % 2).any():
        return False
    first = quotes[::2]
    return bool(opens[values[first[first > 0] - 1]].all())


def _with_text(text: bytes) -> int:
    return sum(1 for line in text.split(b"\n") if line.strip(b"\r"))


def row_at(chunks: Iterator[bytes], spread: Spread) -> int:
    """The number of the row with which a record begins: the header and empty lines are no rows."""
    count, left, before = 0, spread.begins, b""
    for chunk in chunks:
        text = before + chunk[:left]
        left -= len(chunk[:left])
        cut = text.rfind(b"\n") + 1
        count += _with_text(text[:cut])
        before = text[cut:]
        if not left:
            break
    return count - spread.hidden


def swallowed_by(spread: Spread, delimiter: str, model: Model) -> str | None:
    """The first line that looks like a row inside a record's quotes, if one does."""
    width = model.width
    if spread.text.count(delimiter.encode()) < width:
        return None  # what nearly all texts of several lines are
    text = spread.text.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n")
    lines = text.split("\n")
    fields = _fields(text, delimiter) if spread.closed else None
    if fields is None or len(fields) != width:
        # The record is broken. No line but its first can be part of it alone.
        return next((line for line in lines[1:] if model.fits(_fields(line, delimiter))), None)
    for place, field in enumerate(fields):
        if "\n" not in field:
            continue
        first, *inner, last = field.split("\n")
        for line in inner:
            if model.fits(_fields(line, delimiter)):
                return line
        # The rest of the row that opens the quote, and the beginning of the one that closes it.
        after, before = first.split(delimiter), last.split(delimiter)
        if len(after) >= width - place and len(before) > place:
            rest = after[len(after) - (width - 1 - place) :]
            if model.fits([*before[:place], None, *rest]):
                return lines[-1]
    return None


def _fields(text: str, delimiter: str) -> list[str] | None:
    """The fields of one record; None where it is none, or a field is very long."""
    try:
        records = list(_records(text, delimiter, 2))
    except csv.Error:
        return None
    return records[0] if len(records) == 1 else None


def _records(text: str, delimiter: str, count: int) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    return islice(reader, count)


_SIGNS = r"[^\w\s]{0,2}"
_CURRENCY = r"(?:[^\W\d]{1,3})?"
_NUMBER = re.compile(rf"{_SIGNS}\s?{_CURRENCY}\s?{_SIGNS}\d[\d.,'\u2019 \u00a0\u202f]*+{_SIGNS}\s?{_CURRENCY}{_SIGNS}")
_MONTH = r"[^\W\d]{3,9}"
_DAY = re.compile(
    rf"(?:\d{{1,4}}[-/. ]\s?(?:\d{{1,2}}|{_MONTH})[-/., ]\s?\d{{1,4}}|{_MONTH}\.? \d{{1,2}},? \d{{4}})"
    r"(?:[T ,].{4,24})?"
)


def _kind(value: str) -> str:
    """What a value looks like: ``day``, ``number``, ``code`` (an id), ``text`` or nothing at all."""
    value = value.strip()
    if not value:
        return ""
    if _DAY.fullmatch(value):
        return "day"
    if _NUMBER.fullmatch(value):
        return "number"
    if " " not in value and any(map(str.isdigit, value)):
        return "code"
    return "text"


class Model:
    """What the rows of a file look like: how many fields they have, and the kinds of values in each column."""

    def __init__(self, head: str, delimiter: str, width: int) -> None:
        """Learn it from the beginning of a file."""
        self.width = width
        rows: list[list[str]] = []
        with suppress(csv.Error):  # a field that is longer than the head
            rows += [row for row in islice(_records(head, delimiter, _SAMPLED), 1, None) if len(row) == width]
        if not rows:  # a quote that is open from the beginning on leaves nothing but lines to learn from
            lines = (_fields(line, delimiter) for line in islice(io.StringIO(head), 1, _SAMPLED))
            rows = [row for row in lines if row is not None and len(row) == width]
        columns = list(zip(*rows, strict=True))
        self._kinds = {place: kinds for place, column in enumerate(columns) if (kinds := _telling(column))}

    def fits(self, row: list[str | None] | list[str] | None) -> bool:
        """Whether fields are those of a row; None stands for one that may be anything."""
        if row is None or len(row) != self.width:
            return False
        looked_at = [(row[place], kinds) for place, kinds in self._kinds.items() if row[place] is not None]
        wrong = sum(_kind(value or "") not in kinds for value, kinds in looked_at)
        # A row may have a fault of its own.
        return bool(looked_at) and wrong <= len(looked_at) // 3


def _telling(column: tuple[str, ...]) -> set[str]:
    """The kinds of values of a column of days, numbers or ids; none of one that holds text."""
    kinds = Counter(map(_kind, column))
    telling = kinds["day"] + kinds["number"] + kinds["code"]
    if telling * 2 < len(column) or kinds["text"] * 5 > telling:
        return set()
    return {kind for kind, count in kinds.items() if count * 10 >= len(column)}
