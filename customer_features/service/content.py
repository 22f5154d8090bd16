"""What a request says of its body and of the answer that it wants: Content-Type, Content-Length, Accept."""

from __future__ import annotations

from litestar.datastructures.headers import Accept
from litestar.types import HTTPScope

from customer_features.service.problems import Refused
from customer_features.service.weights import weight

JSON = "application/json"
PARQUET, ARROW, ARROW_FILE, CSV, NDJSON = (
    "application/vnd.apache.parquet",
    "application/vnd.apache.arrow.stream",
    "application/vnd.apache.arrow.file",
    "text/csv",
    "application/x-ndjson",
)
ANSWERS = (JSON, PARQUET, ARROW, ARROW_FILE, CSV)
"""The media types of an answer to a table."""

TABLE_OPTIONS = (
    *("today", "grain", "future", "returns", "window", "timezone", "decimal", "thousands", "null", "date_format"),
    *("constant", "map"),
)
"""What may stand in the query beside a table, and beside nothing else; ``today``, ``null``, ``constant`` and ``map``
may repeat."""

FAULTY_OPTIONS = "The query parameters have faults. Nothing was computed."

OUTCOME = "customer_features.outcome"
"""Where the state of a request's scope holds the outcome of its authentication, for the log."""
CUSTOMERS = "customer_features.customers"
"""Likewise how many vectors an answer holds."""
_TOLD = "customer_features.headers"
"""Where the state of a request's scope holds its headers by name."""


def header_values(scope: HTTPScope, name: bytes) -> list[str]:
    """The values of a header, one for each time that it was sent."""
    told = headers_by_name(scope)
    return [value.decode("latin-1") for value in told[name]] if name in told else []


def headers_by_name(scope: HTTPScope) -> dict[bytes, list[bytes]]:
    """All headers, gone through once, however many of them are asked for."""
    told: dict[bytes, list[bytes]] | None = scope["state"].get(_TOLD)
    if told is None:
        told = scope["state"][_TOLD] = {}
        for name, value in scope["headers"]:
            if name in told:
                told[name].append(value)
            else:
                told[name] = [value]
    return told


def declared_length(scope: HTTPScope) -> int | None:
    """Bytes that Content-Length announces; None where nothing is announced."""
    for value in header_values(scope, b"content-length"):
        return int(value) if value.isdigit() else None
    return None


def media_type(scope: HTTPScope, allowed: tuple[str, ...]) -> str:
    """The media type of the body, one of ``allowed``. Raises Refused (415)."""
    found = header_values(scope, b"content-type")
    if not found:
        raise Refused("unsupported-media-type", f"Content-Type is missing: send Content-Type: {JSON}.", close=True)
    if found == [JSON]:
        return JSON
    kinds = {_checked(value, allowed) for value in found}
    if len(kinds) > 1:
        raise Refused("unsupported-media-type", "Content-Type was sent twice, and not the same.", close=True)
    return kinds.pop()


def _checked(value: str, allowed: tuple[str, ...]) -> str:
    kind, *parameters = [part.strip() for part in value.lower().split(";")]
    charsets = [word.partition("=")[2].strip().strip('"') for word in parameters if word.startswith("charset")]
    if kind not in allowed or any(charset not in ("utf-8", "utf8") for charset in charsets):
        listed = ", ".join(allowed[1:])
        others = f", or that of a table: {listed}" if listed else ""
        raise Refused(
            "unsupported-media-type",
            f"Content-Type must be {JSON} (charset utf-8, or none){others}.",
            close=True,
        )
    return kind


def best_match(scope: HTTPScope, offered: tuple[str, ...]) -> str:
    """The media type of an answer by Accept; the first that is offered where nothing is said or nothing fits.

    A weight of 0 refuses a type, and an entry with a malformed weight counts for nothing. Raises Refused (406) where
    the first is refused and nothing else fits.
    """
    entries = [entry.strip() for value in header_values(scope, b"accept") for entry in value.split(",")]
    weights: dict[str, float] = {}
    kept: list[str] = []
    for entry in entries:
        name, *parameters = [part.strip() for part in entry.lower().split(";")]
        found = weight(parameters)
        if found is not None:
            weights[name] = found
        if found:
            kept.append(entry)
    left = [kind for kind in offered if _allowed(kind, weights)]
    if kept and left and (best := Accept(", ".join(kept)).best_match(left)):
        return best
    if offered[0] not in left:
        listed = ", ".join(offered)
        raise Refused("not-acceptable", f"Accept leaves no type of an answer; it may be {listed}.", close=True)
    return offered[0]


def _allowed(kind: str, weights: dict[str, float]) -> bool:
    """Whether a type is not refused: the entry that names it most closely counts."""
    for name in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        if name in weights:
            return weights[name] > 0
    return True
