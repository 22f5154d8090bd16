"""``s3://`` sources: an object, or every object whose key fits a pattern, each read as one version of it."""

from __future__ import annotations

import fnmatch
import glob
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

from customer_features.connections import s3
from customer_features.errors import SourceError, did_you_mean
from customer_features.sources import lakes
from customer_features.sources.download import Dropped, changed, copied
from customer_features.sources.parts import File

_CHUNK = 1 << 20
_LISTED = 1000
"""Keys that are looked at for one that was meant: what one request lists."""


def fetched(address: str, folder: Path) -> list[File]:
    """The object at an address, or all that fit its pattern in the order of their keys, as files in ``folder``.

    ``*`` and ``?`` stand for anything but a slash and ``**/`` for any folders, as with files; an object whose key is
    the pattern to the letter comes first. Raises SourceError: no such bucket or object, no credentials, no right,
    unreachable, changed while it was read, broken off, or the disk is full.
    """
    named = s3.Address.of(address, SourceError)
    client = s3.connected(str(named), SourceError)
    files = []
    around = cache(partial(_table_around, client, named.bucket))
    for number, (found, head) in enumerate(_objects(client, named)):
        if lakes.is_data(found.key) and (table := around(found.key.rpartition("/")[0])):
            raise lakes.part_of_table(str(named), table)
        path = Path(tempfile.mkdtemp(dir=folder)) / f"object-{number}"
        files.append(copied(_Object(client, found, head), path, str(found), str(found)))
    return files


def _objects(client: Any, named: s3.Address) -> Iterator[tuple[s3.Address, dict[str, Any]]]:
    """The objects that an address names, each with what the store says of it."""
    try:
        head = s3.head_of(client, named)
        if head is not None:
            yield named, head
        elif glob.has_magic(named.key):
            for key in _matching(client, named):
                found = s3.Address(named.bucket, key)
                if (head := s3.head_of(client, found)) is None:
                    raise SourceError(f"{found}: was deleted while it was read; nothing was published, run again")
                yield found, head
        else:
            raise SourceError(f"{named}: {_absent(client, named)}")
    except s3.ERRORS as error:
        what = s3.no_bucket(client, named.bucket) if s3.code_of(error) == "NoSuchBucket" else None
        raise SourceError(f"{named}: {what or s3.why(error, client, named)}") from None


def _matching(client: Any, named: s3.Address) -> list[str]:
    before = named.key[: min(place for mark in "*?[" if (place := named.key.find(mark)) >= 0)]
    keys = []
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=named.bucket, Prefix=before):
        keys += [entry["Key"] for entry in page.get("Contents", []) if _fits(entry["Key"], named.key)]
    if not keys:
        raise SourceError(f"{named}: no object matches")
    return sorted(keys)


def _fits(key: str, pattern: str) -> bool:
    return not key.endswith("/") and _segments_fit(key.split("/"), pattern.split("/"))


def _segments_fit(key: list[str], pattern: list[str]) -> bool:
    if not pattern or not key:
        return not pattern and not key
    if pattern[0] == "**" and len(pattern) > 1:
        return _segments_fit(key, pattern[1:]) or (
            not key[0].startswith(".") and len(key) > 1 and _segments_fit(key[1:], pattern)
        )
    # As with files, a name that begins with a dot is meant only where the pattern says the dot.
    hidden = key[0].startswith(".") and not pattern[0].startswith(".")
    return not hidden and fnmatch.fnmatchcase(key[0], pattern[0]) and _segments_fit(key[1:], pattern[1:])


def _absent(client: Any, named: s3.Address) -> str:
    """What is said of a key under which nothing is."""
    folder = named.key.rstrip("/") + "/"
    if table := _table_at(client, named.bucket, named.key.rstrip("/")):
        return str(lakes.not_read(str(named), table.kind)).removeprefix(f"{named}: ")
    if client.list_objects_v2(Bucket=named.bucket, Prefix=folder, MaxKeys=1).get("KeyCount"):
        return f"is a folder; give its objects, for example 's3://{named.bucket}/{folder}*.parquet'"
    before, slash, name = named.key.rpartition("/")
    page = client.list_objects_v2(Bucket=named.bucket, Prefix=before + slash, Delimiter="/", MaxKeys=_LISTED)
    beside = [entry["Key"].removeprefix(before + slash) for entry in page.get("Contents", [])]
    return f"no such object{did_you_mean(name, beside)}"


def _table_around(client: Any, bucket: str, folder: str) -> lakes.Table | None:
    """The table of a lake that a folder, or one around it, is; None where there is none."""
    parts = folder.split("/")
    folders = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((table for one in folders if (table := _table_at(client, bucket, one))), None)


def _table_at(client: Any, bucket: str, folder: str) -> lakes.Table | None:
    with suppress(*s3.ERRORS):  # who may read objects may not list them; what is given is taken at its word then
        for mark, kind in lakes.MARKS.items():
            inside = f"{folder}/{mark}".lstrip("/")
            page = client.list_objects_v2(Bucket=bucket, Prefix=inside, MaxKeys=_LISTED)
            names = [entry["Key"] for entry in page.get("Contents", [])]
            if names and (kind != lakes.ICEBERG or any(name.endswith(lakes.METADATA) for name in names)):
                return lakes.Table(f"s3://{bucket}/{folder}", kind)
    return None


class _Object:
    """One version of an object, by its ETag and, where the bucket keeps versions, by the version's name."""

    def __init__(self, client: Any, address: s3.Address, head: dict[str, Any]) -> None:
        self.total: int | None = head["ContentLength"]
        self._client, self._address = client, address
        self._which = {"Bucket": address.bucket, "Key": address.key}
        if head.get("ETag"):
            self._which["IfMatch"] = head["ETag"]
        if head.get("VersionId", "null") != "null":
            self._which["VersionId"] = head["VersionId"]

    def piece(self, start: int, stop: int) -> Iterator[bytes]:
        last = min(stop, self.total or 0) - 1
        try:
            answer = self._get(f"bytes={start}-{last}")
            with closing(answer["Body"]) as body:
                while chunk := body.read(_CHUNK):
                    yield chunk
        except s3.ERRORS as error:
            code = s3.code_of(error)
            if code in ("412", "PreconditionFailed", "404", "NoSuchKey", "NoSuchVersion", "416", "InvalidRange"):
                raise self._changed() from None
            if code:
                raise SourceError(f"{self._address}: {s3.why(error, self._client, self._address)}") from None
            raise Dropped(s3.why(error, self._client, self._address)) from None

    def _get(self, piece: str) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._client.get_object(Range=piece, **self._which)
        except s3.ERRORS as error:
            # Many may read objects and not name their versions; the ETag alone tells as well, only later.
            if "VersionId" not in self._which or s3.code_of(error) not in ("AccessDenied", "403"):
                raise
            del self._which["VersionId"]
            answer = self._client.get_object(Range=piece, **self._which)
        return answer

    def _changed(self) -> SourceError:
        now = None
        with suppress(*s3.ERRORS):
            head = s3.head_of(self._client, self._address)
            if head is None:
                return SourceError(f"{self._address}: was deleted while it was read; nothing was published, run again")
            now = head["ContentLength"]
        return changed(str(self._address), self.total, now)
