"""Downloads: a browser sends no credentials with a link, so the page asks for one that serves once, for a minute."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from customer_features.service.explorer import results
from customer_features.service.explorer.datasets import ID, Dataset, Datasets
from customer_features.service.explorer.steps import FEATURES
from customer_features.service.problems import Refused
from customer_features.targets.manifest import manifest_of, quarantine_of

SERVES = 60.0
"""Seconds that a link serves."""
KINDS = {
    "parquet": ("parquet", "application/vnd.apache.parquet"),
    "csv": ("csv", "text/csv"),
    "json": ("json", "application/json"),
    "quarantine": ("quarantine.parquet", "application/vnd.apache.parquet"),
    "manifest": ("manifest.json", "application/json"),
}
"""The ending and media type of each kind of download."""


class Downloads:
    """Links to the files of datasets; ``clock`` gives seconds since 1970."""

    def __init__(self, datasets: Datasets, clock: Callable[[], float] = time.time) -> None:
        self._datasets = datasets
        self._clock = clock
        self._making: dict[Path, asyncio.Task[None]] = {}

    def ticket(self, dataset: Dataset, what: str) -> str:
        """A new link's last part. Raises Refused (404) for a kind of file that there is not."""
        if what not in KINDS or (what == "quarantine" and not quarantine_of(dataset.folder / FEATURES).exists()):
            raise Refused("not-found", f"There is no such file; allowed are {', '.join(KINDS)}.")
        made = secrets.token_urlsafe(24)
        path = dataset.folder / f"ticket-{made}"
        path.write_text(what)
        os.utime(path, (self._clock(), self._clock()))
        return made

    def take(self, wanted: str, used: str) -> tuple[str, str, str]:
        """What a link that serves no more from now leads to: its kind, its name, its media type."""
        folder = self._datasets.folder(wanted)
        if not ID.fullmatch(used):
            raise _gone()
        path = folder / f"ticket-{used}"
        try:
            what, made = path.read_text(), path.stat().st_mtime
            path.unlink()
        except OSError:
            raise _gone() from None
        if self._clock() - made > SERVES:
            raise _gone()
        ending, media_type = KINDS[what]
        return what, f"features.{ending}", media_type

    async def file(self, wanted: str, what: str) -> Path:
        """A dataset's file of a kind. What is made of the result is made once: who asks meanwhile waits for it."""
        folder = self._datasets.folder(wanted)
        features = folder / FEATURES
        if what not in results.WRITERS:
            return {"parquet": features, "quarantine": quarantine_of(features), "manifest": manifest_of(features)}[what]
        try:
            path = results.path_of(folder, what)
        except OSError:
            raise _gone() from None
        if path not in self._making and not path.exists():
            self._making[path] = task = asyncio.create_task(asyncio.to_thread(results.make, folder, what, path))
            task.add_done_callback(lambda _: self._making.pop(path))
        if path in self._making:
            await asyncio.shield(self._making[path])  # who leaves takes it from nobody
        return path


def _gone() -> Refused:
    return Refused("not-found", "This link has served, or is too old: go back to the page for another.")
