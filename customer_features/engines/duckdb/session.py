"""A private DuckDB database for one run, and its errors in our words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from customer_features.errors import InvalidOption, MissingExtra, OutputError, SourceError
from customer_features.query.columns import literal, path_literal
from customer_features.sources.csv import why_unread
from customer_features.sources.parts import Part, first_line
from customer_features.system.machine import memory
from customer_features.system.temporary import scratch

try:
    import duckdb
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error


_SIZE = re.compile(r"\s*[0-9]+(\.[0-9]+)?\s*([KMGT]i?)?B\s*", re.IGNORECASE | re.ASCII)
_spilled: ContextVar[tuple[str, str | None]] = ContextVar("spilled")
"""Where the run spills to, and the cap that it was given: what an error of the engine does not tell."""


@contextmanager
def connected(
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
    spill_dir: Path | None = None,
    spill_limit: str | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory database that spills to a temporary folder of its own.

    ``spill_dir``: the folder in which that one is made (default: the system's for such); ``spill_limit``: the
    most that is spilled (default: 90% of the disk that is free).

    Raises InvalidOption for a limit that is no size, OutputError where no folder can be made.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    if spill_limit is not None and not _SIZE.fullmatch(spill_limit):
        raise InvalidOption("spill_limit", f"'{spill_limit}' is not a size; give for example 50GB or 512MiB")
    with scratch(spill_dir) as spill:
        connection = duckdb.connect(config=config)
        told = _spilled.set((str(spill.parent), spill_limit))
        try:
            connection.execute("SET TimeZone = 'UTC'")
            # Each statement would read a file's footer anew, which takes long where it tells of many columns.
            connection.execute("SET parquet_metadata_cache = true")
            with suppress(duckdb.Error):  # in a notebook without ipywidgets it cannot be had, nor is it asked for there
                connection.execute("SET enable_progress_bar = true")
                connection.execute("SET enable_progress_bar_print = false")
            connection.execute(f"SET temp_directory = {path_literal(spill)}")
            if spill_limit is not None:
                connection.execute(f"SET max_temp_directory_size = {literal(spill_limit)}")
            if threads is not None:
                connection.execute(f"SET threads = {int(threads)}")
            try:
                connection.execute(f"SET memory_limit = {literal(memory_limit or default_memory())}")
            except duckdb.Error:
                raise InvalidOption(
                    "memory_limit", f"'{memory_limit}' is not a size; give for example 2GB or 512MiB"
                ) from None
            yield connection
        finally:
            _spilled.reset(told)
            connection.close()


def lock(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Shut a session in: it reads and writes in one folder and nowhere else, and no setting changes any more."""
    connection.execute(f"SET allowed_directories = [{literal(str(folder) + os.sep)}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


MEMORY_LIMIT = "SELECT parse_formatted_bytes(current_setting('memory_limit'))"


def memory_limit_of(connection: duckdb.DuckDBPyConnection) -> int:
    """The engine's memory limit in bytes."""
    (limit,) = connection.execute(MEMORY_LIMIT).fetchall()[0]
    return int(limit)


@contextmanager
def memory_kept(connection: duckdb.DuckDBPyConnection) -> Iterator[int]:
    """Bytes, half of the memory limit, that the engine leaves to what is counted outside it meanwhile."""
    limit = memory_limit_of(connection)
    if connection.execute("SELECT current_setting('lock_configuration')").fetchall() == [(True,)]:
        yield limit // 2  # of a locked session nothing can be set: what locked it left the room
        return
    kept = limit // 2
    # Where the engine holds more than the rest already, it lets go of it as soon as it can.
    with suppress(duckdb.OutOfMemoryException):
        connection.execute(f"SET memory_limit = '{limit - kept} B'")
    try:
        yield kept
    finally:
        connection.execute(f"SET memory_limit = '{limit} B'")


def default_memory() -> str:
    """Half of the machine, or of the container: the engine's own 80% leave too little for a second process."""
    physical, limit = memory()
    known = physical if limit is None else limit
    return "2 GiB" if known is None else f"{max(known // 2 // 2**20, 1)} MiB"


@contextmanager
def translated(*parts: Part | None) -> Iterator[None]:
    """The engine's errors as ours, in a sentence that names the file, which is one of those of the parts."""
    try:
        yield
    except duckdb.Error as error:
        if (short := shortage(error)) is not None:
            raise OutputError(short) from None
        # Of a damaged Parquet file the engine speaks in errors of no kind.
        kinds = duckdb.InvalidInputException | duckdb.IOException | duckdb.ConversionException
        unread = isinstance(error, kinds | duckdb.OutOfRangeException)
        if not unread and type(error) is not duckdb.Error:
            raise
        raise SourceError(_unread([part for part in parts if part is not None], error)) from None


def _unread(parts: list[Part], error: duckdb.Error) -> str:
    """What an error about a source means, and of which one."""
    text = str(error)
    encrypted = "File is encrypted" in text or "is encrypted, but" in text
    if encrypted:
        parts = [part for part in parts if part.reader.startswith("read_parquet(")]
    named = [part for part in parts if any(str(file.read_from) in text for file in part.files)]
    part = (named or parts)[0] if named or len(parts) == 1 else None
    if part is None:
        names = f"one of {', '.join(part.name for part in parts)}" if parts else "a source"
    else:
        file = next((file for file in part.files if str(file.read_from) in text), None)
        names = file.name if file else part.name if len(part.files) < 2 else f"{part.name} or a file beside it"
    if encrypted:
        return f"{names}: is encrypted Parquet; write it without encryption"
    if "Invalid string encoding" in text or "Invalid unicode" in text:
        found = re.search(r"value (\".*\") is not valid", text)
        return f"{names}: holds text that is not UTF-8{f', {found[1]}' if found else ''}; write it again without that"
    return why_unread(part, error) if part else f"{names}: cannot be read: {first_line(error)}"


def threads_of(connection: duckdb.DuckDBPyConnection) -> int:
    """How many threads the session may use."""
    return int(connection.sql("SELECT current_setting('threads')").fetchall()[0][0])


def spilling_to() -> Path | None:
    """The folder in which the run makes its temporary ones; None where no session is open."""
    found = _spilled.get(None)
    return Path(found[0]) if found else None


def shortage(error: BaseException) -> str | None:
    """What to say of an error that tells of short memory or spill space; None of any other.

    A library that the engine's rows pass through may raise it as an error of its own, with the same text.
    """
    text = str(error)
    folder, limit = _spilled.get(("the temporary folder", None))
    if "max_temp_directory_size" in text and limit is not None:
        return (
            f"spill space is short: the {limit} that --spill-limit allows in {folder} are used up; raise --spill-limit"
            " (--spill-dir names another disk), or raise --memory-limit so that less is spilled"
        )
    if "max_temp_directory_size" in text or "Could not write file" in text:
        # Nothing but what is spilled is written by the engine meanwhile.
        return (
            f"spill space is short in {folder}: {_plain(error)}; raise --memory-limit or free disk space, or name"
            " another disk with --spill-dir"
        )
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in text:
        return f"memory or spill space is short: {_plain(error)}; raise --memory-limit or free disk space"
    return None


def _plain(error: BaseException) -> str:
    return first_line(error).partition(" This limit was set by")[0].rstrip(".")
