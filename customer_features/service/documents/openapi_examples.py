"""The examples of the OpenAPI document: requests with what the service answers to them, word for word.

Answers are computed when they are asked for, so that they hold every feature of the definition; a test sends each
request to a server and compares.
"""

from __future__ import annotations

from typing import Any

import msgspec

from customer_features.engines.rows.engine import answer
from customer_features.errors import InvalidRequest
from customer_features.service import problems
from customer_features.service.documents.contract import EXAMPLE_REQUEST
from customer_features.service.problems import KINDS, Kind
from customer_features.service.route import PATHS


def _row(order: str, date: str, amount: float, product: str) -> dict[str, Any]:
    return {"transaction_id": order, "date": date, "amount": amount, "product_id": product}


def _request(*rows: dict[str, Any], **options: str) -> dict[str, Any]:
    return {"today": "2025-04-24", **options, "customers": [{"customer_id": "C-1003", "transactions": [*rows]}]}


REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "contract": ("The contract's example: a row is a visit.", EXAMPLE_REQUEST),
    "order-lines": (
        "A row is a line of an order, with an amount of its own.",
        _request(
            _row("T-1", "2025-04-01", 20.0, "P-1"),
            _row("T-1", "2025-04-01", 5.5, "P-2"),
            _row("T-2", "2025-03-01", 10.0, "P-1"),
            grain="line",
        ),
    ),
    "repeated-totals": (
        "A row is a line of an order, and repeats the order's total.",
        _request(
            _row("T-1", "2025-04-01", 25.5, "P-1"), _row("T-1", "2025-04-01", 25.5, "P-2"), grain="repeated_total"
        ),
    ),
    "returns-and-window": (
        "Returns are subtracted; rows of the last year count, and none after today.",
        _request(
            _row("T-1", "2025-04-01", 100.0, "P-1"),
            _row("T-2", "2025-04-03", -40.0, "P-1"),
            _row("T-3", "2023-01-01", 70.0, "P-2"),
            _row("T-4", "2025-05-01", 30.0, "P-3"),
            returns="net",
            window="12 months",
            future="exclude",
        ),
    ),
    "warning": (
        "A legal request that looks like order lines: computed, with a warning.",
        _request(_row("T-1", "2025-04-01", 20.0, "P-1"), _row("T-1", "2025-04-01", 5.5, "P-2")),
    ),
    "faulty-request": (
        "Two faults: nothing is computed.",
        _request(_row("T-1", "2025-02-30", 20.0, "P-1"), _row("T-2", "2025-04-01", -1.0, "P-2")),
    ),
}
"""Each by name, with a sentence; the answer under the same name is its answer."""


def requests() -> dict[str, Any]:
    """The requests as an OpenAPI map of examples."""
    return {name: {"summary": summary, "value": value} for name, (summary, value) in REQUESTS.items()}


def answers() -> dict[str, Any]:
    """What the requests that are right are answered, likewise."""
    found = {}
    for name, (summary, value) in REQUESTS.items():
        if name not in KINDS:
            found[name] = {"summary": summary, "value": msgspec.json.decode(answer(msgspec.json.encode(value)))}
    return found


def problem(kind: Kind, max_body: int) -> dict[str, Any]:
    """A problem document of that kind."""
    path, more = PATHS[0], dict[str, Any]()
    detail = _DETAILS.get(kind.name, kind.meaning).replace("{max}", str(max_body)).replace("{over}", str(max_body + 1))
    if kind.name in REQUESTS or kind.name == "malformed-json":
        body = b'{"customers": [' if kind.name == "malformed-json" else msgspec.json.encode(REQUESTS[kind.name][1])
        return {**_refusal(body), "instance": path}
    if kind.name == "not-found":
        path = "/api/v1/customer_features"
    elif kind.name == "internal-error":
        more = {"id": "7f4df3a6-4c1e-4f0e-9a53-2c6f6f2b6a10"}
    document: dict[str, Any] = msgspec.json.decode(problems.reply(kind.name, detail, path, **more).body)
    return document


_DETAILS = {
    "unauthorized": "The headers X-Customer-Api-Id and X-Secret must hold a valid API id and its secret.",
    "not-found": f"There is nothing at this path; the service answers POST {PATHS[0]}.",
    "method-not-allowed": "This path takes POST, not GET.",
    "request-timeout": "The body did not arrive within 60 seconds.",
    "body-too-large": "The body may hold {max} bytes; {over} bytes were announced. Send the customers in several"
    " requests.",
    "uri-too-long": "The query string may hold 16384 bytes; this one holds 20000.",
    "unsupported-media-type": "Content-Type is missing: send Content-Type: application/json.",
    "internal-error": "The server failed to answer this request. Nothing is wrong with it; report the id.",
    "not-ready": "The server is stopping.",
}


def _refusal(body: bytes) -> dict[str, Any]:
    try:
        answer(body)
    except InvalidRequest as refused:
        return refused.problem
    raise RuntimeError("the example of a faulty request is not faulty")
