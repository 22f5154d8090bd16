"""A report in a format, published under its name whole or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from enum import StrEnum
from importlib import import_module
from pathlib import Path

import msgspec

from customer_features.connections.addresses import named, scheme_of
from customer_features.definition.options import parse_choice
from customer_features.errors import InvalidOption, OutputError, did_you_mean
from customer_features.report.shapes import Report
from customer_features.system.temporary import Staging, put_in_place, sweep
from customer_features.targets.manifest import manifest_of, quarantine_of


class Format(StrEnum):
    """What a report can be: the page, a sheet of the charts, or the figures."""

    HTML = "html"
    PNG = "png"
    SVG = "svg"
    PDF = "pdf"
    JSON = "json"


def encoded(report: Report) -> bytes:
    """The figures as JSON for people to read."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def writer(form: Format) -> Callable[[Report], bytes]:
    """What turns a report into the bytes of a format. Raises MissingExtra where charts cannot be drawn here."""
    if form is Format.JSON:
        return encoded
    module, name = ("page", "html") if form is Format.HTML else ("rendering", f"{form.value}_sheet")
    write: Callable[[Report], bytes] = getattr(import_module(f"customer_features.report.{module}"), name)
    return write


def format_of(out: str, wanted: str | None) -> Format:
    """The format that an option names, or else the ending of ``out``. Raises InvalidOption or OutputError."""
    ending = Path(out).suffix.lower().removeprefix(".")
    ending = {"htm": "html"}.get(ending, ending)
    allowed = [one.value for one in Format]
    if wanted is not None:
        form = parse_choice("format", wanted, Format)
        if ending in allowed and ending != form:
            raise InvalidOption("format", f"{form.value} does not go with {out}, which ends in .{ending}")
        return form
    if out == "-":
        raise InvalidOption("format", f"say what goes to standard output: one of {', '.join(allowed)}")
    if ending not in allowed:
        endings = [f".{one}" for one in allowed]
        raise OutputError(
            f"{named(out)}: the ending decides the format; allowed are {', '.join(endings)}"
            f"{did_you_mean(f'.{ending}', endings)}, or say it with --format"
        )
    return Format(ending)


def check_target(out: str, sources: list[str]) -> None:
    """Raise OutputError where a report cannot stand at ``out``, or would take the place of what it is made of."""
    if out == "-":
        return
    if scheme_of(out) is not None:
        raise OutputError(f"{named(out)}: a report is written to a file here; copy it there afterwards")
    path = Path(out)
    if path.is_dir():
        raise OutputError(f"{out}: is a directory; give a file name in it")
    if not path.parent.is_dir():
        raise OutputError(f"{out}: the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{out}: the folder {path.parent} cannot be written to")
    for source in map(Path, (source for source in sources if scheme_of(source) is None and source != "-")):
        if path.resolve() in {one.resolve() for one in (source, manifest_of(source), quarantine_of(source))}:
            raise OutputError(f"{out}: is one of the files that the report is made of; give another name")


def publish(content: bytes, out: str) -> None:
    """Write a report to ``out``, a file or ``-``. Raises OutputError; what stood there before stays then."""
    if out == "-":
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    path = Path(out)
    with ExitStack() as leftovers:
        try:
            sweep([path])
            staged = Staging(path, leftovers)
            staged.write(content)
            put_in_place([], [], staged)
        except OSError as error:
            raise OutputError(f"{out}: cannot be written: {error.strerror or error}; nothing was published") from None
