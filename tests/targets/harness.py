"""What the tests of targets share: sources, runs, signals, and what they find in the tables of PostgreSQL."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

from customer_features.definition import features
from tests.agreement import oracle
from tests.conftest import TODAY, Cli, Ran
from tests.database import Database, unseen
from tests.waiting import until

GOOD = [f"c{place % 7},{place},2025-04-{place % 20 + 1:02},{place}.05,p{place % 3}" for place in range(200)]
BAD = ["c1,x1,2052-04-01,1,p", ",x2,2025-04-01,-1,p"]
COLUMNS = ["customer_id", *features.names()]
TABLES = {"f", "f_manifest", "f_quarantine"}


def expected(lines: list[str]) -> dict[str, oracle.Vector]:
    rows = []
    for line in lines:
        customer, order, day, amount, product = line.split(",")
        rows.append(oracle.Row(customer, order, date.fromisoformat(day), float(amount), product))
    return oracle.vectors(rows, date.fromisoformat(TODAY))


def built(cli: Cli, source: object, out: str, *more: str) -> Ran:
    """A run that must end well."""
    today = () if "--today" in more else ("--today", TODAY)
    ran = cli("build", source, "--out", out, *today, "--max-faults", 1, *more)
    assert ran.code == 0, ran.err
    unseen(ran.out, ran.err)
    return ran


def refused(cli: Cli, source: object, out: str, *more: str) -> str:
    """What a run says that must be refused."""
    ran = cli("build", source, "--out", out, "--today", TODAY, "--max-faults", 1, *more)
    assert ran.code == 2, ran.err
    assert ran.err.splitlines()[-1].startswith("Error: ")
    assert "fault of customer-features itself" not in ran.err
    unseen(ran.out, ran.err)
    return ran.err


def vectors(database: Database, table: str = "f") -> dict[str, list[bytes]]:
    rows = database.rows(f'SELECT {", ".join(COLUMNS)} FROM "{table}" ORDER BY customer_id COLLATE "C"')
    return {name: oracle.bits(vector) for name, *vector in rows}


def bits(lines: list[str]) -> dict[str, list[bytes]]:
    return {name: oracle.bits(vector) for name, vector in expected(lines).items()}


def manifest(database: Database, table: str = "f") -> dict[str, Any]:
    [(text,)] = database.rows(f'SELECT manifest::text FROM "{table}_manifest"')
    unseen(text)
    described: dict[str, Any] = json.loads(text)
    return described


def taken(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Wait until a process has taken a signal that was sent to it, which ends what it waited for."""

    def pending() -> bool:
        status = Path(f"/proc/{process.pid}/status").read_text()
        return any(int(mask, 16) >> (number - 1) & 1 for mask in re.findall(r"^(?:Sig|Shd)Pnd:\t(\w+)", status, re.M))

    until(lambda: not pending(), f"the arrival of {number.name}")
