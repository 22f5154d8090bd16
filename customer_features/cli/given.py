"""The shared options of ``build`` and ``check`` as they were given, checked before any file is read."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from customer_features.cli.shared import as_of_dates
from customer_features.connections.addresses import DATABASES, named, scheme_of
from customer_features.definition.faults import check_tolerated
from customer_features.definition.options import Options
from customer_features.errors import InvalidOption, SourceError
from customer_features.query.columns import check_scores, parse_constants, parse_mapping, shell_map, with_constants
from customer_features.sources.opening import QUERY, goes_with_query
from customer_features.sources.parts import Part


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


def one_kind(given: Given, scores: list[Part]) -> Part | None:
    """The part of the loyalty files, if any. Raises SourceError where they are several."""
    if len(scores) > 1:
        raise SourceError(f"{named(given.loyalty or '')}: its files differ in format or columns; give one kind of file")
    return scores[0] if scores else None
