"""Arrow bodies, streams and files: sound ones, damaged ones, and buffers that declare more than they hold."""

from __future__ import annotations

import functools
import io
import random
from collections.abc import Callable
from itertools import pairwise

import pyarrow as pa
import pyarrow.ipc

from customer_features.service.content import ARROW as STREAM
from customer_features.service.content import ARROW_FILE as FILE
from tests.attack.generators.parquet import BODIES, NAMES, blanked, flipped, shuffled, table

ZSTD, LZ4 = bytes.fromhex("28b52ffd"), bytes.fromhex("04224d18")
"""How a packed buffer begins, behind the eight bytes that declare its size."""
MESSAGE = b"\xff\xff\xff\xff"


def written(rows: pa.Table, *, file: bool = False, packing: str | None = None, batch: int = 500) -> bytes:
    """A table as a stream or a file, in batches."""
    sink, options = io.BytesIO(), pa.ipc.IpcWriteOptions(compression=packing)
    with (pa.ipc.new_file if file else pa.ipc.new_stream)(sink, rows.schema, options=options) as writer:
        writer.write_table(rows, max_chunksize=batch)
    return sink.getvalue()


@functools.cache
def sound() -> tuple[tuple[str, bytes], ...]:
    """The rows as each kind of body, by media type."""
    plain = table()
    words = pa.table({name: plain[name].dictionary_encode() if name.endswith("_id") else plain[name] for name in NAMES})
    return tuple(
        (FILE if file else STREAM, written(rows, file=file, packing=packing))
        for rows in (plain, words)
        for file in (False, True)
        for packing in (None, "zstd", "lz4")
    )


def messages(body: bytes) -> list[int]:
    """Where messages begin."""
    found, place = [], body.find(MESSAGE)
    while place >= 0:
        found.append(place)
        place = body.find(MESSAGE, place + 8)
    return found


def _metadata(body: bytes, luck: random.Random) -> range:
    """The length and the description of a message."""
    begins = luck.choice(messages(body)) + 4
    length = int.from_bytes(body[begins : begins + 4], "little")
    return range(begins, min(begins + 4 + max(length, 1), len(body)))


def _buffers(body: bytes, luck: random.Random) -> range:
    """What lies between two messages' descriptions."""
    places = [*messages(body), len(body)]
    begins, ends = luck.choice(list(pairwise(places)))
    length = int.from_bytes(body[begins + 4 : begins + 8], "little")
    return range(begins + 8 + length, ends) if begins + 8 + length < ends else range(begins, ends)


Change = Callable[[bytearray, range, random.Random], None]


def _changed(
    change: Change, region: Callable[[bytes, random.Random], range]
) -> Callable[[bytes, random.Random], bytes]:
    def changed(body: bytes, luck: random.Random) -> bytes:
        found = bytearray(body)
        change(found, region(body, luck), luck)
        return bytes(found)

    return changed


def _declared(body: bytes, luck: random.Random) -> bytes:
    """A packed buffer that declares another size; a word of a description where nothing is packed."""
    found = bytearray(body)
    packed = [place for mark in (ZSTD, LZ4) for place in range(8, len(body)) if body.startswith(mark, place)]
    where = luck.choice(packed) - 8 if packed else luck.choice(_metadata(body, luck)) // 8 * 8
    size = luck.choice((-1, 0, 1, 2**20, 2**31 - 1, 2**33, 2**40, 2**62, luck.getrandbits(63)))
    found[where : where + 8] = size.to_bytes(8, "little", signed=True)
    return bytes(found)


def _long(found: bytearray, where: range, luck: random.Random) -> None:
    """A length or a place in a description that is far too large, or below nothing."""
    place = max(where.start, luck.choice(where) // 4 * 4)
    found[place : place + 4] = luck.choice((b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\xff\xff\xff\xff", b"\0\0\0\0"))


def _cut(body: bytes, luck: random.Random) -> bytes:
    begins = luck.randrange(len(body))
    return body[:begins] + body[begins + 1 + int(luck.expovariate(0.02)) :]


def _ended(body: bytes, luck: random.Random) -> bytes:
    return body[: luck.randrange(len(body))]


def _again(body: bytes, luck: random.Random) -> bytes:
    """A message twice, or a whole body behind another."""
    places = [*messages(body), len(body)]
    begins, ends = luck.choice(list(pairwise(places)))
    return body[:ends] + body[begins:ends] + body[ends:] if luck.random() < 0.8 else body + body


DAMAGES: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "bits of descriptions": _changed(flipped, _metadata),
    "runs of descriptions": _changed(blanked, _metadata),
    "lengths of descriptions": _changed(_long, _metadata),
    "bits of buffers": _changed(flipped, _buffers),
    "runs of buffers": _changed(blanked, _buffers),
    "order of buffers": _changed(shuffled, _buffers),
    "declared sizes": _declared,
    "bytes cut out": _cut,
    "ends cut off": _ended,
    "messages twice": _again,
}


def mutation(number: int, seed: int = 0) -> tuple[str, str, bytes]:
    """The media type, the kind of damage and the body of that number, the same each time."""
    luck = random.Random(f"{seed} arrow {number}")
    name = list(DAMAGES)[number % len(DAMAGES)]
    kind, body = luck.choice(sound())
    return kind, name, DAMAGES[name](body, luck)


# -- declared sizes ----------------------------------------------------------------------------------------------------

BUFFERS = (BODIES / "buffers.arrow.zst").read_bytes()
"""407 bytes: ``bomb(2**29, batches=8)``, packed by zstd at level 19. To make it anew takes a gigabyte."""


def bomb(characters: int, *, batches: int = 8, file: bool = False, packing: str | None = "zstd") -> bytes:
    """The same batch several times, with one id of so many characters."""
    batch = pa.record_batch([["c"], ["x" * characters], ["2025-01-01"], [1.0], ["p"]], names=list(NAMES))
    return written(pa.Table.from_batches([batch] * batches), file=file, packing=packing, batch=1)


def wide(columns: int) -> bytes:
    """A stream of very many columns and one row."""
    names = [*NAMES, *(f"x{place}" for place in range(columns - len(NAMES)))]
    one = pa.array(["1"])
    return written(pa.table([one] * columns, names=names))


def twice() -> bytes:
    """Two columns of the same name with other values."""
    rows = table(3)
    return written(pa.Table.from_arrays([pa.array(["a", "b", "c"]), *rows.columns], ["customer_id", *NAMES]))
