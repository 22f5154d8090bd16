"""The dialects of SQL in which the definition is written, a module each."""

from __future__ import annotations

from importlib import import_module

from customer_features.definition.options import DIALECTS
from customer_features.query.dialects.base import Dialect, Kind, Type, unknown

__all__ = ["DIALECTS", "Dialect", "Kind", "Type", "dialect"]

_ALIASES = {"postgresql": "postgres", "databricks": "spark"}


def dialect(name: object) -> Dialect:
    """The dialect of that name. Raises InvalidOption naming those that there are."""
    known = str(name).lower()
    known = _ALIASES.get(known, known)
    if known not in DIALECTS:
        raise unknown(str(name), [*DIALECTS, *_ALIASES])
    found: Dialect = import_module(f"customer_features.query.dialects.{known}").DIALECT
    return found
