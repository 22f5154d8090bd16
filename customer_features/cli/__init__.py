"""The command line: parse, call, print. A module a command, imported when the command is called."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any, NoReturn

import click

from customer_features import __version__, features
from customer_features.errors import DataFaults, InvalidOption, UsageError, did_you_mean

_COMMANDS = {
    "build": "Build one feature vector per customer from purchase rows.",
    "check": "List the faulty rows of a source, without building.",
    "keys": "Create, list, rotate and revoke the service's credentials.",
    "serve": "Serve the HTTP endpoint.",
}


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
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            raise UsageError(
                f"there is no command '{args[0]}'{did_you_mean(args[0], _COMMANDS)}; allowed are {', '.join(_COMMANDS)}"
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))
        with formatter.section("Features"):
            formatter.write_dl(
                [
                    (name, f"{meaning}: {formula} ({unit}, {span})")
                    for name, formula, unit, span, meaning in features.table()
                ]
            )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="customer-features")
def group() -> None:
    """Turn raw purchase transactions into one exact feature vector per customer."""


class _Terminated(BaseException):
    """SIGTERM came: unwind, so that nothing half-written stays, and exit with 143."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 data refused, 2 wrong usage, 130 and 143 interrupted."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """The exit code of one command; what goes wrong is said in a sentence on standard error."""
    came: list[int] = []

    def stop(number: int, frame: Any) -> NoReturn:
        came.append(number)
        raise KeyboardInterrupt if number == signal.SIGINT else _Terminated

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        code: Any = group.main(args=arguments, prog_name="customer-features", standalone_mode=False)
    except BaseException as error:
        # A library that a signal stops halfway may tell of it in an error of its own.
        return _stopped(came[0]) if came else _failed(error)
    return code if isinstance(code, int) else 0


def _stopped(number: int) -> int:
    what = "Interrupted" if number == signal.SIGINT else "Terminated"
    click.echo(f"{what}; nothing is left half-written.", err=True)
    return 128 + number


def _failed(error: BaseException) -> int:
    """Say what went wrong; the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return _stopped(signal.SIGINT)
    if isinstance(error, click.ClickException):
        error.show()
        return 2
    if isinstance(error, InvalidOption):
        click.echo(f"Error: --{error.option.replace('_', '-')}: {error.reason}", err=True)
        return 2
    if isinstance(error, UsageError):
        click.echo(f"Error: {error}", err=True)
        return 2
    if isinstance(error, DataFaults):
        click.echo(f"Error: {error}\nNothing was published. `customer-features check` lists the faulty rows.", err=True)
        return 1
    if isinstance(error, BrokenPipeError):
        # The reader of standard output went away, as `head` does: no one is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    if not isinstance(error, Exception) or os.environ.get("CUSTOMER_FEATURES_DEBUG"):
        raise error
    click.echo(
        f"Error: this is a fault of customer-features itself; nothing is left half-written: {type(error).__name__}:"
        f" {error}\nSet CUSTOMER_FEATURES_DEBUG=1 to see where, and please report it.",
        err=True,
    )
    return 2
