"""The attacks that take seconds, one after the other on one server, and a hundred damaged bodies. See `make attack`."""

from __future__ import annotations

import pytest

from tests.attack.attacker import Attack, Attacker
from tests.attack.attacks import ATTACKS
from tests.attack.attacks.mutations import damaged
from tests.attack.bystander import BUSY
from tests.attack.running import attacked

QUICK = {one.name: one.run for one in ATTACKS if one.quick}
DAMAGED = {
    f"damaged {kind}": damaged(kind, count, every=1) for kind, count in (("parquet", 30), ("arrow", 30), ("json", 40))
}


@pytest.mark.slow
def test_nobody_is_misled_or_refused() -> None:
    failed = {}

    async def every(attacker: Attacker) -> None:
        for name, run in (QUICK | DAMAGED).items():
            before = attacker.faults.copy()
            await run(attacker)
            if more := attacker.faults - before:
                failed[name] = dict(more)

    report = attacked(Attack("quick", "quick", "what takes seconds", every, longest=1000), patience=BUSY)
    print(report.line())
    assert (failed, report.faults) == ({}, {}), report.texts
