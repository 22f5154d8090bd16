"""``build --dry-run``: what a run would read, how, in which steps, and what it would publish."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from customer_features.definition.counts import counted
from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.plan import Plan, Step
from customer_features.engines.duckdb.quarantine import Staged
from customer_features.engines.warnings import EXACT_ROWS, FIRST_ROWS
from customer_features.query.columns import literal
from customer_features.query.layout import laid_out
from customer_features.sources.csv import DELIMITERS
from customer_features.sources.parts import File, Part, unglobbed

_SHOWN_DATES = 3
"""So many as-of dates are listed in full."""


def described(engine: Engine, plan: Plan, published: list[tuple[str, str]], spill_dir: Path | None) -> str:
    """All of it as text; the same sources and options give the same text on one machine."""
    parts = engine.parts if engine.loyalty is None else [*engine.parts, engine.loyalty]
    sections = {
        "Sources": table(row for part in parts for row in _sources(engine, part)),
        **{f"Fields of {_files(staged.part)}": table(_fields(staged, engine)) for staged in plan.staged},
        "Options": table((name, value(of)) for name, of in engine.options.described().items()),
        "Limits": table(_limits(engine, spill_dir)),
        "Steps": "\n".join(_steps(engine, plan)),
        "Published, all or nothing": table(published),
        "SQL": _named("\n\n".join(_statements(plan)), parts),
    }
    text = "\n\n".join(f"{title}\n{body}" for title, body in sections.items())
    return f"{text}\n\nA dry run: no rows were read, and nothing was written."


def table(rows: Iterable[tuple[str, ...]]) -> str:
    """Rows of words in columns."""
    lines = [tuple(map(str, row)) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _sources(engine: Engine, part: Part) -> Iterator[tuple[str, str, str, str]]:
    if not part.files:
        yield part.name, _format(part), "", _rows(part, engine)
    for file in part.files:
        yield file.name, _format(part), _size(file.bytes), _rows(replace(part, files=[file]), engine)


def _files(part: Part) -> str:
    more = len(part.files) - 1
    return f"{part.name} and {more:,} more of the same columns" if more > 0 else part.name


def _format(part: Part) -> str:
    reader = re.match(r"read_(\w+)\(", part.reader)
    words = [reader[1] if reader else "table in memory"]
    if part.kind == "csv":
        words = ["csv", DELIMITERS.get(part.delimiter, repr(part.delimiter))]
    return ", ".join([*words, *([part.compression] if part.compression else [])])


def _rows(part: Part, engine: Engine) -> str:
    count = part.rows(engine.connection)
    return "" if count is None else counted(count, "row")


def _size(count: int) -> str:
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:,.1f} {name}"
    return counted(count, "byte")


def _fields(staged: Staged, engine: Engine) -> Iterator[tuple[str, str, str, str]]:
    for name, mapped in staged.fields.items():
        how = "recognised" if mapped.recognised else "--map"
        yield name, f"{mapped.shown} ({how})", staged.types[name], _reading(name, staged.types[name], engine.options)


def _reading(field: str, kind: str, options: Options) -> str:
    """How a column of a type is read as a field, in words."""
    text = kind == "VARCHAR"
    if field == "date":
        if text and options.date_format is not None:
            return f"text in the format {options.date_format}"
        if text:
            return f"text YYYY-MM-DD, or a timestamp, in {options.timezone} where it has an offset"
        if kind.startswith("TIMESTAMP"):
            return f"its day in {options.timezone}" if "ZONE" in kind or "TZ" in kind else "its day"
        return "as it is"
    if field in ("amount", "loyalty_score"):
        read = f"text, with the decimal mark {options.decimal or '.'}" if text else "as it is"
        return f"{read}; to 1/10000, half up" if field == "amount" else f"{read}; 0 to 1"
    if kind in ("DOUBLE", "FLOAT"):
        return "whole numbers, as text"
    return "as it is" if text else "as text"


def value(given: object) -> str:
    """An option's value in words."""
    if given is None or given == [] or given == {}:
        return "none"
    if isinstance(given, dict):
        return ", ".join(f"{name}={part}" for name, part in given.items())
    if isinstance(given, list) and not re.fullmatch(r"\d{4}-\d\d-\d\d", str(given[0])):
        return ", ".join(map(repr, given))
    if isinstance(given, list):
        shown = ", ".join(map(str, given)) if len(given) <= _SHOWN_DATES else f"{given[0]} to {given[-1]}"
        return f"{shown} ({counted(len(given), 'date')})"
    return str(given)


def _limits(engine: Engine, spill_dir: Path | None) -> Iterator[tuple[str, str]]:
    memory, spilled = engine.connection.execute(
        "SELECT current_setting('memory_limit'), current_setting('max_temp_directory_size')"
    ).fetchall()[0]
    yield "memory", f"{memory}, then to disk"
    yield "spilled", f"to {spill_dir or tempfile.gettempdir()}, at most {spilled}"


def _steps(engine: Engine, plan: Plan) -> Iterator[str]:
    for number, step in enumerate(plan.steps, 1):
        yield f"  {number}. {step.title}{_times(step)}"
    kept = any(part.parse_once for part in engine.parts)
    scanned = any(not part.parse_once for part in engine.parts)
    notes = []
    if kept:
        notes.append("Text is parsed once: its typed rows are kept in memory, and spilled where that is short.")
    if scanned:
        notes.append("Parquet files and tables are scanned by each step that needs their rows; nothing is kept.")
    if engine.options.as_of:
        notes.append(
            f"{len(engine.options.as_of)} as-of dates are measured side by side, of as many customers in one pass as"
            " memory allows."
        )
    notes += [
        "Distinct products are counted by sorting a word for each row, of its customer's hash and its product's"
        " number; where two customers share a hash, of the customer's number.",
        "Where memory is short, customers are measured a share at a time, each in a pass of its own.",
        f"On more than {EXACT_ROWS:,} rows the first {FIRST_ROWS:,} are looked at for repetitions before all are.",
        "These are the steps where no row is faulty. Where any is, its source is read again, file by file, to set it"
        " aside, and orders and customers that are set aside are left out by an ANTI JOIN.",
    ]
    yield from (f"  {note}" for note in notes)


def _times(step: Step) -> str:
    return f" (and for {counted(step.times - 1, 'more file')})" if step.times > 1 else ""


def _statements(plan: Plan) -> Iterator[str]:
    for number, step in enumerate(plan.steps, 1):
        yield f"-- {number}. {step.title}{_times(step)}\n{laid_out(step.sql)};"
    for step in plan.when_faulty:
        yield f"-- Only where rows are faulty: {step.title}{_times(step)}\n{laid_out(step.sql)};"


def _named(sql: str, parts: list[Part]) -> str:
    """The SQL with the names of sources in place of temporary files, which have other names in every run."""
    for file in (file for part in parts for file in part.files if str(file.read_from) != file.name):
        sql = sql.replace(literal(unglobbed(str(file.read_from))), _placeholder(file))
        sql = sql.replace(literal(str(file.read_from)), _placeholder(file))
    return sql


def _placeholder(file: File) -> str:
    return literal(f"<a copy of {file.name}>")
