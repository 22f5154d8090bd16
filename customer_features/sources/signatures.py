"""Files that are no tables, told by their first bytes whatever their names are."""

from __future__ import annotations

from customer_features.errors import SourceError
from customer_features.sources.parts import File

_SIGNATURES = (
    (0, b"SQLite format 3\0", "is a SQLite database; write one of its tables as CSV (sqlite3 -header -csv) first"),
    (8, b"DUCK", "is a DuckDB database; write one of its tables as Parquet (COPY orders TO 'orders.parquet') first"),
    (0, b"PARE", "is encrypted Parquet; write it without encryption"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an old Excel file (.xls) or the like; save its table as CSV (UTF-8)"),
    (0, b"%PDF-", "is a PDF document; a table is needed"),
)


def refuse_others(file: File) -> None:
    """Raise SourceError where a file is of a known kind that holds no table to be read."""
    with file.path.open("rb") as stream:
        head = stream.read(16)
    for at, mark, said in _SIGNATURES:
        if head.startswith(mark, at):
            raise SourceError(f"{file.name}: {said}")
