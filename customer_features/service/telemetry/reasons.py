"""Why a request was refused, as names from our own lists: what logs and metrics may hold of a problem document."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from customer_features.definition import faults

OTHER = "other"
"""The name of a fault that is no data rule: an option that is not allowed, a value of the wrong shape."""

_PREFIX = "urn:customer-features:problem:"
_BEGINNINGS = {
    "date ": "unreadable_date",
    "amount must be ": "unreadable_amount",
    "loyalty_score must be ": "loyalty_out_of_range",
}
"""Sentences that the rows engine words more closely than their rule does."""
_ROW = re.compile(r"row \d+")
"""The path of a table's row. Its sentence ends with the rule's name, whatever was found in it."""
_NAMED = re.compile(r" \[(\w+)\]\Z")


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
    counts = Counter(
        _of_row(sentence) if _ROW.fullmatch(path) else name_of(sentence)
        for path, sentences in found.errors.items()
        for sentence in sentences
    )
    return Reason(found.type.removeprefix(_PREFIX), found.fault_count, dict(counts))


def _of_row(sentence: str) -> str:
    named = _NAMED.search(sentence)
    known = {rule.name for rule in faults.FAULTS}
    return named[1] if named and named[1] in known else OTHER


def name_of(sentence: str) -> str:
    """The data rule that says this sentence in a JSON request's answer, or ``other``."""
    for rule in faults.FAULTS:
        if _pattern(rule.message).fullmatch(sentence):
            return rule.name
    return next((name for start, name in _BEGINNINGS.items() if sentence.startswith(start)), OTHER)


@lru_cache(maxsize=256)
def _pattern(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, message.split("{found}"))), re.S)


_decode = msgspec.json.Decoder(_Document).decode
