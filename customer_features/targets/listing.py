"""Faulty rows as a file of their own, published under its name whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from customer_features.connections.addresses import named, scheme_of
from customer_features.engines.duckdb.session import shortage
from customer_features.engines.results import Results
from customer_features.errors import MissingExtra, OutputError, did_you_mean
from customer_features.sources.parts import first_line
from customer_features.system.temporary import Staging, put_in_place, sweep
from customer_features.targets.formats import sources_of, write_faulty_rows

try:
    import duckdb
    import pyarrow as pa
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("writing files", "bulk") from error

SUFFIXES = (".csv", ".parquet", ".ndjson")


def listing_at(name: str, others: Iterable[Path] = ()) -> Path:
    """The path of a listing. Raises OutputError where none can be written there.

    ``others``: the other files that the run writes.
    """
    if scheme_of(name) is not None:
        raise OutputError(f"{named(name)}: faulty rows are written to a file here; copy it there afterwards")
    path = Path(name)
    if (plain := os.fsencode(path).decode("utf-8", "backslashreplace")) != name:
        raise OutputError(f"{plain}: the name is not UTF-8; give another one")
    if path.suffix.lower() not in SUFFIXES:
        hint = did_you_mean(path.suffix, SUFFIXES)
        raise OutputError(f"{name}: the suffix decides the format; allowed are {', '.join(SUFFIXES)}{hint}")
    if path.is_dir():
        raise OutputError(f"{name}: is a directory; give a file name in it")
    if not path.parent.is_dir():
        raise OutputError(f"{name}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{name}: the folder {path.parent} cannot be written to")
    if path.resolve() in {other.resolve() for other in others}:
        raise OutputError(f"{name}: is written with other contents; give another name")
    return path


def keep_sources(engine: Results, path: Path) -> None:
    """Raise OutputError where a listing would take the place of a source."""
    if path.resolve() in sources_of(engine):
        raise OutputError(f"{path}: is one of the sources and would be overwritten; give another name")


def publish(engine: Results, path: Path) -> None:
    """Write the faulty rows of a judged run, which may be none, to a file in the format that its suffix says.

    Raises OutputError; what stood there before stays then.
    """
    keep_sources(engine, path)
    with ExitStack() as leftovers:
        try:
            sweep([path])
            staged = Staging(path, leftovers)
            write_faulty_rows(engine, staged)
            put_in_place([], [], staged)
        except (OSError, pa.ArrowException, duckdb.Error) as error:
            why = shortage(error) or getattr(error, "strerror", None) or first_line(error)
            raise OutputError(f"{path}: cannot be written: {why}") from None
