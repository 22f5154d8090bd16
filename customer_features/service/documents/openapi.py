"""The OpenAPI 3.1 document, made from the definition and the contract's types each time it is asked for."""

from __future__ import annotations

from typing import Any

import msgspec

from customer_features._version import __version__
from customer_features.service.documents import contract
from customer_features.service.documents import openapi_examples as examples
from customer_features.service.documents import openapi_tables as tables
from customer_features.service.documents.docs_page import DOCS
from customer_features.service.problems import KINDS
from customer_features.service.route import PATHS
from customer_features.service.settings import MAX_BODY, Settings

_REF = "#/components/schemas/{name}"
_HEADERS: dict[str, dict[str, Any]] = {
    "Allow": {"description": "The methods that the path takes.", "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Policy": {
        "description": 'Where the tenant has a quota: q requests in w seconds, "default";q=600;w=60.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left of it, and the seconds until it is whole: "default";r=599;t=60.',
        "schema": {"type": "string"},
    },
    "X-Request-Id": {
        "description": "The request's id: its own, if that was fit for a log, else 32 fresh hexadecimal digits.",
        "schema": {"type": "string"},
    },
}
_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "description": (
        "An id of yours for the request, for the answer and the server's log: up to 64 letters, digits, dots, dashes "
        "and underlines, and nothing that looks like a part of a secret. Another is not refused; the server takes one "
        "of its own in its place."
    ),
    "schema": {"type": "string"},  # no pattern: what does not fit one would be refused, by the word of the schema
}
_QUOTA = ("RateLimit-Policy", "RateLimit")
_HEADERS_OF = {
    200: _QUOTA,
    202: _QUOTA,
    405: ("Allow",),
    429: ("Retry-After", *_QUOTA),
    503: ("Retry-After",),
}
_POST_FAULTS = (400, 401, 404, 405, 406, 408, 413, 414, 415, 422, 429, 500, 503)
_GET_FAULTS = (404, 405, 500)


def encoded(settings: Settings) -> bytes:
    """The document of a server with these settings, as JSON."""
    return msgspec.json.encode(document(max_body=settings.max_body, auth=settings.auth))


def document(*, max_body: int = MAX_BODY, auth: bool = True) -> dict[str, Any]:
    """The document as plain values; ``auth`` says whether the server asks for credentials."""
    (request, reply, job, problem, faulty, internal), components = msgspec.json.schema_components(
        [
            contract.CustomerFeaturesRequest,
            contract.answer_type(),
            contract.Job,
            contract.Problem,
            contract.FaultyRequest,
            contract.InternalError,
        ],
        ref_template=_REF,
    )
    schemas = {"problem": problem, "faulty-request": faulty, "internal-error": internal}
    operations = [_post(place, request, reply, job, max_body) for place in range(len(PATHS))]
    responses = {str(status): _fault(status, schemas, max_body) for status in (*_POST_FAULTS, 409)}
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {
            "title": "customer-features",
            "version": __version__,
            "summary": "Raw purchase transactions in, one exact feature vector per customer out.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "security": [{"apiId": [], "secret": []}] if auth else [],
        "paths": {
            **{path: {"post": operation} for path, operation in zip(PATHS, operations, strict=True)},
            **tables.paths(job, _answers(reply), _headers(200), _faults),
            "/health": {"get": _get("health", "Whether the server lives", _status("ok"))},
            "/ready": {"get": _get("ready", "Whether the server takes work", _status("ready"), 503)},
            "/openapi.json": {"get": _get("openapi", "This document", {"schema": {"type": "object"}})},
            DOCS: {"get": _get("docs", "This document as a page", {"schema": {"type": "string"}}, media="text/html")},
        },
        "components": {
            "schemas": components,
            "responses": responses,
            "headers": _HEADERS,
            "parameters": {"requestId": _REQUEST_ID},
            "securitySchemes": {
                "apiId": _header("X-Customer-Api-Id", "The tenant: a version-4 UUID."),
                "secret": _header("X-Secret", "The tenant's secret: 64 characters, in this header alone."),
            },
        },
    }


def _post(place: int, request: Any, reply: Any, job: Any, max_body: int) -> dict[str, Any]:
    """One of the route's paths; the first is the contract's, the others are the same under another name."""
    return {
        "operationId": "customerFeatures" + ("", "Alias", "EarlierAlias")[place],
        "summary": "One feature vector per customer",
        "description": "Rolls raw transactions up into one vector per customer. All or nothing: any fault"
        f" answers 422 and nothing is computed. A body may hold {max_body} bytes."
        + (f" The same as {PATHS[0]}." if place else ""),
        "parameters": [{"$ref": "#/components/parameters/requestId"}, *tables.parameters()],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": request, "examples": examples.requests()}, **tables.bodies()},
        },
        "responses": {
            "200": {
                "description": "A vector for each customer, in the request's order.",
                "headers": _headers(200),
                "content": _answers(reply),
            },
            "202": tables.accepted(job, _headers(202)),
            **_faults(_POST_FAULTS),
        },
    }


def _answers(reply: Any) -> dict[str, Any]:
    return {"application/json": {"schema": reply, "examples": examples.answers()}, **tables.answers()}


def _get(
    name: str, summary: str, content: dict[str, Any], *more: int, media: str = "application/json"
) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {
            "200": {"description": summary + ".", "headers": _headers(200), "content": {media: content}},
            **_faults((*_GET_FAULTS, *more)),
        },
    }


def _status(word: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"status": {"const": word}}, "required": ["status"]}
    return {"schema": schema, "example": {"status": word}}


def _faults(statuses: tuple[int, ...]) -> dict[str, Any]:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}


def _headers(status: int) -> dict[str, Any]:
    names = (*_HEADERS_OF.get(status, ()), "X-Request-Id")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _fault(status: int, schemas: dict[str, Any], max_body: int) -> dict[str, Any]:
    kinds = [kind for kind in KINDS.values() if kind.status == status]
    fitting: list[Any] = []
    for kind in kinds:
        schema = schemas.get(kind.name, schemas["problem"])
        fitting += [] if schema in fitting else [schema]
    content: dict[str, Any] = {
        "schema": fitting[0] if len(fitting) == 1 else {"anyOf": fitting},
        "examples": {kind.name: {"summary": kind.meaning, "value": examples.problem(kind, max_body)} for kind in kinds},
    }
    return {
        "description": " ".join(kind.meaning for kind in kinds),
        "headers": _headers(status),
        "content": {"application/problem+json": content},
    }


def _header(name: str, description: str) -> dict[str, Any]:
    return {"type": "apiKey", "in": "header", "name": name, "description": description}
