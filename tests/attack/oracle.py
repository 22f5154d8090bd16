"""What may be answered to whom. Nothing here asks the service what it thinks is right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.service.harness import ROUTE

JSON, CSV = "application/json", "text/csv"
PROBLEM = "application/problem+json"
MARK = "bystander"
"""Every id of the bystander begins with this. No answer to the attacker may hold it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; status 0 is a connection that broke or gave no answer in time, and ``body`` then says which."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def __str__(self) -> str:
        said = self.body[:200].decode("utf-8", "replace")
        return f"{self.status or 'no answer'}: {said}" if said else str(self.status or "no answer")


@dataclass(frozen=True, slots=True)
class Question:
    """A request of the bystander, and the one answer that is right; ``body`` None takes any body."""

    name: str
    method: str
    path: str
    sent: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    body: bytes | None = None


def bystander_fault(asked: Question, found: Answer) -> str:
    """The kind of fault that an answer to the bystander is, or an empty text."""
    if found.status == asked.status:
        return "" if asked.body in (None, found.body) else "wrong answer"
    if found.status == 0:
        return "no answer"
    return "refusal" if found.status < 500 or _is_planned_503(found) else "unplanned 5xx"


def attacker_fault(found: Answer) -> str:
    """The kind of fault that an answer to the attacker is, or an empty text: refusals are what it may get."""
    if MARK.encode() in found.body:
        return "bytes of another tenant"
    if found.status == 0:
        return "no answer"
    return "unplanned 5xx" if found.status >= 500 and not _is_planned_503(found) else ""


def _is_planned_503(found: Answer) -> bool:
    """Whether a 503 says what is wrong and when to ask again."""
    described = found.headers.get("content-type", "").startswith(PROBLEM)
    return found.status == 503 and described and found.headers.get("retry-after", "").isdecimal()


READABLE = frozenset({200, 400, 413, 422})
"""The statuses that may answer a damaged body."""


def repeats_fault(found: list[Answer]) -> str:
    """What is wrong with the answers to one body that was sent several times, or an empty text."""
    if faults := [fault for answer in found if (fault := attacker_fault(answer))]:
        return faults[0]
    if unplanned := sorted({answer.status for answer in found} - READABLE):
        return f"answered {unplanned[0]}"
    differing = len({(answer.status, answer.body) for answer in found})
    return f"{differing} different answers to {len(found)} times the same body" if differing > 1 else ""


# The contract's example. Its answer is the contract's, as compact JSON.
TODAY = "2025-04-24"
ROWS = {
    "1001": [("T-001", "2025-04-21", 520.55, "P-01"), ("T-002", "2025-04-18", 398.40, "P-02")],
    "1002": [("T-004", "2025-01-05", 120.00, "P-10"), ("T-005", "2024-12-19", 75.90, "P-11")],
}
VALUES = {
    "1001": (918.95, 2.0, 459.48, 2.0, 0.97, 3.0),
    "1002": (195.9, 2.0, 97.95, 2.0, 0.0, 109.0),
}
NAMES = ("purchase_total", "visit_frequency", "avg_ticket", "product_diversity", "loyalty_score", "recency_days")
FIELDS = ("transaction_id", "date", "amount", "product_id")


def _customer(prefix: str, number: str, score: float | None) -> dict[str, object]:
    rows = [dict(zip(FIELDS, row, strict=True)) for row in ROWS[number]]
    scored = {} if score is None else {"loyalty_score": score}
    return {"customer_id": f"{prefix}{number}", **scored, "transactions": rows}


def _vector(customer_id: str, number: str, score: float) -> dict[str, object]:
    features = dict(zip(NAMES, VALUES[number], strict=True)) | {"loyalty_score": score}
    return {"customer_id": customer_id, "features": features}


def _compact(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _example() -> Question:
    customers = [_customer("C-", "1001", 0.97), _customer("C-", "1002", None)]
    answer = {"customers": [_vector("C-1001", "1001", 0.97), _vector("C-1002", "1002", 0.0)]}
    sent = _compact({"today": TODAY, "customers": customers})
    return Question("example", "POST", ROUTE, sent, {"Content-Type": JSON}, body=_compact(answer))


def _large() -> Question:
    """More than 256 KiB of the same, which another process computes."""
    prefixes = [f"{MARK}-{place:04}-" for place in range(600)]
    customers = [_customer(prefix, number, None) for prefix in prefixes for number in ROWS]
    answer = {"customers": [_vector(f"{prefix}{number}", number, 0.0) for prefix in prefixes for number in ROWS]}
    sent = _compact({"today": TODAY, "customers": customers})
    return Question("large", "POST", ROUTE, sent, {"Content-Type": JSON}, body=_compact(answer))


def _table() -> Question:
    lines = [",".join(("customer_id", *FIELDS))]
    lines += [f"{MARK}-{number},{','.join(map(str, row))}" for number, rows in ROWS.items() for row in rows]
    answer = {"customers": [_vector(f"{MARK}-{number}", number, 0.0) for number in ROWS]}
    headers = {"Content-Type": CSV, "Accept": JSON}
    path = f"{ROUTE}?today={TODAY}"
    return Question("table", "POST", path, "\n".join(lines).encode(), headers, body=_compact(answer))


EXAMPLE, LARGE, TABLE = _example(), _large(), _table()
