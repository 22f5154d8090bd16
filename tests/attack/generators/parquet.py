"""Parquet bodies: sound ones in every encoding and packing, damaged ones, and footers that declare too much."""

from __future__ import annotations

import base64
import functools
import io
import random
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

BODIES = Path(__file__).parents[1] / "bodies"
NAMES = ("customer_id", "transaction_id", "date", "amount", "product_id")
ROWS = 2000
ROW_GROUPS = base64.b64decode(
    "UEFSMRUCGWxIAXIVCgAVDCUCGAtjdXN0b21lcl9pZAAVDCUCGA50cmFuc2FjdGlvbl9pZAAVDCUCGARkYXRlABUMJQIYBmFtb3VudAAVDCUCGApw"
    "cm9kdWN0X2lkABYAGfyAwtcvAGMAAABQQVIx"
)
"""111 bytes whose footer declares a hundred million row groups."""

_TEXTS = ("PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY")
_PACKINGS = ("none", "gzip", "snappy", "zstd", "lz4", "brotli")


def table(rows: int = ROWS, start: int = 0) -> pa.Table:
    """Sound rows, the same each time."""
    places = range(start, start + rows)
    columns = [
        [f"c{place % 97}" for place in places],
        [f"t{place}" for place in places],
        [date(2025, 4, 24) - timedelta(days=place % 700) for place in places],
        [place % 1000 / 8 for place in places],
        [f"p{place % 31}" for place in places],
    ]
    return pa.table(dict(zip(NAMES, columns, strict=True)))


def written(rows: pa.Table, **options: Any) -> bytes:
    """A table as a file."""
    sink = io.BytesIO()
    pq.write_table(rows, sink, **options)
    return sink.getvalue()


@functools.cache
def sound() -> tuple[bytes, ...]:
    """The rows in every combination of encoding and packing that readers treat in ways of their own."""
    rows = table()
    plain = [
        written(
            rows,
            use_dictionary=False,
            column_encoding=dict.fromkeys(("customer_id", "transaction_id", "product_id"), text)
            | {"date": "DELTA_BINARY_PACKED", "amount": "BYTE_STREAM_SPLIT"},
            compression=packing,
            data_page_version=version,
            write_statistics=version == "1.0",
        )
        for text in _TEXTS
        for packing in _PACKINGS
        for version in ("1.0", "2.0")
    ]
    words = [
        written(rows, compression=packing, data_page_size=1000, row_group_size=500, write_page_checksum=checked)
        for packing in _PACKINGS
        for checked in (False, True)
    ]
    return (*plain, *words)


def chunks(body: bytes) -> list[range]:
    """Where each column of each row group lies: the header of its first page, then pages."""
    said = pq.read_metadata(io.BytesIO(body))
    found = []
    for group in range(said.num_row_groups):
        for place in range(said.num_columns):
            column = said.row_group(group).column(place)
            begins = min(column.data_page_offset, column.dictionary_page_offset or column.data_page_offset)
            found.append(range(begins, begins + column.total_compressed_size))
    return found


def footer(body: bytes) -> range:
    """Where the footer lies, without its length and the mark behind it."""
    end = len(body) - 8
    return range(end - int.from_bytes(body[end : end + 4], "little"), end)


# -- damage: each changes some bytes in place --------------------------------------------------------------------------

HEADER = 24
"""Bytes at the beginning of a page that are its header, or most of it."""


def flipped(found: bytearray, where: range, luck: random.Random) -> None:
    """A bit or a few, anywhere in a region."""
    for _ in range(1 + int(luck.expovariate(0.7))):
        found[luck.choice(where)] ^= 1 << luck.randrange(8)


def numbered(found: bytearray, where: range, luck: random.Random) -> None:
    """Another number in as many bytes, as Thrift and the encodings of pages write them: its length stays."""
    place = luck.choice(where)
    found[place] = found[place] & 0x80 | luck.choice((0, 1, 0x7F, luck.randrange(128)))


def blanked(found: bytearray, where: range, luck: random.Random) -> None:
    """A run of bytes that are all the same."""
    begins = luck.choice(where)
    length = min(1 + int(luck.expovariate(0.02)), where.stop - begins)
    found[begins : begins + length] = bytes([luck.choice((0, 0x7F, 0xFF))]) * length


