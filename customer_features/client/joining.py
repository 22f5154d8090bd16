"""The answers to several pieces as if there had been one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from customer_features.client.answers import Answer, FoundWarning, Vector
from customer_features.definition.faults import fault
from customer_features.errors import FaultyRequest

LISTED = 100
"""So many faults and warnings are listed, as in one answer of the service."""

_PLACE = re.compile(r"customers\[([0-9]+)\]")


def _detail(count: int, exact: bool) -> str:
    # The service's own words where there is nothing to add, so that a split request reads as one.
    if exact and count <= LISTED:
        return f"The request has {count} {'fault' if count == 1 else 'faults'}. Nothing was computed."
    least = "" if exact else "at least "
    return f"The request has {least}{count} faults; the first {LISTED} are listed. Nothing was computed."


class Joined:
    """Answers in the order of their pieces; once a piece has faults, only faults are kept."""

    def __init__(self) -> None:
        self._customers: list[Vector] = []
        self._of_all: list[FoundWarning] = []
        self._of_one: list[FoundWarning] = []
        self._errors: dict[str, list[str]] = {}
        self._listed = 0
        self._count = 0
        self._first: FaultyRequest | None = None

    def add(self, answer: Answer) -> None:
        """The answer to the next piece."""
        self._customers += answer["customers"]
        for warning in answer.get("warnings", []):
            if warning["customer_id"] is not None:
                self._of_one.append(warning)
            elif all(warning["name"] != other["name"] for other in self._of_all):
                self._of_all.append(warning)

    def refuse(self, refusal: FaultyRequest, start: int) -> None:
        """The faults of the next piece, whose first customer stands at ``start`` in the list."""
        self._first = self._first or refusal
        self._count += refusal.fault_count
        for path, said in refusal.errors.items():
            moved = _PLACE.sub(lambda found: f"customers[{int(found[1]) + start}]", path, count=1)
            for sentence in said[: LISTED - self._listed]:
                self._errors.setdefault(moved, []).append(sentence)
                self._listed += 1

    @property
    def full(self) -> bool:
        """Whether more faults would not be listed."""
        return self._listed >= LISTED

    def answer(self, exact: bool, named: Callable[[str], str]) -> Answer:
        """The answer. ``exact``: every piece was judged; ``named``: a path in the caller's terms.

        Raises FaultyRequest.
        """
        if self._first is not None:
            problem = self._first.problem
            errors: dict[str, list[str]] = {}
            for path, said in self._errors.items():
                errors.setdefault(named(path), []).extend(said)
            more = {"detail": _detail(self._count, exact), "errors": errors, "fault_count": self._count}
            raise FaultyRequest(self._first.status, {**problem, **more})
        warnings = (self._of_all + self._of_one)[:LISTED]
        return {"customers": self._customers, "warnings": warnings} if warnings else {"customers": self._customers}


def refused_here(faults: Iterable[tuple[str, str]]) -> FaultyRequest:
    """The refusal of what the service would refuse, were it not for the pieces; paths and sentences."""
    errors: dict[str, list[str]] = {}
    count = 0
    for path, sentence in faults:
        count += 1
        if count <= LISTED:
            errors.setdefault(path, []).append(sentence)
    problem: dict[str, Any] = {
        "type": "urn:customer-features:problem:faulty-request",
        "title": "Faulty request",
        "status": 422,
        "detail": _detail(count, exact=True),
        "errors": errors,
        "fault_count": count,
    }
    return FaultyRequest(422, problem)


def refuse_duplicates(ids: Iterable[object]) -> None:
    """Raise FaultyRequest where a customer is in the list twice: inside its piece, the service would not see it."""
    seen: set[str] = set()
    faults: list[tuple[str, str]] = []
    rule = fault("duplicate_customer")
    for place, customer_id in enumerate(ids):
        if not isinstance(customer_id, str) or not customer_id:
            continue  # the service says what is wrong with it
        if customer_id in seen:
            shown = customer_id if len(customer_id) <= 60 else f"{customer_id[:59]}…"
            faults.append((f"customers[{place}].customer_id", rule.says(shown)))
        seen.add(customer_id)
    if faults:
        raise refused_here(faults)
