"""What a stranger's file may hold or declare: checked before memory is taken for it."""

from __future__ import annotations

from dataclasses import dataclass

from customer_features.errors import TooLarge

MAX_COLUMNS = 10_000
"""Columns of a table, nested ones included: each costs time before a row is read, and six are used."""

MAX_BATCHES = 50_000
"""Record batches of an Arrow body, and row groups of a Parquet body."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The bounds of one file.

    ``unpacked``: bytes of a text once it is unpacked; ``memory``: bytes for Arrow data that are packed; ``columns``:
    also different keys of JSON objects; ``batches``: also row groups.
    """

    unpacked: int
    memory: int
    columns: int = MAX_COLUMNS
    batches: int = MAX_BATCHES

    def check_columns(self, found: int, name: str, what: str = "columns") -> None:
        """Raise TooLarge where there are more columns than may be read."""
        if found > self.columns:
            raise TooLarge(f"{name}: holds {found:,} {what}, or more; allowed are {self.columns:,}")

    def check_unpacked(self, found: int, name: str) -> None:
        """Raise TooLarge where more bytes were unpacked than may be."""
        if found > self.unpacked:
            raise TooLarge(f"{name}: holds more than the {self.unpacked:,} bytes that are allowed once it is unpacked")
