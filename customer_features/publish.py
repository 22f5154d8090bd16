"""Publishing a bulk run, whatever its target is: features, quarantine and manifest, all or nothing."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_features.addresses import scheme_of, shown
from customer_features.errors import OutputError, did_you_mean

if TYPE_CHECKING:
    from customer_features.engines.duckdb import Engine
    from customer_features.publishers.writing import Published

_PUBLISHERS: dict[str, str] = {}
"""The module in ``publishers`` for each scheme of an address; it is imported when it is needed."""


def check_target(out: str | Path) -> None:
    """Raise OutputError where ``out`` cannot become the features, before any work is done."""
    publisher, target = _publisher(out)
    publisher.check_target(target)


def publish(engine: Engine, out: str | Path) -> Published:
    """Write the vectors of a judged run to ``out``, a file or an address, with quarantine and manifest beside it.

    Raises OutputError when something cannot be written; nothing is published then.
    """
    publisher, target = _publisher(out)
    published: Published = publisher.publish(engine, target)
    return published


def planned(engine: Engine, out: str | Path) -> list[tuple[str, str]]:
    """What a run would publish under which names: each name, and what stands there.

    Raises OutputError where that cannot be.
    """
    publisher, target = _publisher(out)
    if hasattr(publisher, "planned"):
        names: list[tuple[str, str]] = publisher.planned(engine, target)
        return names
    return [(shown(str(out)), "the features")]


def _publisher(out: str | Path) -> tuple[Any, str | Path]:
    """The module that publishes to a target, and the target as that module takes it."""
    scheme = scheme_of(str(out))
    if scheme is None:
        return import_module("customer_features.publishers.files"), Path(out)
    if scheme not in _PUBLISHERS:
        allowed = ", ".join(f"{known}://" for known in _PUBLISHERS)
        raise OutputError(
            f"{shown(str(out))}: nothing is written to '{scheme}://'{did_you_mean(scheme, _PUBLISHERS)};"
            f" allowed are a file{f' and {allowed}' if allowed else ''}"
        )
    return import_module(f"customer_features.publishers.{_PUBLISHERS[scheme]}"), str(out)
