"""Bodies that declare or unpack to more than they are: what they cost is bounded before it is allocated."""

from __future__ import annotations

import zstandard

from customer_features.service.content import PARQUET
from tests.attack.attacker import Attack, Attacker, gathered
from tests.attack.generators import arrow, downloads, parquet

PART = "memory"


async def buffers(attacker: Attacker) -> None:
    await attacker.post(arrow.BUFFERS, arrow.STREAM, coding="zstd")


async def buffers_once_more(attacker: Attacker) -> None:
    """The same kind in the other packings, containers and sizes."""
    bodies = [
        (kind, zstandard.compress(arrow.bomb(2**25, batches=batches, file=kind == arrow.FILE, packing=packing)))
        for kind in (arrow.STREAM, arrow.FILE)
        for packing, batches in ((None, 16), ("lz4", 128), ("zstd", 128))
    ]
    for kind, body in bodies:
        await attacker.post(body, kind, coding="zstd")
    await gathered(*(attacker.post(body, kind, coding="zstd") for kind, body in bodies))


async def row_groups(attacker: Attacker) -> None:
    await attacker.post(parquet.ROW_GROUPS, PARQUET)
    await gathered(*(attacker.post(parquet.ROW_GROUPS, PARQUET) for _ in range(4)))


async def long_words(attacker: Attacker) -> None:
    """A word of 16 MiB, written once and used in 100,000 rows."""
    await attacker.post(parquet.repeated(2**24, 100_000), PARQUET, "today=2025-04-24")
    await attacker.post(parquet.repeated(2**24, 100_000), PARQUET, "today=2025-04-24", Prefer="respond-async")


async def explored(attacker: Attacker) -> None:
    for name, content in (("blanks.json.gz", b"".join(downloads.blanks(2048))), ("plain.json", downloads.plain(60))):
        dataset = await downloads.given(attacker, content, name)
        shown = await downloads.settled(attacker, dataset, 30)
        attacker.expect(downloads.BUSY not in shown.body, f"{name} is still being looked at after 30 seconds")
        await attacker.page("DELETE", f"/explorer/d/{dataset}")


ATTACKS = (
    Attack("A1", PART, "Arrow of 407 bytes whose packed buffers declare 4 GiB", buffers),
    Attack("A1 kind", PART, "Arrow streams and files of 512 MiB and 4 GiB in every packing", buffers_once_more),
    Attack("A2", PART, "Parquet of 111 bytes that declares 100,000,000 row groups", row_groups),
    Attack("A2 kind", PART, "Parquet with one id of 16 MiB in 100,000 rows", long_words),
    Attack("A3", PART, "a .json.gz of 2 GiB of blanks, and 60 MB of JSON, in the explorer", explored),
)
