"""How large a run is: the sizes that are recorded, or small ones to try whether everything works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """``quick``: a hundredth of the rows (20,000 at least), two rounds. Nothing quick is ever recorded."""

    quick: bool = False

    def rows(self, rows: int) -> int:
        return min(rows, max(20_000, rows // 100)) if self.quick else rows

    def rounds(self, rounds: int) -> int:
        return min(rounds, 2) if self.quick else rounds

    def seconds(self, seconds: float) -> float:
        return 1 if self.quick else seconds


def said(rows: int) -> str:
    """A number of rows in words."""
    if rows % 1_000_000 == 0:
        return f"{rows // 1_000_000} million rows"
    return f"{rows:,} rows"
