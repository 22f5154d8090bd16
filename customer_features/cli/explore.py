"""``customer-features explore``: the explorer's page over a file, in the browser."""

from __future__ import annotations

import tempfile
import webbrowser
from pathlib import Path

import click

from customer_features.cli.completion import files
from customer_features.cli.serve import check_explorer
from customer_features.connections.addresses import scheme_of
from customer_features.errors import MissingExtra, SourceError
from customer_features.service.settings import Settings


@click.command()
@click.argument("source", required=False, shell_complete=files)
@click.option("--port", default=0, type=click.IntRange(0, 65535), metavar="P", help="Port  [default: a free one]")
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
def explore(source: str | None, port: int, no_browser: bool) -> None:
    """Look at purchase rows and their vectors on a page in the browser.

    SOURCE is what `build` takes: a file, a glob, an https:// or s3:// address, postgresql://USER@HOST/DATABASE#TABLE.
    Without it the page asks for a file. Nobody but this machine can reach the page; Ctrl-C ends it, and what was looked
    at is deleted.
    """
    try:
        from customer_features.service import server
    except ImportError as error:
        raise MissingExtra("customer-features explore", "explorer") from error
    check_explorer()
    with tempfile.TemporaryDirectory(prefix="customer-features-explorer-") as folder:
        settings = Settings(
            auth=False, port=port, explorer=True, data_dir=Path(folder), log_level="warning", table_memory=_half()
        )
        settings.checked_address()
        opened = "" if source is None else f"/#{_dataset(settings, source)}"

        def announce(line: str) -> None:
            url = line.rpartition(" ")[2]
            if not line.startswith("Listening on "):
                return
            click.echo(f"Exploring on {url}{opened or '/'}  (Ctrl-C ends it)", err=True)
            if not no_browser:
                webbrowser.open(f"{url}{opened or '/'}")

        server.run(settings, announce)


def _dataset(settings: Settings, source: str) -> str:
    """A dataset over a source; its id. Raises SourceError where there is no such file."""
    from customer_features.service.access.authentication import Outcome
    from customer_features.service.explorer.datasets import Datasets, shown_name

    if scheme_of(source) is None and not any(sign in source for sign in "*?[") and not Path(source).is_file():
        what = "is a folder; give a file, or a glob such as 'folder/*.csv'" if Path(source).is_dir() else "is not there"
        raise SourceError(f"{source}: {what}")
    name = source if scheme_of(source) is None else source.partition("?")[0]
    return Datasets(settings.data_dir).create(shown_name(name), Outcome(True, "").api_id, source).id


def _half() -> int:
    """Half of this machine's memory, in bytes: the page has it for itself."""
    from customer_features.engines.duckdb.session import default_memory

    count, unit = default_memory().split()
    return int(count) * {"MiB": 2**20, "GiB": 2**30}[unit]
