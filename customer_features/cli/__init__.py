"""The command line: parse, call, print. A module a command, imported when the command is called."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import asdict
from importlib import import_module
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from customer_features._version import __version__
from customer_features.cli.completion import VARIABLE
from customer_features.cli.log import asked, log
from customer_features.definition import features
from customer_features.errors import DataFaults, InvalidOption, UsageError, did_you_mean

_COMMANDS = {
    "build": "Build one feature vector per customer from purchase rows.",
    "check": "List the faulty rows of a source, without building.",
    "completion": "Print the script that makes a shell complete this command.",
    "doctor": "Say what is installed, what is missing, and whether this machine suffices.",
    "explore": "Look at rows and vectors on a page in the browser.",
    "keys": "Create, list, rotate and revoke the service's credentials.",
    "report": "Show what a features file says of its customers: a page, charts or figures.",
    "serve": "Serve the HTTP endpoint.",
    "sql": "Print the definition as one SQL query for a warehouse.",
}
_LOGGED = ("build", "check", "report")
"""The commands that take --log."""
EXIT_CODES = {
    0: "Done.",
    1: "The data were refused, and nothing was published; of `check`: there are faulty rows; of `doctor`: this machine"
    " does not suffice.",
    2: "Wrong usage: an option, a mapping, a source that cannot be read, an extra that is missing.",
    130: "Interrupted (^C, SIGINT); nothing is left half-written.",
    141: "Whoever read standard output went away, as `head` does.",
    143: "Terminated (SIGTERM); nothing is left half-written.",
}
"""What every command exits with, as the documentation lists it."""
_EXAMPLES = (
    ("customer-features check purchases.csv", "which rows of a file cannot be used, and why"),
    ("customer-features build purchases.csv --out features.csv", "one vector for each of its customers"),
    ("customer-features sql --dialect snowflake --table orders", "the same as a query, to run in a warehouse"),
)
"""What somebody may begin with."""


class _Commands(click.Group):
    """The commands by name; each module is imported on demand, so that help needs no extra installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"customer_features.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise UsageError(
                f"there is no command '{args[0]}'{did_you_mean(args[0], _COMMANDS)}; allowed are {', '.join(_COMMANDS)}"
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # Click would import every command for its help.
        named = [(name, told) for name, told in _COMMANDS.items() if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=told) for name, told in named), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("To begin with"):
            for example, what in _EXAMPLES:
                formatter.write(
                    f"{'':{formatter.current_indent}}{example}\n{'':{formatter.current_indent + 4}}{what}\n"
                )
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))
        with formatter.section("Features"):
            formatter.write_dl(
                [
                    (name, f"{meaning}: {formula} ({unit}, {span})")
                    for name, formula, unit, span, meaning in features.table()
                ]
            )


@click.group(
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, prog_name="customer-features")
@click.pass_context
def group(ctx: click.Context, /) -> None:
    """Turn raw purchase transactions into one exact feature vector per customer."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


class _Stopped(BaseException):
    """A signal came: unwind, so that nothing half-written stays, and exit with 128 and its number."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 data refused, 2 wrong usage, 130 and 143 interrupted."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of one command; what goes wrong is said in a sentence on standard error."""
    words = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in words if word in _COMMANDS), None)
    log.as_json = asked(words) and (command is None or command in _LOGGED)
    log.quiet = False
    came: list[int] = []

    def stop(number: int, frame: Any) -> NoReturn:
        came.append(number)
        # After a ^C on a terminal click ends the line; that would be an empty one among those of JSON.
        raise KeyboardInterrupt if number == signal.SIGINT and not log.as_json else _Stopped

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        code: Any = group.main(args=arguments, prog_name="customer-features", standalone_mode=False)
    except BaseException as error:
        # A library that a signal stops halfway may tell of it in an error of its own.
        return _stopped(came[0]) if came else _failed(error, words)
    return code if isinstance(code, int) else 0


def _stopped(number: int) -> int:
    what = "Interrupted" if number == signal.SIGINT else "Terminated"
    said = f"{what}; nothing is left half-written."
    log.say("interrupted", said, level="error", exit_code=128 + number, signal=signal.Signals(number).name)
    return 128 + number


def _failed(error: BaseException, words: list[str]) -> int:
    """Say what went wrong; the exit code."""
    if VARIABLE in os.environ and isinstance(error, Exception):
        return 2  # a shell asks what may come next, in the middle of a line
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _stopped(signal.SIGINT)
    if isinstance(error, click.ClickException):
        if log.as_json:
            return log.failed(error.format_message(), 2, error)
        error.show()
        return 2
    if isinstance(error, InvalidOption):
        return log.failed(f"{_told_by(error.option, words)}: {error.reason}", 2, error, option=error.option)
    if isinstance(error, UsageError):
        return log.failed(str(error), 2, error)
    if isinstance(error, DataFaults):
        said = f"{error}\nNothing was published. `customer-features check` lists the faulty rows."
        found = [asdict(fault) for fault in error.found]
        return log.failed(said, 1, error, rows=error.rows, faults=error.counts, found=found)
    if isinstance(error, BrokenPipeError):
        # The reader of standard output went away, as `head` does: no one is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    if not isinstance(error, Exception) or (os.environ.get("CUSTOMER_FEATURES_DEBUG") and not log.as_json):
        raise error
    where = {}
    if os.environ.get("CUSTOMER_FEATURES_DEBUG"):
        import traceback

        where = {"traceback": traceback.format_exception(error)}
    return log.failed(
        f"this is a fault of customer-features itself; nothing is left half-written: {type(error).__name__}:"
        f" {error}\nSet CUSTOMER_FEATURES_DEBUG=1 to see where, and please report it.",
        2,
        error,
        **where,
    )


def _told_by(name: str, words: list[str]) -> str:
    """What the user set an option by: the option itself, or a variable of the environment."""
    option = f"--{name.replace('_', '-')}"
    variable = f"CUSTOMER_FEATURES_{name.replace('-', '_').upper()}"
    given = any(word == option or word.startswith(f"{option}=") for word in words)
    return option if given or variable not in os.environ else variable
