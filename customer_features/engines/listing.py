"""The faults of one refused input: the first hundred by their paths, and how many there are in all."""

from __future__ import annotations

LISTED = 100
"""So many faults are listed; beyond them there is a count."""


class Listing:
    """Faults in the order in which they are found."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}
        self.count = 0

    def add(self, path: str, message: str) -> None:
        """Count a fault, and list it while there is room."""
        self.count += 1
        if self.count <= LISTED:
            self.errors.setdefault(path, []).append(message)

    @property
    def is_full(self) -> bool:
        """Whether further faults are only counted."""
        return self.count >= LISTED
