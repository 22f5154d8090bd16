"""What is computed of a dataset, in a process beside the worker: its columns, its faults, its vectors.

Each step leaves what it found in the dataset's folder, as JSON or as the files that ``build`` writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import msgspec

from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected, lock, memory_limit_of, translated
from customer_features.engines.outcome import Unreconciled
from customer_features.errors import ColumnError, SourceError
from customer_features.query.columns import FIELDS, literal, quoted, resolve
from customer_features.service.bodies.watchdog import telling
from customer_features.service.explorer.choices import Choices
from customer_features.service.explorer.datasets import BODY, Meta
from customer_features.service.explorer.pictures import drawn
from customer_features.sources.bounds import Bounds
from customer_features.sources.formats import part_of
from customer_features.sources.opening import opened
from customer_features.sources.parts import File, Part
from customer_features.targets.publish import publish

LOOKED, CHECKED, BUILT, CHOICES = "looked.json", "checked.json", "built.json", "choices.json"
PICTURES = "pictures.json"
SPILL = "spill"
FEATURES, ROWS = "features.parquet", "rows.parquet"
MADE = "download-"
"""What the names of files begin with that were made of the features, to be downloaded."""
SHOWN_ROWS, SHOWN_COLUMNS = 12, 40
"""Of the file's beginning so much is shown; the columns of recognised fields always are."""


class Looked(msgspec.Struct):
    """What stands in a file: its columns with their types, which was recognised as which field, and its first rows."""

    columns: dict[str, str]
    recognised: dict[str, str]
    shown: list[str]
    rows: list[list[str | None]]
    notes: list[str]
    stated: dict[str, str]
    kind: str
    """The format: ``csv``, ``parquet``, ``ndjson``, ``json`` or ``arrow``."""
    delimiter: str
    """What stands between the fields of a CSV file."""


class Found(msgspec.Struct):
    """One faulty row."""

    source: str
    row_number: int
    fault: str
    message: str


class Checked(msgspec.Struct):
    """What became of the rows, as :class:`customer_features.engines.outcome.Outcome` counts them."""

    rows_in: int
    used: int
    excluded: int
    quarantined: int
    customers: int
    faults: dict[str, int]
    found: list[Found]
    warnings: list[dict[str, Any]]
    mapping: dict[str, str]
    types: dict[str, str]
    today: str


def work(step: str, folder: str, meta: Meta, choices: Choices, memory: str, threads: int, unpacked: int) -> None:
    """Take one step over a dataset: ``look``, ``check`` or ``build``. Raises UsageError where it cannot be done.

    ``unpacked``: bytes that an uploaded file may hold once it is unpacked.
    """
    place = Path(folder)
    spill = place / SPILL
    spill.mkdir(exist_ok=True)
    with connected(memory_limit=memory, threads=threads, spill_dir=spill) as connection:
        if meta.source is None:
            lock(connection, place)
        if step == "look":
            _keep(place / LOOKED, looked(connection, place, meta, choices, unpacked))
            return
        with _parts(connection, place, meta, choices, unpacked) as parts:
            stated = {name: value for part in parts for name, value in part.stated.items()}
            options = Options.parse(**{**stated, **choices.given}, on_fault="quarantine", max_faults=1)
            engine = Engine(connection, parts, options, columns=_columns(choices, parts))
            with telling(place, engine):
                judged(engine, place)
                if step == "build":
                    built(engine, place)


def looked(connection: duckdb.DuckDBPyConnection, place: Path, meta: Meta, choices: Choices, unpacked: int) -> Looked:
    """Return the columns of a file and its first rows."""
    with _parts(connection, place, meta, choices, unpacked, beginning=True) as parts:
        part = parts[0]
        recognised: dict[str, str] = {}
        for field in FIELDS:
            with suppress(ColumnError):
                found = resolve(part.columns, {}, meta.name, (), (field,))
                recognised |= {name: mapped.shown for name, mapped in found.items()}
        shown = list(dict.fromkeys([*recognised.values(), *part.columns]))[:SHOWN_COLUMNS]
        listed = ", ".join(f"CAST({quoted(name)} AS VARCHAR)[:200]" for name in shown)
        relation = part.sound_rows
        rows = connection.execute(f"SELECT {listed} FROM {relation} LIMIT {SHOWN_ROWS}").fetchall()
        return Looked(
            {name: str(type_name) for name, type_name in part.columns.items()},
            recognised,
            shown,
            [list(row) for row in rows],
            list(part.notes),
            {name: str(value) for name, value in part.stated.items()},
            part.kind or _kind(part),
            part.delimiter,
        )


def judged(engine: Engine, place: Path) -> Checked:
    """Judge the rows, and keep what came of it."""
    try:
        outcome = engine.judge()
    except Unreconciled as error:
        raise SourceError(f"the file gives other rows each time it is read ({error})") from None
    found = Checked(
        outcome.rows_in,
        outcome.used,
        outcome.excluded,
        outcome.quarantined,
        outcome.customers,
        outcome.faults,
        [Found(**asdict(one)) for one in engine.found()] if outcome.quarantined else [],
        outcome.warnings,
        engine.mapping,
        engine.types,
        engine.options.today.isoformat(),
    )
    _keep(place / CHECKED, found)
    return found


def built(engine: Engine, place: Path) -> None:
    """Publish the vectors as ``build`` does, and keep the rows that they are made of."""
    for written in place.glob(f"{MADE}*"):  # of an earlier build with other options
        written.unlink(missing_ok=True)
    target = literal(str(place / ROWS))
    with translated():
        engine.connection.execute(f"COPY ({engine.counted_rows()}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
    publish(engine, place / FEATURES)
    _keep(place / PICTURES, drawn(engine.connection, f"read_parquet({literal(str(place / FEATURES))})"))
    _keep(place / BUILT, {"customers": engine.outcome.customers})


@contextmanager
def _parts(
    connection: duckdb.DuckDBPyConnection,
    place: Path,
    meta: Meta,
    choices: Choices,
    unpacked: int,
    *,
    beginning: bool = False,
) -> Iterator[list[Part]]:
    encoding = choices.options.get("encoding")
    if meta.source is not None:
        with opened((meta.source,), connection, encoding, place=place, beginning=beginning) as parts:
            if not parts:
                raise SourceError("there is nothing to read")
            yield parts
        return
    copies = place / "copies"
    copies.mkdir(exist_ok=True)
    bounds = Bounds(unpacked=unpacked, memory=memory_limit_of(connection))
    file = File.of(place / BODY, meta.name)
    yield [part_of(file, connection, copies, encoding, beginning=beginning, bounds=bounds)]


def _columns(choices: Choices, parts: list[Part]) -> dict[str, str]:
    for field, column in choices.columns.items():
        for part in parts:
            if column not in part.columns:
                raise ColumnError(f"{field}: there is no column '{column[:60]}'")
    return choices.expressions()


Kept = TypeVar("Kept")


def kept(path: Path, kind: type[Kept]) -> Kept | None:
    """What a step left in the dataset's folder; None where it has not come so far."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError:
        return None


def _kind(part: Part) -> str:
    for kind in ("parquet", "arrow", "json"):
        if kind in part.reader.lower():
            return kind
    return "json"


def _keep(path: Path, found: object) -> None:
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(found))
    draft.replace(path)
