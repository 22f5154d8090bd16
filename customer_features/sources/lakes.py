"""Folders that are tables of a lake: Delta, Iceberg and Hudi.

Their Parquet files hold rows that were deleted or overwritten since. A log beside them tells which rows count, so the
files are never read by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from customer_features.errors import SourceError

DELTA, ICEBERG, HUDI = "Delta", "Iceberg", "Hudi"
MARKS = {"_delta_log/": DELTA, ".hoodie/": HUDI, "metadata/": ICEBERG}
"""The folder inside a table that tells its kind."""
METADATA = ".metadata.json"
"""How the files end in which an Iceberg table says of what it consists; other folders are named metadata too."""


@dataclass(frozen=True, slots=True)
class Table:
    """A folder that is a table, and its kind."""

    path: str
    kind: str


def kind_of(folder: Path) -> str | None:
    """Return the kind of table that a folder is, None where it is none."""
    for mark, kind in MARKS.items():
        inside = folder / mark
        if inside.is_dir() and (kind != ICEBERG or any(inside.glob(f"*{METADATA}"))):
            return kind
    return None


def table_around(file: Path) -> Table | None:
    """Return the table to whose files one belongs, None where there is none."""
    real = file.resolve()
    folders = [real.parent, *real.parent.parents] if is_data(real.name) else []
    return next((Table(str(folder), kind) for folder in folders if (kind := kind_of(folder))), None)


def is_data(name: str) -> bool:
    """Whether a table of a lake could hold its rows in a file of that name."""
    return PurePosixPath(name).suffix.lower() in (".parquet", ".pq", ".orc", ".avro")


def refuse_files(files: Iterable[Path], shown: str, around: Callable[[Path], Table | None] = table_around) -> None:
    """Raise SourceError where some of the files are those of a table."""
    known: dict[Path, Table | None] = {}
    for file in files:
        if file.parent not in known or not is_data(file.name):
            known[file.parent] = around(file)
        if table := known[file.parent]:
            raise part_of_table(shown, table)


def part_of_table(shown: str, table: Table) -> SourceError:
    """The error for files of a table that are named by themselves."""
    again = "" if table.kind == HUDI else f"; give the table itself: {table.path}"
    return SourceError(
        f"{shown}: holds files of the {table.kind} table {table.path}, in which rows still stand that were deleted or"
        f" overwritten{again}"
    )


def named(kind: str) -> str:
    """Return a kind with its article."""
    return f"an {kind}" if kind == ICEBERG else f"a {kind}"


def not_read(shown: str, kind: str) -> SourceError:
    """The error for a table of a kind that is not read from there."""
    return SourceError(
        f"{shown}: is {named(kind)} table, which is not read here, and its files also hold rows that were deleted or"
        " overwritten; export its rows to Parquet, or build with Spark"
    )
