"""Sources: what people name (files, globs, standard input) -> parts that the engine can scan."""

from __future__ import annotations

import glob
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from customer_features.connections.addresses import DATABASES, scheme_of, shown
from customer_features.errors import InvalidOption, MissingExtra, SourceError, did_you_mean
from customer_features.sources import lakes
from customer_features.sources.formats import ALLOWED, COMPRESSIONS, FORMATS, holds_nothing, part_of
from customer_features.sources.parts import File, Part
from customer_features.system.temporary import scratch

if TYPE_CHECKING:
    import duckdb


_ALIKE = 0.8
"""So much of two names is the same where one is taken for a slip of the other."""
QUERY = "goes with a database source whose address names no table, e.g. postgresql://user@host/shop"
"""What is said of a query that would change nothing."""


@contextmanager
def opened(
    names: Iterable[str],
    connection: duckdb.DuckDBPyConnection,
    encoding: str | None = None,
    query: str | None = None,
    *,
    place: Path | None = None,
    beginning: bool = False,
) -> Iterator[list[Part]]:
    """The parts of some sources, in order; what standard input held is kept in a file meanwhile.

    ``encoding``: of CSV files that do not begin with a byte order mark (default UTF-8). ``query``: what to read
    from each database address that names no table. ``place``: where the folder of such files is made (default: the
    system's place for temporary files). ``beginning``: look at no more than the columns need, as a run does that only
    says what it would do.

    Raises SourceError (nothing there, unreadable, unknown format), InvalidOption for a query without use,
    OutputError (no folder can be made).
    """
    names = list(names)
    if query is not None and not any(map(goes_with_query, names)):
        raise InvalidOption("query", QUERY)
    with scratch(place) as folder:
        parts: list[Part] = []
        skipped: list[str] = []
        for file in _expand(names, folder, query, beginning, skipped):
            part = part_of(file, connection, folder, encoding, beginning=beginning)
            last = parts[-1] if parts else None
            if last and part.files and _read_as(last) == _read_as(part):
                last.files += part.files
                last.notes += part.notes
            else:
                parts.append(part)
        if parts:
            parts[0].notes[:0] = skipped
        yield parts


def _read_as(part: Part) -> tuple[object, ...]:
    """What files that are read together have in common."""
    return part.reader, part.columns, part.numerics, part.legacy, part.unread, part.no_ids


_NO_DATA = re.compile(r"_SUCCESS|_(started|committed)_\d+|_(common_)?metadata")
"""The names of what Spark and Databricks write beside the files of a folder."""


def _of_many(name: str, files: list[File], skipped: list[str]) -> list[File]:
    """Of the files that fit a pattern those that hold something; what is said of the others goes to ``skipped``."""
    if len(files) < 2:
        return files
    of_data = [file for file in files if not _NO_DATA.fullmatch(PurePosixPath(file.name).name)]
    kept = [file for file in of_data if not holds_nothing(file)]
    if not kept:
        raise SourceError(f"{name}: all {len(files)} files that match are empty")
    if empty := len(of_data) - len(kept):
        first = next(file.name for file in of_data if file not in kept)
        which = f"{empty} of its files are" if empty > 1 else "one of its files is"
        skipped.append(f"{name}: {which} empty and left out, {first}{' among them' if empty > 1 else ''}")
    return kept


def _expand(names: list[str], folder: Path, query: str | None, beginning: bool, skipped: list[str]) -> Iterator[File]:
    seen: set[str] = set()
    known: Counter[str] = Counter()
    for name in dict.fromkeys(names):  # an address is fetched once
        for file in _of_many(name, _files(name, folder, query, beginning), skipped):
            real = file.origin or os.path.realpath(file.path)
            # The same file named twice (by two globs, say) must not count twice.
            if real not in seen:
                seen.add(real)
                known[file.name] += 1
                # Two addresses may differ in nothing that is shown. The suffix tells the format, so it stays last.
                yield file if known[file.name] == 1 else replace(file, name=f"({known[file.name]}) {file.name}")


_FETCHERS: dict[str, str] = {
    "http": "http",
    "https": "http",
    "s3": "s3",
    "postgresql": "postgresql",
    "postgres": "postgresql",
}
"""The module in ``sources`` for each scheme of an address; it is imported when it is needed."""


def goes_with_query(name: str) -> bool:
    """Whether it takes a query to say what is read from there."""
    return scheme_of(name) in DATABASES and not name.partition("#")[2]


