"""``customer-features keys``: the credentials of those who may call the service."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from customer_features.errors import UsageError
from customer_features.service.access.backup import write as write_backup
from customer_features.service.access.credentials import CredentialStore
from customer_features.service.access.key import NewKey
from customer_features.service.access.pepper import VARIABLE
from customer_features.service.settings import KEY_CACHE, data_folder, parse_duration

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_expires = click.option(
    "--expires", default="90d", show_default=True, metavar="TIME", help="How long the secret lives."
)


@click.group()
def keys() -> None:
    """Create, list, rotate, revoke and back up the keys of the HTTP service.

    They live under CUSTOMER_FEATURES_DATA_DIR. A secret is shown once, when it is made, and stored only as
    a keyed hash.
    """


@keys.command()
@click.argument("name")
@_expires
@_json
def create(name: str, expires: str, as_json: bool) -> None:
    """Make a key called NAME and show its secret, once."""
    lifetime = parse_duration("expires", expires)
    with _store() as store:
        _show(store.create(name, lifetime=lifetime), as_json)


@keys.command()
@click.argument("name")
@click.option(
    "--overlap", default="24h", show_default=True, metavar="TIME", help="How long the old secret goes on serving."
)
@_expires
@_json
def rotate(name: str, overlap: str, expires: str, as_json: bool) -> None:
    """Give the key NAME (or api id) a new secret; the old one serves on for the overlap."""
    seconds, lifetime = parse_duration("overlap", overlap, least=0), parse_duration("expires", expires)
    with _store() as store:
        _show(store.rotate(name, overlap=seconds, lifetime=lifetime), as_json)


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """Void all secrets of the key NAME (or api id) at once."""
    with _store() as store:
        api_id, label = store.revoke(name)
    click.echo(f"Revoked {label} ({api_id}); running services refuse it within {KEY_CACHE:g} seconds.")


@keys.command("list")
@_json
def list_(as_json: bool) -> None:
    """List all keys, without their secrets."""
    with _store() as store:
        now = store.clock()
        rows: list[dict[str, Any]] = [
            {
                "label": key.label,
                "api_id": key.api_id,
                "status": key.status(now),
                "not_before": _time(key.not_before),
                "expires_on": _time(key.expires_on),
                "last_used_on": None if key.last_used_on is None else _time(key.last_used_on),
            }
            for key in store.all_keys()
        ]
    if as_json:
        click.echo(msgspec.json.encode({"keys": rows}))
    elif not rows:
        click.echo("There are no keys yet; make one with: customer-features keys create NAME", err=True)
    else:
        table = [list(rows[0]), *([str(value or "never") for value in row.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


@keys.command()
@click.argument("folder", type=click.Path(path_type=Path))
def backup(folder: Path) -> None:
    """Copy the credentials to the new FOLDER, also while services run.

    To restore them, copy FOLDER to where CUSTOMER_FEATURES_DATA_DIR points, or point it there. Keys revoked since
    live again then.
    """
    with _store() as store:
        inside = write_backup(store.folder, folder)
        count = len({key.api_id for key in store.all_keys()})
    noun = "key" if count == 1 else "keys"
    pepper = "the pepper; keep it as you would the secrets" if inside else f"no pepper: keep {VARIABLE} too"
    click.echo(f"Copied {count} {noun} to {folder}, with {pepper}.", err=True)


@contextmanager
def _store() -> Iterator[CredentialStore]:
    store = CredentialStore(data_folder())
    try:
        yield store
    except sqlite3.Error as error:
        raise UsageError(
            f"the credential store in {store.folder} cannot be used now ({error}); customer-features doctor looks at it"
        ) from None
    finally:
        store.close()


def _show(key: NewKey, as_json: bool) -> None:
    if as_json:
        shown = {
            "api_id": key.api_id,
            "secret": key.secret,
            "label": key.label,
            "expires_on": _time(key.expires_on),
        }
        click.echo(msgspec.json.encode(shown))
        return
    click.echo(f"X-Customer-Api-Id: {key.api_id}")
    click.echo(f"X-Secret: {key.secret}")
    click.echo(
        f"The secret of {key.label} is shown this once and not stored; it expires on {_time(key.expires_on)}.",
        err=True,
    )


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
