"""The query string of a request: bounded before it is parsed."""

from __future__ import annotations

from urllib.parse import parse_qsl

from customer_features.service.problems import Refused

MAX_LENGTH = 16 * 1024
"""Bytes of a query string."""

MAX_PARAMETERS = 1_000
"""Parameters of a query string: as many ``today`` as a table is asked for, and room for the others."""


def parsed(query: bytes) -> list[tuple[str, str]]:
    """Return the parameters in their order. Raises Refused: 414 (too long) or 422 (too many)."""
    if not query:
        return []
    if len(query) > MAX_LENGTH:
        said = f"The query string may hold {MAX_LENGTH} bytes; this one holds {len(query)}."
        raise Refused("uri-too-long", said, close=True)
    found = query.count(b"&") + 1
    if found > MAX_PARAMETERS:
        said = f"allowed are {MAX_PARAMETERS} parameters; there are {found}"
        raise Refused("faulty-request", FAULTY, close=True, errors={"query": [said]}, fault_count=1)
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)


FAULTY = "The query parameters have faults. Nothing was computed."
