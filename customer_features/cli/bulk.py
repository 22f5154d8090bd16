"""What ``build`` and ``check`` share beside their options: opening the sources, and what is said about a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from customer_features._version import __version__
from customer_features.cli.given import Given, one_kind
from customer_features.cli.log import log
from customer_features.cli.progress import progress
from customer_features.connections.addresses import named
from customer_features.definition.options import Options, parse_encoding
from customer_features.engines.duckdb.engine import Engine
from customer_features.engines.duckdb.plan import Plan, plan
from customer_features.engines.duckdb.session import connected
from customer_features.engines.results import Results
from customer_features.errors import DataFaults, InvalidOption, SourceError
from customer_features.sources.opening import opened
from customer_features.sources.parts import Part

if TYPE_CHECKING:
    import duckdb

_STATABLE = ("today", "grain", "future", "returns", "window")


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
