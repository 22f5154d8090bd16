"""What ``build`` and ``check`` share beside their options: opening the sources, and what is said about a run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_features import __version__
from customer_features.addresses import DATABASES, named, scheme_of
from customer_features.cli.log import log
from customer_features.cli.progress import progress
from customer_features.cli.shared import as_of_dates
from customer_features.columns import check_scores, parse_constants, parse_mapping, shell_map, with_constants
from customer_features.engines.duckdb import Engine
from customer_features.engines.duckdb_plan import Plan, plan
from customer_features.engines.duckdb_session import connected
from customer_features.engines.results import Results
from customer_features.errors import DataFaults, InvalidOption, SourceError
from customer_features.faults import check_tolerated
from customer_features.options import Options, parse_encoding
from customer_features.parts import Part
from customer_features.sources import QUERY, goes_with_query, opened

if TYPE_CHECKING:
    import duckdb

_STATABLE = ("today", "grain", "future", "returns", "window")


@dataclass(slots=True)
class Given:
    """The shared options as they were given on the command line."""

    sources: tuple[str, ...]
    mapping: dict[str, str]
    loyalty: str | None
    query: str | None
    memory_limit: str | None
    spill_dir: Path | None
    spill_limit: str | None
    push_down: bool = False
    choices: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, sources: tuple[str, ...], assignments: tuple[str, ...], **choices: Any) -> Given:
        loyalty, query, memory_limit = (choices.pop(name) for name in ("loyalty", "query", "memory_limit"))
        spill_dir, spill_limit = spill_folder(choices.pop("spill_dir")), choices.pop("spill_limit")
        push_down, constants = choices.pop("push_down"), choices.pop("constants", ())
        days = as_of_dates(*(choices.pop(name) for name in ("today", "every", "start", "end")))
        given = {name: value for name, value in choices.items() if value is not None}
        if len(days) == 1:
            given["today"] = days[0]
        elif days:
            given["as_of"] = days
        if "max_points" in given and loyalty is None:
            most = given["max_points"]
            raise InvalidOption(
                "max_points",
                "goes with --loyalty FILE, which holds the points; a column of points among the rows themselves is read"
                f" with {shell_map('loyalty_score', f'points / {most}')}",
            )
        for name in ("null", "tolerate"):
            if not given.get(name, ()):
                given.pop(name, None)
        check_tolerated(Options.parse(**given))  # a wrong value is said before any file is read
        mapping = with_constants(parse_mapping(assignments), parse_constants(constants))
        if loyalty is not None:
            check_scores(mapping, with_points="max_points" in given)
        if push_down:
            _check_push_down(sources, query, given)
        return cls(sources, mapping, loyalty, query, memory_limit, spill_dir, spill_limit, push_down, given)


_OF_TEXT = {
    "encoding": "the server says how its text is encoded",
    "decimal": "the server reads numbers of text with a decimal point; convert others in --query or with --map",
    "thousands": "the server reads numbers of text with any mark between thousands; convert others in --query or with"
    " --map",
    "incomplete": "run without --push-down, or leave it out",
    "date_format": "the server reads days of text as YYYY-MM-DD; convert others in --query or with --map",
}
"""Options that say how files are written, and why they do not go with --push-down."""


def _check_push_down(sources: tuple[str, ...], query: str | None, given: dict[str, Any]) -> None:
    """Raise InvalidOption where a run cannot be computed in a server."""
    if len(sources) != 1 or scheme_of(sources[0]) not in DATABASES:
        what = f"{len(sources)} sources" if len(sources) != 1 else named(sources[0])
        raise InvalidOption(
            "push_down", f"goes with one database source, e.g. postgresql://user@host/shop#orders, not with {what}"
        )
    if query is not None and not goes_with_query(sources[0]):
        raise InvalidOption("query", QUERY)
    for name, reason in _OF_TEXT.items():
        if name in given:
            raise InvalidOption(name, f"does not go with --push-down: {reason}")


def spill_folder(name: str | None) -> Path | None:
    """The folder to spill to. Raises InvalidOption where it is none, or cannot be written to."""
    if name is None:
        return None
    folder = Path(name)
    if not name or not folder.is_dir():
        what = "is a file, not a folder" if name and folder.exists() else "does not exist; make it first"
        raise InvalidOption("spill_dir", f"'{name}' {what}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidOption("spill_dir", f"the folder '{name}' cannot be written to")
    return folder


@dataclass(slots=True)
class _Opened:
    """What a run reads, and how."""

    connection: duckdb.DuckDBPyConnection
    parts: list[Part]
    options: Options
    columns: dict[str, str]
    loyalty: Part | None


@contextmanager
def _opened(given: Given, *, beginning: bool = False) -> Iterator[_Opened]:
    """The sources; ``beginning``: no more of them is looked at than their columns need."""
    encoding = parse_encoding(given.choices.get("encoding"))
    place, scored = given.spill_dir, [] if given.loyalty is None else [given.loyalty]
    with (
        connected(memory_limit=given.memory_limit, spill_dir=place, spill_limit=given.spill_limit) as connection,
        opened(given.sources, connection, encoding, given.query, place=place, beginning=beginning) as parts,
        opened(scored, connection, encoding, place=place, beginning=beginning) as scores,
    ):
        options = Options.parse(**{**_stated(parts, given.choices), **given.choices}) if parts else None
        if options is None:
            raise SourceError("there is nothing to read")
        score = one_kind(given, scores)
        for part in [*parts, *scores]:
            for note in part.notes:
                log.say("note", note, source=part.name)
        yield _Opened(connection, parts, options, given.mapping, score)


def one_kind(given: Given, scores: list[Part]) -> Part | None:
    """The part of the loyalty files, if any. Raises SourceError where they are several."""
    if len(scores) > 1:
        raise SourceError(f"{named(given.loyalty or '')}: its files differ in format or columns; give one kind of file")
    return scores[0] if scores else None


@contextmanager
def judged(
    given: Given,
    *,
    exact_warnings: bool = False,
    vectors: bool = True,
    refused: Callable[[Results], None] | None = None,
) -> Iterator[Results]:
    """An engine that has read and judged the sources; ``vectors``: they will be asked for.

    ``refused``: called with the engine whose faults stop the run, before that is said.
    """
    if given.push_down:
        from customer_features.cli.push_down import pushed_down

        with pushed_down(given) as pushed:
            if refused is not None:
                pushed.listed = None
            _judge(pushed, lambda: pushed.judge(exact_warnings=exact_warnings, vectors=vectors), refused)
            yield pushed
        return
    with _opened(given) as run:
        engine = Engine(run.connection, run.parts, run.options, columns=run.columns, loyalty=run.loyalty)
        _judge(engine, lambda: engine.judge(exact_warnings=exact_warnings), refused)
        _refuse_changed(run.parts if run.loyalty is None else [*run.parts, run.loyalty])
        yield engine


def _judge(engine: Results, judge: Callable[[], object], refused: Callable[[Results], None] | None) -> None:
    try:
        with progress(engine):
            judge()
    except DataFaults:
        say_recognised(engine)  # a wrong mapping is the first thing to look for
        if refused is not None:
            refused(engine)
        raise


@contextmanager
def planned(given: Given) -> Iterator[tuple[Engine, Plan]]:
    """An engine that has read nothing but what tells how it would read the sources, and what it would do."""
    with _opened(given, beginning=True) as run:
        yield plan(run.connection, run.parts, run.options, columns=run.columns, loyalty=run.loyalty)


def _stated(parts: list[Part], given: dict[str, Any]) -> dict[str, Any]:
    """Options that request documents among the sources state; the command line's own come first."""
    stated: dict[str, Any] = {}
    for part in parts:
        for name, value in part.stated.items():
            if name == "today" and "as_of" in given:
                continue
            if name in _STATABLE and name not in given and stated.setdefault(name, value) != value:
                raise InvalidOption(
                    name, f"the documents state both {stated[name]!r} and {value!r}; give it on the command line"
                )
    return stated


def _refuse_changed(parts: list[Part]) -> None:
    for part in parts:
        for file in part.files:
            if not file.unchanged():
                raise SourceError(f"{file.name}: changed while it was read; nothing was published, run again")


def say(text: str) -> None:
    """Something for people: on standard error."""
    log.say("note", text)


def say_started(command: str, sources: tuple[str, ...], **fields: str) -> None:
    """What a run was told to do, for machines: people see their own command line."""
    names = [named(source) for source in sources]
    targets = {name: named(value) for name, value in fields.items()}
    log.record("started", f"{command} {' '.join(names)}", version=__version__, sources=names, **targets)


def say_recognised(engine: Results) -> None:
    """Which columns were taken for which fields: all of them, for a wrong one gives wrong numbers."""
    taken = [f"{name} = {shown}" for name, shown in engine.mapping.items()]
    if not taken:
        return
    said, of_scores = ", ".join(taken), engine.scored_by
    if engine.loyalty is not None and of_scores:
        scored = ", ".join(f"{name} = {shown}" for name, shown in of_scores.items())
        said = f"{said}; of {engine.loyalty.name}: {scored}"
    log.say("recognised", said, label="Recognised", mapping=engine.mapping, loyalty_mapping=of_scores)
