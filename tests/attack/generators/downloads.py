"""The explorer as its page asks: files given, results built, and races for one result's files."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator

from tests.attack.attacker import Attacker, paused
from tests.attack.oracle import TODAY, Answer

LOOKS = 0.1
BUSY = b'aria-busy="true"'


async def given(attacker: Attacker, content: bytes, name: str) -> str:
    """The id of a dataset; empty where the file was refused."""
    found = await attacker.page("PUT", "/explorer/files", content, X_File_Name=name)
    return str(json.loads(found.body)["id"]) if found.status == 201 else ""


async def settled(attacker: Attacker, dataset: str, most: float) -> Answer:
    """What the page shows once nothing runs any more, or when the time is up."""
    found = Answer(0)
    for _ in range(int(most / LOOKS)):
        found = await attacker.page("GET", f"/explorer/d/{dataset}")
        if BUSY not in found.body:
            break
        await paused(LOOKS)
    return found


async def built(attacker: Attacker, content: bytes, name: str) -> str:
    """A dataset with a result."""
    dataset = await given(attacker, content, name)
    await settled(attacker, dataset, 20)
    for step in ("check", "build"):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        await attacker.page("POST", f"/explorer/d/{dataset}/{step}", f"today={TODAY}".encode(), **form)
        await settled(attacker, dataset, 30)
    return dataset


async def download(attacker: Attacker, dataset: str, kind: str, after: float) -> Answer:
    """A file of a result by a link that serves once, a while after now."""
    await paused(after)
    made = await attacker.page("POST", f"/explorer/d/{dataset}/ticket/{kind}")
    if made.status != 200:
        return made
    return await attacker.ask("GET", json.loads(made.body)["url"])


def blanks(mebibytes: int) -> Iterator[bytes]:
    """A gzip file of so many mebibytes of blanks, each packed as the one before it, so that it costs no time."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = b" " * 2**20
    once = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    checked = 0
    for _ in range(mebibytes):
        checked = zlib.crc32(piece, checked)
        yield once
    end = zlib.compressobj(9, wbits=-15)
    yield end.compress(b"[]") + end.flush()
    yield zlib.crc32(b"[]", checked).to_bytes(4, "little")
    yield ((mebibytes * 2**20 + 2) % 2**32).to_bytes(4, "little")


def plain(megabytes: int) -> bytes:
    """A JSON file of about so many megabytes: customers of one row."""
    row = '{"transaction_id":"t","date":"2025-04-01","amount":1.5,"product_id":"p"}'
    customers = (f'{{"customer_id":"c{place}","transactions":[{row}]}}' for place in range(megabytes * 8_500))
    return f'{{"today":"{TODAY}","customers":[{",".join(customers)}]}}'.encode()
