"""Multipart uploads: everything of an object is at the store before one call makes it stand under its key.

An upload that is never completed is seen by nobody but the one who pays for it, so each is aborted when it is not
needed, and what a killed run left is aborted by a later one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from customer_features.connections import s3
from customer_features.errors import OutputError

PART = 1 << 24
"""Bytes of a part, where there need not be more than ``PARTS`` of them."""
PARTS = 10_000
"""Parts of one upload, at most: the store's limit."""
ABANDONED = timedelta(days=1)
"""So old is an upload that no living run is taken to be behind it: there is no lock to ask."""
_CONTENT = {
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv; charset=utf-8",
    ".arrow": "application/vnd.apache.arrow.file",
    ".json": "application/json",
}


class Upload:
    """One object on its way: begun, sent in parts, and either completed or aborted by ``leftovers``."""

    def __init__(self, client: Any, address: s3.Address, sha256: str, leftovers: ExitStack) -> None:
        self.address = address
        self.sha256 = sha256
        self.bytes = 0
        self._client = client
        self._etag: str | None = None
        self._completed = False
        self._parts: list[dict[str, Any]] = []
        with undisturbed():  # no signal between the upload and the note that it is to be aborted
            begun = client.create_multipart_upload(
                Bucket=address.bucket,
                Key=address.key,
                ChecksumAlgorithm="SHA256",
                ContentType=_CONTENT[PurePosixPath(address.key).suffix.lower()],
                Metadata={"sha256": sha256},
            )
            self._id = begun.get("UploadId")
            if not self._id:  # an answer cut short is taken for an empty one
                raise OutputError(f"{address}: cannot be written: the store did not name the upload; run again")
            leftovers.callback(self._abort)

    def send(self, path: Path) -> None:
        """Send all parts of a file; the store compares the SHA-256 of each."""
        size = path.stat().st_size
        length = max(PART, -(-size // PARTS))
        with path.open("rb") as file:
            while (part := file.read(length)) or not self._parts:
                number = len(self._parts) + 1
                sent = self._client.upload_part(
                    **self._where(), UploadId=self._id, PartNumber=number, Body=part, ChecksumAlgorithm="SHA256"
                )
                said = {name: sent[name] for name in ("ETag", "ChecksumSHA256") if sent.get(name)}
                self._parts.append({"PartNumber": number, **said})
                self.bytes += len(part)

    def complete(self, **condition: str) -> None:
        """Make the object stand under its key: the one atomic step."""
        try:
            done = self._client.complete_multipart_upload(
                **self._where(), UploadId=self._id, MultipartUpload={"Parts": self._parts}, **condition
            )
            self._etag = done.get("ETag")
        except s3.ERRORS as error:
            # The answer to a first try may have been lost, and a second one finds no upload any more.
            if s3.code_of(error) != "NoSuchUpload" or not self.stands():
                raise
        self._completed = True

    def stands(self) -> bool:
        """Whether what is found under the key is this object, or one with the very same bytes."""
        head = s3.head_of(self._client, self.address)
        if head is None or head["ContentLength"] != self.bytes:
            return False
        return head.get("Metadata", {}).get("sha256") == self.sha256 or head.get("ETag") == self._etag

    def delete(self) -> None:
        """Take the object away where it stands, and nobody else's."""
        with suppress(*s3.ERRORS):  # it does no more than a killed run would have left undone
            head = s3.head_of(self._client, self.address)
            if head is not None and head.get("Metadata", {}).get("sha256") == self.sha256:
                self._client.delete_object(**self._where(), IfMatch=head["ETag"])

    def _where(self) -> dict[str, str]:
        return {"Bucket": self.address.bucket, "Key": self.address.key}

    def _abort(self) -> None:
        if not self._completed:
            with suppress(*s3.ERRORS):  # a later run does it
                self._client.abort_multipart_upload(**self._where(), UploadId=self._id)


def sweep(client: Any, addresses: list[s3.Address]) -> None:
    """Abort the uploads to these keys (of one bucket, the first a beginning of all) that dead runs left.

    Only age tells them from those of a living run. Who may not list or abort uploads leaves them.
    """
    bucket, prefix = addresses[0].bucket, addresses[0].key
    keys = {address.key for address in addresses}
    before = datetime.now(UTC) - ABANDONED
    with suppress(*s3.ERRORS):
        for page in client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix):
            for upload in page.get("Uploads", []):
                if upload["Key"] in keys and upload["Initiated"] < before:
                    with suppress(*s3.ERRORS):
                        client.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


@contextmanager
def undisturbed() -> Iterator[None]:
    """Put off the first SIGINT or SIGTERM until the end; a second one is heard at once."""
    came: list[int] = []
    handlers: dict[int, Any] = {}

    def later(number: int, frame: Any) -> None:
        came.append(number)
        if len(came) > 1:
            handlers[number](number, frame)

    if threading.current_thread() is threading.main_thread():
        for number in (int(signal.SIGINT), int(signal.SIGTERM)):
            if callable(handler := signal.getsignal(number)):
                handlers[number] = handler
                signal.signal(number, later)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        handlers[came[0]](came[0], None)
