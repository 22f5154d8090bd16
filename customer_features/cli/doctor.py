"""``customer-features doctor``: what is installed, what is missing, and whether this machine suffices."""

from __future__ import annotations

import shutil
import sys
import textwrap
from dataclasses import asdict

import click
import msgspec

from customer_features._version import __version__

_WIDTH = 20


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(ctx: click.Context, /, as_json: bool) -> None:
    """Say what is installed, what is missing, and whether this machine suffices.

    Each line is ok, missing (and what you do without it) or a problem, with the command that helps where there is
    one. Nothing secret is printed. Exits with 1 where something that is installed cannot serve: an extra
    half-installed, a package too old or not to be imported.
    """
    from customer_features.cli.examination import examined

    checks = examined()
    broken = [check.name for check in checks if check.broken]
    if as_json:
        found = {"version": __version__, "ok": not broken, "checks": [asdict(check) for check in checks]}
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        for check in checks:
            for place, line in enumerate([*_wrapped(check.found), *_wrapped(check.means), *filter(None, [check.mend])]):
                click.echo(f"{'' if place else check.status:9}{'' if place else check.name:{_WIDTH}}{line}")
        problems = sum(check.status == "problem" for check in checks)
        said = f"Broken: {', '.join(broken)}." if broken else "What is installed works."
        others = problems - len(broken)
        click.echo(f"\n{said}" + (f" {others} other problem{'s' if others > 1 else ''}." if others else ""))
    ctx.exit(1 if broken else 0)


def _wrapped(text: str) -> list[str]:
    """The lines of a text: on a terminal as wide as there is room, elsewhere one."""
    if not sys.stdout.isatty():
        return [text]
    width = max(shutil.get_terminal_size().columns - 9 - _WIDTH, 30)
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
