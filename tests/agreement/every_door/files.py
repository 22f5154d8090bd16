"""The doors of the command line: ``build`` over a file of each format, and what it publishes."""

from __future__ import annotations

import csv
import io
import json
import random
import signal
import tempfile
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from customer_features.cli import run
from customer_features.targets.manifest import quarantine_of
from tests.agreement import oracle
from tests.agreement.every_door.generator import Case
from tests.agreement.every_door.interface import Door, Form, Outcome
from tests.agreement.every_door.values import AMOUNT, DATE, ID, LOYALTY_SCORE, ORDER, PRODUCT
from tests.conftest import aside_of, manifest_of
from tests.damage.lines import Line
from tests.damage.writing import cells_of, write


class CommandLine(Door):
    """``build SOURCE --out FILE``, by the suffixes of the two."""

    source: ClassVar[str]
    out: ClassVar[str] = ".parquet"

    def write(self, case: Case, path: Path) -> None:
        raise NotImplementedError

    def run(self, case: Case) -> Outcome:
        with tempfile.TemporaryDirectory() as folder:
            path, out = Path(folder) / f"rows{self.source}", Path(folder) / f"vectors{self.out}"
            self.write(case, path)
            arguments = ["build", path, "--out", out, "--max-faults", 1, *case.scenario.choices.arguments()]
            code, said = _called([*arguments, "--timezone", case.scenario.timezone])
            assert code == 0, said
            manifest = manifest_of(out)
            aside = aside_of(out, ["fault", "faults"]) if quarantine_of(out).exists() else []
            firsts = Counter(str(row["fault"]) for row in aside)
            assert manifest["faults"] == dict(firsts)
            vectors = _read(out)
            assert manifest["customers"] == len(set(vectors["customer_id"].to_pylist()))
            listed = Counter(name for row in aside for name in str(row["faults"]).split(","))
            return Outcome(vectors, firsts, _balance(manifest["rows"]), listed)


def _balance(rows: dict[str, Any]) -> dict[str, int]:
    """The balance of a manifest without what left rows out, which adds up to the excluded rows."""
    assert sum(rows["excluded_by"].values()) == rows["excluded"]
    return {name: count for name, count in rows.items() if name != "excluded_by"}


def _called(arguments: list[Any]) -> tuple[int, str]:
    """Exit code and all that was said by a command, in this process."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            return run([str(argument) for argument in arguments]), said.getvalue()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _read(out: Path) -> pa.Table:
    if out.suffix == ".parquet":
        return pq.read_table(out)
    if out.suffix == ".arrow":
        return pa.ipc.open_file(out).read_all()
    with out.open(encoding="utf-8", newline="") as text:
        head, *rows = csv.reader(text)
    columns: dict[str, Any] = dict(zip(head, zip(*rows, strict=True) if rows else [()] * len(head), strict=True))
    arrays = {}
    for name, column in columns.items():
        if name in oracle.NAMES:
            arrays[name] = pa.array(map(float, column), pa.float64())
        else:
            arrays[name] = (
                pa.array(map(date.fromisoformat, column)) if name == "as_of" else pa.array(column, pa.string())
            )
    return pa.table(arrays)


class Csv(CommandLine):
    name = "command line, CSV"
    form = Form.CSV
    source = out = ".csv"

    def write(self, case: Case, path: Path) -> None:
        write("csv", case.lines, path, random.Random(case.seed))


class Ndjson(CommandLine):
    name = "command line, NDJSON"
    form = Form.NDJSON
    source = ".ndjson"

    def write(self, case: Case, path: Path) -> None:
        write("ndjson", case.lines, path, random.Random(case.seed))


class Document(CommandLine):
    """The contract's document as a file; scores stand beside customers there, so rows with the same one go together."""

    name = "command line, JSON"
    form = Form.DOCUMENT
    source = ".json"

    def write(self, case: Case, path: Path) -> None:
        luck = random.Random(case.seed)
        customers = []
        rows = sorted(((_owner(line), line) for line in case.lines), key=lambda pair: pair[0])
        for (_, _, scored), own in groupby(rows, lambda pair: pair[0]):
            lines = [line for _, line in own]
            entry: dict[str, Any] = {"customer_id": lines[0].written.get(ID, lines[0].customer)}
            if scored:
                entry["loyalty_score"] = lines[0].written[LOYALTY_SCORE]
            entry["transactions"] = [_row(line, luck) for line in lines]
            customers.append(entry)
        path.write_text(json.dumps({"customers": customers}))


def _owner(line: Line) -> tuple[str, str, str]:
    scored = line.written.get(LOYALTY_SCORE)
    return line.customer or "", repr(line.written.get(ID)), "" if scored is None else repr(scored)


def _row(line: Line, luck: random.Random) -> dict[str, Any]:
    cells = cells_of(line, typed=False)
    amount = line.paid if AMOUNT not in line.written and luck.random() < 0.5 else cells[AMOUNT]
    return {"transaction_id": cells[ORDER], "date": cells[DATE], "amount": amount, "product_id": cells[PRODUCT]}


class _Table(CommandLine):
    def write(self, case: Case, path: Path) -> None:
        rows = max(len(case.table) // 3, 1)
        if path.suffix == ".parquet":
            pq.write_table(case.table, path, row_group_size=rows)
        else:
            with pa.ipc.new_file(path, case.table.schema) as out:
                out.write_table(case.table, max_chunksize=rows)


class Parquet(_Table):
    name = "command line, Parquet"
    source = ".parquet"


class Arrow(_Table):
    name = "command line, Arrow"
    source = out = ".arrow"
