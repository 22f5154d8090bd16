"""Counts and ids in words."""

from __future__ import annotations


def counted(count: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: ``1 row``, ``2,000 rows``; ``plural`` where it is not the noun with an s."""
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def are(count: int) -> str:
    """The verb that goes with a count."""
    return "is" if count == 1 else "are"


def told_apart(text: str) -> str:
    """A text in quotes as people can tell it from another that looks the same."""
    return repr(text) if text.isprintable() and text.isascii() else ascii(text)
