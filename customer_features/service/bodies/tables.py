"""Tables as bodies: one request's rows in a file of its own, computed by the DuckDB engine, the answer in another file.

This runs in a process beside the worker. The engine is shut in: it reads and writes in the request's folder alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from customer_features.definition import features
from customer_features.definition.counts import are, counted
from customer_features.definition.options import Options
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.session import connected, lock, memory_limit_of
from customer_features.engines.listing import Listing
from customer_features.engines.outcome import Unreconciled
from customer_features.engines.rows.engine import CustomerVector, vector_type
from customer_features.errors import (
    ColumnError,
    DataFaults,
    InvalidOption,
    MissingExtra,
    OutputError,
    TooLarge,
    UsageError,
    did_you_mean,
)
from customer_features.query.columns import Constant, MissingColumns, check_fields, parse_constants, quoted
from customer_features.service.bodies import spool
from customer_features.service.bodies.watchdog import telling
from customer_features.service.content import (
    ARROW,
    ARROW_FILE,
    CSV,
    FAULTY_OPTIONS,
    JSON,
    NDJSON,
    PARQUET,
    TABLE_OPTIONS,
)
from customer_features.service.problems import Refused
from customer_features.service.replies import FileReply
from customer_features.service.settings import MAX_DATES, MAX_VECTORS
from customer_features.sources.bounds import Bounds
from customer_features.sources.formats import part_of
from customer_features.sources.parts import File, Part, first_line
from customer_features.targets.publish import publish

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("tables as request bodies", "bulk") from error

BODY = "body"
"""The name of the spooled body in its folder, and what messages call it."""

SPILL = "spill"
"""The folder within that one in which the engine keeps what its memory does not hold."""

KINDS = {PARQUET: "parquet", ARROW: "arrow", ARROW_FILE: "arrow", CSV: "csv", NDJSON: "ndjson"}
"""The format of each media type of a body."""

COLUMN_HINT = "name a column with the query parameter map=FIELD=COLUMN"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a table: the options as they were given, columns of fields, and the answer's media type."""

    media_type: str
    answer: str
    options: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Constant] = field(default_factory=dict)
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer in a file: its path, rows, media type and the warnings' names with their numbers."""

    path: str
    media_type: str
    customers: int
    warnings: str

    def reply(self, path: Path) -> FileReply:
        """The answer over HTTP, from where its file lies."""
        headers = ((b"x-feature-warnings", self.warnings.encode()),) if self.warnings else ()
        return FileReply(path, self.media_type.encode(), headers)


def parse(
    parameters: Sequence[tuple[str, str]], media_type: str, answer: str, timezone: str, max_dates: int = MAX_DATES
) -> Asked:
    """What the query parameters ask for. Raises Refused (422) with what is wrong with each."""
    options: dict[str, Any] = {}
    columns: dict[str, str] = {}
    constants: dict[str, Constant] = {}
    found = Listing()
    days: list[str] = []
    for name, value in parameters:
        try:
            if name not in TABLE_OPTIONS:
                if found.is_full:  # a suggestion would be looked for in vain
                    found.count += 1
                    continue
                allowed = ", ".join(TABLE_OPTIONS)
                reason = f"is no parameter{did_you_mean(name, TABLE_OPTIONS)}; allowed are {allowed}"
                raise InvalidOption(name[:60], reason)
            if name == "today":
                days.append(value)
            elif name == "map":
                _put_column(columns, value)
            elif name == "constant":
                constants |= _constant(constants, value)
            elif name == "null":
                options.setdefault("null", []).append(value)
            elif name in options:
                raise InvalidOption(name, "is given twice")
            else:
                options[name] = value
        except InvalidOption as error:
            found.add(error.option, error.reason)
    if len(days) > max_dates:
        found.add("today", f"is given {len(days)} times; {max_dates} dates are allowed")
    elif len(set(days)) > 1:
        options["as_of"] = days
    elif days:
        options["today"] = days[0]
    for name, value in ({} if found.count else options).items():
        try:
            Options.parse(**{name: value})
        except InvalidOption as error:
            found.add(error.option, error.reason)
    if not found.count and answer == JSON and len(set(days)) > 1:
        found.add("today", "several dates go with an answer that is a table: set Accept to one of its media types")
    if twice := sorted(constants.keys() & columns):
        found.add("constant", f"{twice[0]} is mapped as well; give one of the two")
    if found.count:
        raise _faulty(FAULTY_OPTIONS, found.errors, fault_count=found.count)
    return Asked(media_type, answer, options, columns, constants, timezone)


