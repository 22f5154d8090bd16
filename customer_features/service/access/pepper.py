"""The pepper: the key under which secrets are hashed, kept apart from the store of their digests."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from customer_features.errors import UsageError
from customer_features.service.access import rights

VARIABLE = "CUSTOMER_FEATURES_PEPPER"
FILE = "pepper"
_BYTES = 32


def load(folder: Path, *, environ: Mapping[str, str] = os.environ, create: bool = True) -> bytes:
    """The pepper from the environment, or from ``folder``, where it is created once.

    ``create=False`` is for a store that holds keys already: a new pepper would silently void them all.
    Raises UsageError where there is no usable pepper, or where others may read it.
    """
    if VARIABLE in environ:
        pepper = environ[VARIABLE].encode()
        if len(pepper) < _BYTES:
            raise UsageError(f"{VARIABLE} is too short: give at least {_BYTES} characters of randomness")
        return pepper
    path = folder / FILE
    if not path.exists():
        if not create:
            raise UsageError(
                f"the pepper {path} is gone, and the keys in this folder cannot be checked without it:"
                f" restore the file, or set {VARIABLE}"
            )
        _create(path)
    pepper = path.read_bytes()
    if len(pepper) != _BYTES:
        raise UsageError(f"{path} holds {len(pepper)} bytes instead of {_BYTES}: restore the file")
    rights.check(path)
    return pepper


def _create(path: Path) -> None:
    """Write a new pepper, whole or not at all; of two processes at once the first one's stands."""
    draft = path.with_name(f"{FILE}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, secrets.token_bytes(_BYTES))
        os.fsync(handle)
        # A hard link fails where the name is taken, which a rename would not.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.close(handle)
        draft.unlink()
