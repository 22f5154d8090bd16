"""Problem documents (RFC 9457), one for every way a request can fail.

``type`` is ``urn:customer-features:problem:NAME``, a name and no address: it is stable, and there is
nothing to fetch. ``instance`` is the request's path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from customer_features.service.replies import PROBLEM, Headers, Reply

RETRY_AFTER = 1
"""Seconds after which an overloaded or draining server may be asked again."""

UNAUTHORIZED = "The headers X-Customer-Api-Id and X-Secret must hold a valid API id and its secret."
"""The one answer to credentials that do not serve: the same bytes whatever is wrong with them."""

_encode = msgspec.json.Encoder().encode
_RETRY: Headers = ((b"retry-after", b"%d" % RETRY_AFTER),)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: the name in its ``type``, status, title, and a sentence for the documents."""

    name: str
    status: int
    title: str
    meaning: str
    headers: Headers = ()


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("malformed-json", 400, "Malformed JSON", "The body is not JSON in UTF-8, or nested too deeply."),
        Kind("malformed-table", 400, "Malformed table", "The body is no table of its Content-Type."),
        Kind("bad-request", 400, "Bad request", "The request breaks the rules of HTTP."),
        Kind(
            "unauthorized",
            401,
            "Unauthorized",
            "The credentials are missing, unknown, wrong, expired or revoked; which of these is not said.",
        ),
        Kind("not-found", 404, "Not found", "There is nothing at this path."),
        Kind("method-not-allowed", 405, "Method not allowed", "The path does not take this method; see Allow."),
        Kind("not-acceptable", 406, "Not acceptable", "Accept leaves no type that the answer could have."),
        Kind("not-finished", 409, "Not finished", "The job has no answer yet."),
        Kind("request-timeout", 408, "Request timeout", "The body did not arrive in time."),
        Kind("body-too-large", 413, "Body too large", "The body is larger than the server takes."),
        Kind("uri-too-long", 414, "URI too long", "The query string is longer than the server takes."),
        Kind(
            "unsupported-media-type",
            415,
            "Unsupported media type",
            "The body is of a type or a content coding that the service does not read.",
        ),
        Kind("faulty-request", 422, "Faulty request", "The request has faults; nothing was computed."),
        Kind(
            "too-many-requests",
            429,
            "Too many requests",
            "A tenant has used up its quota or its share of the server, or a peer its quota of failed logins.",
        ),
        Kind("idempotency-key-reused", 422, "Idempotency-Key reused", "The key was used before, with another request."),
        Kind("internal-error", 500, "Internal error", "The server failed; its log knows this id."),
        Kind("overloaded", 503, "Overloaded", "The server has more to do than it takes on.", _RETRY),
        Kind(
            "job-storage-full",
            503,
            "Job storage full",
            "The tenant's jobs hold as much disk as one tenant's may: delete some, or wait until kept ones expire.",
            ((b"retry-after", b"60"),),
        ),
        Kind("timed-out", 503, "Timed out", "The computation took longer than a request may take.", _RETRY),
        Kind("not-ready", 503, "Not ready", "The server is stopping, or cannot read its credentials.", _RETRY),
    )
}


class Refused(Exception):
    """A request is refused: the kind of problem, a sentence, and whether its connection is of no more use.

    ``headers`` and ``more`` are what the reply bears beside what every problem of that kind does.
    """

    def __init__(self, name: str, detail: str, *, close: bool = False, headers: Headers = (), **more: Any) -> None:
        super().__init__(name)
        self.name = name
        self.detail = detail
        self.close = close
        self.headers = headers
        self.more = more

    def __reduce__(self) -> tuple[Any, ...]:
        return _refused, (self.name, self.detail, self.close, self.headers, self.more)

    def reply(self, path: str) -> Reply:
        """The problem document for a request at that path."""
        return reply(self.name, self.detail, path, headers=self.headers, **self.more)


def _refused(name: str, detail: str, close: bool, headers: Headers, more: dict[str, Any]) -> Refused:
    """A refusal that another process raised."""
    return Refused(name, detail, close=close, headers=headers, **more)


def over_share(detail: str, *, close: bool = True) -> Refused:
    """The refusal of a tenant that holds as much of the server as one tenant may (429, with Retry-After)."""
    return Refused("too-many-requests", detail, close=close, headers=_RETRY)


def type_of(name: str) -> str:
    """The ``type`` of a kind of problem."""
    return f"urn:customer-features:problem:{name}"


def instance_of(path: str) -> str:
    """A path as a URI reference, whatever a client made of it."""
    return quote(path[:200], safe="/", errors="replace")


def reply(name: str, detail: str, path: str, *, headers: Headers = (), **more: Any) -> Reply:
    """The problem document of that kind as a reply; ``more`` are further members."""
    kind = KINDS[name]
    document = {
        "type": type_of(name),
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance_of(path),
        **more,
    }
    return Reply(kind.status, _encode(document), PROBLEM, kind.headers + headers)


def reply_with(status: int, problem: Mapping[str, Any], path: str) -> Reply:
    """A problem document that an engine drew up, with this request's path."""
    return Reply(status, _encode({**problem, "instance": instance_of(path)}), PROBLEM)


def internal_error(error_id: str, path: str) -> Reply:
    """The answer to a failure of ours: an id to look up in the log, and nothing else."""
    return reply(
        "internal-error",
        "The server failed to answer this request. Nothing is wrong with it; report the id.",
        path,
        id=error_id,
    )
