"""``customer-features completion``: the script that completes commands, options, values and file names in a shell.

And what a shell offers for an argument or an option's value, for ``shell_complete`` of click's parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)

VARIABLE = "_CUSTOMER_FEATURES_COMPLETE"
"""By this variable a shell asks for completions: click's own name for it."""


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
    from customer_features.definition.options import timezone_names

    return [CompletionItem(name) for name in timezone_names() if name.startswith(incomplete)]


class _Bash(BashComplete):
    """Bash splits ``--grain=li`` into three words, of which click's own class takes the second for a value."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, incomplete = super().get_completion_args()
        return [word for word in words if word != "="], incomplete


add_completion_class(_Bash)
_CLASSES: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(_CLASSES)))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    """Print the script that makes a shell complete this command.

    \b
    bash (4.4 or newer), a line for ~/.bashrc:
        eval "$(customer-features completion bash)"
    zsh, a line for ~/.zshrc, below compinit:
        eval "$(customer-features completion zsh)"
    fish:
        customer-features completion fish > ~/.config/fish/completions/customer-features.fish
    """
    made = _CLASSES[shell](ctx.find_root().command, {}, "customer-features", VARIABLE)
    click.echo(made.source())
