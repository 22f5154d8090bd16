"""Write the pages under ``docs/reference``, made from the code: ``make reference``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from customer_features.cli import EXIT_CODES, group
from customer_features.definition.faults import FAULTS, WARNINGS, Scope
from customer_features.service.problems import KINDS
from tests.docs import openapi_reference
from tests.docs.python_reference import python

FOLDER = Path(__file__).parents[2] / "docs" / "reference"
MADE = "<!-- made from the code by `make reference`, held by a test -->"
SCOPES = {
    Scope.ROW: "the row",
    Scope.ORDER: "the order, with all its rows",
    Scope.CUSTOMER: "the customer, with all rows",
    Scope.REQUEST: "the request: an entry of its `customers`",
}


def page(title: str, *parts: str) -> str:
    """A page of that title; parts are told apart by an empty line."""
    return "\n\n".join([f"# {title}", MADE, *parts]) + "\n"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(text: str) -> str:
    """Text in the type of code; nothing where there is none."""
    return f"`{text}`" if text else ""


def all_commands(
    command: click.Command = group, name: str = "customer-features"
) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, groups before what they hold."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from all_commands(found, f"{name} {inner}")


def default_of(option: click.Option, said: str) -> str:
    """The default, from the help's own words where it is no constant."""
    if said:
        return said.removesuffix("]")
    if option.is_flag or not isinstance(option.default, str | int | float) or option.default == "":
        return ""
    return str(option.default)


def described(option: click.Option) -> list[str]:
    """One option's row: names with metavar, variable, default, meaning."""
    names = ", ".join([*option.opts, *option.secondary_opts])
    if not option.is_flag:
        names += f" {option.metavar or option.type.name.upper()}"
    meaning, _, said = (option.help or "").partition("  [default: ")
    meaning += "." if meaning[-1:].isalnum() or meaning.endswith(")") else ""
    if isinstance(option.type, click.Choice):
        meaning += f" One of {', '.join(str(choice) for choice in option.type.choices)}."
    if option.required:
        meaning += " Required."
    if option.multiple and "epeat" not in meaning:
        meaning += " May be repeated."
    variable = option.envvar if isinstance(option.envvar, str) else ""
    return [code(names), code(variable), default_of(option, said), meaning]


def commands() -> str:
    """Every command: how it is called, what it does, its options."""
    parts = [
        "The same is printed by `--help` after each command. What the options do together is said on the pages of the"
        " how-to; [exit codes](exit-codes.md) are the same for all commands."
    ]
    for name, command in all_commands():
        arguments = [
            one.make_metavar(click.Context(command)) for one in command.params if isinstance(one, click.Argument)
        ]
        options = [one for one in command.params if isinstance(one, click.Option)]
        tail = ["[OPTIONS]"] if options else []
        inner = ["COMMAND"] if isinstance(command, click.Group) else []
        parts += [f"## {name}", f"```\n{' '.join([name, *tail, *inner, *arguments])}\n```"]
        parts.append(inspect.cleandoc((command.help or "").replace("\b\n", "")))
        if options:
            parts.append(table(["Option", "Variable", "Default", "Meaning"], [described(one) for one in options]))
    return page("Commands", *parts)


def exit_codes() -> str:
    """What the command line exits with."""
    rows = [[code(str(number)), meaning] for number, meaning in EXIT_CODES.items()]
    told = (
        "Results go to standard output or `--out`, everything else to standard error. With `--log json` the last line"
        " of standard error holds the same number as `exit_code`."
    )
    return page("Exit codes", told, table(["Code", "Meaning"], rows))


def faults() -> str:
    """Every fault and every warning."""
    rows = [
        [
            code(one.name),
            f"{one.message.replace('{found}', '…')}.",
            SCOPES[one.scope],
            f"{one.mend[0].upper()}{one.mend[1:]}.",
        ]
        for one in FAULTS
    ]
    warned = [[code(one.name), f"{one.message.replace('{found}', '…')}."] for one in WARNINGS.values()]
    return page(
        "Faults and warnings",
        "A fault sets aside what it is found in, with its name and a sentence; a row with several is filed under the"
        " first in this order. `build` quarantines faulty rows or stops (`--on-fault`, `--max-faults`), `check` lists"
        " them, and the HTTP service refuses the request (422). `…` stands for what was found.",
        "## Faults",
        table(["Name", "What it says", "What is set aside", "What mends it"], rows),
        "## Warnings",
        "A warning sets nothing aside.",
        table(["Name", "What it says"], warned),
    )


def problems() -> str:
    """Every kind of problem document of the HTTP service."""
    rows = [
        [code(one.name), str(one.status), one.title, one.meaning]
        for one in sorted(KINDS.values(), key=lambda kind: kind.status)
    ]
    return page(
        "Errors of the service",
        "Every error is a problem document (RFC 9457, `application/problem+json`) with `type`, `title`, `status`,"
        " `detail` and `instance`. `type` is `urn:customer-features:problem:` and the name; it does not change. A 422"
        " also holds `errors`, from the path of each of the first hundred [faults](faults.md) to its sentences. A 503"
        " bears `Retry-After`. What a client does at which of them: [asking from Python](../client.md).",
        table(["Name", "Status", "Title", "Meaning"], rows),
    )


def pages() -> dict[str, str]:
    """The pages by file name."""
    return {
        "commands.md": commands(),
        "exit-codes.md": exit_codes(),
        "faults.md": faults(),
        "openapi.md": page("Paths of the service", *openapi_reference.paths(table)),
        "problems.md": problems(),
        "python.md": page("Python", *python()),
    }


def main() -> None:
    """Write the pages."""
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.docs.reference --write")
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, "utf-8")
        print(FOLDER / name)


if __name__ == "__main__":
    main()
