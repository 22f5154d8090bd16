"""``https://`` and ``http://`` sources: one object, read in ranges where the server knows them.

What the object was when its first byte was read (length, ETag, time of change) is compared with every later answer,
so that the copy is never made of two versions.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from customer_features.errors import MissingExtra, SourceError
from customer_features.sources.download import Dropped, changed, copied
from customer_features.sources.parts import File

try:
    import httpx
except ImportError as error:  # pragma: no cover - exercised in an environment without the extra
    raise MissingExtra("reading https:// and http:// addresses", "http") from error

TIMEOUT = httpx.Timeout(30, connect=10)
"""Seconds for a connection, and between two pieces of an answer."""
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "customer-features"}
_PACKED = {"gzip": ".gz", "x-gzip": ".gz", "zstd": ".zst"}
_WHY = {
    401: "the server wants credentials, or does not take those that were given",
    403: "the server does not allow it: credentials may be missing, or a signed address may have expired",
    404: "there is no such object",
    407: "the proxy wants credentials",
    410: "the object is gone",
}


def fetched(address: str, folder: Path) -> list[File]:
    """The object at an address as a file in ``folder``.

    A user and a password in the address are sent as basic authentication and are shown nowhere, nor is the query.
    Raises SourceError: unreachable, refused, changed while it was read, broken off, or the disk is full.
    """
    try:
        url = httpx.URL(address)
        user, password = url.username, url.password
        url = url.copy_with(username=None, password=None, fragment=None)
        name = str(url.copy_with(query=None))
    except (httpx.InvalidURL, ValueError):
        raise SourceError(f"{address.partition(':')[0]}://...: is not an address; write https://host/file") from None
    if not url.host:
        raise SourceError(f"{url.scheme}://...: names no host; write https://host/file")
    path = Path(tempfile.mkdtemp(dir=folder)) / "object"
    with _client(url, name, (user, password) if user or password else None) as client:
        return [copied(_Object(client, url, name), path, name, str(url))]


@contextmanager
def _client(url: httpx.URL, name: str, auth: tuple[str, str] | None) -> Iterator[httpx.Client]:
    def refuse_plain_text(request: httpx.Request) -> None:
        if url.scheme == "https" and request.url.scheme != "https":
            raise SourceError(f"{name}: leads on to an address without encryption (http://); nothing was read")

    try:
        with httpx.Client(
            auth=auth,
            headers=_HEADERS,
            timeout=TIMEOUT,
            follow_redirects=True,
            event_hooks={"request": [refuse_plain_text]},
        ) as client:
            yield client
    except (OSError, ValueError) as error:  # certificates or a proxy that the environment names and that are not there
        raise SourceError(f"{name}: cannot be read: {type(error).__name__} in the set-up of TLS or a proxy") from None


@dataclass(frozen=True, slots=True)
class _State:
    """What tells one version of an object from another."""

    total: int | None
    etag: str | None
    modified: str | None

    @property
    def condition(self) -> dict[str, str]:
        """The header by which a server goes on with this version only, where it gave something to tell it by."""
        strong = self.etag if self.etag and not self.etag.startswith("W/") else None
        return {"If-Range": strong or self.modified or ""} if strong or self.modified else {}


class _Object:
    """One object; ``total`` is known from the first answer on, but for chunked answers, which say it at their end."""

    def __init__(self, client: httpx.Client, url: httpx.URL, name: str) -> None:
        self.total: int | None = None
        self._client, self._url, self._name = client, url, name
        self._first: _State | None = None
        self._ranges = True

    def piece(self, start: int, stop: int) -> Iterator[bytes]:
        headers = {"Range": f"bytes={start}-{stop - 1}"} if self._ranges else {}
        if self._first is not None and self._ranges:
            headers |= self._first.condition
        came = 0
        try:
            with self._client.stream("GET", self._url, headers=headers) as answer:
                expected = self._expected(answer, start, stop)
                # Raw: an answer that is compressed on its way must not be taken apart in silence.
                for chunk in answer.iter_raw():
                    came += len(chunk)
                    if expected is not None and came > expected:
                        raise SourceError(f"{self._name}: the server sent more bytes than it announced; run again")
                    yield chunk
        except httpx.TransportError as error:
            raise self._dropped(error) from None
        except httpx.HTTPError as error:
            raise SourceError(f"{self._name}: cannot be read: {_words(error)}") from None
        if expected is None:
            self.total = came

    def _expected(self, answer: httpx.Response, start: int, stop: int) -> int | None:
        """The bytes that the answer is to hold, None where only its end will tell. Refuses what is no such answer."""
        status = answer.status_code
        if status == 206 and self._ranges:
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
            if not found or int(found[1]) != start or not start <= int(found[2]) < stop:
                self._ranges = False
                raise Dropped("the server did not send the range that it was asked for", restart=True)
            self._compare(answer, int(found[3]))
            return int(found[2]) - start + 1
        if status == 416 and self._ranges:
            found = re.fullmatch(r"bytes \*/(\d+)", answer.headers.get("Content-Range", ""))
            total = int(found[1]) if found else 0
            if self._first is not None or total:
                raise changed(self._name, self.total, total if found else None)
            self._compare(answer, 0)
            self.total = 0
            return None
        if status == 200:
            return self._whole(answer, start)
        raise self._refused(status)

    def _whole(self, answer: httpx.Response, start: int) -> int | None:
        """The same for an answer that holds all of the object."""
        self._ranges = False
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        if total is None and "chunked" not in answer.headers.get("Transfer-Encoding", "").lower():
            raise SourceError(
                f"{self._name}: the server says neither how long its answer is nor where it ends (no Content-Length, no"
                " chunks), so a part could not be told from the whole; fetch it to a file first"
            )
        self._compare(answer, total)
        if start:
            raise Dropped("the server does not go on in the middle", restart=True)
        return total

    def _compare(self, answer: httpx.Response, total: int | None) -> None:
        """Refuse an answer about another version than the first answer was about."""
        encoding = answer.headers.get("Content-Encoding", "identity").lower().strip()
        if encoding not in ("", "identity") and not self._url.path.lower().endswith(_PACKED.get(encoding, "\0")):
            raise SourceError(
                f"{self._name}: the server sends it as {encoding[:20]!r} though it was asked for the bytes as they are;"
                " have it sent without Content-Encoding"
            )
        now = _State(total, answer.headers.get("ETag"), answer.headers.get("Last-Modified"))
        if self._first is None:
            self._first, self.total = now, total
        elif now != self._first:
            raise changed(self._name, self._first.total, total)

    def _refused(self, status: int) -> SourceError | Dropped:
        words = f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)
        if status == 429 or status >= 500:
            return Dropped(f"the server answers {words}", restart=not self._ranges)
        why = _WHY.get(status, "the server does not give it out")
        return SourceError(f"{self._name}: cannot be read: {why} ({words})")

    def _dropped(self, error: httpx.TransportError) -> SourceError | Dropped:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return SourceError(
                    f"{self._name}: the server's certificate is not trusted: {cause.verify_message};"
                    " SSL_CERT_FILE names the authorities to trust"
                )
            cause = cause.__cause__ or cause.__context__
        if isinstance(error, httpx.UnsupportedProtocol):
            return SourceError(f"{self._name}: leads on to an address that is not https:// or http://")
        return Dropped(_words(error), restart=not self._ranges)


def _words(error: httpx.HTTPError) -> str:
    """What went wrong on the way; of errors that may hold an address, only their kind."""
    if isinstance(error, httpx.TooManyRedirects):
        return "it leads on and on to other addresses"
    if isinstance(error, httpx.TimeoutException):
        return "the server does not answer in time"
    if isinstance(error, httpx.ConnectError):
        return f"no connection: {error}"
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):
        return "the connection broke"
    return type(error).__name__
