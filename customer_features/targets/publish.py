"""Publishing a bulk run, whatever its target is: features, quarantine and manifest, all or nothing."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_features.connections.addresses import DATABASES, named, scheme_of, shown
from customer_features.errors import InvalidOption, OutputError, did_you_mean

if TYPE_CHECKING:
    from customer_features.engines.results import Results
    from customer_features.targets.formats import Published

_PUBLISHERS: dict[str, str] = {"postgresql": "postgresql", "postgres": "postgresql", "s3": "s3"}
"""The module in ``targets`` for each scheme of an address; it is imported when it is needed."""
IF_EXISTS = ("replace", "upsert")
"""What may become of a table that is there already."""


def check_target(out: str | Path, if_exists: str = "replace") -> None:
    """Raise OutputError where ``out`` cannot become the features, before any work is done.

    Raises InvalidOption for an ``if_exists`` that is unknown, or unknown to this kind of target.
    """
    publisher, target = _publisher(out)
    publisher.check_target(target, **_how(out, if_exists))


def publish(engine: Results, out: str | Path, if_exists: str = "replace", quarantine: Path | None = None) -> Published:
    """Write the vectors of a judged run to ``out``, a file or an address, with quarantine and manifest beside it.

    ``if_exists``: of a table that is there already, ``replace`` its rows or ``upsert`` into them. ``quarantine``: a
    file for the rows set aside, in the place of the one beside a features file, and besides that of another target.

    Raises OutputError when something cannot be written; nothing is published then.
    """
    publisher, target = _publisher(out)
    how: dict[str, Any] = {**_how(out, if_exists)}
    if quarantine is not None:
        if scheme_of(str(out)) is None:
            how["quarantine"] = quarantine
        else:
            from customer_features.targets import listing

            listing.publish(engine, quarantine)
    published: Published = publisher.publish(engine, target, **how)
    return published


def _how(out: str | Path, if_exists: str) -> dict[str, str]:
    """How a publisher is told what becomes of what is there: only a table can be anything but replaced."""
    if if_exists not in IF_EXISTS:
        raise InvalidOption(
            "if_exists", f"'{if_exists}' is unknown{did_you_mean(if_exists, IF_EXISTS)}; allowed are replace, upsert"
        )
    if scheme_of(str(out)) in DATABASES:
        return {"if_exists": if_exists}
    if if_exists != "replace":
        raise InvalidOption("if_exists", f"{if_exists} goes with a table; what stands at {named(str(out))} is replaced")
    return {}


def planned(engine: Results, out: str | Path, quarantine: Path | None = None) -> list[tuple[str, str]]:
    """What a run would publish under which names: each name, and what stands there.

    Raises OutputError where that cannot be.
    """
    publisher, target = _publisher(out)
    if scheme_of(str(out)) is None:
        of_files: list[tuple[str, str]] = publisher.planned(engine, target, quarantine)
        return of_files
    names: list[tuple[str, str]] = publisher.planned(engine, target)
    return names if quarantine is None else [*names, (str(quarantine), "the rows set aside, also of a refused run")]


def _publisher(out: str | Path) -> tuple[Any, str | Path]:
    """The module that publishes to a target, and the target as that module takes it."""
    scheme = scheme_of(str(out))
    if scheme is None:
        return import_module("customer_features.targets.files"), Path(out)
    if scheme not in _PUBLISHERS:
        allowed = ", ".join(f"{known}://" for known in _PUBLISHERS)
        raise OutputError(
            f"{shown(str(out))}: nothing is written to '{scheme}://'{did_you_mean(scheme, _PUBLISHERS)};"
            f" allowed are a file{f' and {allowed}' if allowed else ''}"
        )
    return import_module(f"customer_features.targets.{_PUBLISHERS[scheme]}"), str(out)
