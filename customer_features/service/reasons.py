"""Why a request was refused, as names from our own lists: what logs and metrics may hold of a problem document."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import msgspec

from customer_features.faults import FAULTS

OTHER = "other"
"""The name of a fault that is no data rule: an option that is not allowed, a value of the wrong shape."""

_PREFIX = "urn:customer-features:problem:"
_RULES = [(fault.name, re.compile(".*".join(map(re.escape, fault.message.split("{found}"))), re.S)) for fault in FAULTS]
_BEGINNINGS = {"date ": "unreadable_date", "amount must be ": "unreadable_amount"}
"""Sentences that the rows engine words more closely than their rule does."""


class _Document(msgspec.Struct):
    type: str
    errors: dict[str, list[str]] = {}
    fault_count: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """A problem by name, and its faults by name. ``faults`` counts those that the document lists."""

    problem: str
    fault_count: int = 0
    faults: dict[str, int] = field(default_factory=dict)


def read(document: bytes) -> Reason | None:
    """The reason that a problem document states; None where it is not one of ours."""
    try:
        found = _decode(document)
    except msgspec.MsgspecError:
        return None
    if not found.type.startswith(_PREFIX):
        return None
    counts = Counter(name_of(sentence) for sentences in found.errors.values() for sentence in sentences)
    return Reason(found.type.removeprefix(_PREFIX), found.fault_count, dict(counts))


def name_of(sentence: str) -> str:
    """The data rule that says this sentence, or ``other``."""
    for name, says in _RULES:
        if says.fullmatch(sentence):
            return name
    return next((name for start, name in _BEGINNINGS.items() if sentence.startswith(start)), OTHER)


_decode = msgspec.json.Decoder(_Document).decode
