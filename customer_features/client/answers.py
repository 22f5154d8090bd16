"""What an answer of the service says: vectors, or why there are none."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, TypedDict

import msgspec

from customer_features.client.steps import Reply
from customer_features.errors import CustomerFeaturesError, FaultyRequest, InvalidRequest, ServiceError, Unauthorized

_LONGEST = 1000
"""Characters of a text from outside that a message shows."""


class Vector(TypedDict):
    """One customer of an answer."""

    customer_id: str
    features: dict[str, float]


class FoundWarning(TypedDict):
    """One warning of an answer."""

    name: str
    customer_id: str | None
    message: str


class _Vectors(TypedDict):
    customers: list[Vector]


class Answer(_Vectors, total=False):
    """An answer's body; ``warnings`` is there only when there is something to warn of."""

    warnings: list[FoundWarning]


_decode = msgspec.json.Decoder(Answer).decode


def answer_of(reply: Reply, sent: Iterable[object], service: str) -> Answer:
    """The answer of a reply with status 200; ``sent`` are the ids of the customers that were asked about.

    Raises ServiceError where it is not the contract's answer about them, in their order.
    """
    try:
        answer: Answer = _decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_answer(reply, service, "the body is not the contract's answer") from None
    # Customers may be missing (they have no row that counts), but none may be added or change places.
    rest = iter(sent)
    for vector in answer["customers"]:
        if all(vector["customer_id"] != asked for asked in rest):
            raise _no_answer(reply, service, "the customers are not those that were asked about, in their order")
    return answer


def object_of(reply: Reply, service: str) -> dict[str, Any]:
    """The JSON object that a reply holds. Raises ServiceError."""
    document = _document(reply)
    if document is None:
        raise _no_answer(reply, service, "the body is no JSON object")
    return document


def _no_answer(reply: Reply, service: str, why: str) -> ServiceError:
    kind = reply.headers.get("content-type", "")[:60]
    shown = f" (Content-Type {kind})" if kind and not kind.startswith("application/json") else ""
    return ServiceError(f"{service} answers {reply.status}, but {why}{shown}; is it the service's address?")


def _document(reply: Reply) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def problem_of(reply: Reply) -> dict[str, Any]:
    """The problem document of a reply, with at least ``title``, ``status`` and ``detail``, whoever sent it."""
    phrase = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else "Unknown status"
    plain = {"title": phrase, "status": reply.status, "detail": "The answer says no more."}
    document = _document(reply) or {}
    return {**plain, **{name: _short(value) for name, value in document.items() if value is not None}}


def _short(value: Any) -> Any:
    return value if not isinstance(value, str) or len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def refusal_of(reply: Reply, service: str) -> CustomerFeaturesError:
    """The exception for a reply that is neither an answer nor worth another try."""
    problem = problem_of(reply)
    if reply.status == 422 and _are_errors(problem.get("errors")):
        if not isinstance(problem.get("fault_count"), int):
            problem.pop("fault_count", None)
        return FaultyRequest(reply.status, problem)
    problem.pop("errors", None)  # whatever it is, it is no sentences by path
    if reply.status in (401, 403):
        return Unauthorized(reply.status, problem)
    if 400 <= reply.status < 500:
        return InvalidRequest(reply.status, problem)
    if 300 <= reply.status < 400:
        # Not followed: it would lead the credentials and the data to where nobody sent them.
        why = "it leads on to another address; give that one as base_url"
        return ServiceError(f"{service} answers {reply.status}: {why}", reply.status, problem)
    reported = f" (id {problem['id']})" if isinstance(problem.get("id"), str) else ""
    said = f"{service} answers {reply.status} {problem['title']}: {problem['detail']}{reported}"
    return ServiceError(said, reply.status, problem)


def _are_errors(errors: object) -> bool:
    return isinstance(errors, dict) and all(
        isinstance(said, list) and all(isinstance(sentence, str) for sentence in said) for said in errors.values()
    )
