"""What a run says on standard error: sentences for people, or one JSON object a line for machines.

A line of JSON holds ``time`` (UTC), ``level``, ``event`` (a name that stays), ``message`` (the sentence that
people get) and the fields behind it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import click

from customer_features.cli.completion import one_of
from customer_features.connections.addresses import shown

VARIABLE = "CUSTOMER_FEATURES_LOG"
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"]+")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LABEL = 12
"""Columns of a label and the blanks after it."""


class Form(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


class Log:
    """The lines of one run; ``as_json`` is settled before the options are parsed, for their errors count too."""

    as_json = False
    quiet = False
    """Say warnings and errors alone."""

    @property
    def watched(self) -> bool:
        """Whether a person reads along, for whom there may be more than lines."""
        return not self.as_json and not self.quiet and sys.stderr.isatty()

    def say(self, event: str, message: str, *, level: str = "info", label: str | None = None, **fields: Any) -> None:
        """One line. ``label`` stands before the message in a column of its own (empty: below the line before)."""
        if self.quiet and level == "info":
            return
        if self.as_json:
            self.record(event, f"{label}: {message}" if label else message, level=level, **fields)
        elif label is None:
            click.echo(visible(_scrubbed(message)), err=True)
        else:
            click.echo(f"{f'{label}:' if label else '':{_LABEL}}{visible(_scrubbed(message))}", err=True)

    def record(self, event: str, message: str, *, level: str = "info", **fields: Any) -> None:
        """A line that is for machines alone; nothing in text."""
        if self.as_json and not (self.quiet and level == "info"):
            time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            line = _safe({"time": time, "level": level, "event": event, "message": message, **fields})
            # Imported when needed, as all that help and errors of usage go without.
            import msgspec

            click.echo(msgspec.json.encode(line), err=True)

    def failed(self, message: str, code: int, error: BaseException, **fields: Any) -> int:
        """The line of an error that ends the run; its exit code."""
        if self.as_json:
            self.record("failed", message, level="error", exit_code=code, error=type(error).__name__, **fields)
        else:
            click.echo(f"Error: {visible(_scrubbed(message))}", err=True)
        return code


log = Log()
"""The log of the process: a process is one run."""


def asked(arguments: Iterable[str] | None, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether arguments or environment ask for JSON: told from the words alone, before anything is parsed."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    form = environ.get(VARIABLE, "")
    for place, word in enumerate(words):
        if word == "--":
            break
        if word == "--log" and place + 1 < len(words):
            form = words[place + 1]
        elif word.startswith("--log="):
            form = word.removeprefix("--log=")
    return form == Form.JSON


def _chosen(ctx: click.Context, parameter: click.Parameter, value: str) -> None:
    from customer_features.definition.options import parse_choice

    log.as_json = parse_choice("log", value, Form) is Form.JSON


log_option = click.option(
    "--log",
    metavar="FORM",
    default=Form.TEXT.value,
    envvar=VARIABLE,
    is_eager=True,
    expose_value=False,
    shell_complete=one_of(Form),
    callback=_chosen,
    help="Standard error: text, or json (one object a line)  [default: text]",
)


def visible(text: str) -> str:
    """The text with control characters spelled out: data must not speak to the terminal that shows them."""
    return _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _safe(value: Any) -> Any:
    """A value for a line of JSON: plain, scrubbed, and of characters that can be encoded (a path's need not)."""
    if isinstance(value, Mapping):
        return {str(key): _safe(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_safe(inner) for inner in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _scrubbed(str(value)).encode("utf-8", "backslashreplace").decode()


def _scrubbed(text: str) -> str:
    """The text with every address in it as it may be shown: a last guard, also over what libraries say."""
    return _ADDRESS.sub(lambda found: shown(found[0]), text)
