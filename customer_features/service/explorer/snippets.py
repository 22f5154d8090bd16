"""The same run by other doors: the words to copy for curl, Python, the command line and SQL."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import urlencode

from customer_features.definition.options import Options
from customer_features.errors import UsageError
from customer_features.query.columns import quoted
from customer_features.query.dialects import dialect as dialect_of
from customer_features.service.explorer.choices import Choices
from customer_features.service.explorer.steps import Checked, Looked
from customer_features.service.route import PATHS

MEDIA = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "ndjson": "application/x-ndjson",
    "arrow": "application/vnd.apache.arrow.file",
    "json": "application/json",
}
_READ = {
    "csv": "pl.read_csv({name}, infer_schema=False)",
    "ndjson": "pl.read_ndjson({name})",
    "parquet": "pl.read_parquet({name})",
    "arrow": "pl.read_ipc({name})",
}


@dataclass(frozen=True, slots=True)
class Again:
    """A door and the words for it.

    ``note``: the catalogue's name of what must be known of them, and ``count`` the number in it; ``refused``: why there
    are none.
    """

    door: str
    text: str
    note: str = ""
    count: int = 0
    refused: str = ""


def command_line(name: str, looked: Looked, checked: Checked, choices: Choices) -> Again:
    """The run as a command."""
    words = ["customer-features", "build", f"./{name}" if name.startswith("-") else name]
    for option, value in _told(checked, choices).items():
        words += [f"--{option.replace('_', '-')}", value]
    for field, column in choices.columns.items():
        words += ["--map", f"{field}={quoted(column)}"]
    if checked.quarantined > checked.rows_in / 100:
        words += ["--max-faults", "100%"]
    note = "note_set_aside" if checked.quarantined else ""
    return Again("command", _folded([*words, "--out", "features.parquet"]), note, checked.quarantined)


def curl(
    name: str,
    looked: Looked,
    checked: Checked,
    choices: Choices,
    base: str,
    *,
    auth: bool,
    out: str = "features.parquet",
) -> Again:
    """The run as a request to this server."""
    words = ["curl", "--fail-with-body"]
    if auth:
        words += ["-H", "X-Customer-Api-Id: $API_ID", "-H", "X-Secret: $SECRET"]
    words += ["-H", f"Content-Type: {MEDIA[looked.kind]}"]
    note = ""
    if name.endswith((".gz", ".zst")):
        words += ["-H", f"Content-Encoding: {'gzip' if name.endswith('.gz') else 'zstd'}"]
    told, out = _told(checked, choices), "features.parquet"
    query: list[tuple[str, str]] = []
    if looked.kind == "json":
        out = "features.json"
        if choices.options.keys() - {"today"} or choices.columns:
            note = "note_json_options"
    else:
        words += ["-H", f"Accept: {MEDIA['parquet']}"]
        query = [(option, value) for option, value in told.items() if option != "encoding"]
        query += [("map", f"{field}={column}") for field, column in choices.columns.items()]
        if "encoding" in told:
            note = "note_encoding"
    if checked.quarantined:
        note = "note_all_or_none"
    address = f"{base}{PATHS[0]}" + (f"?{urlencode(query)}" if query else "")
    words += ["--data-binary", f"@{name}", "-o", out, address]
    text = _folded(words)
    # The shell is to put the credentials in, so these words stand between double quotes.
    text = text.replace("'X-Customer-Api-Id: $API_ID'", '"X-Customer-Api-Id: $API_ID"')
    return Again("curl", text.replace("'X-Secret: $SECRET'", '"X-Secret: $SECRET"'), note, checked.quarantined)


def python(name: str, looked: Looked, checked: Checked, choices: Choices) -> Again:
    """The run in Python."""
    if looked.kind == "json":
        lines = [
            "from pathlib import Path",
            "import customer_features",
            "",
            f"answer = customer_features.answer(Path({name!r}).read_bytes())",
        ]
        return Again("python", "\n".join(lines))
    told = _told(checked, choices)
    columns = {field: quoted(column) for field, column in choices.columns.items()}
    more = "".join(f"    {option}={value!r},\n" for option, value in told.items() if option != "encoding")
    if columns:
        more += f"    columns={columns!r},\n"
    if checked.quarantined:
        more += '    on_fault="quarantine",\n    max_faults=1,\n'
    read = _READ[looked.kind].format(name=repr(name))
    if looked.delimiter != ",":
        read = read.replace("infer_schema=False", f"separator={looked.delimiter!r}, infer_schema=False")
    if "encoding" in told:
        read = read.replace("infer_schema=False", f"infer_schema=False, encoding={told['encoding']!r}")
    text = (
        "import customer_features\nimport polars as pl\n\n"
        f"rows = {read}\nvectors = customer_features.build(\n    rows,\n{more})"
    )
    return Again("python", text)


def sql(name: str, looked: Looked, checked: Checked, choices: Choices, dialect: str) -> Again:
    """The run as SQL over a table that holds the file's rows."""
    from customer_features.query.generate import sql as printed

    options = Options.parse(**choices.given)
    columns = {field: dialect_of(dialect).quoted(column) for field, column in _names(checked, choices).items()}
    types = {field: "text" for field, known in checked.types.items() if known == "VARCHAR" and field in _TYPED}
    window = None if options.window is None else str(options.window)
    note = "note_table"
    if {"decimal", "thousands", "null", "date_format"} & choices.options.keys():
        note = "note_typed"
    try:
        text = printed(
            dialect,
            table="purchases",
            columns=columns,
            types=types,
            today=checked.today,
            grain=options.grain,
            future=options.future,
            returns=options.returns,
            window=window,
            timezone=options.timezone,
        )
    except UsageError as error:
        return Again("sql", "", refused=str(error))
    return Again("sql", text.rstrip("\n"), note)


_TYPED = ("date", "amount", "loyalty_score")


def _names(checked: Checked, choices: Choices) -> dict[str, str]:
    """The column of each field that is read."""
    return {**checked.mapping, **choices.columns}


def _told(checked: Checked, choices: Choices) -> dict[str, str]:
    """The options by name, the date among them: tomorrow the same words are to give the same bits."""
    return {"today": checked.today, **{name: value for name, value in choices.options.items() if name != "today"}}


def _folded(words: list[str]) -> str:
    """Words of a shell over several lines, an option each."""
    lines, line = [], ""
    for word in words:
        safe = shlex.quote(word)
        if word.startswith("-") and line and len(line) > 30:
            lines.append(line)
            line = safe
        else:
            line = f"{line} {safe}" if line else safe
    return " \\\n  ".join([*lines, line])