def _constant(given: Mapping[str, Constant], assignment: str) -> dict[str, Constant]:
    try:
        made = parse_constants([assignment])
    except InvalidOption as error:
        raise InvalidOption(error.option, error.reason[:200]) from None
    if twice := [name for name in made if name in given]:
        raise InvalidOption("constant", f"{twice[0]} is given twice")
    return made


def _put_column(columns: dict[str, str], assignment: str) -> None:
    name, equals, column = assignment.partition("=")
    if not equals or not column:
        raise InvalidOption("map", f"'{assignment[:60]}' is not of the form FIELD=COLUMN")
    if name in columns:
        raise InvalidOption("map", f"{name[:60]} is mapped twice")
    check_fields({name[:60]: column})
    columns[name] = column


def _faulty(detail: str, errors: Mapping[str, list[str]], **more: Any) -> Refused:
    count = sum(map(len, errors.values()))
    return Refused("faulty-request", detail, errors=dict(errors), **{"fault_count": count, **more})


def compute(
    folder: str,
    asked: Asked,
    *,
    memory: str,
    threads: int,
    vectors: int = MAX_VECTORS,
    telling_progress: bool = False,
) -> Answered:
    """Return the answer to the body that lies in a folder, as a file beside it.

    ``vectors``: the most that the answer may hold; ``telling_progress``: keep a file in the folder that says how far
    it is.

    Raises Refused: 400 (not of its media type), 422 (faults, all or nothing), 413 (more vectors, or more than the
    memory or the bounds hold), 503 (the disk is full).
    """
    place = Path(folder)
    try:
        spill = place / SPILL
        spill.mkdir(exist_ok=True)
        with spool.answering(), connected(memory_limit=memory, threads=threads, spill_dir=spill) as connection:
            lock(connection, place)
            file = replace(File.of(place / BODY, BODY), kind=KINDS[asked.media_type])
            size = memory_limit_of(connection)
            part = part_of(file, connection, place, None, bounds=Bounds(unpacked=size, memory=size))
            options = Options.parse(**{"timezone": asked.timezone, **asked.options})
            engine = Engine(connection, [part], options, columns={**_quoted(asked.columns, part), **asked.constants})
            with telling(place, engine) if telling_progress else nullcontext():
                engine.judge()
                _check_vectors(engine.outcome.customers, options, vectors)
                return _answer(engine, asked, place)
    except DataFaults as error:
        raise _faults(error) from None
    except InvalidOption as error:
        raise _faulty(FAULTY_OPTIONS, {error.option: [error.reason]}) from None
    except ColumnError as error:
        if isinstance(error, MissingColumns):
            error = error.proposing(error.proposed, "")  # a request maps columns and no expressions
        said = str(error).partition("; choose one with --map")[0].partition("\n  say which")[0]
        said = _clean(said, place)
        hint = "" if _HAS.search(str(error)) else f"; {COLUMN_HINT}"
        raise _faulty("The columns do not serve.", {"columns": [f"{said}{hint}"]}) from None
    except TooLarge as error:
        raise Refused("body-too-large", _sentence(_clean(str(error), place))) from None
    except Unreconciled as error:
        raise Refused("malformed-table", f"The body gives other rows each time it is read ({error}).") from None
    except OutputError as error:
        raise Refused("body-too-large", f"There is no room for this table: {_clean(str(error), place)}.") from None
    except UsageError as error:
        raise Refused("malformed-table", _sentence(_clean(str(error), place))) from None
    except duckdb.Error as error:
        if asked.media_type != PARQUET:
            raise
        # Its pages are whole; what is left are declarations that do not fit together, of which the engine may say
        # anything.
        raise Refused("malformed-table", _sentence(_clean(f"is damaged: {first_line(error)}", place))) from None


def _check_vectors(customers: int, options: Options, most: int) -> None:
    """Raise Refused (413) for too many vectors: a small body with many dates asks for a large answer."""
    dates = max(len(options.as_of), 1)
    if customers * dates > most:
        raise Refused(
            "body-too-large",
            f"The answer may hold {most:,} vectors; {counted(customers, 'customer')} at {counted(dates, 'date')} make"
            f" {customers * dates:,}. Send fewer customers or dates at a time.",
        )


