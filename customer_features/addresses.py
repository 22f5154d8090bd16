"""Addresses of sources and targets: their scheme, and how they are shown without what is secret in them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit


def scheme_of(name: str) -> str | None:
    """The scheme of an address, in lower case; None for the name of a file."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", name)
    return found[1].lower() if found else None


def shown(address: str) -> str:
    """An address for messages, logs and manifests: no password, and no query, which may hold a signature."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        user = parts.netloc.rpartition("@")[0].partition(":")[0]
    except ValueError:  # not an address that could be taken apart, so nothing of it is safe to show
        return f"{scheme_of(address)}://..."
    # The user of a database is no secret; that of a web address often is one: a token.
    login = f"{user}@" if user and parts.scheme.startswith("postgres") else ""
    return urlunsplit((parts.scheme, login + host, parts.path, "", parts.fragment))


def named(name: str) -> str:
    """A source or target as people named it: an address without what is secret, a file's name as it is."""
    return name if scheme_of(name) is None else shown(name)
