"""An object store for tests: moto's S3 behind a socket, with a hand in between that lets it misbehave."""

from __future__ import annotations

import logging
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from tests.waiting import until

SECRET = "planted-s3cr3t-key"


@dataclass(frozen=True)
class Asked:
    """One request to the store."""

    method: str
    bucket: str
    key: str
    query: dict[str, list[str]]

    @property
    def what(self) -> str:
        """Such as ``PUT partNumber,uploadId``."""
        return " ".join([self.method, ",".join(sorted(name for name in self.query if name != "x-id"))]).strip()


@dataclass(frozen=True)
class Refused:
    """An answer with an error."""

    status: int
    code: str = "Refused"


@dataclass(frozen=True)
class Cut:
    """The request is carried out; the connection breaks after so many bytes of the answer, or before it."""

    after: int = 0


@dataclass(frozen=True)
class Silent:
    """The request is not carried out, and no answer comes before the end of the test."""


Answer = Refused | Cut | Silent | None
Hand = Callable[[Asked], Answer]


class Store:
    """A running store. ``hand`` is asked about every request before it is carried out."""

    def __init__(self) -> None:
        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self.hand: Hand | None = None
        self.asked: list[Asked] = []
        self._at_work: list[Asked] = []
        self._over = threading.Event()
        self._app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True, request_handler=MotoRequestHandler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="someone",
            aws_secret_access_key="else",
            region_name="us-east-1",
        )

    def __enter__(self) -> Store:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        self.client.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def environment(self) -> dict[str, str]:
        """What leads a run to this store and to nothing of a person's own."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAPLANTED",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    def bucket(self, *, versions: bool = False) -> Bucket:
        """A new bucket."""
        name = f"shop-{uuid.uuid4().hex[:12]}"
        self.client.create_bucket(Bucket=name)
        if versions:
            self.client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return Bucket(self, name)

    def forget(self) -> None:
        """Behave well again, and forget what was asked."""
        self.hand = None
        self._over.set()
        self.idle()
        self._over.clear()
        self.asked.clear()

    def idle(self) -> None:
        """Wait until every request that came is carried out."""
        until(lambda: not self._at_work, lambda: f"the end of {self._at_work}")

    def _serve(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        _, bucket, key = (unquote(environ.get("RAW_URI", "").partition("?")[0]) + "//").split("/", 2)
        query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        asked = Asked(environ["REQUEST_METHOD"], bucket, key.removesuffix("//").removesuffix("/"), query)
        self.asked.append(asked)
        self._at_work.append(asked)
        try:
            return self._answer(asked, environ, start_response)
        finally:
            self._at_work.remove(asked)

    def _answer(self, asked: Asked, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        hand = self.hand
        answer = hand(asked) if hand else None
        if isinstance(answer, Refused):
            body = b"" if asked.method == "HEAD" else f"<Error><Code>{answer.code}</Code></Error>".encode()
            start_response(
                f"{answer.status} Refused", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))]
            )
            return [body]
        if isinstance(answer, Silent):
            self._over.wait()
            return self._cut(environ)
        if isinstance(answer, Cut):
            begun: list[Any] = []
            body = b"".join(self._app(environ, lambda *head: begun.append(head)))
            if answer.after:
                start_response(*begun[0])
            return self._cut(environ, body[: answer.after])
        return self._app(environ, start_response)  # type: ignore[no-any-return]

    @staticmethod
    def _cut(environ: dict[str, Any], body: bytes = b"") -> Iterator[bytes]:
        if body:
            yield body
        with suppress(OSError):  # the client may have gone first
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True)
class Bucket:
    """A bucket of the store, in a test's words."""

    store: Store
    name: str

    def __str__(self) -> str:
        return f"s3://{self.name}"

    def put(self, key: str, body: bytes) -> str:
        """Put an object; its address."""
        self.store.client.put_object(Bucket=self.name, Key=key, Body=body)
        return f"s3://{self.name}/{key}"

    def get(self, key: str) -> bytes:
        body: bytes = self.store.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def head(self, key: str) -> dict[str, Any]:
        head: dict[str, Any] = self.store.client.head_object(Bucket=self.name, Key=key)
        return head

    def all(self) -> dict[str, bytes]:
        """Every object by its key."""
        listed = self.store.client.list_objects_v2(Bucket=self.name).get("Contents", [])
        return {entry["Key"]: self.get(entry["Key"]) for entry in listed}

    def uploads(self) -> list[str]:
        """The keys of the uploads that are open."""
        listed = self.store.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return sorted(entry["Key"] for entry in listed)

    def asked(self) -> list[str]:
        """What was asked of this bucket, by others than this test, in order."""
        return [f"{asked.what} {asked.key}" for asked in self.store.asked if asked.bucket == self.name]