def _quoted(columns: Mapping[str, str], part: Part) -> dict[str, str]:
    """Columns as expressions: what a caller gives is a name and never SQL."""
    for name, column in columns.items():
        if column not in part.columns:
            shown = ", ".join(f"'{one}'" for one in list(part.columns)[:20])
            raise ColumnError(f"{name}: there is no column '{column[:60]}'; there are {shown}")
    return {name: quoted(column) for name, column in columns.items()}


def _answer(engine: Engine, asked: Asked, place: Path) -> Answered:
    """Write the answer as ``build`` writes its features, or as the contract's document."""
    warnings = ",".join(f"{warning['name']};n={warning['count']}" for warning in engine.outcome.warnings)
    customers = engine.outcome.customers
    if asked.answer == JSON:
        path = place / "answer.json"
        spool.keep(_document(engine), path)
        return Answered(str(path), asked.answer, customers, warnings)
    suffix = {PARQUET: ".parquet", CSV: ".csv"}.get(asked.answer, ".arrow")
    path = place / f"answer{suffix}"
    publish(engine, path)
    if asked.answer == ARROW:
        path = _as_stream(path, place / "answer.arrows")
    return Answered(str(path), asked.answer, customers, warnings)


def _document(engine: Engine) -> bytes:
    vector = vector_type(features.names())
    customers = [
        CustomerVector(row[0], vector(*row[1:]))
        for batch in iter(engine.vectors().to_arrow_reader(1 << 16))
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    answer: dict[str, Any] = {"customers": customers}
    if engine.outcome.warnings:
        answer["warnings"] = [
            {"name": one["name"], "customer_id": None, "message": one["message"]} for one in engine.outcome.warnings
        ]
    return msgspec.json.encode(answer)


def _as_stream(source: Path, target: Path) -> Path:
    with (
        pa.OSFile(str(source)) as read,
        pa.ipc.open_file(read) as file,
        pa.OSFile(str(target), "w") as sink,
        pa.ipc.new_stream(sink, file.schema) as writer,
    ):
        for place in range(file.num_record_batches):
            writer.write_batch(file.get_batch(place))
    return target


def _as_parameters(text: str) -> str:
    """A message in which options that a request has too are named as its parameters."""
    if not _HAS.search(text):
        return text
    return _HAS.sub(lambda option: f"{option[1].replace('-', '_')}=", text.partition(" (in Python: ")[0])


def _faults(error: DataFaults) -> Refused:
    """The fault list as a JSON request's, with row numbers (the first row is 1) for paths."""
    count = sum(error.counts.values())
    listed = f"; the first {len(error.found)} are listed" if count > len(error.found) else ""
    errors: dict[str, list[str]] = {}
    for one in error.found:
        errors.setdefault(f"row {one.row_number}", []).append(f"{_as_parameters(one.message)} [{one.fault}]")
    detail = f"{count:,} of {counted(error.rows, 'row')} {are(count)} faulty{listed}. Nothing was computed."
    return _faulty(detail, errors, fault_count=count, faults=error.counts)


_HAS = re.compile(r"--(decimal|thousands|null|date-format|timezone) ")
"""Options of the command line that are parameters of a request too."""
_OPTION = re.compile(r"(; (name|say|convert) [^;]*?|,[^;,]*?|)--.*", re.S)
"""What tells of an option of the command line, which a request has not."""
_VERBS = ("is ", "holds ", "takes ", "looks ", "cannot ", "has ", "ends ", "begins ", "starts ", "contains ")
_NAMESAKES = re.compile(r"(\w+) columns are named ")


def _sentence(said: str) -> str:
    """What is said of the body, behind its name in other messages, as a sentence of its own."""
    if namesakes := _NAMESAKES.match(said):
        return f"{namesakes[1].capitalize()} columns of the body are named {said[namesakes.end() :]}."
    return f"The body {said}." if said.startswith(_VERBS) else f"The body cannot be read: {said}."


def _clean(text: str, place: Path) -> str:
    """A message without the places of our own that it may name."""
    text = text.removeprefix(f"{BODY}: ").replace(str(place) + os.sep, "").replace(str(place), "the spool")
    text = "; ".join(line.strip() for line in _as_parameters(text).splitlines())
    said = _OPTION.sub("", text.partition("--spill")[0]).rstrip(" ;.,(")
    return f"{said}; send it in UTF-8" if "--encoding" in text else said


__all__ = ["BODY", "KINDS", "SPILL", "Answered", "Asked", "compute", "parse"]
