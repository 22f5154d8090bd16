"""Addresses of sources and targets: their scheme, and how they are shown without what is secret in them."""

from __future__ import annotations

import re

DATABASES = ("postgresql", "postgres")
"""Schemes of database addresses, which name a table after ``#`` or go with a query."""
_HOST = r"(\[[^\[\]]*\]|[^:@\[\]\s]*)(:[0-9]*)?"


def scheme_of(name: str) -> str | None:
    """The scheme of an address, in lower case; None for the name of a file."""
    # `postgresql:/host` is an address with a slash too few, and no file whose name may be shown.
    found = re.match(r"([A-Za-z][A-Za-z0-9+.:-]*)://|(postgres|postgresql):", name, re.IGNORECASE)
    return (found[1] or found[2]).lower() if found else None


def shown(address: str) -> str:
    """An address for messages, logs and manifests: no password, and no query, which may hold a signature."""
    scheme = scheme_of(address)
    before, slashes, rest = address.partition("://")
    authority, rest = _split(rest)
    users, at, hosts = authority.rpartition("@")
    # The user of a database is no secret; that of a web address often is one: a token.
    user = users.partition(":")[0] if scheme in DATABASES else ""
    # A password with one of / ? # in it ends the authority too early, and an @ that comes later gives it away.
    cut_short = not at and "@" in rest and (":" in authority or scheme in DATABASES or ":" in before)
    if not slashes or cut_short or not re.fullmatch(rf"{_HOST}(,{_HOST})*", hosts):
        return f"{scheme}://..."  # not an address that could be taken apart, so nothing of it is safe to show
    path, hash_mark, fragment = rest.partition("#")
    return f"{before}://{user}{'@' if user else ''}{hosts}{path.partition('?')[0]}{hash_mark}{fragment}"


def named(name: str) -> str:
    """A source or target as people named it: an address without what is secret, a file's name as it is."""
    return name if scheme_of(name) is None else shown(name)


def _split(rest: str) -> tuple[str, str]:
    """The authority, and all that follows it."""
    end = re.search(r"[/?#]", rest)
    return (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