def shuffled(found: bytearray, where: range, luck: random.Random) -> None:
    """Two runs of a region, each in the other's place."""
    length = 1 + luck.randrange(max(1, min(64, len(where) // 2)))
    one, other = (luck.randrange(where.start, max(where.start + 1, where.stop - length)) for _ in range(2))
    found[one : one + length], found[other : other + length] = found[other : other + length], found[one : one + length]


def _in_pages(change: Callable[[bytearray, range, random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    def changed(body: bytes, luck: random.Random) -> bytes:
        found = bytearray(body)
        change(found, luck.choice(chunks(body)), luck)
        return bytes(found)

    return changed


def _in_headers(change: Callable[[bytearray, range, random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    def changed(body: bytes, luck: random.Random) -> bytes:
        found, chunk = bytearray(body), luck.choice(chunks(body))
        change(found, range(chunk.start, min(chunk.start + HEADER, chunk.stop)), luck)
        return bytes(found)

    return changed


def _in_the_footer(
    change: Callable[[bytearray, range, random.Random], None],
) -> Callable[[bytes, random.Random], bytes]:
    def changed(body: bytes, luck: random.Random) -> bytes:
        found = bytearray(body)
        change(found, footer(body), luck)
        return bytes(found)

    return changed


def _cut(body: bytes, luck: random.Random) -> bytes:
    """Bytes missing in the middle, so that what the footer says of places is wrong."""
    begins = luck.randrange(4, len(body) - 8)
    return body[:begins] + body[begins + 1 + int(luck.expovariate(0.05)) :]


def _ended(body: bytes, luck: random.Random) -> bytes:
    return body[: luck.randrange(len(body))]


def _length(body: bytes, luck: random.Random) -> bytes:
    """A footer that says it is shorter or longer than it is."""
    size = luck.choice((0, 1, len(footer(body)) - 1, len(footer(body)) + 1, len(body), 2**31 - 1, 2**32 - 1))
    return body[:-8] + size.to_bytes(4, "little") + body[-4:]


def _crossed(body: bytes, luck: random.Random) -> bytes:
    """The footer of another sound file over these pages."""
    other = luck.choice(sound())
    return body[: footer(body).start] + other[footer(other).start :]


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bits of pages": _in_pages(flipped),
    "numbers of pages": _in_pages(numbered),
    "runs of pages": _in_pages(blanked),
    "order of pages": _in_pages(shuffled),
    "bits of page headers": _in_headers(flipped),
    "numbers of page headers": _in_headers(numbered),
    "bits of footers": _in_the_footer(flipped),
    "numbers of footers": _in_the_footer(numbered),
    "runs of footers": _in_the_footer(blanked),
    "bytes cut out": _cut,
    "ends cut off": _ended,
    "lengths of footers": _length,
    "footers of others": _crossed,
}


def mutation(number: int, seed: int = 0) -> tuple[str, bytes]:
    """The body of that number, the same each time, and the kind of its damage."""
    luck = random.Random(f"{seed} parquet {number}")
    name = list(DAMAGES)[number % len(DAMAGES)]
    return name, DAMAGES[name](luck.choice(sound()), luck)


# -- declared sizes ----------------------------------------------------------------------------------------------------


def wide(columns: int) -> bytes:
    """A file of very many columns and one row; its names alone are its size."""
    names = [*NAMES, *(f"x{place}" for place in range(columns - len(NAMES)))]
    return written(pa.schema([(name, pa.string()) for name in names]).empty_table())


def repeated(characters: int, rows: int) -> bytes:
    """One long id, written once, in very many rows."""
    indices = pa.array([0] * rows, pa.int32())
    columns = {name: pa.DictionaryArray.from_arrays(indices, ["x"]) for name in NAMES}
    columns["product_id"] = pa.DictionaryArray.from_arrays(indices, ["p" * characters])
    columns["date"] = pa.DictionaryArray.from_arrays(indices, ["2025-01-01"])
    columns["amount"] = pa.array([1.0] * rows)
    return written(pa.table(columns), compression="zstd")


def twice() -> bytes:
    """Two columns of the same name with other values."""
    rows = table(3)
    return written(pa.Table.from_arrays([pa.array(["a", "b", "c"]), *rows.columns], ["customer_id", *NAMES]))
