"""What a shell offers for an argument or an option's value, for ``shell_complete`` of click's parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def one_of(choices: Iterable[str]) -> Complete:
    """Offer some values."""
    known = [str(choice) for choice in choices]

    def complete(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        return [CompletionItem(choice) for choice in known if choice.startswith(incomplete)]

    return complete


def files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell offer names of files and folders."""
    return [CompletionItem(incomplete, type="file")]


def folders(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell offer names of folders."""
    return [CompletionItem(incomplete, type="dir")]


def timezones(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the names of IANA timezones."""
    from customer_features.options import timezone_names

    return [CompletionItem(name) for name in timezone_names() if name.startswith(incomplete)]
