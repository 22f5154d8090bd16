"""Damaged and ambiguous bodies, and races for one result: the same question has one answer, or a refusal."""

from __future__ import annotations

import json

from customer_features.service.content import CSV, JSON, NDJSON, PARQUET
from tests.attack.attacker import Attack, Attacker, gathered
from tests.attack.generators import arrow, downloads, jobs, parquet
from tests.attack.oracle import TODAY, repeats_fault

PART = "damage"
REPEATS = 8


async def kept_bodies(attacker: Attacker) -> None:
    """Two damaged bodies that were once answered in three and in five ways."""
    bodies = [path.read_bytes() for path in sorted(parquet.BODIES.glob("damaged-*.parquet"))]
    answers = [
        [await attacker.post(body, PARQUET, f"today={TODAY}&future=exclude") for body in bodies] for _ in range(REPEATS)
    ]
    for number, found in enumerate(zip(*answers, strict=True), 1):
        fault = repeats_fault(list(found))
        attacker.expect(not fault, f"damaged-{number}.parquet: {fault}")


async def namesakes(attacker: Attacker) -> None:
    """Two columns of one name with other values: no kind of table chooses one of them silently.

    Of a name given twice in a JSON object the last one counts, as in the common parsers; another rule is a refusal.
    """
    lines = [f"{customer},c{row},t{row},2025-04-01,1,p" for row, customer in enumerate("abc")]
    csv = "\n".join(["customer_id,customer_id,transaction_id,date,amount,product_id", *lines]).encode()
    for kind, body in ((PARQUET, parquet.twice()), (arrow.STREAM, arrow.twice()), (CSV, csv)):
        found = await attacker.post(body, kind, f"today={TODAY}", Accept=JSON)
        attacker.expect(found.status in (400, 422), f"two columns of one name as {kind}: {found}")
    row = '{"customer_id":"a","customer_id":"c","transaction_id":"t","date":"2025-04-01","amount":1,"product_id":"p"}'
    found = await attacker.post(row.encode(), NDJSON, f"today={TODAY}", Accept=JSON)
    last = found.status == 200 and json.loads(found.body)["customers"][0]["customer_id"] == "c"
    attacker.expect(last or found.status in (400, 422), f"two columns of one name as {NDJSON}: {found}")


CUSTOMERS = 60_000


async def downloaded(attacker: Attacker) -> None:
    """One result downloaded many times at once, for the first time."""
    for kind, times, apart in (("json", 3, 0.12), ("csv", 10, 0.0), ("json", 6, 0.01), ("parquet", 10, 0.0)):
        dataset = await downloads.built(attacker, jobs.csv(CUSTOMERS), "rows.csv")
        works = (downloads.download(attacker, dataset, kind, place * apart) for place in range(times))
        found = await gathered(*works)
        attacker.expect(
            {one.status for one in found} == {200}, f"{kind}: answered {sorted({one.status for one in found})}"
        )
        attacker.expect(len({one.body for one in found}) == 1, f"{kind}: the same file in different bytes")
        for one in found:
            attacker.expect(_whole(kind, one.body), f"{kind}: a file that is not whole")
        await attacker.page("DELETE", f"/explorer/d/{dataset}")


def _whole(kind: str, body: bytes) -> bool:
    if kind == "json":
        try:
            return len(json.loads(body)["customers"]) == CUSTOMERS
        except (ValueError, KeyError):  # a problem document is JSON too
            return False
    return body.count(b"\n") == CUSTOMERS + 1 if kind == "csv" else body[:4] == body[-4:] == b"PAR1"


ATTACKS = (
    Attack("C1", PART, "two damaged Parquet bodies, eight times each", kept_bodies, quick=True),
    Attack("C2", PART, "one result downloaded many times at once", downloaded),
    Attack("C3", PART, "two columns of one name in every kind of table", namesakes, quick=True),
)
