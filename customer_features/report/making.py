"""A report from files: read, compute, and nothing shown yet."""

from __future__ import annotations

from dataclasses import replace
from itertools import count as count_from
from pathlib import Path
from typing import TYPE_CHECKING

from customer_features.connections.addresses import named, scheme_of
from customer_features.errors import InvalidOption
from customer_features.report.figures import figures_of, history
from customer_features.report.movers import compare
from customer_features.report.reading import FeaturesFile, read
from customer_features.report.run import differences
from customer_features.report.shapes import Report
from customer_features.report.vectors import Vectors

if TYPE_CHECKING:
    import duckdb


def made(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    *,
    older: str | None = None,
    as_of: str | None = None,
    older_as_of: str | None = None,
    show_ids: bool = False,
    place: Path | None = None,
) -> Report:
    """The report of a features file, beside an older one where that is given.

    ``as_of`` and ``older_as_of`` (YYYY-MM-DD): the date of files with several; by default the latest, and of the older
    file the latest before the other's. ``show_ids``: customers that moved are called by their ids. ``place``: where
    copies are kept meanwhile. Raises SourceError for what is no features file, InvalidOption for a date that there
    is not.
    """
    file = read(name, connection, "features", place=place)
    vectors = _at(connection, file, as_of)
    comparison = None
    if older is not None:
        other = file if older == name else read(older, connection, "features_older", place=place)
        before = _before(connection, other, vectors.as_of, older_as_of)
        if other is file and before.as_of == vectors.as_of:
            raise InvalidOption(
                "compare", f"{older} would be compared with itself; give an older file, or --compare-as-of"
            )
        day = _dated(other, before)
        if other is file:
            called = f"{file.name} as of {day}"
        elif other.name == file.name:
            name, called = _told_apart(name, older)
            file = replace(file, name=name)
        else:
            called = other.name
        comparison = compare(
            before, vectors, called, as_of=day, differences=differences(other.run, file.run), show_ids=show_ids
        )
    return Report(
        name=file.name,
        as_of=_dated(file, vectors),
        ids_shown=show_ids and comparison is not None,
        figures=figures_of(vectors),
        history=history(connection, file.relation),
        run=file.run,
        comparison=comparison,
    )


def _told_apart(name: str, older: str) -> tuple[str, str]:
    """Names of two files that are called alike, as the features of each night are: with as many folders as it takes."""
    if any(scheme_of(one) is not None or one == "-" for one in (name, older)):
        return named(name), named(older)
    parts = [Path(one).resolve().parts for one in (name, older)]
    count = next(count for count in count_from(1) if parts[0][-count:] != parts[1][-count:])
    return str(Path(*parts[0][-count:])), str(Path(*parts[1][-count:]))


def _dated(file: FeaturesFile, vectors: Vectors) -> str | None:
    """The as-of date of vectors: the manifest knows it where the rows of a single date do not state it."""
    if vectors.as_of is None and file.run is not None and len(file.run.today) == 1:
        return file.run.today[0]
    return vectors.as_of


def _at(connection: duckdb.DuckDBPyConnection, file: FeaturesFile, as_of: str | None) -> Vectors:
    """The vectors of a date; rows that do not state theirs are those of the run's only one."""
    stated = file.run.today if file.run is not None else []
    vectors = Vectors.of(connection, file.relation, None if stated == [as_of] else as_of)
    return vectors if as_of is None or vectors.as_of is None else Vectors.of(connection, file.relation, as_of)


def _before(connection: duckdb.DuckDBPyConnection, file: FeaturesFile, date: str | None, wanted: str | None) -> Vectors:
    """The vectors of the older file: of the date that is wanted, else the latest before the newer file's."""
    vectors = _at(connection, file, wanted)
    earlier = [day for day in vectors.dates if date is not None and day < date]
    if wanted is not None or not earlier:
        return vectors
    return Vectors.of(connection, file.relation, max(earlier))