def _fetched(address: str, scheme: str, folder: Path, query: str | None, beginning: bool) -> list[File]:
    """A copy of what stands at an address, for the time of the run."""
    if scheme not in _FETCHERS:
        allowed = ", ".join(f"{known}://" for known in _FETCHERS)
        raise SourceError(
            f"{shown(address)}: nothing is read from '{scheme}://'{did_you_mean(scheme, _FETCHERS)};"
            f" allowed are {f'{allowed} and ' if allowed else ''}files ({ALLOWED})"
        )
    fetcher = import_module(f"customer_features.sources.{_FETCHERS[scheme]}")
    if scheme in DATABASES:
        more = {"query": query} if goes_with_query(address) else {}
        return [fetcher.fetched(address, folder, beginning=beginning, **more)]
    files: list[File] = fetcher.fetched(address, folder)
    return files


_TABLES = {lakes.DELTA: "delta", lakes.ICEBERG: "iceberg"}
"""The module in ``sources`` for each kind of table that is read."""


def _table(path: Path, name: str, kind: str, folder: Path, beginning: bool) -> File:
    """A copy of the rows of a table of a lake, for the time of the run."""
    if kind not in _TABLES:
        raise lakes.not_read(name, kind)
    try:
        fetcher = import_module(f"customer_features.sources.{_TABLES[kind]}")
    except MissingExtra as error:
        raise MissingExtra(f"{name} is {lakes.named(kind)} table: reading it", error.extra) from None
    file: File = fetcher.fetched(path, name, folder, beginning=beginning)
    return replace(file, origin=os.path.realpath(path))


def _pattern(folder: Path) -> str:
    """A pattern of files in a folder that could be read."""
    try:
        names = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith((".", "_")))
    except OSError:
        names = []
    suffixes = ["".join(PurePosixPath(name).suffixes[-2:]) for name in names]
    packed = (suffix for suffix in suffixes if suffix.endswith(tuple(COMPRESSIONS)))
    plain = (PurePosixPath(name).suffix for name in names if PurePosixPath(name).suffix in FORMATS)
    return f"*{next(plain, None) or next(packed, '.parquet')}"


def _files(name: str, folder: Path, query: str | None, beginning: bool) -> list[File]:
    if name == "-":
        path = folder / "stdin"
        try:
            with path.open("wb") as spool:
                shutil.copyfileobj(sys.stdin.buffer, spool)
        except OSError as error:
            raise SourceError(
                f"-: cannot be kept in {folder.parent}: {error.strerror or error}; name another disk with --spill-dir"
            ) from None
        return [File.of(path, "-")]
    if (scheme := scheme_of(name)) is not None:
        return _fetched(name, scheme, folder, query, beginning)
    path = Path(name)
    if (kind := lakes.kind_of(path)) is not None:
        return [_table(path, name, kind, folder, beginning)]
    if path.name.endswith(lakes.METADATA) and path.is_file() and lakes.kind_of(path.parent.parent) == lakes.ICEBERG:
        return [_table(path, name, lakes.ICEBERG, folder, beginning)]
    if path.is_dir():
        raise SourceError(f"{name}: is a directory; give its files, for example '{name.rstrip('/')}/{_pattern(path)}'")
    if path.exists():
        lakes.refuse_files([path], name)
        return [File.of(path)]
    if glob.has_magic(name):
        # pathlib's glob cannot take a pattern that is absolute.
        matches = sorted(match for match in glob.glob(name, recursive=True) if Path(match).is_file())  # noqa: PTH207
        if not matches:
            raise SourceError(f"{name}: no file matches")
        lakes.refuse_files(map(Path, matches), name)
        return [File.of(Path(match)) for match in matches]
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        beside = []
    raise SourceError(f"{name}: no such file{_nearest(path.name, beside)}")


def _nearest(name: str, beside: list[str]) -> str:
    """`` (did you mean 'x'?)`` with a name that differs by a letter or two, or by the suffix alone, if there is one.

    Files of other numbers, as of another month, are other files.
    """
    from difflib import SequenceMatcher  # imported when a file is missing

    stem, numbers = name.lower().partition(".")[0], re.findall(r"\d+", name)
    alike = {
        other: SequenceMatcher(None, stem, other.lower().partition(".")[0]).ratio()
        for other in sorted(beside)
        if re.findall(r"\d+", other) == numbers
    }
    nearest = max(alike, key=lambda other: alike[other], default="")
    return f" (did you mean '{nearest}'?)" if stem and nearest and alike[nearest] >= _ALIKE else ""
