"""A private DuckDB database for one run, and its errors in our words."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from customer_features.columns import literal
from customer_features.errors import InvalidOption, MissingExtra, OutputError, SourceError
from customer_features.formats import why_unread
from customer_features.parts import Part, first_line
from customer_features.staging import scratch

try:
    import duckdb
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("building over tables", "bulk") from error


@contextmanager
def connected(*, memory_limit: str | None = None, threads: int | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A private in-memory database that spills to a temporary folder of its own.

    Raises InvalidOption for a memory limit that it does not understand.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    with scratch() as spill:
        connection = duckdb.connect(config=config)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_progress_bar = true")
            connection.execute("SET enable_progress_bar_print = false")
            connection.execute(f"SET temp_directory = {literal(str(spill))}")
            if threads is not None:
                connection.execute(f"SET threads = {int(threads)}")
            try:
                connection.execute(f"SET memory_limit = {literal(memory_limit or _default_memory())}")
            except duckdb.Error:
                raise InvalidOption(
                    "memory_limit", f"'{memory_limit}' is not a size; give for example 2GB or 512MiB"
                ) from None
            yield connection
        finally:
            connection.close()


def memory_limit_of(connection: duckdb.DuckDBPyConnection) -> int:
    """The engine's memory limit in bytes."""
    (limit,) = connection.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchall()[0]
    return int(limit)


@contextmanager
def memory_kept(connection: duckdb.DuckDBPyConnection) -> Iterator[int]:
    """Bytes, half of the memory limit, that the engine leaves to what is counted outside it meanwhile."""
    limit = memory_limit_of(connection)
    kept = limit // 2
    # Where the engine holds more than the rest already, it lets go of it as soon as it can.
    with suppress(duckdb.OutOfMemoryException):
        connection.execute(f"SET memory_limit = '{limit - kept} B'")
    try:
        yield kept
    finally:
        connection.execute(f"SET memory_limit = '{limit} B'")


def _default_memory() -> str:
    """Half of the machine: the engine's own default of 80% leaves too little for a second process."""
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') // 2 // 2**20} MiB"
    except (ValueError, OSError, AttributeError):
        return "2 GiB"


@contextmanager
def translated(part: Part | None = None) -> Iterator[None]:
    """The engine's errors as ours, in a sentence that names the file."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise OutputError(
            f"memory or spill space is short: {first_line(error)}; raise --memory-limit or free disk space"
        ) from None
    except (duckdb.InvalidInputException, duckdb.IOException, duckdb.ConversionException) as error:
        if "Could not write file" in str(error):  # of what is spilled: nothing else is written meanwhile
            raise OutputError(
                f"spill space is short: {first_line(error)}; raise --memory-limit or free disk space"
            ) from None
        said = why_unread(part, error) if part else f"a source: cannot be read: {first_line(error)}"
        raise SourceError(said) from None
